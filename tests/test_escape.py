"""Escape from collapse: the probe is the run's own start, the law and its rules.

Letters: K latents, rho = lambda_1 / effective beta.
"""

import math
from typing import cast

import pytest
import torch

from tests.conftest import assembled
from vaestro.experiments.assemble import Assembly
from vaestro.foundation.samples import Batch
from vaestro.health.forecast import escape
from vaestro.health.forecast.calibration import LEAST_RATIO, LIVE_GAIN, NEAR, SURE_ESCAPE, WARM_GAIN
from vaestro.health.forecast.escape import Growth, expected_escape_steps, growth
from vaestro.health.forecast.probe import Mark, mark, probe
from vaestro.health.task_copy import AnyTask
from vaestro.metrics.ppca import eigenvalues
from vaestro.training.step import Stepper


def watched_of(parts: Assembly) -> Batch:
    return next(iter(parts.material.batches("validation", 200)()))


def probed(parts: Assembly, steps: int, seconds: float = math.inf) -> tuple[Mark, ...]:
    return probe(
        cast(AnyTask, parts.task),
        parts.stream,
        watched_of(parts),
        parts.recipe.training,
        parts.horizon,
        seed=parts.recipe.seed,
        most_steps=steps,
        most_seconds=seconds,
    )


def test_the_probe_takes_the_steps_of_the_run_and_changes_nothing() -> None:
    parts = assembled(training={"epochs": 20, "batch_size": 100})
    before = {n: t.clone() for n, t in parts.vae.state_dict().items()}
    marks = probed(parts, 20)
    assert all(torch.equal(before[n], t) for n, t in parts.vae.state_dict().items())
    assert [m.step for m in marks] == [0, 8, 11, 16, 20]
    state = parts.fresh_state()
    stepper = Stepper(parts.task, parts.recipe.training, parts.horizon, parts.recipe.seed)
    parts.vae.train()
    while state.step < 20:
        stepper.take(state, parts.stream.batch(state.step))
    assert mark(parts.vae, watched_of(parts), 20) == marks[-1]
    assert parts.vae.training


def test_the_probe_keeps_to_its_seconds() -> None:
    assert [m.step for m in probed(assembled(), 1000, seconds=0.0)] == [0]


def test_the_gain_of_a_gaussian_is_the_covariance_of_data_and_output() -> None:
    variance = 0.3
    parts = assembled(model={"likelihood": {"kind": "gaussian", "variance": variance}})
    watched = watched_of(parts)
    parts.vae.eval()
    with torch.no_grad():
        outputs = parts.vae.decode(parts.vae.encode(watched.x).mean).squeeze(1).double()
    x = watched.x.double().flatten(1)
    outputs = outputs.flatten(1)
    own = (x * outputs).sum(1).mean()
    others = [(x * outputs.roll(shift, 0)).sum(1).mean() for shift in (50, 100, 150)]
    expected = float(own - torch.stack(others).mean()) / variance
    assert mark(parts.vae, watched, 0).gain == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert expected != 0.0


def test_the_gain_is_nothing_where_the_decoder_does_not_listen() -> None:
    parts = assembled()
    with torch.no_grad():
        cast(torch.nn.Linear, parts.vae.decoder.head).weight.zero_()
    assert abs(mark(parts.vae, watched_of(parts), 0).gain) < 1e-12


def exponential(rate: float, at: float = 2e-2) -> list[Mark]:
    return [Mark(s, at * math.exp(rate * s), 0.1, 0.01, 1) for s in (0, 25, 50, 71, 100)]


@pytest.mark.parametrize("rate", [0.01, -0.02])
def test_growth_of_an_exponential(rate: float) -> None:
    found = growth(exponential(rate), effective_beta=2.0)
    assert found.steps == 100
    assert found.rate == pytest.approx(rate)
    assert found.level == pytest.approx(math.log(2e-2 / 2) + 100 * rate)


def test_growth_needs_two_marks_and_bears_a_negative_gain() -> None:
    with pytest.raises(ValueError, match="two marks after step 0"):
        growth([Mark(0, 1.0, 1, 1, 1), Mark(8, 1.0, 1, 1, 1)], 1.0)
    found = growth([Mark(50, -1.0, 1, 1, 1), Mark(100, -1.0, 1, 1, 1)], 1.0)
    assert math.isfinite(found.level) and found.rate == 0.0


def test_expected_escape_follows_the_exponential_to_the_live_gain() -> None:
    found = growth(exponential(0.01, at=2e-3), 1.0)
    exact = math.log(LIVE_GAIN / 2e-3) / 0.01
    assert expected_escape_steps(found, 1000, ratio=1.0) == pytest.approx(exact)
    sooner = expected_escape_steps(found, 1000, ratio=2.0)
    assert 100 < sooner < exact
    assert expected_escape_steps(found, 200, ratio=1.0) == math.inf


