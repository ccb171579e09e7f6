"""What log 000's study measures of a run, in the units of its images."""

from typing import Any, NamedTuple

import torch

from vaestro.experiments.run import Run
from vaestro.foundation.files import read_json
from vaestro.reports.facts import read_facts


class Errors(NamedTuple):
    """Mean squared errors of an element, held out: of the copies through the posterior mean, of
    images of zeros, and of the mean training image. `outputs`: the root mean square of the copies,
    as a share of that of the images."""

    copies: float
    zeros: float
    mean_image: float
    outputs: float


def errors(run: Run) -> Errors:
    """The errors of a run over its held-out boxes."""
    sums, count = torch.zeros(4, dtype=torch.float64), 0
    mean = run.material.training_mean
    with torch.inference_mode():
        for batch in run.batches("validation")():
            x, copies = batch.x, run.vae.reconstruct(batch.x)
            parts = (x - copies, x, x - mean, copies)
            sums += torch.stack([part.double().square().mean() for part in parts]) * len(x)
            count += len(x)
    copied, zeros, meant, made = (sums / count).tolist()
    return Errors(copied, zeros, meant, (made / zeros) ** 0.5)


class Course(NamedTuple):
    """The held-out figures of a run after each validation, the first before its first step: steps,
    the mean squared error of an element, and the KL of a sample in nats."""

    steps: list[int]
    mse: list[float]
    kl: list[float]


def course(run: Run) -> Course:
    """How a run went."""
    rows = read_facts(run.folder.root).rows("validation")
    columns = ([row[name] for row in rows] for name in ("step", "mse", "prior_term"))
    return Course(*columns)


def foretold(run: Run) -> dict[str, Any]:
    """The forecast that was made before the first step."""
    told: dict[str, Any] = read_json(run.folder.forecast)
    return told


def plateau(values: list[float]) -> int:
    """The first place from which on a falling quantity has done 95 % of its fall."""
    first, last = values[0], values[-1]
    return next(i for i, value in enumerate(values) if value <= last + 0.05 * (first - last))
