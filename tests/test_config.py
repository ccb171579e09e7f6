"""Configuration: what is refused, and the one line that says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import small_recipe
from vaestro.experiments.recipe import Recipe, apply, built_in, read_recipe
from vaestro.foundation.config import differences, leaves
from vaestro.foundation.edits import edited
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.yaml_text import read_yaml


@pytest.mark.parametrize("name", built_in())
def test_built_in_recipes_survive_a_round_trip(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.name == name
    assert Recipe.parse(read_yaml(recipe.to_yaml(), name)) == recipe


@given(
    st.integers(1, 64),
    st.floats(1e-12, 1e12, allow_nan=False),
    st.sampled_from(["sum", "mean", "mean-both", "mean-batch-sum"]),
    st.lists(st.integers(1, 999), max_size=4),
)
def test_any_recipe_survives_a_round_trip(
    latent: int, beta: float, reduction: str, widths: list[int]
) -> None:
    recipe = small_recipe(
        model={"latent": latent, "encoder": {"kind": "dense", "widths": widths}},
        objective={"beta": beta, "reduction": reduction},
    )
    assert Recipe.parse(read_yaml(recipe.to_yaml(), "here")) == recipe


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 1e-3), ("1E5", 1e5), ("-2.5e3", -2500.0), ("3", 3), (".5", 0.5), ("abc", "abc")],
)
def test_numbers_in_yaml(text: str, value: object) -> None:
    assert read_yaml(text, "here") == value


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("objective.bta=3", r"unknown field objective\.bta: did you mean beta\?"),
        ("objectiv.beta=3", r"unknown field objectiv: did you mean objective\?"),
        ("objective.beta=-1", r"objective\.beta is -1; legal: greater than or equal to 0"),
        ("objective.reduction=avg", r"objective\.reduction is 'avg'; legal: 'sum', 'mean'"),
        ("model.likelihood=bernouli", r"model\.likelihood\.kind is 'bernouli'; did you mean"),
        ("model.latent=0", r"model\.latent is 0"),
        ("model.latent=two", r"model\.latent is 'two'; legal: a valid integer"),
        ("training.learning_rate=.nan", r"training\.learning_rate is nan; legal: a finite number"),
        ("training.device=gpu", r"training\.device is 'gpu'"),
        ("training.early_stopping=no", r"early_stopping is False; legal: a mapping of margin, mon"),
        ("seed", r"not of the form field\.path=value"),
        ("seed={", r"is not valid YAML"),
        ("seed.more=3", r"seed is 0 and has no fields"),
    ],
)
def test_one_clear_line(edit: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        apply(small_recipe(), [edit])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "edit", ["model.latent=true", "training.clip_norm=false", "training.epochs=true", "seed=true"]
)
def test_truth_is_no_number(edit: str) -> None:
    name, _, value = edit.rpartition(".")[2].partition("=")
    with pytest.raises(RecipeError, match=rf"{name} is {value}; legal: a number"):
        apply(read_recipe("digits"), [edit])
    assert apply(read_recipe("digits"), ["training.channels_last=true"]).training.channels_last


def test_a_negative_variance_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"model\.likelihood\.variance\.value is -1"):
        apply(
            small_recipe(),
            ["model.likelihood=gaussian", "model.likelihood.variance.value=-1"],
        )


def test_a_new_kind_drops_the_old_kinds_fields() -> None:
    recipe = apply(small_recipe(), ["objective.beta=linear", "objective.beta.end=3"])
    assert recipe.objective.beta.plain()["end"] == 3
    back = apply(recipe, ["objective.beta.kind=constant", "objective.beta.value=2"])
    assert back.objective.beta.plain() == {"kind": "constant", "value": 2.0}


def test_lists_may_be_written_with_commas() -> None:
    recipe = apply(small_recipe(), ["model.encoder.widths=8,9", "model.decoder.widths=7"])
    assert recipe.model.encoder.plain()["widths"] == [8, 9]
    assert recipe.model.decoder.plain()["widths"] == [7]


def test_unknown_recipes_name_their_neighbours(tmp_path: object) -> None:
    with pytest.raises(RecipeError, match="did you mean digits"):
        read_recipe("digitz")
    with pytest.raises(RecipeError, match="no recipe file"):
        read_recipe("somewhere/else.yaml")


def test_a_recipe_file_that_is_no_mapping(tmp_path: object) -> None:
    path = tmp_path / "list.yaml"  # type: ignore[operator]
    path.write_text("- 1\n- 2\n")
    with pytest.raises(RecipeError, match="mapping of fields"):
        read_recipe(path)


def test_recipes_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        small_recipe().seed = 3  # type: ignore[misc]


def test_differences_name_paths() -> None:
    one, two = small_recipe(), apply(small_recipe(), ["seed=1", "model.latent=9"])
    assert differences(one.plain(), two.plain()) == ["model.latent", "seed"]
    assert "model.encoder.widths" in set(dict(leaves(one.plain())))


def test_editing_leaves_the_original_alone() -> None:
    values = small_recipe().plain()
    before = str(values)
    edited(values, ("model.encoder.widths=3", "seed=9"))
    assert str(values) == before


def test_a_part_of_another_kind_takes_its_fields_one_by_one() -> None:
    """Some fields of a kind have no default: nothing is legal until all of them are given."""
    recipe = apply(
        read_recipe("digits"),
        [
            "model.condition.kind=covariates",
            "model.condition.names=length",
            "model.condition.into=decoder",
        ],
    )
    assert recipe.model.condition.plain()["into"] == "decoder"
    with pytest.raises(
        RecipeError, match=r"unknown field model\.condition\.inot: did you mean into"
    ):
        apply(
            read_recipe("digits"),
            [
                "model.condition.kind=covariates",
                "model.condition.names=a",
                "model.condition.inot=b",
            ],
        )


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        ("model.condition=covariates", "model.condition.names"),
        ("model.condition.kind=covariates", "model.condition.names"),
        ("model.prior=regression", "model.prior.covariate"),
        ("transform=pca", "transform.components"),
    ],
)
def test_a_kind_alone_is_told_which_of_its_fields_is_missing(edit: str, field: str) -> None:
    with pytest.raises(RecipeError) as caught:
        apply(read_recipe("digits"), [edit])
    assert str(caught.value).startswith(f"{field} is missing; give it in the recipe or as --set ")


TWO_LAYERS = {"kind": "layers", "layers": [{"dense": 9}, {"dense": 7}]}


def listed() -> Recipe:
    return small_recipe(model={"encoder": TWO_LAYERS})


def test_an_edit_reaches_into_a_list() -> None:
    before = listed()
    recipe = apply(before, ["model.encoder.layers.1.width=5"])
    widths = [layer["width"] for layer in recipe.model.encoder.plain()["layers"]]
    assert widths == [9, 5]
    assert [layer["width"] for layer in before.model.encoder.plain()["layers"]] == [9, 7]
    widths = apply(small_recipe(), ["model.encoder.widths.0=5"]).model.encoder.plain()["widths"]
    assert widths == [5]


def test_a_kind_in_a_list_may_be_changed() -> None:
    recipe = apply(
        listed(),
        ["model.encoder.layers.0.kind=normalise", "model.encoder.layers.0.normalisation=group"],
    )
    one, two = recipe.model.encoder.plain()["layers"]
    assert one == {"kind": "normalise", "normalisation": "group"} and two["width"] == 7


def test_the_kind_stands_first_in_lists_too() -> None:
    assert [next(iter(one)) for one in listed().model.encoder.plain()["layers"]] == ["kind"] * 2


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("layers.2.width=5", r"no model\.encoder\.layers\.2: .*legal: 0 to 1$"),
        ("layers.-1.width=5", r"no model\.encoder\.layers\.-1: .*legal: 0 to 1$"),
        ("layers.first=5", r"no model\.encoder\.layers\.first: .*legal: 0 to 1$"),
        ("layers.0.wdth=5", r"unknown field model\.encoder\.layers\.0\.wdth: did you mean width\?"),
        ("layers.1.width=0", r"model\.encoder\.layers\.1\.width is 0; legal: greater than"),
        ("layers.0.width.0=3", r"model\.encoder\.layers\.0\.width is 9 and has no fields"),
        ("layers=3", r"model\.encoder\.layers is 3; legal: "),
    ],
)
def test_one_clear_line_about_a_list(edit: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        apply(listed(), [f"model.encoder.{edit}"])
    assert "\n" not in str(caught.value)


def test_an_empty_list_has_no_places() -> None:
    with pytest.raises(RecipeError, match="legal: none, the list is empty"):
        edited({"names": []}, ("names.0=a",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1\nseed: 2", "the field 'seed' stands twice"),
        ("model: {latent: 3, latent: 4}", "the field 'latent' stands twice"),
        ("a: " + "[" * 3000, "its parts lie too deep in one another"),
        ("? [a, b]\n: 3", "found unhashable key"),
    ],
)
def test_yaml_that_would_be_misread(text: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_yaml(text, "mine.yaml")
    assert str(caught.value).startswith("mine.yaml is not valid YAML: ")
    assert message in str(caught.value)
    merged = read_yaml("a: &a {x: 1}\nb: {<<: *a, x: 2}", "mine.yaml")
    assert merged["b"] == {"x": 2}  # a merged field may be given again


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"data": {"kind": "pictures", "size": 0}}, "data.size is 0; legal: a list or greater"),
        ({"data": {"kind": "pictures", "size": [1, 2, 3]}}, "data.size is [1, 2, 3]; legal: "),
        ({"data": None}, "data is None; legal: digits, toys, "),
        (
            {"data": "digits", "model": {"encoder": {"kind": "dense", "widths": [8, 0]}}},
            "model.encoder.widths.1 is 0; legal: greater than or equal to 1",
        ),
        ({"data": "digits", "objective": {"beta": float("inf")}}, "objective.beta is inf; legal: "),
    ],
)
def test_what_is_legal_where_several_things_are(values: object, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.parse(values)
    assert str(caught.value).startswith(message)
