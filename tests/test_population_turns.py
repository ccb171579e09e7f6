"""Members that a judge compares: all of them together, whether they are stacked or take turns."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Silent, small_recipe
from tests.test_population import Shown, history, member
from tests.test_resume import Killed, assert_same_run
from vaestro.experiments import train as alone
from vaestro.experiments.population import population as together
from vaestro.experiments.population import stacked
from vaestro.experiments.population.surroundings import Surroundings
from vaestro.experiments.population.variations import Edits
from vaestro.experiments.recipe import Recipe, apply
from vaestro.training.population.step import PopulationStepper
from vaestro.training.population.trial import Choice
from vaestro.training.step import Stepper

RATES: list[Edits] = [(f"training.learning_rate={rate}",) for rate in (1e-5, 1e-3, 1e-2, 1e-4)]
"""The third is the best, by far, and the first the worst."""

SHORT = ["training.epochs=3", "training.batch_size=60"]


class BestGoesOn:
    """Ends all that were validated together but the best; keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, dict[int, float]]] = []
        self.ended: set[int] = set()

    def leaving(self, epoch: int, validated: Mapping[int, dict[str, Any]]) -> Collection[int]:
        losses = {number: figures["loss"] for number, figures in validated.items()}
        self.heard.append((epoch, losses))
        best = min(losses, key=lambda number: losses[number])
        over = losses.keys() - {best}
        self.ended |= over
        return over

    def numbers(self) -> list[tuple[int, list[int]]]:
        """The members that were compared, by their epochs."""
        return [(epoch, sorted(losses)) for epoch, losses in self.heard]


def judged(root: Path, recipe: Recipe, edits: list[Edits] = RATES) -> BestGoesOn:
    judge = BestGoesOn()
    summary = together.start(recipe, edits, root, Shown(), None, Surroundings(judge=judge))
    assert summary["status"] == "finished"
    return judge


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    choose_so(monkeypatch, 1, 4)


def choose_so(monkeypatch: pytest.MonkeyPatch, width: int, most: int) -> None:
    """As if that width had been measured, where memory holds so many."""
    choice = Choice(width, "", {}, most)
    monkeypatch.setattr(stacked, "choose", lambda build, count: choice)


def test_who_trains_one_by_one_is_compared_with_all_others(
    tmp_path: Path, one_by_one: None
) -> None:
    """Not with those alone that came before: the first would go on for being the first."""
    judge = judged(tmp_path / "p", apply(small_recipe(), SHORT))
    assert judge.numbers() == [(1, [0, 1, 2, 3]), (2, [2]), (3, [2])]
    epochs = [history(member(tmp_path / "p", number))[-1]["epoch"] for number in range(4)]
    assert epochs == [1, 1, 3, 1]


def test_members_that_cannot_be_stacked_take_turns(tmp_path: Path) -> None:
    judge = judged(tmp_path / "p", apply(small_recipe(), [*SHORT, "training.accumulate=2"]))
    assert judge.numbers() == [(1, [0, 1, 2, 3]), (2, [2]), (3, [2])]


def test_in_turn_a_member_is_bit_for_bit_the_run_that_it_is_alone(
    tmp_path: Path, one_by_one: None
) -> None:
    recipe = apply(small_recipe(), [*SHORT, "training.ema=0.9"])
    judged(tmp_path / "p", recipe)
    alone.start(apply(recipe, RATES[2]), tmp_path / "alone", Silent())
    assert_same_run(member(tmp_path / "p", 2), tmp_path / "alone")


