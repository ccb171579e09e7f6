"""A batch in parts takes the step of the whole batch."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.conftest import Silent, small_recipe, updated
from tests.test_resume import assert_same_run, train_killed, train_straight, unchanged
from vaestro.experiments import train as training
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.population import population
from vaestro.experiments.recipe import Recipe
from vaestro.foundation.errors import RecipeError
from vaestro.models.build import Guests
from vaestro.probability.objective import Terms
from vaestro.training import plan as planning
from vaestro.training.accumulation import Parts
from vaestro.training.rows import row_slices

CONVOLUTIONS: dict[str, Any] = {
    "encoder": {"kind": "convolution", "channels": [4, 8], "normalisation": "group", "blocks": 1},
    "decoder": {"kind": "convolution", "channels": [8, 4], "normalisation": "group"},
}
DROPPING: dict[str, Any] = {
    "encoder": {"dropout": 0.3, "widths": [16, 16]},
    "decoder": {"dropout": 0.2},
}
CASES: list[dict[str, Any]] = [
    {},
    {"model": CONVOLUTIONS},
    {"model": DROPPING},
    {"model": DROPPING, "objective": {"free_bits": 0.4}},
    {"model": {"posterior": "deterministic", "prior": "adversarial"}},
    {"model": {"prior": "mixture"}},
    {"model": {"likelihood": {"kind": "gaussian", "variance": "fitted"}}},
    {"objective": {"kind": "iwae", "samples": 3}},
    {"objective": {"free_bits": 0.4}},
    {"objective": {"beta": {"kind": "capacity", "end": 5.0}}},
    {"objective": {"beta": {"kind": "geco", "target": 20.0}, "reduction": "mean-batch-sum"}},
    {"model": {"condition": "labels"}},
]


def built(case: dict[str, Any], **fields: Any) -> Assembly:
    recipe = small_recipe(**updated(case, {"training": {"batch_size": 256, **fields}}))
    return assemble(recipe, planning.choose(recipe.training))


def gradients(parts: Assembly, count: int) -> tuple[Terms, list[Tensor]]:
    """The terms of the first batch and the gradients of every parameter."""
    parts.vae.train().zero_grad()
    torch.manual_seed(3)
    control = parts.task.initial_control(torch.device("cpu"))
    terms = Parts(parts.task, count).backward(parts.stream.batch(0), control, 0)
    return terms, [p.grad.clone() for p in parts.vae.parameters() if p.grad is not None]


def apart(ours: Tensor, whole: Tensor) -> float:
    """The largest difference, relative to the largest number; gradients that are zero but for
    rounding (a bias before a normalisation) count as 1e-6."""
    return float((ours - whole).abs().max() / whole.abs().max().clamp(min=1e-6))


@pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case)[:60])
@pytest.mark.parametrize("count", [4, 3])
def test_the_gradients_are_those_of_the_whole_batch(case: dict[str, Any], count: int) -> None:
    """1 x 256 against 4 x 64 and against 86, 85, 85, in 64 bits, where sums are exact enough."""
    parts = built(case, precision="fp64")
    whole, wanted = gradients(parts, 1)
    terms, found = gradients(parts, count)
    for ours, theirs in zip(terms, whole, strict=True):
        if ours is not None and theirs is not None:
            assert apart(ours, theirs.detach()) < 1e-6
    assert len(found) == len(wanted)
    assert max(map(apart, found, wanted)) < 1e-6


def test_in_32_bits_the_gradients_agree_to_rounding() -> None:
    parts = built({})
    _, wanted = gradients(parts, 1)
    assert max(map(apart, gradients(parts, 4)[1], wanted)) < 2e-6


def test_free_bits_of_parts_would_be_another_loss() -> None:
    """The mean of the parts' own losses is not the batch's: the case has teeth."""
    parts = built({"objective": {"free_bits": 0.4}}, precision="fp64")
    control = parts.task.initial_control(torch.device("cpu"))
    batch = parts.stream.batch(0)
    torch.manual_seed(3)
    each = list(Parts(parts.task, 64).each(batch, control, 0))
    naive = float(sum(share * terms.loss.detach() for share, terms in each))
    whole, _ = gradients(parts, 64)
    assert abs(naive - float(whole.loss)) > 1e-4


def history(recipe: Recipe, root: Path) -> list[dict[str, Any]]:
    training.start(recipe, root, Silent())
    return [json.loads(line) for line in (root / "history.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", [CASES[1], CASES[3]], ids=["convolution", "dropout, free bits"])
def test_a_run_has_the_same_history(case: dict[str, Any], tmp_path: Path) -> None:
    whole, parts = (
        history(
            small_recipe(**updated(case, {"training": {"accumulate": count}})),
            tmp_path / str(count),
        )
        for count in (1, 4)
    )
    assert len(whole) == len(parts)
    for ours, theirs in zip(parts, whole, strict=True):
        for name in ("loss", "data_term", "prior_term"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-5, abs=1e-6)


def test_a_resumed_run_is_bit_identical(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = {"training": {"accumulate": 3, "checkpoint_steps": 4}, "model": DROPPING}
    recipe = small_recipe(**case, objective={"free_bits": 0.2})
    train_straight(recipe, tmp_path / "straight")
    train_killed(recipe, tmp_path / "killed", 11, monkeypatch)
    training.resume(tmp_path / "killed", unchanged, Silent())
    assert_same_run(tmp_path / "straight", tmp_path / "killed")


def test_slices_cover_the_rows() -> None:
    assert [(s.start, s.stop) for s in row_slices(10, 4)] == [(0, 3), (3, 6), (6, 8), (8, 10)]
    assert [(s.start, s.stop) for s in row_slices(3, 3)] == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"encoder": {"normalisation": "batch"}}}, r"model.encoder has a batch norm"),
        (
            {
                "model": {
                    "decoder": {
                        "kind": "layers",
                        "layers": [{"dense": {"width": 9, "normalisation": "batch"}}, "dense"],
                    }
                }
            },
            r"model.decoder has a batch norm.*normalisation=group, or accumulate=1",
        ),
        (
            {"model": {"likelihood": {"kind": "gaussian", "variance": "optimal"}}},
            r"optimal spread.*kind=shared",
        ),
        ({"model": DROPPING, "objective": {"kind": "iwae"}}, r"iwae.*dropout=0"),
        ({"training": {"batch_size": 2}}, r"accumulate=4 .*batch_size=2.*at most 2"),
    ],
)
def test_what_looks_across_the_batch_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        small_recipe(**updated(change, {"training": {"accumulate": 4}}))


class Normed(nn.Module):
    """An encoder of the user's with a batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8))

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.layers(x)
        return features


