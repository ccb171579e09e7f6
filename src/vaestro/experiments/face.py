"""`vaestro.train(...)`: training from Python, with a recipe's name, a file or a Recipe."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vaestro.data.arrays import from_array
from vaestro.experiments import train as training
from vaestro.experiments.recipe import Recipe, apply, read_recipe
from vaestro.experiments.run import Run, load
from vaestro.foundation.errors import DataError, DivergedError
from vaestro.reports.page import write_report
from vaestro.runs.folder import next_free


class Quiet:
    """A display that shows nothing."""

    def started(self, assembly: object, step: int) -> None:
        """Nothing."""

    def stepped(self, step: int) -> None:
        """Nothing."""

    def recorded(self, record: dict[str, Any]) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""


def train(
    recipe: str | Path | Recipe = "digits",
    *,
    data: Any = None,
    labels: Any = None,
    run: str | Path | None = None,
    set: Sequence[str] = (),
    seed: int | None = None,
    display: Any = None,
    report: bool = True,
) -> Run:
    """Train a recipe and return the Run.

    `data` (an array, DataFrame, tensor or torch data set of N samples) stands in for the recipe's
    data, with `labels` (N,) if any; `set` are `field.path=value` edits; `run` is the folder
    (runs/NAME-001 and up when left out). Raises UserError for a mistake, before anything is
    written, and DivergedError when the loss became non-finite.
    """
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    edits = [*set, *([] if seed is None else [f"seed={seed}"])]
    chosen = apply(chosen, edits) if edits else chosen
    if labels is not None and data is None:
        raise DataError(
            "labels were given without data; give data=..., or labels_key in the recipe"
        )
    given = None if data is None else from_array(data, labels)
    root = Path(run) if run is not None else next_free(Path("runs"), chosen.name)
    summary = training.start(chosen, root, display or Quiet(), given)
    if report:
        write_report(root)
    if summary["status"] == "diverged":
        raise DivergedError(summary["sentence"])
    return load(root)
