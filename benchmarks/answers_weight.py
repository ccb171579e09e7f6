"""Logs 001, 002 and 004: what a variance, a last layer and a beta do."""

from pathlib import Path
from typing import Any

import numpy as np

from answers_networks import CHANNELS
from answers_runs import forecast_row, recipe_of, rounded, trained
from vaestro.data.source import load_data
from vaestro.experiments.forecasting.face import forecast
from vaestro.experiments.recipe import Recipe, apply

PAIRS = ((1.0, 1.0), (0.1, 1.0), (0.01, 1.0), (1.0, 0.01), (1.0, 10.0))
"""x_var and beta."""


def x_var(folder: Path, _mnist: Path | None) -> dict[str, Any]:
    """Does x_var 0.01 mean a beta of 10? On digits of 8 x 8 pixels."""
    plain = recipe_of("digits", "training.epochs=60", "training.early_stopping=null")
    return {"rows": [_weighted(plain, *pair, folder) for pair in PAIRS]}


def _weighted(plain: Recipe, variance: float, beta: float, folder: Path) -> dict[str, Any]:
    recipe = apply(plain, [f"model.likelihood.variance={variance}", f"objective.beta={beta}"])
    at_unit = rounded(variance * beta)
    row = {"x_var": variance, "beta": beta, "beta_at_unit_variance": at_unit}
    return row | trained(recipe, folder)


SEEDS = 6
THEIRS = "relu, started by torch"
"""What stands behind the last layer, "relu" or "none" of ours, or the log's decoder as it was."""


def _decoder(size: int, end: str) -> dict[str, Any]:
    """A dense layer and two transposed convolutions."""
    if end == THEIRS:
        return {"kind": "part", "name": "rectified"}
    step = {"kernel": 4, "stride": 2, "padding": 1}
    grid = [CHANNELS, size // 4, size // 4]
    layers = [
        {"dense": int(np.prod(grid))},
        {"grid": grid},
        {"transposed": {"channels": CHANNELS, **step}},
        {"transposed": step},
    ]
    return {"kind": "layers", "layers": layers, "output_activation": end}


def _recipe(base: dict[str, Any], size: int, end: str, rate: float, seed: int) -> Recipe:
    model = {
        "latent": 8,
        "encoder": {"kind": "dense", "widths": [64]},
        "decoder": _decoder(size, end),
        "posterior": {"kind": "gaussian", "scale": {"kind": "log-std"}},
        "likelihood": base["likelihood"],
    }
    training = {"epochs": base["epochs"], "batch_size": 64, "learning_rate": rate, "threads": 1}
    parts = {name: base[name] for name in ("name", "data", "split")}
    return Recipe.parse(parts | {"seed": seed, "model": model, "training": training})


def deaths(folder: Path, _mnist: Path | None) -> dict[str, Any]:
    """Why did runs die? White sprites on black, at Adam's usual rate and ten times it."""
    data = {"kind": "sprites", "size": 16, "scales": 3, "orientations": 4, "positions": 6}
    base = {"name": "sprites", "data": data, "split": {}, "epochs": 8, "likelihood": _fixed(0.1)}
    return {"rows": _dying(folder, base, 16, ("relu", "none"))}


def _fixed(variance: float) -> dict[str, Any]:
    return {"kind": "gaussian", "variance": variance}


def _dying(
    folder: Path, base: dict[str, Any], size: int, ends: tuple[str, ...]
) -> list[dict[str, Any]]:
    """How many of SEEDS runs end with a dead output, by what stands behind the last layer."""
    rows = []
    for rate in (1e-3, 1e-2):
        for end in ends:
            recipes = (_recipe(base, size, end, rate, seed) for seed in range(SEEDS))
            found = [trained(recipe, folder) for recipe in recipes]
            rows.append(
                {
                    "rate": rate,
                    "output": end,
                    "runs": SEEDS,
                    "dead": sum(row["verdict"] == "dead_output" for row in found),
                    "no_live": sum(row["live"] == 0 for row in found),
                    "worst_data_term": max(row["data_term"] for row in found),
                }
            )
    return rows


MEAN_SQUARES = ("model.likelihood.variance=0.5", "objective.reduction=mean")
"""Mean squared error plus beta times the KL, as logs 001 and 004 have it."""
SHORT = (
    "data={kind: bundles, streamlines: 600, points: 64}",
    "model.encoder.channels=[16, 32, 64, 128]",
    "model.decoder.channels=[16, 32, 64, 128]",
    "model.latent=8",
    "training.epochs=30",
)
SHARES = (2.0, 0.5, 0.1, 0.01, 0.001, 0.0001)
"""Betas as shares of the largest at which a dimension lives."""


def streamlines(folder: Path, _mnist: Path | None) -> dict[str, Any]:
    """Which beta for streamlines? In millimetres, as log 004's: it has the unit mm^2."""
    whole = recipe_of("streamline-beta", *MEAN_SQUARES, "objective.beta=1")
    told = {
        name: forecast_row(apply(whole, [f"transform={transform}"]))
        for name, transform in (
            ("millimetres", "none"),
            ("standardised", "{kind: standardise, per: channel, scale: one}"),
        )
    }
    short = apply(whole, SHORT)
    critical = forecast(short).largest_beta_one_lives
    unit = forecast(apply(short, ["transform=none"])).largest_beta_one_lives
    assert critical and unit
    rows = []
    for share in SHARES:
        recipe = apply(short, [f"objective.beta={critical * share:.6g}"])
        beta = unit * share
        row = {"share_of_critical": share, "beta_mm2": rounded(beta)}
        row["sigma_mm"] = rounded((short_elements() / 2 * beta) ** 0.5)
        rows.append(row | trained(recipe, folder))
    return {"forecast": told, "rows": rows}


def short_elements() -> int:
    """Numbers of a short streamline: points times coordinates."""
    return 64 * 3


FEW = "split={validation: 0.03, test: 0.93}"
"""2,800 of 70,000 images train."""


def handwriting(folder: Path, mnist: Path | None) -> dict[str, Any]:
    """Log 002's own data: what its loss asks for at x_var 1, 0.1 and 0.01, and how runs die."""
    assert mnist is not None
    plain = recipe_of("mnist-cvae", f"data.path={mnist}", "objective.beta=1")
    images = np.asarray(load_data(plain.data).values[:60_000], dtype=np.float32) / 255
    half = 0.5 * float((images.reshape(len(images), -1) ** 2).sum(1).mean())
    told = [
        {"x_var": v, **forecast_row(apply(plain, [f"model.likelihood.variance={v}"]))}
        for v in (1.0, 0.1, 0.01)
    ]
    few = apply(plain, [FEW])
    base = {"name": "few", "data": few.data.plain(), "split": few.split.plain()}
    base |= {"epochs": 3, "likelihood": _fixed(1.0)}
    rows = _dying(folder, base, 28, (THEIRS, "relu", "none"))
    return {"half_squared_error_of_black": rounded(half), "forecast": told, "rows": rows}
