"""The weight of the prior term: 'I can adjust beta accordingly'."""

from itertools import pairwise
from typing import NamedTuple

from vaestro.experiments.run import Run
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Table
from vaestro.studies.logs.log_000.figures import against
from vaestro.studies.logs.log_000.measures import Errors, errors, foretold
from vaestro.studies.logs.log_000.models import SUM, edits

BETAS = (0.1, 1.0, 10.0, 50.0, 200.0, 1000.0)
SLACK = 1.02
"""Errors may fall by this factor where they should rise, and nats rise where they should fall: both
are measured on few boxes."""


class Weighed(NamedTuple):
    """A run at a weight of the KL."""

    beta: float
    nats: float
    live: int
    found: Errors
    verdict: str


def weighed(bench: Bench) -> Chapter:
    """The chapter: one network at six weights, trained as one population."""
    recipe = bench.recipe(SUM, edits(bench, (10, 10)))
    members = [(f"objective.beta={beta}",) for beta in BETAS]
    rows = bench.population("weighed", recipe, members)
    runs = [bench.member("weighed", number) for number in range(len(BETAS))]
    found = [_weighed(beta, run) for beta, run in zip(BETAS, runs, strict=True)]
    assert len(rows) == len(found)
    edge = float(foretold(runs[BETAS.index(1.0)])["largest_beta_one_lives"])
    return Chapter(
        name="weighed",
        title="beta adjusted",
        text=(
            "The summed loss at six weights of the KL, shorter runs of the same seed. Beta 1 is "
            "the weight at which the loss is a bound on the likelihood of boxes under Gaussian "
            "noise of variance 1/2.",
        ),
        claims=(_trade(found), _edge(found, edge)),
        tables=(_table(found),),
        pictures=(
            bench.picture(
                "weighed",
                against(
                    BETAS,
                    {
                        "Error, held out": [one.found.copies for one in found],
                        "Live dimensions": [float(one.live) for one in found],
                    },
                    "beta",
                    edge,
                ),
                "What a weight of the KL does. Dashed: the largest beta at which the forecast "
                f"sees a dimension live, {edge:.3g}, told before any of these runs.",
            ),
        ),
    )


def _weighed(beta: float, run: Run) -> Weighed:
    held_out = run.summary["validation"]
    live, nats = int(held_out["live_dimensions"]), float(held_out["prior_term"])
    return Weighed(beta, nats, live, errors(run), str(run.summary["verdict"]))


def _trade(found: list[Weighed]) -> Claim:
    copies = [one.found.copies for one in found]
    nats = [one.nats for one in found]
    return Claim(
        said="'If the prior term never becomes relevant ... I can adjust beta accordingly.'",
        measured=f"from beta {found[0].beta:g} to {found[-1].beta:g} the KL falls from "
        f"{nats[0]:,.0f} to {nats[-1]:.2g} nats and the error rises from {min(copies):.3f} to "
        f"{copies[-1]:.3f}, the mean image's being {found[0].found.mean_image:.3f}",
        cause="Beta is the price of a nat: what costs more is stored less.",
        holds=all(b <= SLACK * a for a, b in pairwise(nats))
        and all(b * SLACK >= a for a, b in pairwise(copies[1:]))
        and found[-1].live == 0,
    )


def _edge(found: list[Weighed], edge: float) -> Claim:
    living = max((one.beta for one in found if one.live), default=0.0)
    dead = min((one.beta for one in found if not one.live), default=float("inf"))
    return Claim(
        said="The forecast knows the largest beta at which a dimension lives.",
        measured=f"foretold {edge:.3g}; the largest beta with a live dimension is {living:g}, the "
        f"smallest with none {dead:g}",
        cause="Above the largest eigenvalue of what the data can earn no direction pays.",
        holds=living <= 2 * edge and dead >= edge / 4,
    )


def _table(found: list[Weighed]) -> Table:
    head = ("beta", "KL, nats", "live dimensions", "error, held out", "diagnosed")
    rows = tuple(
        (f"{o.beta:g}", f"{o.nats:.3g}", str(o.live), f"{o.found.copies:.3f}", o.verdict)
        for o in found
    )
    return Table("Six weights of the KL", head, rows)
