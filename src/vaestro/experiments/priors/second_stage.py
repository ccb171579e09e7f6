"""The second VAE of a two-stage prior: an ordinary run on the latents of the first.

Shape letters: N draws, K latents, V covariates.
"""

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaestro.data.dataset import DataSet, checked
from vaestro.experiments import train as training
from vaestro.experiments.assemble import Assembly
from vaestro.experiments.model_files import load_model
from vaestro.experiments.recipe import Recipe, read_recipe
from vaestro.experiments.watch import Display
from vaestro.foundation.errors import RunFolderError
from vaestro.foundation.files import read_json
from vaestro.foundation.samples import Given
from vaestro.generation.priors.config import TwoStageConfig
from vaestro.generation.priors.fitted import Kept
from vaestro.generation.priors.latents import Latents, Told
from vaestro.generation.priors.two_stage import TwoStage
from vaestro.runs.folder import RunFolder

MOST_LATENTS = 256
VALIDATION = 0.1
"""The share of the draws that the second VAE's own history is measured on."""


def fit_second_stage(
    folder: Path,
    latents: Latents,
    told: Told,
    names: tuple[str, ...],
    config: TwoStageConfig,
    seed: int,
    display: Display,
) -> tuple[TwoStage, Kept]:
    """Train the second VAE in `folder`/run and return it as a prior; `names`: of the covariates.

    A training that was interrupted goes on where it stopped. Raises RunFolderError, in one line,
    when it is interrupted or diverges.
    """
    data = _data(latents, told, names, config.draws, seed)
    recipe = _recipe(latents, told, names, config, len(data.values), seed)
    root = folder / "run"
    if _same(root, recipe, data):
        summary = training.resume(root, lambda stored: stored, _Progress(display))
    else:
        shutil.rmtree(root, ignore_errors=True)
        summary = training.start(recipe, root, _Progress(display), data)
    if summary["status"] not in ("finished", "stopped_early"):
        raise RunFolderError(
            f"the second stage in {root} ended {summary['status']}; the same command goes on with "
            "it, or give --set learning_rate=1e-4"
        )
    vae, _ = load_model(RunFolder(root).model)
    fitted = TwoStage(vae)
    model = read_json(RunFolder(root).model / "config.json")
    return fitted, Kept({"model": model, "fitted": {"steps": summary["steps"]}}, fitted.tensors())


class _Progress:
    """Shows the steps alone: what is said to a recipe's maker is nothing to who fits a prior."""

    def __init__(self, display: Display) -> None:
        self.display = display

    def started(self, assembly: Assembly, step: int) -> None:
        """Forward."""
        self.display.started(assembly, step)

    def stepped(self, step: int) -> None:
        """Forward."""
        self.display.stepped(step)

    def recorded(self, record: dict[str, Any]) -> None:
        """Forward."""
        self.display.recorded(record)

    def say(self, text: str) -> None:
        """Nothing."""


def _data(latents: Latents, told: Told, names: tuple[str, ...], draws: int, seed: int) -> DataSet:
    """Draws of the aggregate posterior, every one of N samples equally often."""
    points = latents.log_variance is None
    times = 1 if points else max(1, math.ceil(draws / len(latents)))
    z = torch.cat([latents.draw(seed, 6, number) for number in range(times)])
    given = told.of(latents.given).repeated(times)
    return checked("latents", z.numpy(), "real", **_beside(given, names))


def _beside(given: Given, names: tuple[str, ...]) -> dict[str, Any]:
    labels = None if given.label is None else given.label.numpy()
    columns = None if given.covariates is None else given.covariates.numpy().T
    covariates = {} if columns is None else dict(zip(names, columns, strict=True))
    return {"labels": labels, "covariates": covariates}


def _recipe(
    latents: Latents,
    told: Told,
    names: tuple[str, ...],
    config: TwoStageConfig,
    count: int,
    seed: int,
) -> Recipe:
    """The second VAE's recipe: standardised latents, dense layers, the optimal variance."""
    learnt = count - max(1, round(VALIDATION * count))
    batch = min(config.batch_size, learnt)
    per_epoch = learnt // batch
    dense = {"kind": "dense", "widths": list(config.widths), "activation": "silu"}
    rate = {"kind": "cosine", "start": config.learning_rate, "end": config.learning_rate / 20}
    warm_up = {"kind": "linear", "start": 0.0, "end": 1.0, "length": "0.1 of run"}
    return Recipe.parse(
        {
            "name": "second-stage",
            "about": "The second VAE of a two-stage prior, on the latents of the first.",
            "seed": seed,
            "data": "digits",  # stands here until the latents take its place
            "split": {"validation": VALIDATION, "test": 0.0},
            "transform": {"kind": "standardise", "per": "element"},
            "model": {
                "latent": config.latent or min(latents.dimensions, MOST_LATENTS),
                "encoder": dense,
                "decoder": dense,
                "likelihood": {"kind": "gaussian", "variance": "optimal"},
                "condition": _condition(told, names),
            },
            "objective": {"beta": warm_up},
            "training": {
                "epochs": max(1, round(config.steps / per_epoch)),
                "batch_size": batch,
                "learning_rate": {**rate, "length": "1.0 of run"},
                "monitor": "off",
                "threads": 1,
            },
        }
    )


def _condition(told: Told, names: tuple[str, ...]) -> dict[str, Any]:
    if told.covariates:
        return {"kind": "covariates", "names": list(names), "labels": told.labels > 0}
    return {"kind": "labels" if told.labels else "none"}


def _same(root: Path, recipe: Recipe, data: DataSet) -> bool:
    """Whether `root` holds this very training, to go on with."""
    folder = RunFolder(root)
    if not (folder.recipe.is_file() and (root / "data.npz").is_file()):
        return False
    stored = read_recipe(folder.recipe)
    if stored.model_copy(update={"data": recipe.data}) != recipe:
        return False
    with np.load(root / "data.npz") as kept:
        return bool(np.array_equal(kept["values"], data.values[:]))