def test_a_batch_normalisation_of_the_users_own_is_refused_unless_it_rests() -> None:
    def made(frozen: bool) -> Assembly:
        encoder = {"kind": "given", "frozen": frozen}
        recipe = small_recipe(model={"encoder": encoder}, training={"accumulate": 2})
        plan = planning.choose(recipe.training)
        return assemble(recipe, plan, guests=Guests(Normed(), None))

    with pytest.raises(RecipeError, match=r"encoder.guest.module.layers.2 has a batch norm"):
        made(frozen=False)
    assert made(frozen=True).vae.latent == 4


def test_a_population_takes_such_runs_one_by_one(tmp_path: Path) -> None:
    recipe = small_recipe(training={"accumulate": 2, "epochs": 1})
    told = Told()
    summary = population.start(recipe, [("seed=0",), ("seed=1",)], tmp_path / "p", told, width=2)
    assert summary["status"] == "finished"
    assert any("One by one" in line and "accumulate" in line for line in told.said)


class Told(Silent):
    """The display of a population."""

    def opened(self, members: int, stacks: list[int]) -> None:
        self.said.append(f"{members} in {stacks}")

    def member(self, number: int) -> Silent:
        return Silent()

    def done(self, number: int, summary: dict[str, Any]) -> None:
        self.said.append(f"{number} is done")
