"""Figures of runs as log 002 printed them, and as they can be compared.

Letters: N pixels, K latents, v the variance x_var.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from vaestro.evaluation.conditioning import conditioning
from vaestro.experiments.run import Run
from vaestro.studies.logs.log_002.figures import Images

Row = dict[str, Any]


def printed_rec(row: Row, variance: float, elements: int) -> float:
    """The sum of squared errors over 2 v: the data term without N / 2 log(2 pi v), in nats."""
    return float(row["data_term"]) - 0.5 * elements * math.log(2 * math.pi * variance)


def bound(row: Mapping[str, Any]) -> float:
    """Minus the ELBO in nats: data term and prior term."""
    return float(row["data_term"]) + float(row["prior_term"])


def of_variance(variance: float) -> str:
    """x_var as an edit."""
    return f"model.likelihood.variance={variance:g}"


def control(run: Run) -> float:
    """The share of samples from the prior that a judge gives the label that was asked for."""
    told = conditioning(run.vae, run.batches("train")(), run.batches("validation")(), 0)
    assert told is not None and told["labels"] is not None, "the model is told labels"
    return float(told["labels"]["sample_accuracy"])


def one_of_each(run: Run, seed: int = 0) -> Images:
    """A sample from the prior for each of ten labels, (10, H, W)."""
    drawn = [run.sample(1, seed=seed, label=label)[0, 0] for label in range(10)]
    return np.stack(drawn)


def copies(run: Run, count: int = 10) -> tuple[Images, Images]:
    """Held-out pictures and what comes back through the posterior mean, (count, H, W) each."""
    batch = next(iter(run.batches("validation")()))
    given = batch.given.part(slice(0, count))
    back = run.vae.reconstruct(batch.truth[:count], given).detach().numpy()
    return batch.truth[:count, 0].numpy(), back[:, 0]


def shown(value: float, digits: int = 3) -> str:
    """A number for a table: so many significant digits and no exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(places, 5)}f}"


def spread(values: list[float]) -> str:
    """One number, or the least and the largest."""
    low, high = shown(min(values)), shown(max(values))
    return low if low == high else f"{low} to {high}"
