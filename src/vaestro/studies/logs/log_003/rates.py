"""The log's network at longer and longer steps, and where 32 bits end.

Letters: l log-variance of a latent, B batch.
"""

from typing import NamedTuple

import torch

from vaestro.experiments.run import Run
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Table
from vaestro.studies.logs.log_003.architectures import FITTED, on_layers
from vaestro.studies.logs.log_003.measures import largest
from vaestro.studies.logs.log_003.views import on_components

RATES = (1e-3, 1e-2, 1e-1)
LATENT, BATCH = 64, 100
SMOOTHING = 0.9
"""Of Keras' RMSprop."""
EPOCHS = (6, 12)
THEIRS = ("objective.beta=1", "model.posterior.scale.high=60")
"""No warm-up, and a log-variance that may be as large as 32 bits bear."""
TALLEST = 100


class Ladder(NamedTuple):
    """A form of the model at every rate: the largest KL of a step, and whether it ended in NaN."""

    peaks: tuple[float, ...]
    lost: tuple[bool, ...]
    first: Run

    @property
    def words(self) -> str:
        """The peaks in a sentence."""
        return ", ".join(f"{peak:,.3g}" for peak in self.peaks)


class Ends(NamedTuple):
    """The least whole log-variance of one latent of one view at which RMSprop no longer moves a
    weight, and that at which it makes the weight no number."""

    still: int
    lost: int


def ladders(bench: Bench) -> dict[str, Ladder]:
    """What is started as ours, with the log's variance, with its clip, and ours whole."""
    clipped = ("relu-variance", "clip-after-exp")
    return {
        "a ReLU plus 0.001; log-variance without a bound": _climbed(
            bench, "log", THEIRS, ("relu-variance",)
        ),
        "the same, exp clipped behind": _climbed(bench, "clip", ("objective.beta=1",), clipped),
        "ours: a floor, a bound before exp, warm-up": _climbed(bench, "ours", (), ()),
    }


def _climbed(bench: Bench, name: str, edits: tuple[str, ...], faults: tuple[str, ...]) -> Ladder:
    layers = on_layers((2048,), LATENT, FITTED)(bench)
    every_step = ("training.log_steps=1", f"training.epochs={bench.pick(*EPOCHS)}")
    recipe = on_components(bench, *layers, *every_step, *edits)
    runs = [
        bench.train(
            f"explosion-{name}-{rate:g}", recipe, (f"training.learning_rate={rate}",), faults
        )
        for rate in RATES
    ]
    lost = tuple(run.summary["status"] == "diverged" for run in runs)
    return Ladder(tuple(largest(run, "prior_term") for run in runs), lost, runs[0])


def table(found: dict[str, Ladder]) -> Table:
    """The peaks at every rate."""
    rows = [
        (name, *(_cell(peak, lost) for peak, lost in zip(one.peaks, one.lost, strict=True)))
        for name, one in found.items()
    ]
    head = ("model", *(f"rate {rate:g}" for rate in RATES))
    return Table("The largest KL of a step at longer steps, in nats", head, tuple(rows))


def _cell(peak: float, lost: bool) -> str:
    return f"{peak:,.3g}{', then no number' if lost else ''}"


def ends() -> Ends:
    """Where one step of RMSprop on the gradient of the KL, (exp(l) - 1) / 2B, ends: its mean of
    squares overflows, and later exp itself."""
    moved = [_step(level) for level in range(TALLEST)]
    still = next(level for level, step in enumerate(moved) if step == 0 and level > 0)
    lost = next(level for level, step in enumerate(moved) if step != step)
    return Ends(still, lost)


def _step(level: int) -> float:
    """How far a weight moves in the first step at that log-variance."""
    weight = torch.nn.Parameter(torch.zeros(()))
    optimiser = torch.optim.RMSprop([weight], lr=1e-3, alpha=SMOOTHING)
    log_variance = weight + level
    (0.5 * (torch.exp(log_variance) - log_variance) / BATCH).backward()
    optimiser.step()
    return float(weight.detach())
