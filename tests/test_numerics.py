"""The numerical forecast: log 001's initialiser, dead outputs, floors, schedules, latents."""

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.conftest import small_recipe
from vaestro.data.arrays import from_array
from vaestro.data.dataset import DataSet
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.recipe import Recipe, apply
from vaestro.foundation.schedules import Horizon
from vaestro.health.finding import Finding
from vaestro.health.forecast.initial_pass import initial_pass
from vaestro.health.forecast.numerics import numerical_forecast
from vaestro.health.forecast.output_range import output_range
from vaestro.health.remedies.chosen import Chosen
from vaestro.models.build import NOBODY, Guests
from vaestro.training import plan as planning

GAUSSIAN = {"likelihood": {"kind": "gaussian"}}


def assembled(recipe: Recipe, data: DataSet | None = None, guests: Guests = NOBODY) -> Assembly:
    return assemble(recipe, planning.choose(recipe.training), data, guests=guests)


def step_of(parts: Assembly) -> Chosen:
    recipe = parts.recipe
    return Chosen(
        recipe.model,
        recipe.objective,
        recipe.training,
        parts.horizon,
        recipe.transform,
        recipe.seed,
    )


def found(parts: Assembly, x: Tensor | None = None) -> tuple[Finding, ...]:
    return numerical_forecast(parts.vae, parts.stream.batch(0), step_of(parts), x)


def only(findings: tuple[Finding, ...]) -> Finding:
    (finding,) = findings
    assert finding.remedies, finding.sentence
    return finding


def digits(**changes: Any) -> Assembly:
    return assembled(small_recipe(**changes))


SOUND: list[dict[str, Any]] = [
    {},
    {"model": GAUSSIAN},
    {"model": {"encoder": {"kind": "convolution"}, "decoder": {"kind": "convolution"}}},
    {"model": {"posterior": {"kind": "deterministic"}}},
    {"objective": {"kind": "iwae"}},
    {"objective": {"beta": {"kind": "linear", "length": "1 of run"}}},
    {"transform": {"kind": "pca", "components": 20}, "model": GAUSSIAN},
]


@pytest.mark.parametrize("changes", SOUND, ids=str)
def test_a_sound_recipe_has_no_findings(changes: dict[str, Any]) -> None:
    assert found(digits(**changes)) == ()


def test_the_forecast_changes_nothing() -> None:
    parts = digits(model={"encoder": {"normalisation": "batch"}})
    before = copy.deepcopy(parts.vae.state_dict())
    chance = torch.get_rng_state()
    parts.vae.eval()
    found(parts)
    assert not parts.vae.training
    assert torch.equal(chance, torch.get_rng_state())
    for name, value in parts.vae.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(p.grad is None for p in parts.vae.parameters())


# log 001: the fan-in of the first layer, 3 * kernel, used for all of them


def streamlines(*edits: str) -> Recipe:
    values = {
        "name": "lines",
        "data": {"kind": "bundles", "streamlines": 120, "points": 256},
        "model": {
            "latent": 32,
            "encoder": {"kind": "finta"},
            "decoder": {"kind": "finta"},
            "likelihood": {"kind": "gaussian", "variance": {"kind": "optimal"}},
        },
        "training": {"batch_size": 20, "threads": 1},
    }
    return apply(Recipe.parse(values), edits)


def misinitialised(parts: Assembly) -> Assembly:
    """U(-b, b) with b = sqrt(1 / (3 * kernel)) for every convolution, seed 2208."""
    random = torch.Generator().manual_seed(2208)
    for layer in parts.vae.encoder.modules():
        if isinstance(layer, nn.Conv1d):
            bound = math.sqrt(1.0 / (3 * layer.kernel_size[0]))
            with torch.no_grad():
                layer.weight.uniform_(-bound, bound, generator=random)
                assert layer.bias is not None
                layer.bias.uniform_(-bound, bound, generator=random)
    return parts


