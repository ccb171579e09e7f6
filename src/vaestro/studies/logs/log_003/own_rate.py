"""The network that the log could not train, at the log's own rate and width: each form of it over
seeds, and the largest KL of a step."""

from typing import NamedTuple

import numpy as np

from vaestro.experiments.run import Run
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Table
from vaestro.studies.logs.log_003.architectures import ADAM, FITTED
from vaestro.studies.logs.log_003.measures import Numbers, largest
from vaestro.studies.logs.log_003.networks import dense
from vaestro.studies.logs.log_003.rates import LATENT, RATES
from vaestro.studies.logs.log_003.views import on_components

SEEDS = 5
WIDTH, NARROW = 2048, 512
EPOCHS = (6, 12)
COLD, RELU, LOOSE, UNBOUNDED = "keras-start", "relu-variance", "unregistered-head", "unbounded-exp"
CONSTANT = "objective.beta=1"
LOGS, SLIM, ADAMS = "the log's program", "a quarter as wide", "by Adam"
KEPT, WARM, OURS = "its head in the model", "its head in the model, started as ours", "ours"


class Form(NamedTuple):
    """A form of the network: edits, faults in the order in which they are planted, its width."""

    edits: tuple[str, ...]
    faults: tuple[str, ...]
    width: int = WIDTH


FORMS = {
    LOGS: Form((CONSTANT,), (COLD, RELU, LOOSE, UNBOUNDED)),
    SLIM: Form((CONSTANT,), (COLD, RELU, LOOSE, UNBOUNDED), NARROW),
    ADAMS: Form((CONSTANT, ADAM), (COLD, RELU, LOOSE, UNBOUNDED)),
    KEPT: Form((CONSTANT,), (COLD, RELU, UNBOUNDED)),
    WARM: Form((CONSTANT,), (RELU, UNBOUNDED)),
    OURS: Form((), ()),
}


class Found(NamedTuple):
    """A form over its seeds: the largest KL of a step, in nats; how many ended in no number; the
    run of the first seed."""

    peaks: Numbers
    lost: int
    first: Run

    @property
    def words(self) -> str:
        """The least and the largest of the peaks."""
        return f"{self.peaks.min():,.3g} to {self.peaks.max():,.3g}"


def own_rate(bench: Bench) -> dict[str, Found]:
    """Every form, trained over the seeds."""
    return {name: _trained(bench, number, *one) for number, (name, one) in enumerate(FORMS.items())}


def _trained(
    bench: Bench, number: int, edits: tuple[str, ...], faults: tuple[str, ...], width: int
) -> Found:
    made = (f"model.latent={LATENT}", *dense((width,)), FITTED, *edits)
    steps = ("training.log_steps=1", f"training.epochs={bench.pick(*EPOCHS)}")
    recipe = on_components(bench, *made, *steps)
    runs = [
        bench.train(f"own-rate-{number}-{seed}", recipe, (f"seed={seed}",), faults)
        for seed in range(SEEDS)
    ]
    lost = sum(run.summary["status"] == "diverged" for run in runs)
    return Found(np.array([largest(run, "prior_term") for run in runs]), lost, runs[0])


def table(found: dict[str, Found]) -> Table:
    """The peaks of every form."""
    rows = []
    for name, one in found.items():
        values = (one.peaks.min(), np.median(one.peaks), one.peaks.max())
        rows.append((name, *(f"{float(value):,.3g}" for value in values), str(one.lost)))
    head = ("model", "least of the seeds", "median", "largest", "ended in no number")
    return Table(f"The largest KL of a step at a rate of {RATES[0]:g}, in nats", head, tuple(rows))
