"""`vaestro.forecast(...)`: what a recipe, or data alone, would do when trained.

Shape letters: N samples.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaestro.data.arrays import from_array
from vaestro.data.dataset import DataSet
from vaestro.data.streamlines.streamlines import from_lines, is_ragged_lines
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.default_recipe import recipe_for
from vaestro.experiments.forecasting.forecast import forecast_assembly
from vaestro.experiments.recipe import Recipe, apply, read_recipe
from vaestro.foundation.edits import listed
from vaestro.foundation.errors import RecipeError
from vaestro.health.forecast.forecast import Forecast
from vaestro.training import plan as planning


def forecast(
    subject: Any = None,
    *,
    data: Any = None,
    labels: Any = None,
    covariates: Any = None,
    likelihood: str | dict[str, Any] | None = None,
    variance: Any = None,
    beta: Any = None,
    latent: int | None = None,
    reduction: str | None = None,
    set: Sequence[str] | None = (),
    probe: bool = False,
    timed: bool = False,
) -> Forecast:
    """What training would do, before the first step: `Forecast.verdict`, `.sentence`, `.reasons`.

    `subject` is a recipe (a built-in name, a YAML path, a Recipe), on `data` in place of its own
    where those are given; or the data alone: an array, DataFrame, tensor or torch data set of N
    samples, or a list of streamlines, all of which are looked at as they are, with a plain recipe.
    `likelihood` (a name, or its fields), `variance` (a Gaussian's), `beta` (a number, or a
    schedule's fields), `latent` and `reduction` stand in for the recipe's; `set` are further
    `field.path=value` edits. `probe`: a copy of the run takes its first steps for some seconds, to
    measure whether its code escapes collapse in time; `timed`: some of a recipe's steps are timed,
    for `Forecast.cost`. Raises UserError in one line for a mistake.
    """
    named = isinstance(subject, str | Path | Recipe)
    changes = _changes(likelihood, variance, beta, latent, reduction)
    if named:
        recipe = subject if isinstance(subject, Recipe) else read_recipe(subject)
        held = None if data is None else _taken(data, labels, covariates)
        return _forecast(_changed(recipe, changes, set), held, probe=probe, timed=timed)
    if subject is None or data is not None:
        raise RecipeError(
            "forecast needs a recipe's name, a recipe file, or samples as its first argument; "
            "data=... stands in for a recipe's own data"
        )
    held = _taken(subject, labels, covariates)
    return _forecast(_changed(_plain(held), changes, set), held, whole=True, probe=probe)


def _forecast(
    recipe: Recipe,
    data: DataSet | None,
    whole: bool = False,
    probe: bool = False,
    timed: bool = False,
) -> Forecast:
    """`whole`: every sample is looked at, not the training split alone."""
    assembly = assemble(recipe, planning.choose(recipe.training), data)
    try:
        assembly = _on_everything(assembly) if whole else assembly
        return forecast_assembly(assembly, "full" if probe else "none", timed)[1]
    finally:
        assembly.stream.close()


def _on_everything(assembly: Assembly) -> Assembly:
    material = assembly.material
    samples = material.samples["train"]
    everything = replace(
        samples, index=torch.arange(len(samples.store), device=samples.index.device)
    )
    together = replace(material, samples={**material.samples, "train": everything})
    return replace(assembly, material=together)


def _taken(data: Any, labels: Any, covariates: Any) -> DataSet:
    if is_ragged_lines(data):
        return from_lines(data, labels=labels, covariates=covariates)
    return from_array(data, labels, covariates=covariates)


def _plain(data: DataSet) -> Recipe:
    """The recipe for data alone: no transform, networks too small to cost time, one batch size."""
    usual = read_recipe(recipe_for(data))
    batch_size = max(1, min(100, len(data.values) // 4))
    return Recipe.parse(
        {
            "name": "data",
            "data": usual.data.plain(),
            "split": {"validation": 0.2, "test": 0.0},
            "model": {
                "latent": usual.model.latent,
                "encoder": {"kind": "dense", "widths": [4]},
                "decoder": {"kind": "dense", "widths": [4]},
                "likelihood": {"kind": "gaussian"},
            },
            "training": {"batch_size": batch_size},
        }
    )


def _changes(
    likelihood: Any, variance: Any, beta: Any, latent: int | None, reduction: str | None
) -> list[tuple[str, Any]]:
    """(field, value) of the arguments that were given, in the order in which they apply."""
    given = [
        ("model.likelihood", likelihood),
        ("model.likelihood.variance", variance),
        ("objective.beta", beta),
        ("model.latent", latent),
        ("objective.reduction", reduction),
    ]
    return [(field, value) for field, value in given if value is not None]


def _changed(recipe: Recipe, changes: list[tuple[str, Any]], edits: Sequence[str] | None) -> Recipe:
    assignments = [f"{field}={write_value(value)}" for field, value in changes]
    every = [*assignments, *listed(edits)]
    return apply(recipe, every) if every else recipe


def write_value(value: Any) -> str:
    """A Python value as the YAML that `--set` reads: JSON is such."""
    try:
        return json.dumps(value.plain() if hasattr(value, "plain") else value, default=_number)
    except TypeError:
        raise RecipeError(
            f"{value!r} is no value of a recipe; give a number, a name, or a mapping of fields"
        ) from None


def _number(value: Any) -> Any:
    """A number of NumPy's as Python's, for JSON. Raises TypeError for anything else."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(value)
