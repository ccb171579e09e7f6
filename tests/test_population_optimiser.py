"""Adam over a stack: kernel calls member by member do what the formulas over all of them do."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.conftest import small_recipe
from tests.test_sweep import definition, history, swept
from vaestro.training.population import optimiser
from vaestro.training.population.optimiser import Columns, Slots

SETTINGS = ((1e-3, 0.0, 0.9, 0.999, 1e-8), (3e-2, 0.1, 0.8, 0.99, 1e-6), (0.0, 0.2, 0.5, 0.9, 1e-3))
STEPS = torch.tensor([1.0, 7.0, 300.0])


def slots() -> Slots:
    """Two stacked parameters of three members with gradients and moments."""
    random = torch.Generator().manual_seed(0)

    def some() -> list[Tensor]:
        return [torch.randn(3, *shape, generator=random) for shape in ((4, 5), (6,))]

    return Slots(some(), some(), some(), [square.abs() for square in some()])


@pytest.mark.parametrize("decoupled", [False, True])
def test_a_call_for_each_member_is_the_step_of_all(decoupled: bool) -> None:
    one, other, before = slots(), slots(), slots()
    optimiser._adam(one, Columns(SETTINGS, STEPS), decoupled)
    for own, settings, step in zip(other.each(), SETTINGS, STEPS, strict=True):
        optimiser._fused(own, settings, step, decoupled)
    for name in ("parameters", "means", "squares"):
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
            torch.testing.assert_close(a, b, rtol=2e-6, atol=1e-7)
    assert not torch.equal(one.parameters[0][1], before.parameters[0][1])
    assert torch.equal(other.gradients[1], before.gradients[1])


def test_a_sweep_of_large_members_is_the_one_of_small_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = definition(["training.learning_rate=1e-4,1e-3,1e-2"], small_recipe(), search="grid")
    trials = swept(tmp_path / "formulas", made, 3)
    monkeypatch.setattr(optimiser, "LARGE", 1)
    calls: list[float] = []
    kernel = optimiser._fused

    def counted(own: Slots, settings: tuple[float, ...], step: Tensor, decoupled: bool) -> None:
        calls.append(settings[0])
        kernel(own, settings, step, decoupled)

    monkeypatch.setattr(optimiser, "_fused", counted)
    swept(tmp_path / "calls", made, 3)
    assert set(calls) == {1e-4, 1e-3, 1e-2}
    for trial in trials:
        ours, theirs = (history(tmp_path / name, trial.number) for name in ("formulas", "calls"))
        for a, b in zip(ours, theirs, strict=True):
            assert a.pop("split") == b.pop("split")
            assert a == pytest.approx(b, rel=1e-5)