def test_under_a_weaker_beta_more_is_asked_before_it_is_full() -> None:
    found = growth(exponential(0.01, at=1e-2), 1.0)
    exact = math.log(WARM_GAIN / 1e-2) / 0.01
    assert expected_escape_steps(found, 1000, 1.0, full_at=400) == pytest.approx(exact)
    assert expected_escape_steps(found, 1000, 1.0, full_at=300) == math.inf
    assert expected_escape_steps(found, 1000, 1.0, full_at=100) < exact


def test_what_falls_is_not_expected_to_return() -> None:
    low, high = Growth(100, math.log(1e-3), -0.01), Growth(100, math.log(0.5), -0.02)
    assert expected_escape_steps(low, 1000, 1.1) == math.inf
    assert expected_escape_steps(high, 1000, 1.1) == math.inf
    assert expected_escape_steps(high, 200, 1.1) == 100
    assert expected_escape_steps(high, 1000, 1.1, full_at=500) == 100


def verdict(ratio: float, found: Growth | None = None, warm: bool = False, hidden: int = 1) -> str:
    return escape.escape_verdict(ratio, 400, found, warmed_up=warm, hidden_layers=hidden)


def test_collapse_is_where_no_direction_is_worth_a_live_dimension() -> None:
    assert pytest.approx(0.01) == 0.5 * math.log(LEAST_RATIO)
    growing = growth(exponential(0.1), 1.0)
    assert verdict(0.999 * LEAST_RATIO, growing, warm=True) == "collapse"
    assert verdict(1.001 * LEAST_RATIO, growing, warm=True) == "at_risk"
    assert verdict(0.999 * NEAR, growing, warm=True) == "at_risk"
    assert verdict(1.001 * NEAR, growing) == "ok"


def test_a_probe_overrules_the_rule() -> None:
    dying, growing = growth(exponential(-0.1), 1.0), growth(exponential(0.1), 1.0)
    assert verdict(2.5, hidden=1) == "ok" and verdict(2.5, dying, hidden=1) == "at_risk"
    assert verdict(1.2, hidden=3) == "at_risk" and verdict(1.2, growing, hidden=3) == "ok"


def test_the_rule_knows_depth_and_warm_up() -> None:
    between = (SURE_ESCAPE[1] + SURE_ESCAPE[2]) / 2
    assert verdict(between, hidden=1) == "ok"
    assert verdict(between, hidden=2) == verdict(between, hidden=5) == "at_risk"
    assert verdict(between, hidden=5, warm=True) == "ok"


def test_what_counts_as_a_warm_up() -> None:
    ramp = [i / 100 for i in range(100)]
    assert escape.is_warm_up(ramp, largest=1.2)
    assert not escape.is_warm_up([1.0] * 100, largest=1.2)
    assert not escape.is_warm_up([0.0] * 5 + [1.0] * 95, largest=1.2)
    assert not escape.is_warm_up([0.5, *ramp], largest=1.2)


def test_short_runs_are_not_probed() -> None:
    assert escape.probe_steps(100) == 0
    assert escape.probe_steps(1000) == 250


@pytest.mark.slow
def test_a_run_that_dies_is_told_from_the_same_run_with_warm_up() -> None:
    """Digits at rho 2, two hidden layers, rate 3e-3: dead at once, four live with a warm-up."""
    network = {"kind": "dense", "widths": [128, 128]}
    model = {
        "latent": 16,
        "encoder": network,
        "decoder": network,
        "likelihood": {"kind": "gaussian", "variance": 1.0},
    }
    training = {"epochs": 40, "batch_size": 64, "learning_rate": 3e-3}
    x = assembled().material.data.natural(slice(None)).reshape(1797, -1)
    beta = float(eigenvalues(torch.from_numpy(x))[0]) / 2
    ramp = {"kind": "linear", "start": 0.0, "end": beta, "length": "0.5 of run"}
    ends = {}
    for name, weight in (("plain", beta), ("warm", ramp)):
        parts = assembled(model=model, training=training, objective={"beta": weight})
        marks = probed(parts, parts.horizon.steps)
        first = [m for m in marks if m.step <= escape.probe_steps(parts.horizon.steps)]
        found = growth(first, beta)
        steps, warm = parts.horizon.steps, name == "warm"
        told = escape.escape_verdict(
            2.0, steps, found, warmed_up=warm, full_at=steps // 2 if warm else 0
        )
        ends[name] = (told, marks[-1].live)
    assert ends["plain"] == ("at_risk", 0)
    assert ends["warm"][0] == "ok" and ends["warm"][1] >= 2
