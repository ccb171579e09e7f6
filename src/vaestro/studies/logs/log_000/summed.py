"""Squared errors summed: what the log changed, and what then came out."""

from math import prod
from typing import Any

import numpy as np

from vaestro.experiments.run import Run
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture
from vaestro.studies.logs.log_000.figures import rows_of_boxes, terms
from vaestro.studies.logs.log_000.measures import Course, Errors, course, errors, foretold
from vaestro.studies.logs.log_000.models import MEAN, SUM, edits
from vaestro.studies.logs.log_000.relapse import Relapse, relapse

SHOWN = 4
LEARNT = 0.9
"""A copy whose error is below this share of the mean image's has learnt something."""


def summed(bench: Bench) -> Chapter:
    """The chapter."""
    run = bench.train("summed", SUM, edits(bench))
    failed = bench.train("averaged", MEAN, edits(bench))
    found, went = errors(run), course(run)
    return Chapter(
        name="summed",
        title="Squared errors summed: boxes",
        text=(
            f"The recipe `{SUM}`: the same network, data and steps; squared errors are summed over "
            "a sample and nothing else is changed.",
        ),
        claims=(
            _learnt(found, run, errors(failed)),
            _start(run, went),
            _stuck(relapse(run, failed.recipe), found, foretold(failed)),
            _foretold(run),
        ),
        pictures=(_curves(bench, failed, run, found), _copies(bench, failed, run)),
    )


def _learnt(found: Errors, run: Run, failed: Errors) -> Claim:
    live, latent = run.summary["validation"]["live_dimensions"], run.vae.latent
    return Claim(
        said="'I'm going to switch the MSE loss term from being mean-reduced to sum-reduced.'",
        measured=f"held-out error {found.copies:.3f} where averaging gave {failed.copies:.3f} and "
        f"the mean image {found.mean_image:.3f}; {live} of {latent} dimensions live; diagnosed "
        f"{run.summary['verdict']}",
        cause="Summed over a sample, half the squared error is a Gaussian's nats, of which the KL "
        "is the price: beta is 1.",
        holds=found.copies < LEARNT * found.mean_image and live > 0,
    )


def _start(run: Run, went: Course) -> Claim:
    elements = prod(run.spec.shape)
    first, kl = elements * went.mse[0], went.kl
    return Claim(
        said="'I expect that this term will start around 40,000 ... the prior term will start "
        "around 100 ... initially, the data term should dominate'",
        measured=f"the squared error of a sample starts at {first:,.0f} ({elements:,} elements x "
        f"{went.mse[0]:.2f}), the KL at {kl[0]:,.0f} nats, after an epoch it is {kl[1]:,.0f}. The "
        "log's boxes of 6 channels start at 257,250, not at 42,875",
        cause="The sum goes over channels too. Where the KL starts is the initialiser's doing; the "
        "first steps take it away.",
        holds=abs(went.mse[0] - 1) < 0.3 and first > 2 * kl[1],
    )


def _stuck(found: Relapse, before: Errors, told: dict[str, Any]) -> Claim:
    return Claim(
        said="'by this time, the model is stuck in a local minimum ... I want the model to first "
        "learn how to reproduce the input'",
        measured=f"the model that had learnt goes on under the averaged loss: in {found.steps} "
        f"steps its error goes from {found.errors[0]:.3f} to {found.errors[1]:.3f} and its KL from "
        f"{found.nats[0]:.0f} to {found.nats[1]:.2g} nats",
        cause="It was not stuck. Zeros are the optimum of that loss, wherever it starts: the best "
        f"direction earns {told['eigenvalues'][0]:.2g} of what it costs. A warm-up only puts it "
        "off.",
        holds=found.errors[0] < LEARNT * before.mean_image
        and found.errors[1] > 0.97 * before.mean_image
        and found.nats[1] < 0.05 * found.nats[0],
    )


def _foretold(run: Run) -> Claim:
    told = foretold(run)
    eigenvalue = told["eigenvalues"][0]
    return Claim(
        said="The forecast of the changed recipe finds directions that pay.",
        measured=f"verdict {told['verdict']}, largest eigenvalue {eigenvalue:.3g}, "
        f"{told['live_dimensions']} dimensions foretold to live in a linear model",
        cause="The eigenvalues are those of the failed run times elements and batch.",
        holds=told["verdict"] == "ok" and eigenvalue > 1,
    )


def _curves(bench: Bench, failed: Run, run: Run, found: Errors) -> Picture:
    both = {"averaged": course(failed), "summed": course(run)}
    return bench.picture(
        "summed",
        terms(both, found.zeros),
        "Error of held-out boxes and KL of both runs. Dashed: an image of zeros.",
    )


def _copies(bench: Bench, failed: Run, run: Run) -> Picture:
    x = next(iter(run.batches("validation")())).x[:SHOWN]
    rows = {
        "Held-out boxes": x,
        "Copies, squared errors averaged": failed.vae.reconstruct(x),
        "Copies, squared errors summed": run.vae.reconstruct(x),
    }
    return bench.picture(
        "copies",
        rows_of_boxes({title: np.asarray(row.detach()) for title, row in rows.items()}),
        "Each tile shows three sections through the middle of a box.",
    )
