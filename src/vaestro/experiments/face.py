"""`vaestro.train(...)`: training from Python, with a recipe's name, a file or a Recipe."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from vaestro.data.arrays import from_array
from vaestro.data.dataset import DataSet
from vaestro.data.streamlines.streamlines import from_lines, is_ragged_lines
from vaestro.experiments import train as training
from vaestro.experiments.circumstances import Circumstances
from vaestro.experiments.guests import copied, naming
from vaestro.experiments.recipe import Recipe
from vaestro.experiments.requested_recipe import chosen
from vaestro.experiments.run import Run, load
from vaestro.experiments.watch import Display, Quiet
from vaestro.foundation.edits import listed
from vaestro.foundation.errors import DataError, DivergedError, RunFolderError
from vaestro.models.build import Guests
from vaestro.reports.page import write_report
from vaestro.runs.folder import as_folder, next_free


def train(
    recipe: str | Path | Recipe | None = None,
    *,
    data: Any = None,
    labels: Any = None,
    covariates: Any = None,
    run: str | Path | None = None,
    set: Sequence[str] | None = (),
    seed: int | None = None,
    display: Display | None = None,
    report: bool = True,
    encoder: nn.Module | None = None,
    decoder: nn.Module | None = None,
    resume: bool = False,
) -> Run:
    """Train a recipe and return the Run.

    `recipe`: a built-in name, a file or a Recipe; digits when left out, and with `data` the recipe
    for that kind of data. `data` stands in for the recipe's: the path of a file or folder, an
    array, DataFrame, tensor or torch data set of N samples, or a list of streamlines (points, 3);
    with `labels` (N,) and `covariates` (name -> (N,)) if any. `set` are `field.path=value` edits;
    `run` is the folder (runs/NAME-001 and up when left out). `encoder` and `decoder` are torch
    modules in the place of the recipe's networks: a copy of each is trained, and `load` needs
    modules of the same shapes to put the weights into (model.encoder={kind: given, frozen: true}
    keeps the weights; gives: posterior is for an encoder with its own mean and raw scale). `resume`
    goes on with the run in `run`, its own recipe when `recipe` is left out. Raises UserError for a
    mistake, before anything is written, and DivergedError when the loss became non-finite.
    """
    guests = copied(encoder, decoder)
    if resume:
        if data is not None:
            raise DataError("a resumed run has its data; leave data=... out")
        return _resumed(recipe, run, _edits(set, seed), display or Quiet(), report, guests)
    path = Path(data) if isinstance(data, (str, Path)) else None
    if path is not None or data is None:
        _refuse_companions(labels=labels, covariates=covariates)
        given = None
    else:
        given = _taken(data, labels, covariates)
    source = path if given is None else given
    asked = naming(chosen(recipe, source, _edits(set, seed)), guests)
    root = as_folder(run) if run is not None else next_free(Path("runs"), asked.name)
    shown, circumstances = display or Quiet(), Circumstances(guests)
    return _done(training.start(asked, root, shown, given, circumstances), report, guests)


def _resumed(
    recipe: str | Path | Recipe | None,
    run: str | Path | None,
    edits: list[str],
    display: Display,
    report: bool,
    guests: Guests,
) -> Run:
    """The run in the folder `run`, trained to its end."""
    if run is None:
        raise RunFolderError("resume=True needs run=...: the folder of the run to go on with")

    def wanted(stored: Recipe) -> Recipe:
        return naming(chosen(stored if recipe is None else recipe, None, edits), guests)

    return _done(
        training.resume(as_folder(run), wanted, display, Circumstances(guests)), report, guests
    )


def _done(summary: dict[str, Any], report: bool, guests: Guests) -> Run:
    """The run that `summary` is about, loaded, once its report is written."""
    if report:
        write_report(Path(summary["run"]))
    if summary["status"] == "diverged":
        raise DivergedError(summary["sentence"])
    return load(summary["run"], guests.encoder, guests.decoder)


def _edits(given: Sequence[str] | None, seed: int | None) -> list[str]:
    """The edits, that of the seed last. Raises RecipeError for what is no text."""
    return [*listed(given), *([] if seed is None else [f"seed={seed}"])]


def _taken(data: Any, labels: Any, covariates: Any) -> DataSet:
    """The data set of what a Python user holds."""
    if is_ragged_lines(data):
        return from_lines(data, labels=labels, covariates=covariates)
    return from_array(data, labels, covariates=covariates)


def _refuse_companions(**companions: Any) -> None:
    """Labels and covariates belong to samples that are given beside them."""
    for name, value in companions.items():
        if value is not None:
            raise DataError(
                f"{name} were given without data; give data=..., or a file's own with "
                f"{'data.labels_key' if name == 'labels' else 'data.covariate_keys'} in the recipe"
            )
