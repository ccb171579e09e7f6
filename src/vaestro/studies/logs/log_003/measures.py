"""What is measured of a trained run of log 003. Errors are in greys: the root of the mean squared
error of a pixel, times 255, through the posterior mean.

Shape letters: N samples, K latents, H height, W width.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from vaestro.experiments.run import Run
from vaestro.foundation.randomness import Stream, generator
from vaestro.studies.logs.log_003.views import GREYS

Numbers = np.ndarray[Any, np.dtype[np.float64]]


class Errors(NamedTuple):
    """Errors in greys on the three parts."""

    train: float
    validation: float
    test: float


def greys(mse: float | None) -> float:
    """An error in greys; infinite where there is no finite one."""
    return float("inf") if mse is None else GREYS * mse**0.5


def errors(run: Run) -> Errors:
    """Those of the run's summary, and that of the test part."""
    original, copy = run.reconstruct("test")
    test = float(np.square(original - copy).mean(dtype=np.float64))
    told = run.summary
    return Errors(greys(told["train"]["mse"]), greys(told["validation"]["mse"]), greys(test))


@torch.inference_mode()
def data_term(run: Run, split: str = "validation") -> float:
    """Nats per sample of a split, with the noise that a run's own validation has."""
    vae, nats, count = run.vae.eval(), 0.0, 0
    for number, batch in enumerate(run.batches(split)()):
        random = generator(run.recipe.seed, Stream.VALIDATION, number)
        noise = torch.randn((len(batch.x), vae.latent), generator=random)
        z = vae.encode(batch.x, batch.given).sample(noise)
        outputs = vae.decode(z, batch.given)
        likely = vae.likelihood.log_prob(batch.x, outputs) + vae.transform.log_det
        nats -= float((likely + vae.beside(batch)).sum(dtype=torch.float64))
        count += len(batch.x)
    return nats / count


def over_epochs(root: Path, quantity: str, split: str = "validation") -> tuple[Numbers, Numbers]:
    """The epochs and the values of a quantity in the history of the run in `root`; what is not
    finite is NaN."""
    lines = (root / "history.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if row["split"] == split]
    known = [row.get(quantity) for row in rows]
    values = [float("nan") if value is None else float(value) for value in known]
    return np.array([float(row["epoch"]) for row in rows]), np.array(values)


def largest(run: Run, quantity: str) -> float:
    """The largest value of a quantity at a training step or, in the end, on the validation part;
    infinite where one was no number."""
    _, steps = over_epochs(Path(run.folder.root), quantity, "train")
    last = run.summary["validation"][quantity]
    known = [*steps, float("inf") if last is None else last]
    return float(np.max(np.nan_to_num(known, nan=np.inf)))


def spread_over(values: Numbers) -> str:
    """Mean and standard deviation of values (N,)."""
    return f"{values.mean():.4g} ± {values.std():.2g}"
