"""The forecast's probe: a copy of the run takes its first steps, for some seconds."""

from typing import Literal

import torch

from vaestro.experiments.assemble import Assembly
from vaestro.experiments.forecasting.samples import halved
from vaestro.foundation.errors import DivergedError
from vaestro.health.forecast.calibration import BRIEF_SHARE, LEAST_PROBE, PROBE_SHARE
from vaestro.health.forecast.escape import Growth, growth, probe_steps
from vaestro.health.forecast.linear_run import Start
from vaestro.health.forecast.live import wanted_directions
from vaestro.health.forecast.measured_code import (
    MOST_SAMPLES,
    Directions,
    directions,
    measured_code,
)
from vaestro.health.forecast.probe import probe
from vaestro.models.vae import VAE
from vaestro.training.elbo import ElboTask

Probing = Literal["none", "brief", "full"]
"""brief: for a small share of the run, and only where the rule does not settle its verdict."""

SHARES: dict[Probing, float] = {"none": 0.0, "brief": BRIEF_SHARE, "full": PROBE_SHARE}

MOST_SECONDS = 3.0
WATCHED = 300
"""So many held-out samples are watched."""


def may_probe(assembly: Assembly, probing: Probing) -> bool:
    """Whether the share of the run that a probe may take is long enough to tell anything."""
    steps = probe_steps(assembly.horizon.steps, SHARES[probing])
    return steps > 0 and isinstance(assembly.task, ElboTask)


def probed(assembly: Assembly, effective: float | None, probing: Probing) -> Growth | None:
    """How the code grows over a probe of the run; nothing of the run changes.

    `effective`: the effective beta, in whose units it is told. None where a probe tells nothing:
    without a beta, where it may not be long enough, or its steps are too slow or not finite.
    """
    if not effective or not may_probe(assembly, probing):
        return None
    assert isinstance(assembly.task, ElboTask)
    watched = next(iter(assembly.material.some("validation", WATCHED)))
    along, steps = _directions(assembly), assembly.horizon.steps

    def code(vae: VAE, step: int) -> Start:
        assert along is not None
        return measured_code(vae, watched, along, effective or 1.0, step / steps)

    try:
        marks = probe(
            assembly.task,
            assembly.stream,
            watched,
            assembly.recipe.training,
            assembly.horizon,
            seed=assembly.recipe.seed,
            most_steps=probe_steps(steps, SHARES[probing]),
            most_seconds=MOST_SECONDS,
            measure=None if along is None else code,
        )
    except DivergedError:
        return None
    return growth(marks, effective) if marks[-1].step >= LEAST_PROBE else None


def _directions(assembly: Assembly) -> Directions | None:
    """Along which the code is measured; None where the decoder is told a condition, since then
    other directions live for each of its values."""
    if assembly.vae.condition is not None:
        return None
    rows, vae = halved(assembly).rows, assembly.vae
    x = rows.read(torch.arange(min(rows.samples, MOST_SAMPLES)))
    return directions(vae.likelihood, x, wanted_directions(vae.latent))
