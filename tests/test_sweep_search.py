"""What a sweep asks first: the recipe as it is, and small batches where a search learns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import small_recipe
from vaestro.cli.sweep_options import Options
from vaestro.experiments.recipe import Recipe, apply
from vaestro.foundation.errors import RecipeError
from vaestro.sweeps.default import default_of
from vaestro.sweeps.definition import Definition, watched
from vaestro.sweeps.goal import Goal
from vaestro.sweeps.halving import HalvingConfig
from vaestro.sweeps.ledger.rows import Trial
from vaestro.sweeps.search import Question, ask
from vaestro.sweeps.space import Space, space_of

BETA, LATENT = "objective.beta=log(0.25,16)", "model.latent=2,4,8"


def recipe() -> Recipe:
    return apply(watched(small_recipe()), ["objective.beta=1.5", "model.latent=4"])


def question(space: Space, **fields: Any) -> Question:
    return Question(recipe(), space, Goal(figures=("elbo",)), "tpe", 0, (), {}, **fields)


def test_the_recipe_itself_is_the_first_trial_where_the_space_holds_it() -> None:
    space = space_of([BETA, LATENT], None)
    own = {"objective.beta": 1.5, "model.latent": "4"}
    assert default_of(recipe(), space) == own
    first, second = ask(question(space), 2).proposals
    assert first.params == own and second.params != own
    assert space.recipe(recipe(), first.params) == recipe()
    other = ask(question(space, default=False), 1).proposals[0]
    assert other.params != own
    later = Trial(0, 0, 0, own, space.edits(own), {}, "waiting", None, None, {}, None)
    assert ask(question(space)._replace(trials=[later]), 1).proposals[0].params != own


@pytest.mark.parametrize(
    "vary, limits",
    [
        (["objective.beta=log(2,16)", LATENT], []),
        ([BETA, "model.latent=2,8"], []),
        ([BETA, LATENT], ["objective.beta>=2"]),
        (["objective.beta=log(0.25,16)", "model.encoder.widths=[5],[6]"], []),
    ],
)
def test_a_space_without_the_recipe_has_no_default(vary: list[str], limits: list[str]) -> None:
    assert default_of(recipe(), space_of(vary, None, limits)) is None


def test_fields_that_are_not_legal_together_are_drawn_again() -> None:
    vary = ["training.batch_size=2,64", "training.accumulate=1,4"]
    proposals = ask(question(space_of(vary, None), default=False), 24).proposals
    params = [one.params for one in proposals]
    assert {"training.batch_size": "64", "training.accumulate": "4"} in params
    assert {"training.batch_size": "2", "training.accumulate": "4"} not in params
    never = space_of(["training.batch_size=2,3", "training.accumulate=4,5"], None)
    with pytest.raises(RecipeError, match="no setting of the space was found that is legal: "):
        ask(question(never, default=False), 1)


def test_a_default_within_a_branch() -> None:
    base = recipe()
    widths = base.plain()["model"]["encoder"]["widths"]
    plain = {
        "axes": [
            {
                "kind": "choice",
                "field": "model.encoder.kind",
                "values": ["dense"],
                "branches": {
                    "dense": [
                        {
                            "kind": "choice",
                            "field": "model.encoder.widths",
                            "values": ["[3]", str(widths)],
                        }
                    ]
                },
            }
        ]
    }
    own = default_of(base, Space.parse(plain))
    assert own == {"model.encoder.kind": "dense", "model.encoder.widths": str(widths)}


def made(**fields: Any) -> Definition:
    given = {"recipe": recipe().plain(), "space": space_of([BETA], None).plain(), **fields}
    return Definition.parse(given)


def test_growing_batches_begin_small() -> None:
    growing = made(batch=12, growing=True)
    asked = (0, 4, 16, 31, 32, 63, 400)
    assert [growing.next_batch(n, 500) for n in asked] == [4, 4, 4, 4, 8, 8, 12]
    assert made(batch=3, growing=True).next_batch(0, 500) == 3
    assert made(batch=12).next_batch(0, 500) == 12


def test_growing_batches_end_small() -> None:
    growing, asked, sizes = made(batch=16, growing=True), 0, []
    while count := growing.next_batch(asked, 64):
        sizes.append(count)
        asked += count
    assert asked == 64 and sizes[-6:] == [8, 8, 4, 2, 1, 1]
    fixed = made(batch=12)
    assert [fixed.next_batch(n, 30) for n in (12, 24, 30, 31)] == [12, 6, 0, 0]


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., Definition]:
    """What the options of the command make of a small recipe."""
    small = tmp_path / "small.yaml"
    small.write_text(recipe().to_yaml())

    def definition(**fields: Any) -> Definition:
        told = Options(vary=[BETA], **fields).definition(str(small), 64, tmp_path / "s")
        assert told is not None
        return told

    return definition


def test_where_halving_begins_to_compare_is_said_or_as_usual(
    asked: Callable[..., Definition],
) -> None:
    assert asked().halving is None
    assert asked(halving=3).halving == HalvingConfig(eta=3)
    late = asked(halving=3, compare_from=0.2).halving
    assert late == HalvingConfig(eta=3, compare_from=0.2) and late.rungs(81) == (27,)
    with pytest.raises(RecipeError, match=r"--compare-from 0\.2 says where --halving begins"):
        asked(compare_from=0.2)


def test_only_a_search_that_learns_grows_its_batches(asked: Callable[..., Definition]) -> None:
    assert asked(search="tpe").growing and asked(search="tpe").batch == 8
    assert not asked(search="random").growing and not asked(search="tpe", batch=6).growing
    assert asked().default and not asked(default=False).default


def test_a_grid_may_gain_values_and_lose_none() -> None:
    def grid(values: str, **fields: Any) -> Definition:
        space = space_of([f"model.latent={values}", "seed=0,1"], None).plain()
        return made(space=space, search="grid", **fields)

    few, more = grid("2,4"), grid("2,4,8")
    assert more.grown_from(few) and few.grown_from(few)
    assert not few.grown_from(more) and not grid("2,8").grown_from(few)
    assert not grid("2,4,8", screen=False).grown_from(few)
    assert not made().grown_from(made(seed=1))
    old = [
        Trial(n, 0, n, cell, [], {}, "waiting", None, None, {}, None)
        for n, cell in enumerate(few.space.cells())
    ]
    base = more.recipe
    asked = ask(Question(base, more.space, more.goal, "grid", 0, old, {}), 9).proposals
    assert [one.params for one in asked] == [
        {"model.latent": "8", "seed": "0"},
        {"model.latent": "8", "seed": "1"},
    ]
