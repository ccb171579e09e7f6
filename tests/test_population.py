"""Populations: every member is the run that it is alone, whoever its neighbours are."""

import json
from pathlib import Path
from typing import Any

import pytest

import vaestro
from tests.conftest import Silent, small_recipe
from tests.test_monitor import doomed
from tests.test_parts import Thirds
from tests.test_resume import Killed, assert_same_run
from vaestro.experiments import train as alone
from vaestro.experiments.population import population as together
from vaestro.experiments.population.variations import Edits, crossed
from vaestro.experiments.recipe import Recipe, apply
from vaestro.foundation.errors import RecipeError
from vaestro.networks import registry
from vaestro.training.population import step as stepping


class Shown:
    """A population's display that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.one = Silent()

    def opened(self, members: int, stacks: list[int]) -> None:
        self.stacks = stacks

    def member(self, number: int) -> Silent:
        return self.one

    def done(self, number: int, summary: dict[str, Any]) -> None:
        pass

    def say(self, text: str) -> None:
        self.said.append(text)


def trained(recipe: Recipe, edits: list[Edits], root: Path, width: int | None = 4) -> Any:
    return together.start(recipe, edits, root, Shown(), width)


def member(root: Path, number: int) -> Path:
    return root / "members" / f"{number:03d}"


def history(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / "history.jsonl").read_text().splitlines()]


def assert_as_alone(root: Path, number: int, recipe: Recipe, edits: Edits, close: float) -> None:
    """The member's history is that of the same recipe trained alone, up to `close` of itself."""
    straight = root / f"alone-{number}"
    alone.start(apply(recipe, edits), straight, Silent())
    ours, theirs = history(member(root, number)), history(straight)
    assert len(ours) == len(theirs) > 1
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        assert one.pop("split") == other.pop("split")
        assert one == pytest.approx(other, rel=close, abs=close)
    read = ((p / "recipe.yaml").read_text() for p in (member(root, number), straight))
    assert len(set(read)) == 1


LENGTH = ["training.epochs=1", "training.batch_size=15"]

