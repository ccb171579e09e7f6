"""The runs of the study of beta, and the two searches over them."""

from collections.abc import Sequence
from typing import NamedTuple

from vaestro.experiments.forecasting.face import forecast
from vaestro.experiments.recipe import Recipe
from vaestro.experiments.run import Run
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.streamlines import (
    FEW,
    MANY,
    Quality,
    epochs,
    lines,
    network,
    quality,
    theirs,
)
from vaestro.sweeps.goal import Goal, ranked
from vaestro.sweeps.limit import Limit

BETAS = 6
LARGEST = 0.8
"""The largest beta that is tried, as a share of that at which a dimension lives."""
STANDARDISED = "transform={kind: standardise, per: channel, scale: one}"
PRICE = 2.0
"""An error of so many times the least is still good enough, when that is asked for."""


class Tried(NamedTuple):
    """A beta in mm^2, its run, what was measured, and the doctor's verdict."""

    beta: float
    run: Run
    quality: Quality
    verdict: str
    effective: float


def tried(bench: Bench) -> list[Tried]:
    """The runs of this chapter, one a beta from 1 up."""
    largest, _ = thresholds(bench)
    grid = [(LARGEST * largest) ** (place / (BETAS - 1)) for place in range(BETAS)]
    return [trial(bench, float(f"{beta:.2g}")) for beta in grid]


def accepted(found: Sequence[Tried]) -> Tried:
    """The beta with the least KL among those whose error is good enough."""
    return found[chosen(found)[1]]


def _edits(bench: Bench) -> tuple[str, ...]:
    length = epochs(40)
    return (*lines(bench, bench.pick(FEW, MANY)), *network(bench), *theirs(bench), length)


def _recipe(bench: Bench, *more: str) -> Recipe:
    return bench.recipe("streamline-beta", (*_edits(bench), *more))


def thresholds(bench: Bench) -> tuple[float, float]:
    """The largest beta at which a dimension lives, on millimetres and on standardised points."""
    found = [forecast(_recipe(bench, *more)) for more in ((), (STANDARDISED,))]
    largest = [one.largest_beta_one_lives for one in found]
    assert all(largest), "the likelihood is a Gaussian of fixed variance"
    return largest[0] or 0.0, largest[1] or 0.0


def trial(bench: Bench, beta: float, *more: str) -> Tried:
    edits = (*_edits(bench), f"objective.beta={beta}", *more)
    run = bench.train(f"beta-{beta:g}{'-standardised' if more else ''}", "streamline-beta", edits)
    told = run.summary
    return Tried(beta, run, quality(run), told["verdict"], float(told["effective_beta"]))


def chosen(found: Sequence[Tried]) -> tuple[int, int]:
    """The places that are chosen with the error first, and with the error as a limit."""
    values = [{"mse": one.quality.error**2, "prior_term": one.quality.kl} for one in found]
    first = ranked(Goal(figures=("mse", "prior_term"), order="lexicographic"), values).best
    most = PRICE**2 * min(one["mse"] for one in values)
    limit = Limit(name="mse", sign="<=", bound=most)
    asked = ranked(Goal(figures=("prior_term",), limits=(limit,)), values).best
    assert first is not None and asked is not None, "the run with the least error meets both"
    return first, asked


def shown(beta: float) -> str:
    """A beta in a few digits: 4.4, 1,600."""
    return f"{beta:,.0f}" if beta >= 10 else f"{beta:g}"
