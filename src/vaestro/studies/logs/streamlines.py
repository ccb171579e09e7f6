"""What the two logs on streamlines train on: their data, their network, their loss.

Letters: N streamlines, P points of one.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch

from vaestro.data.source import load_data
from vaestro.data.streamlines.streamlines import StreamlinesConfig
from vaestro.experiments.material import Material
from vaestro.experiments.recipe import Recipe
from vaestro.experiments.run import Run
from vaestro.metrics.streamline_distance import closest
from vaestro.studies.logs.bench import Bench

MEAN_SQUARE = ("model.likelihood.variance=0.5", "objective.reduction=mean", "objective.beta=1")
"""The mean squared error of a coordinate plus the KL."""
THEIRS = (
    *MEAN_SQUARE,
    "transform=none",
    "training.learning_rate=6.8e-4",
    "training.clip_norm=null",
    "training.early_stopping=null",
)
"""The logs' loss on millimetres, their learning rate, and nothing that ends a run early."""
UNBOUNDED = "model.posterior.scale.high=60"
"""As good as no bound of the log-variance, where nothing goes wrong."""
CALM = (
    "training.clip_norm=1",
    "training.learning_rate={kind: cosine, start: 6.8e-4, end: 1e-5, length: 1.0 of run}",
)
"""With the recipe's own bound of the log-variance. On 256 points in millimetres the published
network's log-variances run away within 400 steps without a bound and clipped gradients, at most
betas; at a constant rate its held-out error goes on rising and falling by half of itself."""
NO_NORMALISATION = "model.encoder.normalisation=none"
FEW = 400
"""Streamlines that are used, as few as decide what is claimed; the logs trained on 3,112."""
MANY = 800
"""As many in the full form, whose published network learns more slowly."""
NETWORK = (
    "model.latent=16",
    "model.encoder.channels=[16, 32, 64]",
    "model.decoder.channels=[16, 32, 64]",
)
"""A smaller network of the same kind, for the quick form."""
SAMPLES = 200
NEAR = 10.0
"""mm; about twice as far as most held-out streamlines lie from the nearest training streamline."""


def lines(bench: Bench, few: int = FEW, points: int = 32, most: int = 256) -> tuple[str, ...]:
    """The data: `few` streamlines of the user's tractogram or of drawn bundles, of `points` points
    in the quick form and of `most`, the logs' 256, in the full one."""
    points = bench.pick(points, most)
    if bench.data is None:
        return (f"data={{kind: bundles, streamlines: {few}, points: {points}}}",)
    source = f"data={{kind: streamlines, path: '{bench.data.resolve()}', points: {points}}}"
    return (source, _of(few, _streamlines_in(bench.data)))


def network(bench: Bench) -> tuple[str, ...]:
    """The logs' network, or a smaller one in the quick form."""
    return bench.pick(NETWORK, ())


def theirs(bench: Bench) -> tuple[str, ...]:
    """The logs' loss and training, as their program had it in the quick form; CALM in the full."""
    return (*THEIRS, *bench.pick((UNBOUNDED,), CALM))


def epochs(count: int) -> str:
    """So many epochs."""
    return f"training.epochs={count}"


def about(recipe: Recipe, material: Material) -> str:
    """The data of a run in a sentence."""
    parts = material.split
    whence = "drawn bundles"
    if isinstance(recipe.data, StreamlinesConfig):
        whence = f"`{Path(str(recipe.data.path)).name}`"
    return (
        f"{len(parts.train)} streamlines of {whence} to learn from and {len(parts.validation)} "
        f"held out, {material.spec.shape[-1]} points each."
    )


class Quality(NamedTuple):
    """Of the validation split: `error`, the root of the mean squared error of a coordinate in mm,
    the KL in nats, live dimensions; `near`, the share of draws from the prior that lie within NEAR
    of a training streamline."""

    error: float
    kl: float
    live: int
    near: float


def quality(run: Run) -> Quality:
    """What is measured of every run that was trained to its end."""
    held = run.summary["validation"]
    apart = away(run, torch.from_numpy(run.sample(SAMPLES)))
    return Quality(
        float(held["mse"]) ** 0.5,
        float(held["prior_term"]),
        int(held["live_dimensions"]),
        float((apart < NEAR).float().mean()),
    )


def away(run: Run, drawn: torch.Tensor) -> torch.Tensor:
    """How far (N,) in mm streamlines (N, 3, P) lie from the nearest training streamline."""
    return closest(drawn, natural(run, "train"))


def constant_error(run: Run) -> float:
    """The error in mm of the mean training streamline, over the validation split."""
    apart = natural(run, "validation") - natural(run, "train").mean(0)
    return float(apart.square().mean().sqrt())


def natural(run: Run, split: str) -> torch.Tensor:
    """The streamlines (N, 3, P) of a split in millimetres."""
    parts = [batch.truth for batch in run.batches(split)()]
    return torch.cat(parts).cpu().float()


@cache
def _streamlines_in(path: Path) -> int:
    """How many streamlines a tractogram, or a folder of them, has."""
    return len(load_data(StreamlinesConfig(path=str(path), points=2)).values)


def _of(count: int, there: int) -> str:
    """A split that trains on about as many as drawn bundles would; the others are the test part."""
    share = min(1.0, count / there)
    return f"split.test={1 - 0.85 * share:.6f}"