@pytest.mark.parametrize("objective", ["elbo", "iwae"])
def test_the_same_members_leave_a_stack(
    objective: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those too whose validation is their own task's."""
    kind = ["objective={kind: iwae, samples: 3}"] if objective == "iwae" else []
    recipe, found = apply(small_recipe(), [*SHORT, *kind]), []
    for width in (1, 4):
        choose_so(monkeypatch, width, 4)
        found.append(judged(tmp_path / f"{width}", recipe).heard)
    in_turn, at_once = found
    assert [epoch for epoch, _ in in_turn] == [epoch for epoch, _ in at_once] == [1, 2, 3]
    for (_, ours), (_, theirs) in zip(in_turn, at_once, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)


def test_who_comes_later_takes_every_comparison_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where memory holds two at once, the third joins when one has left."""
    choose_so(monkeypatch, 1, 2)
    judge = judged(tmp_path / "p", apply(small_recipe(), SHORT), RATES[:3])
    assert judge.numbers()[:2] == [(1, [0, 1]), (1, [2])]
    assert (2, [1, 2]) in judge.numbers()


@pytest.mark.parametrize("step", [5, 25, 79])
def test_a_comparison_that_was_waited_for_is_made_after_a_kill(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_by_one: None
) -> None:
    """Killed while some have come to the first rung, and others not."""
    recipe = apply(small_recipe(), [*SHORT, "training.checkpoint_seconds=0.01"])
    straight = judged(tmp_path / "straight", recipe)
    take, taken = Stepper.take, [0]

    def dying(self: Stepper, state: Any, batch: Any) -> None:
        taken[0] += 1
        if taken[0] == step:
            raise Killed
        take(self, state, batch)

    with monkeypatch.context() as patched:
        patched.setattr(Stepper, "take", dying)
        with pytest.raises(Killed):
            judged(tmp_path / "killed", recipe)
    judge = BestGoesOn()
    summary = together.resume(tmp_path / "killed", Shown(), Surroundings(judge=judge))
    assert summary["status"] == "finished"
    assert judge.heard == straight.heard
    for number in range(4):
        assert_same_run(member(tmp_path / "straight", number), member(tmp_path / "killed", number))


def test_who_is_refused_leaves_the_others_where_they_are(tmp_path: Path, one_by_one: None) -> None:
    edits: list[Edits] = [*RATES[:2], ("training.learning_rate=1e30",), RATES[2]]
    judge = judged(tmp_path / "p", apply(small_recipe(), SHORT), edits)
    assert judge.numbers() == [(1, [0, 1, 3]), (2, [3]), (3, [3])]


def test_who_waited_for_one_that_was_refused_is_compared_before_the_next_step(
    tmp_path: Path, one_by_one: None
) -> None:
    """Two have come to the end of the first epoch when the third, on its way there, is refused."""
    edits: list[Edits] = [*RATES[:2], ("training.learning_rate=1e30",)]
    judge = judged(tmp_path / "p", apply(small_recipe(), SHORT), edits)
    assert judge.numbers() == [(1, [0, 1]), (2, [1]), (3, [1])]
    steps = [
        json.loads(summary.read_text())["steps"]
        for summary in sorted(tmp_path.rglob("summary.json"))
    ]
    assert steps[:2] == [20, 60]


class AllButTwo(BestGoesOn):
    """Ends the two worst at the first comparison and one at the second, so that one is left."""

    def leaving(self, epoch: int, validated: Mapping[int, dict[str, Any]]) -> Collection[int]:
        losses = {number: figures["loss"] for number, figures in validated.items()}
        self.heard.append((epoch, losses))
        over = set(sorted(losses, key=lambda number: losses[number])[2 if epoch == 1 else 1 :])
        self.ended |= over
        return over


@pytest.mark.parametrize("step", [None, 1, 15])
def test_who_is_left_alone_in_a_stack_goes_on_as_a_run_alone(
    step: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With tensors of its own, and after a kill there too."""
    choose_so(monkeypatch, 4, 4)
    recipe = apply(small_recipe(), [*SHORT, "training.ema=0.9", "training.checkpoint_seconds=0.01"])
    widths, stacked_take, take = [], PopulationStepper.take, Stepper.take
    alone_took = [0]

    def counted(self: PopulationStepper) -> Any:
        widths.append(len(self.stack))
        return stacked_take(self)

    def dying(self: Stepper, state: Any, batch: Any) -> None:
        alone_took[0] += 1
        if alone_took[0] == step:
            raise Killed
        take(self, state, batch)

    monkeypatch.setattr(PopulationStepper, "take", counted)
    straight = AllButTwo()
    together.start(
        recipe, RATES, tmp_path / "straight", Shown(), None, Surroundings(judge=straight)
    )
    assert widths == [4] * 20 + [2] * 20
    assert [(epoch, sorted(losses)) for epoch, losses in straight.heard][2:] == [(3, [2])]
    monkeypatch.setattr(Stepper, "take", dying)
    judges = [AllButTwo(), AllButTwo()]
    told = (recipe, RATES, tmp_path / "other", Shown(), None)
    if step is None:
        together.start(*told, Surroundings(judge=judges[0]))
        assert alone_took[0] == 20
    else:
        with pytest.raises(Killed):
            together.start(*told, Surroundings(judge=judges[0]))
        together.resume(tmp_path / "other", Shown(), Surroundings(judge=judges[1]))
    assert judges[0].heard + judges[1].heard == straight.heard
    for number in range(4):
        assert_same_run(member(tmp_path / "straight", number), member(tmp_path / "other", number))
