"""A probe: the run's own first steps, taken on a copy, to see whether its code dies or grows.

What is watched is the *gain*: how many nats better the decoder does with the code of a sample than
with that of another one,

    gain = mean_n [log p(x_n | f(mu(x_n))) - log p(x_n | f(mu(x_m)))],  m another sample.

For a Gaussian of variance s^2 it is E[(x - mean x) . f(mu(x))] / s^2, in the linear model
sum_i lambda_i (W V)_ii / s^2. It is near 0 at the start, whatever the noise of an untrained
encoder does to the KL, and near collapse it grows or falls exponentially in gradient flow (twice
the rate of the weights); the KL falls first in any case.
Shape letters: B samples of the watched batch, K latents.
"""

import copy
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from vaestro.foundation.samples import Batch
from vaestro.foundation.schedules import Horizon
from vaestro.health.forecast.linear_run import Start
from vaestro.health.task_copy import AnyTask, task_copy
from vaestro.metrics.live import live_dimensions
from vaestro.models.vae import VAE
from vaestro.training.config import TrainingConfig
from vaestro.training.initial_state import fresh_state
from vaestro.training.loop import Batches
from vaestro.training.step import Stepper

MARKS_A_DOUBLING = 2
"""How often the gain is measured: at steps 8, 11, 16, 23, ... and after the last."""

OTHERS = 3
"""With the codes of how many other samples the gain compares."""


class Mark(NamedTuple):
    """The code after `step` steps: gain, KL and largest KL of a dimension in nats, live count; its
    state as one of the linear model, where that is measured."""

    step: int
    gain: float
    kl: float
    largest: float
    live: int
    start: Start | None = None


def probe(
    task: AnyTask,
    batches: Batches,
    watched: Batch,
    config: TrainingConfig,
    horizon: Horizon,
    *,
    seed: int,
    most_steps: int,
    most_seconds: float = float("inf"),
    measure: Callable[[VAE, int], Start] | None = None,
) -> tuple[Mark, ...]:
    """Train a copy of `task` from step 0 for at most `most_steps` steps or `most_seconds` seconds.

    The steps are those that the run itself would take: same seed, batches, schedules, optimiser.
    `watched` are samples that the gain is measured on (some hundred of the validation split),
    `measure` gives the state of the code at each mark but the first.
    Nothing that is given changes. The last mark tells how many steps there was time for.
    Raises DivergedError when a step is not finite.
    """
    own = task_copy(task)
    state = fresh_state(own, config, watched.x.device)
    stepper = Stepper(own, config, horizon, seed)
    began, marks, upcoming = time.monotonic(), [mark(own.module, watched, 0)], 8.0
    own.module.train()

    def seen() -> Mark:
        found = mark(own.module, watched, state.step)
        return found._replace(start=measure(own.module, state.step)) if measure else found

    while state.step < most_steps and time.monotonic() - began < most_seconds:
        stepper.take(state, batches.batch(state.step))
        if state.step >= round(upcoming):
            marks.append(seen())
            upcoming *= 2 ** (1 / MARKS_A_DOUBLING)
    if marks[-1].step < state.step:
        marks.append(seen())
    return tuple(marks)


@torch.no_grad()
def mark(vae: VAE, watched: Batch, step: int) -> Mark:
    """The code of `watched` as it is now. The module's mode is put back as it was."""
    training = vae.training
    vae.eval()
    posterior = vae.encode(watched.x, watched.given)
    noise = torch.zeros_like(posterior.mean)
    kl = vae.prior.divergence(posterior, posterior.mean, watched.given, noise).mean(0)
    gain = _gain(vae, watched, posterior.mean)
    vae.train(training)
    return Mark(step, gain, float(kl.sum()), float(kl.max()), live_dimensions(kl))


def _gain(vae: VAE, watched: Batch, z: torch.Tensor) -> float:
    """The gain with the codes z: (B, K), those of others being its rolls. In 64 bits: the nats of
    hundreds of elements would drown a gain of a millionth, from which a code may still grow."""
    likelihood = copy.deepcopy(vae.likelihood).cpu().double()
    x = watched.x.cpu().double()

    def nats(shift: int) -> torch.Tensor:
        outputs = vae.decode(z.roll(shift, 0), watched.given)
        return likelihood.log_prob(x, outputs.cpu().double()).mean()

    shifts = [max(1, len(z) * i // (OTHERS + 1)) for i in range(1, OTHERS + 1)]
    return float(nats(0) - torch.stack([nats(shift) for shift in shifts]).mean())
