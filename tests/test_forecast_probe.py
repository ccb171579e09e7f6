"""When `train` lets a probe decide, when it only says that one would, and that neither is seen."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Silent, small_recipe
from vaestro.experiments import train as training
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.forecasting import probed
from vaestro.experiments.forecasting.forecast import forecast_assembly
from vaestro.experiments.recipe import Recipe, apply
from vaestro.foundation.errors import DivergedError
from vaestro.health.forecast.calibration import BRIEF_SHARE, LEAST_PROBE, NEAR, UNSURE
from vaestro.health.forecast.escape import Growth
from vaestro.health.forecast.forecast import Forecast
from vaestro.health.forecast.words import UNSETTLED
from vaestro.training import plan as planning

LONG = -(-LEAST_PROBE // (6 * BRIEF_SHARE)) + 1
"""Epochs of 6 steps after which a brief probe has LEAST_PROBE steps."""


def recipe_at(rho: float, epochs: float, **changes: Any) -> Recipe:
    """A run whose held-out leading eigenvalue is `rho` times the effective beta."""
    plain = small_recipe()
    leading = told(plain, "none").eigenvalues_held_out[0]
    return small_recipe(
        **{"objective": {"beta": leading / rho}, "training": {"epochs": int(epochs)}} | changes
    )


def assembled(recipe: Recipe) -> Assembly:
    return assemble(recipe, planning.choose(recipe.training))


def told(recipe: Recipe, probing: probed.Probing) -> Forecast:
    return forecast_assembly(assembled(recipe), probing)[1]


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The most steps of each probe that is taken, which then sees nothing grow."""
    taken: list[int] = []

    def probe(*_: Any, most_steps: int, **__: Any) -> tuple[Any, ...]:
        taken.append(most_steps)
        return (probed_mark(most_steps),)

    monkeypatch.setattr(probed, "probe", probe)
    monkeypatch.setattr(probed, "growth", lambda marks, beta: Growth(marks[-1].step, -9.0, -0.1))
    return taken


def probed_mark(step: int) -> Any:
    from vaestro.health.forecast.probe import Mark

    return Mark(step, 0.0, 0.0, 0.0, 0)


def test_near_the_threshold_a_long_run_is_probed_for_a_small_share(probes: list[int]) -> None:
    recipe = recipe_at(2.0, LONG)
    assert told(recipe, "none").verdict == "ok"
    seen = told(recipe, "brief")
    steps = assembled(recipe).horizon.steps
    assert probes == [int(BRIEF_SHARE * steps)]
    assert LEAST_PROBE <= probes[0] < 0.03 * steps
    assert (seen.verdict, seen.unsettled) == ("at_risk", False)
    assert UNSETTLED not in seen.sentence
    assert seen.remedies


@pytest.mark.parametrize(
    ("rho", "epochs", "unsettled"),
    [(2.0, LONG - 40, True), (0.9 * NEAR, LONG, False), (1.1 * UNSURE, LONG, False)],
)
def test_elsewhere_it_is_not(rho: float, epochs: float, unsettled: bool, probes: list[int]) -> None:
    seen = told(recipe_at(rho, epochs), "brief")
    assert probes == []
    assert seen.unsettled is unsettled
    assert seen.sentence.endswith(UNSETTLED) is unsettled


@pytest.mark.parametrize(
    "objective",
    [{"kind": "iwae", "samples": 2}, {"beta": {"kind": "geco", "target": 10.0}}],
    ids=str,
)
def test_where_a_probe_tells_nothing_none_is_promised(
    objective: dict[str, Any], probes: list[int]
) -> None:
    seen = told(small_recipe(objective=objective, training={"epochs": int(LONG)}), "brief")
    assert not seen.unsettled
    assert probes == []


def test_who_asked_for_a_probe_is_not_sent_for_one(probes: list[int]) -> None:
    seen = told(recipe_at(2.0, LONG - 40), "full")
    assert probes and not seen.unsettled


def test_a_probe_that_diverges_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def diverging(*_: Any, **__: Any) -> Any:
        raise DivergedError("step 3 was not finite")

    monkeypatch.setattr(probed, "probe", diverging)
    assert told(recipe_at(2.0, LONG), "brief").verdict == "ok"


def test_the_first_line_of_train_says_so_and_the_run_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe leaves neither weights nor chance behind."""
    recipe = apply(recipe_at(2.0, 45), ["model.encoder.dropout=0.2"])
    short, probing = Silent(), Silent()
    training.start(recipe, tmp_path / "by-rule", short)
    assert short.said[0].endswith(UNSETTLED)
    monkeypatch.setitem(probed.SHARES, "brief", 0.25)
    training.start(recipe, tmp_path / "probed", probing)
    assert UNSETTLED not in probing.said[0]
    for name in ("history.jsonl", "model/model.safetensors"):
        by_rule, seen = (tmp_path / run / name for run in ("by-rule", "probed"))
        assert by_rule.read_bytes() == seen.read_bytes()
