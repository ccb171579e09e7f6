"""The numbers of a run's first step: tensors that nobody registered, remedies that were tried."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.cases import networks  # noqa: F401 (registers the networks that the logs wrote)
from tests.conftest import small_recipe
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.forecasting.numerics import numbers_of
from vaestro.experiments.recipe import Recipe, apply
from vaestro.health.finding import Finding
from vaestro.models.build import NOBODY, Guests
from vaestro.training import plan as planning

ENCODER = {"kind": "part", "name": "log-001-encoder", "options": {"widths": [16, 32, 64, 128, 256]}}


def found(recipe: Recipe, guests: Guests = NOBODY) -> tuple[Finding, ...]:
    parts: Assembly = assemble(recipe, planning.choose(recipe.training), guests=guests)
    try:
        return numbers_of(parts)
    finally:
        parts.stream.close()


class Kept(nn.Module):
    """A decoder of digits whose last layer is what `keep` makes of it."""

    def __init__(self, keep: Callable[[nn.Module], Any]) -> None:
        super().__init__()
        self.first = nn.Linear(4, 16)
        self.last = keep(nn.Linear(16, 64))

    def forward(self, z: Tensor) -> Tensor:
        held = isinstance(self.last, list | dict | nn.ModuleList)
        last = self.last[0] if held else self.last
        given: Tensor = last(torch.tanh(self.first(z))).reshape(len(z), 1, 8, 8)
        return given


KEPT: dict[str, tuple[Callable[[nn.Module], Any], bool]] = {
    "a module": (lambda layer: layer, False),
    "a list of modules": (lambda layer: nn.ModuleList([layer]), False),
    "a plain list": (lambda layer: [layer], True),
    "a dictionary": (lambda layer: {0: layer}, True),
    "a function": (lambda layer: lambda hidden: layer(hidden), True),
}


@pytest.mark.parametrize("where", KEPT)
def test_tensors_that_no_module_has_registered_are_told(where: str) -> None:
    keep, hidden = KEPT[where]
    recipe = small_recipe(model={"decoder": {"kind": "given"}})
    told = [f for f in found(recipe, Guests(decoder=Kept(keep))) if f.kind == "unsaved_parameter"]
    assert len(told) == hidden
    for finding in told:
        assert finding.evidence["numbers"] == 16 * 64 + 64
        assert all(name.startswith("decoder") for name in finding.evidence["parameters"])
        assert finding.remedies == ("model.decoder.kind=dense",)


def lines(*edits: str) -> Recipe:
    return apply(
        Recipe.parse(
            {
                "data": {"kind": "bundles", "streamlines": 100, "points": 64},
                "model": {"latent": 8, "encoder": ENCODER, "likelihood": {"kind": "gaussian"}},
                "training": {"batch_size": 20, "threads": 1},
            }
        ),
        edits,
    )


def test_a_remedy_is_told_only_if_the_step_is_sound_with_it() -> None:
    """Another network alone meets millimetres, and other data alone meet the same network."""
    (finding,) = found(lines())
    assert finding.kind == "exploding"
    assert finding.remedies == ("model.encoder={kind: dense, normalisation: batch}",)
    assert found(lines(finding.remedies[0])) == ()
    for alone in ("model.encoder.kind=dense", "transform.kind=standardise"):
        assert found(lines(alone))


def test_remedies_that_cannot_be_tried_are_told_as_they_come() -> None:
    """A module that Python gave stands in no recipe, so a second one is missing."""
    theirs = {"encoder": {"kind": "given"}, "decoder": {"kind": "given"}}
    recipe = small_recipe(model=theirs | {"likelihood": {"kind": "gaussian"}})
    layer = nn.Linear(64, 16)
    nn.init.normal_(layer.weight, 0.0, 100.0, generator=torch.Generator().manual_seed(0))
    encoder = nn.Sequential(nn.Flatten(), layer)
    finding, *_ = found(recipe, Guests(encoder=encoder, decoder=Kept(KEPT["a module"][0])))
    assert finding.kind == "exploding"
    assert len(finding.remedies) > 1