def test_the_initialiser_of_log_001_is_told_before_step_1() -> None:
    """On millimetres: log-variances of thousands; the right fan-in keeps them below 5."""
    sound = assembled(streamlines())
    seen = initial_pass(sound.vae, sound.stream.batch(0), step_of(sound))
    assert seen.data > 10  # millimetres
    assert seen.log_variance < 5
    assert found(sound) == ()
    finding = only(found(misinitialised(sound)))
    assert finding.kind == "exploding"
    assert 2e3 < finding.evidence["largest_log_variance"] < 5e4
    assert finding.evidence["largest_bounded_log_variance"] < 40
    assert finding.evidence["gain"] > 5
    assert finding.evidence["layer"].startswith("encoder")
    assert finding.evidence["prior_term"] > 1e6


def test_its_first_remedy_cures_it_and_standardising_alone_does_not() -> None:
    finding = only(found(misinitialised(assembled(streamlines()))))
    cured = misinitialised(assembled(streamlines(finding.remedies[0])))
    assert found(cured) == ()
    scaled = misinitialised(assembled(streamlines("transform.kind=standardise")))
    assert only(found(scaled)).kind == "exploding"


def test_data_far_from_unit_scale_are_told_and_standardising_cures_them() -> None:
    x = np.random.default_rng(0).normal(0, 40, (300, 16)).astype(np.float32)
    parts = assembled(small_recipe(model=GAUSSIAN), from_array(x))
    finding = only(found(parts))
    assert finding.kind == "exploding"
    assert finding.remedies[0] == "transform.kind=standardise"
    cured = apply(small_recipe(model=GAUSSIAN), finding.remedies[:1])
    assert found(assembled(cured, from_array(x))) == ()


class Rooted(nn.Module):
    """Features through a square root, whose gradient is infinite at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(64, 8)

    def forward(self, x: Tensor) -> Tensor:
        raw = self.inner(x.flatten(1))
        return (raw * (raw > 0)).sqrt()


def test_a_gradient_that_is_not_finite_is_told_with_a_network_in_its_place() -> None:
    recipe = small_recipe(model={"encoder": {"kind": "given"}})
    finding = only(found(assembled(recipe, guests=Guests(encoder=Rooted()))))
    assert finding.kind == "exploding"
    assert "gradient is not finite" in finding.sentence
    assert "model.encoder.kind=dense" in finding.remedies
    Recipe.parse(apply(recipe, finding.remedies).plain())


def test_gradients_below_epsilon_stand_still() -> None:
    """A mean over the elements with a wide variance: Adam's epsilon swallows the steps."""
    weak = {"model": {"likelihood": {"kind": "gaussian", "variance": 1e8}}}
    parts = digits(**weak, objective={"reduction": "mean", "beta": 1e-9})
    finding = only(found(parts))
    assert finding.kind == "stalled"
    assert finding.evidence["median_gradient"] < finding.evidence["epsilon"] == 1e-8
    assert finding.remedies[0] == "objective.reduction=sum"
    cured = apply(parts.recipe, finding.remedies[1:])
    assert found(assembled(cured)) == ()


# the output's range against the data's

LAST = [{"dense": {"width": 16}}, {"dense": {}}]


def test_a_relu_on_the_output_can_die() -> None:
    decoder = {"kind": "layers", "layers": LAST, "output_activation": "relu"}
    parts = digits(model={"decoder": decoder, **GAUSSIAN})
    finding = only(found(parts))
    assert finding.kind == "dead_output"
    assert finding.evidence["output_low"] == 0
    assert finding.evidence["values_out_of_reach"] == 0
    assert found(assembled(apply(parts.recipe, finding.remedies[:1]))) == ()


