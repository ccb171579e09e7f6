"""Which members a population has, from the command line and from a file, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import small_recipe
from vaestro.experiments.population.alike import BY_ROW, data_of, kind_of
from vaestro.experiments.population.variations import crossed, listed, recipes
from vaestro.experiments.recipe import apply
from vaestro.foundation.config import leaves
from vaestro.foundation.errors import RecipeError


def test_values_are_crossed_and_seeds_come_last() -> None:
    made = crossed(["objective.beta=1,2", "model.latent=3,4"], 2)
    assert len(made) == 8
    assert made[0] == ("objective.beta=1", "model.latent=3", "seed=0")
    assert made[-1] == ("objective.beta=2", "model.latent=4", "seed=1")
    assert crossed([], 3) == [("seed=0",), ("seed=1",), ("seed=2",)]
    assert crossed([], None) == [()]


def test_commas_inside_brackets_and_quotes_belong_to_a_value() -> None:
    made = crossed(["objective.beta={kind: linear, end: 2},1", "name='a,b',c"], None)
    assert [one[0] for one in made[::2]] == [
        "objective.beta={kind: linear, end: 2}",
        "objective.beta=1",
    ]
    assert made[0][1] == "name='a,b'"


@pytest.mark.parametrize("text", ["objective.beta", "=1,2", "objective.beta="])
def test_what_is_no_field_with_values_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="--vary"):
        crossed([text], None)


def test_too_few_seeds_and_too_many_members_are_refused() -> None:
    with pytest.raises(RecipeError, match="--seeds 0"):
        crossed([], 0)
    with pytest.raises(RecipeError, match=r"10,001 members; at most 10,000"):
        crossed([], 10_001)


def test_a_file_lists_members_as_mappings_or_texts(tmp_path: Path) -> None:
    path = tmp_path / "members.yaml"
    path.write_text(
        "- {objective.beta: 2, training.clip_norm: null}\n"
        "- [objective.reduction=mean, seed=4]\n"
        "- objective.beta: {kind: linear, end: 3}\n"
    )
    made = recipes(small_recipe(), listed(path))
    assert [recipe.seed for recipe in made] == [0, 4, 0]
    assert made[0].objective.beta.final == 2  # type: ignore[union-attr]
    assert made[1].objective.reduction == "mean"  # type: ignore[union-attr]
    assert made[2].objective.beta.final == 3  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["{}", "[]", "- 3", "beta: 1", "- [1, 2]"])
def test_a_file_that_lists_no_members_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "members.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=r"members\.yaml"):
        listed(path)
    with pytest.raises(RecipeError, match="cannot be read"):
        listed(tmp_path / "absent.yaml")


def test_only_numbers_that_become_rows_may_differ_in_a_stack() -> None:
    """Every other field of a recipe puts a member into another stack."""
    plain = small_recipe(model={"likelihood": {"kind": "gaussian", "variance": 0.3}})
    same = kind_of(plain)
    for edit in ("seed=9", "objective.beta=3", "model.likelihood.variance.value=0.7"):
        assert kind_of(apply(plain, [edit])) == same
    for edit in (
        "model.latent=5",
        "training.batch_size=17",
        "objective.free_bits=0.1",
        "objective.beta=capacity",
        "training.ema=0.9",
        "model.encoder.dropout=0.1",
        "split.seed=1",
        "training.precision=fp64",
        "training.optimiser=rmsprop",
        "model.likelihood.variance=shared",
    ):
        assert kind_of(apply(plain, [edit])) != same, edit
    known = {path for path, _ in leaves(plain.plain())} | {"training.optimiser.smoothing"}
    known |= {"training.optimiser.momentum"}
    for path in BY_ROW:
        assert any(leaf == path or leaf.startswith(f"{path}.") for leaf in known), path


def test_members_share_data_unless_they_see_other_samples() -> None:
    plain = small_recipe()
    assert data_of(plain) == data_of(apply(plain, ["seed=3", "model.latent=7"]))
    assert data_of(plain) != data_of(apply(plain, ["split.seed=3"]))
    turned = apply(plain, ["augmentation=symmetries"])
    assert data_of(turned) != data_of(apply(turned, ["seed=3"]))


def vaestro(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vaestro", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_the_command_trains_resumes_and_refuses_in_one_line(tmp_path: Path) -> None:
    small = [
        "--set=training.epochs=1",
        "--set=model.encoder.widths=[8]",
        "--set=model.decoder.widths=[8]",
    ]
    vary = "--vary=objective.beta.end=1,2"
    done = vaestro(
        "train", "digits", vary, "--run=p", "--width=2", "--json", *small, folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [row["set"] for row in told["members"]] == [
        ["objective.beta.end=1"],
        ["objective.beta.end=2"],
    ]
    assert "2 at once, as asked." in done.stderr
    again = vaestro("train", "--resume", "--run=p", "--json", folder=tmp_path)
    assert again.returncode == 0 and json.loads(again.stdout)["members"] == told["members"]
    for words in (
        ("train", "digits", "--vary=objective.beta.end=1,-2", "--run=q"),
        ("train", "digits", "--seeds=2", "--run=p"),
        ("train", "digits", "--resume", "--run=p"),
        ("train", "--population=absent.yaml", "--run=q"),
        ("evaluate", "p"),
        ("train", "digits", "--width=2", "--run=q"),
    ):
        refused = vaestro(*words, folder=tmp_path)
        assert refused.returncode == 2, words
        assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr
    assert not (tmp_path / "q").exists()
