"""The README's code blocks do what they say."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from vaestro.cli.main import COMMANDS
from vaestro.experiments.recipe import Recipe
from vaestro.foundation.config import read_yaml

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def commands() -> list[list[str]]:
    """Every vaestro command of the README, in order."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    split = [shlex.split(line.partition("#")[0]) for line in lines]
    return [words for words in split if words[:1] == ["vaestro"]]


def test_the_recipe_is_legal() -> None:
    (text,) = blocks("yaml")
    recipe = Recipe.parse(read_yaml(text, "README"))
    assert recipe.name == "mine"


def test_the_python_block_runs(tmp_path: Path) -> None:
    (text,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "The run is healthy" in done.stdout


def test_every_kind_is_named() -> None:
    for line in ("bernoulli", "geco", "mean-batch-sum", "standardise", "discretised-logistic"):
        assert line in README


def test_every_command_exists() -> None:
    assert {words[1] for words in commands()} <= {*COMMANDS, "data"}


def test_links_lead_somewhere() -> None:
    for text in (README, (ROOT / "CONTRIBUTING.md").read_text()):
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert target.startswith("http") or (ROOT / target).exists(), target


@pytest.mark.slow
def test_the_tour_runs(tmp_path: Path, real_data: Path) -> None:
    import numpy as np

    np.save(tmp_path / "mine.npy", np.random.default_rng(0).random((400, 6)))
    for words in commands():
        given = [str(real_data / "mnist") if w == "path/to/mnist" else w for w in words[1:]]
        given = [w.replace("path/to/mnist", str(real_data / "mnist")) for w in given]
        done = subprocess.run(
            [sys.executable, "-m", "vaestro", *given], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, (words, done.stderr)
    for name in ("samples.png", "pairs.png", "traversal.png", "latents.npz", "back.npz"):
        assert (tmp_path / name).stat().st_size > 0
    for run in ("mine", "mnist", "own"):
        assert (tmp_path / "runs" / run / "report.html").stat().st_size > 10_000
