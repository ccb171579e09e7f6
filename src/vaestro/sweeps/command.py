"""The commands with which a sweep goes on, and with which its best trial does."""

import shlex
from pathlib import Path

from vaestro.experiments.recipe import Recipe

MORE = 3
"""The best trial is trained for so many times the sweep's epochs."""


def going_on(root: Path, trials: int | None) -> str:
    """What goes on with the sweep in `root`, until it has so many trials where that is said."""
    words = ["vaestro", "sweep", "--out", str(root)]
    return shlex.join(words if trials is None else [*words, "--trials", str(trials)])


def longer(recipe: Recipe, path: Path) -> str:
    """What trains the recipe in the file `path` for more epochs than the sweep did."""
    edit = f"training.epochs={MORE * recipe.training.epochs}"
    return shlex.join(["vaestro", "train", str(path), "--set", edit])