def test_elements_that_start_dead_are_counted() -> None:
    decoder = {"kind": "layers", "layers": LAST, "output_activation": "relu"}
    parts = digits(model={"decoder": decoder, **GAUSSIAN})
    with torch.no_grad():
        parts.vae.decoder.head.weight.zero_()  # type: ignore[union-attr, operator]
        parts.vae.decoder.head.bias.fill_(1.0)  # type: ignore[union-attr, operator]
        parts.vae.decoder.head.bias[:16] = -1.0  # type: ignore[union-attr, index]
    assert only(found(parts)).evidence["dead_at_start"] == 0.25


def test_relu_logits_cannot_say_black() -> None:
    decoder = {"kind": "layers", "layers": LAST, "output_activation": "relu"}
    finding = only(found(digits(model={"decoder": decoder})))
    assert finding.evidence["output_low"] == 0.5
    assert finding.evidence["values_out_of_reach"] > 0.4
    assert "out of reach" in finding.sentence


class Bounded(nn.Module):
    """A decoder of a user's own with a bound behind its last layer, written as a function."""

    def __init__(self, bound: Any, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.inner, self.bound, self.shape = nn.Linear(2, math.prod(shape)), bound, shape

    def forward(self, z: Tensor) -> Tensor:
        return self.bound(self.inner(z)).reshape(len(z), *self.shape)


def bounded(bound: Any, x: np.ndarray | None = None, **model: Any) -> Assembly:
    recipe = small_recipe(model={"latent": 2, "decoder": {"kind": "given"}, **model})
    shape = (1, 8, 8) if x is None else x.shape[1:]
    data = None if x is None else from_array(x)
    return assembled(recipe, data, Guests(decoder=Bounded(bound, shape)))


def test_a_sigmoid_reaches_greys_and_not_what_lies_beyond() -> None:
    assert found(bounded(torch.sigmoid, **GAUSSIAN)) == ()
    x = np.random.default_rng(0).normal(0, 1, (300, 16)).astype(np.float32)
    finding = only(found(bounded(torch.sigmoid, x, **GAUSSIAN)))
    assert finding.kind == "dead_output"
    assert finding.evidence["output_high"] == 1
    assert finding.evidence["values_out_of_reach"] == pytest.approx(0.66, abs=0.06)
    assert "ReLU" not in finding.sentence
    assert "model.decoder.kind=dense" in finding.remedies


def test_a_tanh_does_not_reach_pca_components() -> None:
    """Log 003 asked; leading components exceed 1."""
    x = np.random.default_rng(0).normal(0, [3.0, 1.0, 0.3], (300, 3)).astype(np.float32)
    finding = only(found(bounded(torch.tanh, x, **GAUSSIAN), torch.from_numpy(x))[:1])
    assert (finding.evidence["output_low"], finding.evidence["output_high"]) == (-1, 1)
    margin = 0.01 * (x.max() - x.min())
    assert finding.evidence["values_out_of_reach"] == pytest.approx((abs(x) > 1 + margin).mean())


def test_two_sigmoids_are_one_too_many() -> None:
    """Probabilities given to a likelihood that takes logits."""
    finding = only(found(bounded(torch.sigmoid)))
    assert finding.evidence["output_low"] == 0.5
    assert finding.evidence["output_high"] == pytest.approx(0.731, abs=1e-3)
    assert finding.remedies[0] == "model.likelihood.kind=gaussian"
    assert found(bounded(torch.sigmoid, **GAUSSIAN)) == ()


@pytest.mark.parametrize("kind", ["poisson", "negative-binomial", "laplace", "student-t"])
def test_the_outputs_of_every_likelihood_are_free(kind: str) -> None:
    counts = np.random.default_rng(0).poisson(3.0, (300, 16)).astype(np.float32)
    values = "counts" if kind in ("poisson", "negative-binomial") else "real"
    data = from_array(counts, values_kind=values)
    parts = assembled(small_recipe(model={"likelihood": {"kind": kind}}), data)
    reach = output_range(parts.vae, parts.stream.batch(0))
    assert reach is not None
    assert reach.high > 1e3
    assert not reach.hard


# a fitted variance


def fitted(spread: Any, x: np.ndarray) -> tuple[Recipe, tuple[Finding, ...]]:
    recipe = small_recipe(model={"likelihood": {"kind": "gaussian", "variance": spread}})
    return recipe, found(assembled(recipe, from_array(x)), torch.from_numpy(x))


def normal(scale: Any = 1.0) -> np.ndarray:
    return np.random.default_rng(0).normal(0, scale, (300, 16)).astype(np.float32)


def test_constant_elements_under_a_fitted_variance_are_told() -> None:
    x = normal()
    x[:, :5] = 0.5
    recipe, findings = fitted("fitted", x)
    finding = only(findings)
    assert finding.kind == "unbounded_variance"
    assert finding.evidence["constant_elements"] == 5
    floor = 1e-4  # of data whose resolution is unknown
    assert finding.evidence["nats_at_floor"] == pytest.approx(
        -2.5 * (math.log(2 * math.pi * floor) + 1), rel=1e-6
    )
    cured = assembled(apply(recipe, finding.remedies[:1]), from_array(x))
    assert found(cured, torch.from_numpy(x)) == ()


def test_a_floor_far_below_the_data_is_none() -> None:
    recipe, findings = fitted({"kind": "fitted", "floor": 1e-12}, normal())
    finding = only(findings)
    assert finding.kind == "unbounded_variance"
    assert finding.evidence["floor"] == pytest.approx(1e-12)
    cured = assembled(apply(recipe, finding.remedies), from_array(normal()))
    assert found(cured) == ()


def test_a_floor_above_the_data_explains_all_by_noise() -> None:
    recipe, findings = fitted("fitted", normal(0.005))
    finding = next(f for f in findings if "noise" in f.sentence)
    assert finding.kind == "at_risk"
    apply(recipe, finding.remedies)


def test_a_sound_fitted_variance_is_left_alone() -> None:
    assert fitted("fitted", normal())[1] == ()
    assert fitted("optimal", normal() * [0.0] + normal())[1] == ()


# schedules


LATE = [
    ({"kind": "linear", "length": "500 epochs"}, 500 * 6),
    ({"kind": "cosine", "length": "14 steps"}, 14),
    ({"kind": "cyclical", "length": "13 steps"}, 13),
    ({"kind": "two-phase", "first": 0, "second": 1, "switch": "3 epochs"}, 18),
    ({"kind": "rise-and-fall", "rise": "0.8 of run", "fall": "0.8 of run"}, 19.2),
    ({"kind": "capacity", "length": "1000 steps"}, 1000),
]


@pytest.mark.parametrize(("beta", "steps"), LATE, ids=lambda case: str(case))
def test_a_schedule_that_outlasts_the_run_is_told_and_each_remedy_ends_it(
    beta: dict[str, Any], steps: float
) -> None:
    parts = digits(objective={"beta": beta})
    assert parts.horizon == Horizon(12, 6)
    finding = only(found(parts))
    assert finding.kind == "at_risk"
    assert finding.evidence["schedule_steps"] == pytest.approx(steps)
    assert finding.evidence["reached"] != finding.evidence["final"]
    for remedy in finding.remedies:
        assert found(assembled(apply(parts.recipe, [remedy]))) == ()


# latents


def test_latents_as_many_as_the_data_are_told() -> None:
    parts = digits(model={"latent": 64})
    finding = only(found(parts))
    assert finding.evidence["compression"] == 1
    cured = assembled(apply(parts.recipe, finding.remedies))
    assert cured.vae.latent == 32
    assert found(cured) == ()


def test_latents_on_a_grid_are_counted_at_every_place() -> None:
    network = {"kind": "convolution", "channels": [8, 8]}
    parts = digits(model={"latent": 20, "spatial": True, "encoder": network, "decoder": network})
    assert parts.vae.latent == 20 * 4
    cured = assembled(apply(parts.recipe, only(found(parts)).remedies))
    assert cured.vae.latent <= 32
    assert found(cured) == ()
