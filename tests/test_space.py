"""Axes, spaces, limits: what may be varied, and what is refused before the first trial."""

from pathlib import Path

import pytest

from tests.conftest import small_recipe
from vaestro.experiments.recipe import Recipe, read_recipe
from vaestro.foundation.errors import RecipeError
from vaestro.sweeps.axis import ChoiceAxis, RangeAxis, axis_of
from vaestro.sweeps.limit import Limit, number_at
from vaestro.sweeps.space import Space, space_of


def base() -> Recipe:
    return read_recipe("digits")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("log(1,16)", RangeAxis(field="a.b", low=1, high=16, log=True)),
        ("log(1, 16, 5)", RangeAxis(field="a.b", low=1, high=16, log=True, points=5)),
        ("range(-1,1e-3)", RangeAxis(field="a.b", low=-1, high=1e-3)),
        ("int(2,8)", RangeAxis(field="a.b", low=2, high=8, integer=True)),
        ("logint(8,512)", RangeAxis(field="a.b", low=8, high=512, log=True, integer=True)),
        ("1,2,4", ChoiceAxis(field="a.b", values=("1", "2", "4"))),
        ("[8,4],[16]", ChoiceAxis(field="a.b", values=("[8,4]", "[16]"))),
        ("'a,b',c", ChoiceAxis(field="a.b", values=("'a,b'", "c"))),
    ],
)
def test_an_axis_is_read_from_a_text(text: str, wanted: RangeAxis | ChoiceAxis) -> None:
    assert axis_of("a.b", text) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lgo(1,16)", "no range 'lgo'; did you mean log"),
        ("log(16,1)", "from 16 to 1 is empty"),
        ("log(0,1)", "must begin above 0"),
        ("int(1.5,3)", "give whole ends"),
        ("log(1)", "give the two ends"),
        ("log(1,x)", "give the two ends"),
        ("2,4,2", "has a value twice"),
        ("log(1,2,1)", "points is 1"),
    ],
)
def test_a_bad_axis_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said) as fault:
        axis_of("objective.beta", text)
    assert "\n" not in str(fault.value)


def test_the_grid_of_a_range_has_its_ends_and_even_steps() -> None:
    assert axis_of("b", "log(1,16,5)").grid() == (1.0, 2.0, 4.0, 8.0, 16.0)
    assert axis_of("b", "range(0,1,3)").grid() == (0.0, 0.5, 1.0)
    assert axis_of("b", "int(1,3,9)").grid() == (1, 2, 3)  # no number twice
    with pytest.raises(RecipeError, match=r"give it third: b=log\(1,16,5\)"):
        axis_of("b", "log(1,16)").grid()


def branching(tmp_path: Path) -> Space:
    file = tmp_path / "space.yaml"
    file.write_text(
        "objective.beta: log(1, 4, 2)\n"
        "model.encoder:\n"
        "  values:\n"
        "    - {kind: dense, widths: [32]}\n"
        "    - {kind: convolution}\n"
        "  branches:\n"
        "    '{kind: convolution}':\n"
        "      model.encoder.channels: [[4, 8], [8, 16]]\n"
    )
    return space_of([], file)


def test_a_branch_is_in_the_settings_that_choose_it(tmp_path: Path) -> None:
    space = branching(tmp_path)
    assert space.fields == ["objective.beta", "model.encoder", "model.encoder.channels"]
    cells = space.cells()
    assert len(cells) == 2 * (1 + 2)
    assert space.edits(cells[0]) == [
        "objective.beta=1.0",
        "model.encoder={kind: dense, widths: [32]}",
    ]
    assert space.edits(cells[2]) == [
        "objective.beta=1.0",
        "model.encoder={kind: convolution}",
        "model.encoder.channels=[8, 16]",
    ]
    channels = [space.recipe(base(), cell).model.encoder.plain().get("channels") for cell in cells]
    assert channels == [None, [4, 8], [8, 16]] * 2
    space.require_fitting(base())
    assert Space.parse(space.plain()) == space


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        (["objective.bta=1,2"], "the space reaches objective.bta=1.* did you mean beta"),
        (["objective.beta=1,-2"], "the space reaches objective.beta=-2, which is not legal"),
        (["model.latent=log(0.5,8)"], "the space reaches model.latent=0.5"),
        (["model.latent=range(2,8)"], "reaches model.latent=5.7082, .*whole numbers: int, logint"),
        (["training.log_steps=5,10"], "changes no figure of a run"),
        (["objective.beta=1,1.0"], "makes the same recipe"),
        (["objective.beta=1,2", "objective.beta=4,8"], "varied twice"),
        (["objective.beta"], "is not a field and its values"),
        ([], "a sweep needs a space"),
    ],
)
def test_a_space_that_does_not_fit_is_refused_in_one_line(vary: list[str], said: str) -> None:
    with pytest.raises(RecipeError, match=said) as fault:
        space_of(vary, None).require_fitting(base())
    assert "\n" not in str(fault.value)


def test_a_whole_number_alone_is_of_an_axis_of_whole_numbers() -> None:
    whole, any = axis_of("model.latent", "int(2,8)"), axis_of("objective.beta", "range(2,8)")
    assert whole.holds(4) and whole.holds(4.0) and not whole.holds(4.5) and not whole.holds(9)
    assert any.holds(4.5)


def test_choices_written_out_are_a_list() -> None:
    with pytest.raises(RecipeError, match="values are 3; legal: a list"):
        axis_of("objective.beta", {"values": 3})


def test_a_branch_of_no_value_is_refused() -> None:
    axis = {"values": ["a", "b"], "branches": {"c": {"model.latent": [1, 2]}}}
    with pytest.raises(RecipeError, match="has a branch for c, which is none of its values"):
        axis_of("objective.reduction", axis)


def test_limits_on_fields(tmp_path: Path) -> None:
    space = space_of(["objective.beta=1,2,4", "model.latent=2,4"], None, ["objective.beta>=2"])
    recipe = small_recipe()
    met = [space.meets(space.recipe(recipe, cell)) for cell in space.cells()]
    assert met == [False, False, True, True, True, True]
    between = space_of(["model.latent=2,4"], None, ["model.latent<=objective.beta"])
    two, four = (space.recipe(recipe, {"objective.beta": "3", "model.latent": v}) for v in "24")
    assert between.meets(two) and not between.meets(four)
    with pytest.raises(RecipeError, match=r"unknown field objective\.bta: did you mean"):
        space_of(["model.latent=2,4"], None, ["objective.bta>=1"]).require_fitting(recipe)
    with pytest.raises(RecipeError, match="is no limit; give a name"):
        Limit.read("beta > 1")


def test_a_limit_reads_constants_and_numbers() -> None:
    values = {"objective": {"beta": {"kind": "constant", "value": 2.0}}, "mse": 0.5, "on": True}
    assert number_at(values, "objective.beta") == 2.0
    assert number_at(values, "mse") == 0.5
    assert number_at(values, "on") is None and number_at(values, "none.such") is None
    assert Limit.read("mse<=0.2").excess(values) == pytest.approx(0.3)
    assert Limit.read("mse >= 0.2").excess(values) == pytest.approx(-0.3)
    assert str(Limit.read("mse >= 0.2")) == "mse>=0.2"
