"""Squared errors averaged over voxels, the KL summed over the batch: the run that gave zeros."""

from math import prod

from vaestro.experiments.run import Run
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim
from vaestro.studies.logs.log_000.boxes import about
from vaestro.studies.logs.log_000.figures import terms
from vaestro.studies.logs.log_000.measures import Course, Errors, course, errors, foretold, plateau
from vaestro.studies.logs.log_000.models import MEAN, edits

CONSTANT, NOTHING = 0.15, 0.25
"""An error that stays within this share of the zeros' is nearly constant; outputs below this share
of the images' root mean square are nearly 0."""
EARLY = 0.5
"""A plateau that is reached in this share of a run is reached quickly."""
SMALL_SHARE = 0.05
"""Of its first value."""


def averaged(bench: Bench) -> Chapter:
    """The chapter."""
    run = bench.train("averaged", MEAN, edits(bench))
    found, went = errors(run), course(run)
    return Chapter(
        name="averaged",
        title="Squared errors averaged: zeros",
        text=(
            f"The recipe `{MEAN}` on {about(bench)} The loss is the log's: the squared error "
            "averaged over batch, channels and voxels, plus the KL summed over batch and latents.",
        ),
        claims=(
            _constant(found, went),
            _plateau(run, went),
            _zeros(found),
            _factor(run),
            _forecast(run),
        ),
        pictures=(
            bench.picture(
                "averaged",
                terms({"averaged": went}, found.zeros, _batch(run)),
                "The run that fails. Left: the error of held-out boxes; the dashed line is that of "
                "an image of zeros. Right: the KL, summed over the batch as the log has it.",
            ),
        ),
    )


def _batch(run: Run) -> int:
    return run.recipe.training.batch_size


def _constant(found: Errors, went: Course) -> Claim:
    untrained, *trained = went.mse
    spread = max(trained) - min(trained)
    return Claim(
        said="'the data loss remains nearly constant over the whole training run'; it 'hovered "
        "around 1'",
        measured=f"between {min(trained):.3f} and {max(trained):.3f} from the first epoch on "
        f"({untrained:.3f} before it), at the end {trained[-1]:.3f}; an image of zeros is wrong by "
        f"{found.zeros:.3f}",
        cause="Images are divided by 0.05 and their mean stays in: their mean square is 1, which "
        "is what an image of zeros costs.",
        holds=spread < CONSTANT * found.zeros and abs(trained[-1] / found.zeros - 1) < CONSTANT,
    )


def _plateau(run: Run, went: Course) -> Claim:
    batch, at = _batch(run), went.steps[plateau(went.kl)]
    first, last = batch * went.kl[0], batch * went.kl[-1]
    return Claim(
        said="'the prior loss quickly reaches a plateau'",
        measured=f"from {first:,.0f} nats a batch to {last:,.2g}; 95 % of that by step {at} of "
        f"{went.steps[-1]}",
        cause="The sum over the batch weighs against an average: the KL is thousands where the "
        "error is 1, so the encoder learns to say nothing first.",
        holds=at <= EARLY * went.steps[-1] and last < SMALL_SHARE * first,
    )


def _zeros(found: Errors) -> Claim:
    return Claim(
        said="'the model does in fact just output (nearly) 0 for everything'",
        measured=f"the copies' root mean square is {100 * found.outputs:.0f} % of the images'; "
        f"their error is {found.copies:.3f}, that of the mean image {found.mean_image:.3f}, of "
        f"zeros {found.zeros:.3f}",
        cause="Without a code the best answer is the mean image, which for boxes of atoms at "
        "random places is nearly 0 everywhere.",
        holds=found.outputs < NOTHING and found.copies > (1 - CONSTANT) * found.mean_image,
    )


def _factor(run: Run) -> Claim:
    shape, batch = run.spec.shape, _batch(run)
    voxels, elements = prod(shape[1:]), prod(shape)
    beta = float(run.summary["effective_beta"])
    return Claim(
        said="sum-reducing 'is the same as multiplying this term by 35^3 = 42,875'",
        measured=f"the weight of the KL beside a summed error is {beta:,.0f} here: batch {batch} x "
        f"{shape[0]} channels x {voxels:,} voxels. Of the log's boxes of 6 channels it is 257,250 "
        "times the batch",
        cause="The average also divides by channels and batch, and the KL was summed over the "
        "batch: it was not 35^3 too heavy but 6 times the batch times that.",
        holds=abs(beta / (batch * elements) - 1) < 1e-6,
    )


def _forecast(run: Run) -> Claim:
    told = foretold(run)
    remedy = (told["remedies"] or ["none"])[0]
    return Claim(
        said="The forecast says so before the first step and names the cure.",
        measured=f"verdict {told['verdict']}, largest eigenvalue {told['eigenvalues'][0]:.2g} of "
        f"the 1 that a direction needs; first remedy `{remedy}`; diagnosed afterwards: "
        f"{run.summary['verdict']}",
        cause="What a direction of the data can earn is measured against what a nat of code costs.",
        holds=told["verdict"] == "collapse"
        and remedy == "objective.reduction=sum"
        and run.summary["verdict"] == "collapsed",
    )
