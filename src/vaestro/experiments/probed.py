"""The forecast's probe: a copy of the run takes its first steps, for some seconds."""

from vaestro.experiments.assemble import Assembly
from vaestro.health.forecast.calibration import LEAST_PROBE
from vaestro.health.forecast.escape import Growth, growth, probe_steps
from vaestro.health.forecast.probe import probe
from vaestro.training.elbo import ElboTask

MOST_SECONDS = 3.0
WATCHED = 300
"""So many held-out samples are watched."""


def probed(assembly: Assembly, effective: float | None) -> Growth | None:
    """How the code grows over a probe of the run; nothing of the run changes.

    `effective`: the effective beta, in whose units it is told. None where a probe tells nothing:
    without a beta, for a bound of many draws, or for a run too short or a step too slow.
    """
    most = probe_steps(assembly.horizon.steps)
    if not most or not effective or not isinstance(assembly.task, ElboTask):
        return None
    watched = next(iter(assembly.material.some("validation", WATCHED)))
    marks = probe(
        assembly.task,
        assembly.stream,
        watched,
        assembly.recipe.training,
        assembly.horizon,
        seed=assembly.recipe.seed,
        most_steps=most,
        most_seconds=MOST_SECONDS,
    )
    return growth(marks, effective) if marks[-1].step >= LEAST_PROBE else None
