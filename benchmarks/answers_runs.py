"""One short run as a row of a table."""

import json
import shutil
from pathlib import Path
from typing import Any

from vaestro.experiments.forecasting.face import forecast
from vaestro.experiments.recipe import Recipe, read_recipe
from vaestro.experiments.train import start
from vaestro.experiments.watch import Quiet

ONE_THREAD = "training.threads=1"


def recipe_of(name: str, *edits: str) -> Recipe:
    """A built-in recipe with edits, on one thread."""
    return read_recipe(name, [ONE_THREAD, *edits])


def trained(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """What was forecast of the run, its verdict and its figures: nats per sample; rms: the root of
    the mean squared error of an element, natural units, on training and on held-out samples."""
    root = folder / "run"
    shutil.rmtree(root, ignore_errors=True)
    summary = start(recipe, root, Quiet())
    train, held = summary["train"], summary["validation"]
    return {
        "forecast": foretold(json.loads((root / "forecast.json").read_text())),
        "verdict": summary["verdict"],
        "live": held["live_dimensions"],
        "data_term": rounded(held["data_term"]),
        "prior_term": rounded(held["prior_term"]),
        "rms_train": rounded(train["mse"] ** 0.5),
        "rms_held_out": rounded(held["mse"] ** 0.5),
        "effective_beta": rounded(summary["effective_beta"]),
    }


def foretold(told: dict[str, Any]) -> dict[str, Any]:
    """What of a forecast.json answers: eigenvalues relative to the effective beta."""
    held_out = told["eigenvalues_held_out"] or [None]
    return {
        "verdict": told["verdict"],
        "effective_beta": rounded(told["effective_beta"]),
        "largest_eigenvalue": rounded(told["eigenvalues"][0]),
        "held_out": rounded(held_out[0]),
        "live": told["live_dimensions"],
        "largest_beta_one_lives": rounded(told["largest_beta_one_lives"]),
        "largest_beta_half_live": rounded(told["largest_beta_half_live"]),
    }


def forecast_row(recipe: Recipe) -> dict[str, Any]:
    """The same of a recipe that is not trained."""
    return foretold(forecast(recipe).as_json())


def rounded(value: float | None, digits: int = 4) -> float | None:
    """`value` to so many significant digits."""
    return None if value is None else float(f"{value:.{digits}g}")
