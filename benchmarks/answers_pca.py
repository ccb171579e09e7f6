"""Log 003: principal components of views of toys, and VAEs of them.

N views, D pixels, n components. The views are drawn after small NORB: 1,890 of seven objects a
category to learn from, 540 of two others held out.
"""

from pathlib import Path
from typing import Any

import numpy as np

from answers_runs import forecast_row, recipe_of, rounded, trained
from vaestro.data.source import load_data
from vaestro.data.split import split

COUNTS = (100, 500, 1000)
GREYS = 255
NOISE = 0.5
"""A sum of squared errors is a Gaussian of this variance, up to constants."""
SHOWN = (0, 5, 10, 20, 50, 100)


def _views() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N, D) training and held-out views in [0, 1] about the training mean, and the (n, D)
    principal directions, the strongest first."""
    recipe = recipe_of("norb-pca-small")
    data = load_data(recipe.data)
    parts = split(data, recipe.split)
    x = np.asarray(data.values[:]).reshape(len(data.values), -1).astype(np.float32) / GREYS
    mean = x[parts.train].mean(0)
    train, held = x[parts.train] - mean, x[parts.validation] - mean
    values, sides = np.linalg.eigh((train @ train.T).astype(np.float64))
    order = np.argsort(values)[::-1][: max(COUNTS)]
    directions = (train.T @ sides[:, order]) / np.sqrt(values[order])
    return train, held, directions.T.astype(np.float32)


def components(_folder: Path, _mnist: Path | None) -> dict[str, Any]:
    """Is 500 components an alright number?"""
    train, held, directions = _views()
    variances = (train @ directions.T).var(0)
    rows = []
    for count in COUNTS:
        chosen = directions[:count]
        left = {}
        for name, x in (("train", train), ("held_out", held)):
            rest = x - (x @ chosen.T) @ chosen
            left[f"left_{name}"] = rounded(float((rest**2).sum() / (x**2).sum()))
            left[f"rms_greys_{name}"] = rounded(GREYS * float((rest**2).mean()) ** 0.5)
        rows.append({"components": count, **left})
    return {
        "rows": rows,
        "above_half": int((variances > NOISE).sum()),
        "largest_variances": [rounded(float(v)) for v in variances[:3]],
        "forecast": forecast_row(recipe_of("norb-pca-small")),
    }


def tanh(_folder: Path, _mnist: Path | None) -> dict[str, Any]:
    """Would a tanh behind the last layer make sense on components?"""
    train, _, directions = _views()
    z = train @ directions[:500].T
    beyond = np.clip(np.abs(z) - 1, 0, None)
    return {
        "rows": [
            {
                "component": number + 1,
                "std": rounded(float(z[:, number].std())),
                "largest": rounded(float(np.abs(z[:, number]).max())),
                "outside": rounded(float((np.abs(z[:, number]) > 1).mean())),
            }
            for number in SHOWN
        ],
        "components_that_exceed_1": int((np.abs(z).max(0) > 1).sum()),
        "variance_out_of_reach": rounded(float((beyond**2).sum() / (z**2).sum())),
    }


ADAM = "training={epochs: 30, batch_size: 100, threads: 1}"
RMSPROP = "training.optimiser={kind: rmsprop, smoothing: %s}"
"""0.9 is Keras' default, which the log used, 0.99 torch's."""

FITTED = {
    "fixed 1/2": ("norb-pca-tiny", ADAM),
    "one for all": ("norb-pca-tiny", ADAM, "model.likelihood.variance=optimal"),
    "fitted": ("norb-pca-fitted-tiny", ADAM),
    "fitted, beta 1/4": ("norb-pca-fitted-tiny", ADAM, "objective.beta.end=0.25"),
    "fitted, RMSprop 0.9": ("norb-pca-fitted-tiny", ADAM, RMSPROP % 0.9),
    "fitted, RMSprop 0.99": ("norb-pca-fitted-tiny", ADAM, RMSPROP % 0.99),
}


def fitted(folder: Path, _mnist: Path | None) -> dict[str, Any]:
    """Why does fitting the variance give worse results?"""
    return {"rows": _rows(FITTED, folder)}


LONG = ADAM.replace("30", "120")
CAPACITY = {
    "1 x 2048, 128 latents": ("norb-pca-small", ADAM),
    "4 x 512, 128 latents": ("norb-pca-deep", ADAM),
    "5 x 1024, 512 latents": ("norb-pca-large", ADAM),
    "1 x 2048, 128 latents, four times the epochs": ("norb-pca-small", LONG),
}


def capacity(folder: Path, _mnist: Path | None) -> dict[str, Any]:
    """Would more capacity, or more epochs, have helped?"""
    return {"rows": _rows(CAPACITY, folder)}


def _rows(table: dict[str, tuple[str, ...]], folder: Path) -> list[dict[str, Any]]:
    return [{"name": name, **trained(recipe_of(*given), folder)} for name, given in table.items()]