FAMILIES: dict[str, dict[str, Any]] = {
    "one learned variance": {
        "model": {"likelihood": {"kind": "gaussian", "variance": {"kind": "shared"}}}
    },
    "dense": {},
    "dropout": {"model": {"encoder": {"dropout": 0.3}, "decoder": {"dropout": 0.1}}},
    "residual": {"model": {"encoder": {"widths": [16, 16], "residual": True}}},
    "batch norm": {
        "model": {
            "encoder": {"kind": "convolution", "channels": [4], "normalisation": "batch"},
            "decoder": {"kind": "convolution", "channels": [4], "normalisation": "batch"},
        }
    },
    "1-D": {
        "data": {"kind": "bundles", "streamlines": 60, "points": 16},
        "model": {
            "encoder": {"kind": "finta", "channels": [4, 8]},
            "decoder": {"kind": "finta", "channels": [4, 8]},
            "likelihood": {"kind": "gaussian", "variance": "optimal"},
        },
        "transform": {"kind": "standardise"},
    },
    "3-D": {
        "data": {"kind": "molecules", "samples": 30, "size": 8},
        "model": {
            "encoder": {"kind": "convolution", "channels": [2, 4]},
            "decoder": {"kind": "convolution", "channels": [2, 4]},
            "likelihood": {"kind": "gaussian"},
        },
    },
    "labels": {"model": {"condition": {"kind": "labels", "into": "both"}}},
    "mixture": {"model": {"prior": {"kind": "mixture"}}},
    "iwae": {"objective": {"kind": "iwae", "samples": 3}},
    "adversarial": {"model": {"posterior": "deterministic", "prior": {"kind": "adversarial"}}},
    "fitted": {"model": {"likelihood": {"kind": "gaussian", "variance": "fitted"}}},
    "symmetries": {"augmentation": {"kind": "symmetries"}},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_member_is_the_run_that_it_is_alone(family: str, tmp_path: Path) -> None:
    recipe = small_recipe(**FAMILIES[family])
    recipe = apply(recipe, ["training.precision=fp64", *LENGTH])
    edits: list[Edits] = [("seed=1", "training.learning_rate=1e-2"), ("seed=7",)]
    trained(recipe, edits, tmp_path / "p")
    for number, one in enumerate(edits):
        assert_as_alone(tmp_path / "p", number, recipe, one, 1e-8)


FIELDS: list[tuple[list[str], list[str]]] = [
    ([], ["objective.beta={kind: geco, target: 150, rate: 0.1}"]),
    (["objective.beta={kind: capacity}"], ["objective.beta.end=3", "objective.beta.gamma=10"]),
    ([], ["objective.beta={kind: cyclical}"]),
    ([], ["objective.reduction=mean"]),
    (["objective.free_bits=0.1"], ["objective.free_bits=0.5"]),
    ([], ["model.posterior.epsilon_std=0.3"]),
    (["model.likelihood={kind: gaussian, variance: 0.1}"], ["model.likelihood.variance.value=0.7"]),
    ([], ["model.encoder.initialisation=orthogonal"]),
    (["model.encoder.dropout=0.1"], ["model.encoder.dropout=0.5"]),
    ([], ["training.weight_decay=0.1"]),
    (
        ["training.optimiser=adamw"],
        ["training.weight_decay=0.1", "training.optimiser.betas=[0.5, 0.9]"],
    ),
    ([], ["training.optimiser.epsilon=1e-3"]),
    (
        ["training.optimiser=rmsprop"],
        ["training.optimiser.smoothing=0.9", "training.weight_decay=0.1"],
    ),
    (
        ["training.optimiser={kind: rmsprop, momentum: 0.5}"],
        ["training.optimiser.momentum=0.9"],
    ),
    ([], ["training.clip_norm=0.1"]),
    (["training.ema=0.5"], ["training.ema=0.9"]),
    ([], ["training.learning_rate={kind: two-phase, first: 1e-2, second: 1e-3}"]),
    ([], ["training.log_steps=7"]),
]


@pytest.mark.parametrize(("base", "other"), FIELDS, ids=[" ".join(other) for _, other in FIELDS])
def test_members_may_differ_in_these_fields(
    base: list[str], other: list[str], tmp_path: Path
) -> None:
    """Both stand in one stack, each as it is alone, and the field makes a difference."""
    recipe = apply(small_recipe(), ["training.precision=fp64", *LENGTH, *base])
    edits: list[Edits] = [(), tuple(other)]
    summary = trained(recipe, edits, tmp_path / "p")
    assert summary["stacks"] == [{"members": [0, 1], "choice": summary["stacks"][0]["choice"]}]
    for number, one in enumerate(edits):
        assert_as_alone(tmp_path / "p", number, recipe, one, 1e-8)
    ours, theirs = (history(member(tmp_path / "p", number)) for number in (0, 1))
    assert ours != theirs


def test_in_32_bits_a_member_stays_near_the_run_that_it_is_alone(tmp_path: Path) -> None:
    """1e-5 of the data term, over 100 steps."""
    recipe = apply(small_recipe(), ["training.epochs=2", "training.batch_size=20"])
    edits = crossed(["objective.beta=1,3"], 2)
    trained(recipe, edits, tmp_path / "p")
    for number, one in enumerate(edits):
        assert_as_alone(tmp_path / "p", number, recipe, one, 1e-5)


def test_what_has_another_shape_trains_in_a_stack_of_its_own(tmp_path: Path) -> None:
    recipe = apply(small_recipe(), LENGTH)
    summary = trained(recipe, crossed(["model.latent=3,4"], 2), tmp_path / "p")
    assert [stack["members"] for stack in summary["stacks"]] == [[0, 1], [2, 3]]
    assert [row["status"] for row in summary["members"]] == ["finished"] * 4


def test_members_leave_when_they_are_done_and_others_join(tmp_path: Path) -> None:
    recipe = apply(small_recipe(), ["training.precision=fp64", "training.batch_size=100"])
    edits: list[Edits] = [
        ("training.epochs=3",),
        ("training.epochs=1", "seed=2"),
        ("training.epochs=2", "seed=3"),
        ("training.early_stopping={patience: 1, margin: 1000}", "training.learning_rate=1e-9"),
    ]
    summary = trained(recipe, edits, tmp_path / "p", width=2)
    words = [row["status"] for row in summary["members"]]
    assert words == ["finished", "finished", "finished", "stopped_early"]
    for number, one in enumerate(edits):
        assert_as_alone(tmp_path / "p", number, recipe, one, 1e-8)


def test_a_member_that_diverges_touches_no_other(tmp_path: Path) -> None:
    """Its step is refused and named; the others go on as without it."""
    recipe = apply(small_recipe(), ["training.precision=fp64", *LENGTH])
    recipe = apply(recipe, ["model.likelihood={kind: gaussian, variance: 1}"])
    good: list[Edits] = [("seed=1",), ("seed=2",)]
    bad = ("seed=3", "training.learning_rate=1e30")
    trained(recipe, [*good, bad], tmp_path / "p")
    trained(recipe, good, tmp_path / "q")
    summary = json.loads((member(tmp_path / "p", 2) / "summary.json").read_text())
    assert summary["status"] == "diverged"
    event = json.loads((member(tmp_path / "p", 2) / "events.jsonl").read_text().splitlines()[-1])
    assert "not finite" in event["sentence"] and event["remedies"]
    for number in (0, 1):
        pairs = (history(member(tmp_path / name, number)) for name in ("p", "q"))
        for ours, theirs in zip(*pairs, strict=True):
            assert ours.pop("split") == theirs.pop("split")
            assert ours == pytest.approx(theirs, rel=1e-9)


def test_a_population_that_was_killed_goes_on_bit_identically(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle of an epoch, twice; members leave and join before and after."""
    recipe = apply(
        small_recipe(), ["training.epochs=3", "training.batch_size=60", "training.ema=0.9"]
    )
    recipe = apply(recipe, ["training.checkpoint_seconds=0.01"])
    edits: list[Edits] = [
        ("training.epochs=2",),
        ("seed=1", "objective.beta={kind: geco, target: 20}"),
        ("seed=2", "training.learning_rate=1e-2"),
    ]
    trained(recipe, edits, tmp_path / "straight", width=2)
    take, steps = stepping.PopulationStepper.take, [0]

    def dying(self: stepping.PopulationStepper) -> Any:
        steps[0] += 1
        if steps[0] in (20, 45):
            raise Killed
        return take(self)

    monkeypatch.setattr(stepping.PopulationStepper, "take", dying)
    with pytest.raises(Killed):
        trained(recipe, edits, tmp_path / "killed", width=2)
    with pytest.raises(Killed):
        together.resume(tmp_path / "killed", Shown())
    assert together.resume(tmp_path / "killed", Shown())["status"] == "finished"
    for number in range(3):
        assert_same_run(member(tmp_path / "straight", number), member(tmp_path / "killed", number))


def test_a_member_is_a_run_like_any_other(tmp_path: Path) -> None:
    """It loads, evaluates, samples and trains on by itself."""
    recipe = apply(small_recipe(), LENGTH)
    trained(recipe, [("seed=1",), ("seed=2",)], tmp_path / "p")
    run = vaestro.load(member(tmp_path / "p", 1))
    assert run.sample(3).shape == (3, 1, 8, 8)
    assert run.evaluate("validation", samples=2)["live_dimensions"] >= 0
    longer = alone.resume(
        member(tmp_path / "p", 1), lambda r: apply(r, ["training.epochs=2"]), Silent()
    )
    assert longer["status"] == "finished" and longer["validation"]["loss"] < 100


def test_the_choice_is_measured_said_and_kept(tmp_path: Path) -> None:
    recipe = apply(small_recipe(), LENGTH)
    summary = trained(recipe, crossed((), 5), tmp_path / "p", width=None)
    choice = summary["stacks"][0]["choice"]
    assert {"1", "4"} <= choice["seconds"].keys()
    best = min(choice["seconds"], key=lambda name: choice["seconds"][name])
    assert choice["width"] == int(best) and choice["reason"]
    kept = json.loads((tmp_path / "p" / "population.json").read_text())
    assert kept["stacks"][0]["choice"] == choice and kept["status"] == "finished"


@pytest.mark.parametrize("rates", [(1e30, 1e-3, 3e-3), (1e-3, 1e30, 3e-3), (1e30, 1e30)])
def test_who_diverges_at_once_does_not_stop_what_is_measured(
    tmp_path: Path, rates: tuple[float, ...]
) -> None:
    recipe = apply(small_recipe(), ["training.epochs=1", "training.monitor=off"])
    edits: list[Edits] = [(f"training.learning_rate={rate}",) for rate in rates]
    summary = trained(recipe, edits, tmp_path / "p", None)
    wanted = ["diverged" if rate == 1e30 else "finished" for rate in rates]
    assert [one["status"] for one in summary["members"]] == wanted
    [stack] = summary["stacks"]
    measured = stack["choice"]["seconds"]
    assert bool(measured) == (len(rates) == 3), "those who go on are measured"


def test_what_cannot_be_stacked_trains_one_by_one(tmp_path: Path) -> None:
    """Channels-last models are not stacked, and the reason is said."""
    changes = {
        "model": {"encoder": {"kind": "convolution", "channels": [4]}},
        "training": {"channels_last": True},
    }
    recipe = apply(small_recipe(**changes), LENGTH)
    shown = Shown()
    summary = together.start(recipe, [("seed=1",), ("seed=2",)], tmp_path / "p", shown)
    assert summary["stacks"][0]["choice"]["width"] == 1
    assert any("channels-last" in said for said in shown.said)
    assert [row["status"] for row in summary["members"]] == ["finished"] * 2


def test_a_wrong_member_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"member 1 .*objective.beta"):
        trained(small_recipe(), [(), ("objective.beta=-1",)], tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_a_network_that_draws_by_itself_trains_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's own dropout inside a user's module has no place for a member's seed."""
    monkeypatch.setattr(registry, "_REGISTERED", {"thirds": Thirds})
    recipe = apply(small_recipe(), [*LENGTH, "model.encoder={kind: part, name: thirds}"])
    summary = trained(recipe, crossed((), 2), tmp_path / "p", width=None)
    choice = summary["stacks"][0]["choice"]
    assert choice["width"] == 1 and "random" in choice["reason"]
    assert [row["status"] for row in summary["members"]] == ["finished"] * 2


def test_a_member_that_a_remedy_sends_away_goes_on_by_itself(tmp_path: Path) -> None:
    recipe = doomed("remedy")
    summary = trained(recipe, [(), ("objective.reduction=sum",)], tmp_path / "p")
    manifest = json.loads((member(tmp_path / "p", 0) / "manifest.json").read_text())
    assert manifest["remedied"][0]["set"] and summary["members"][0]["status"] == "finished"
    assert summary["members"][0]["live_dimensions"] > 0
    assert "remedied" not in json.loads((member(tmp_path / "p", 1) / "manifest.json").read_text())
