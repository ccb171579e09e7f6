"""The explosion of the KL, and NaN: how long the steps may be before it comes, and what stops it.

Shape letters: B batch, P outputs per element, n components.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from vaestro.experiments.run import Run
from vaestro.probability.likelihoods.gaussian import Gaussian
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Table
from vaestro.studies.logs.log_003.architectures import FITTED, on_layers
from vaestro.studies.logs.log_003.measures import over_epochs
from vaestro.studies.logs.log_003.views import components, on_components

RATES = (1e-3, 1e-2, 1e-1)
EPOCHS = (6, 50)
THEIRS = ("objective.beta=1", "model.posterior.scale.high=60")
"""No warm-up, and a log-variance that may be as large as 32 bits bear."""
LEAST = 1e-3


class Ladder(NamedTuple):
    """A form of the model at every rate: the largest KL of a step, and whether it ended in NaN."""

    peaks: tuple[float, ...]
    lost: tuple[bool, ...]
    first: Run


def explosion(bench: Bench) -> Chapter:
    """The chapter."""
    theirs = _climbed(bench, "log", THEIRS, ("relu-variance",))
    clipped = _climbed(bench, "clip", ("objective.beta=1",), ("relu-variance", "clip-after-exp"))
    ours = _climbed(bench, "ours", (), ())
    found = {
        "a ReLU plus 0.001; log-variance without a bound": theirs,
        "the same, exp clipped behind": clipped,
        "ours: a floor, a bound before exp, warm-up": ours,
    }
    return Chapter(
        name="explosion",
        title="The explosion near -650",
        text=(
            "One layer of 2048, 64 latents, a fitted variance, RMSprop: the network that the log "
            "could not train. The log's own rate is 0.001; longer steps stand in for the many "
            "that it took, so that what would come is seen at once.",
        ),
        claims=(_floor(bench, theirs.first), _exploded(theirs, clipped), _finite(ours)),
        tables=(_table(found),),
    )


def _climbed(bench: Bench, name: str, edits: tuple[str, ...], faults: tuple[str, ...]) -> Ladder:
    layers = on_layers((2048,), 64, FITTED)(bench)
    every_step = ("training.log_steps=1", f"training.epochs={bench.pick(*EPOCHS)}")
    recipe = on_components(bench, *layers, *every_step, *edits)
    runs = [
        bench.train(
            f"explosion-{name}-{rate:g}", recipe, (f"training.learning_rate={rate}",), faults
        )
        for rate in RATES
    ]
    lost = tuple(run.summary["status"] == "diverged" for run in runs)
    return Ladder(tuple(_peak(run) for run in runs), lost, runs[0])


def _peak(run: Run) -> float:
    """The largest KL of a step in nats, infinite where one was no number."""
    _, steps = over_epochs(Path(run.folder.root), "prior_term", "train")
    last = run.summary["validation"]["prior_term"]
    known = [*steps, float("inf") if last is None else last]
    return float(np.max(np.nan_to_num(known, nan=np.inf)))


def _table(found: dict[str, Ladder]) -> Table:
    rows = [
        (name, *(_cell(peak, lost) for peak, lost in zip(one.peaks, one.lost, strict=True)))
        for name, one in found.items()
    ]
    head = ("model", *(f"rate {rate:g}" for rate in RATES))
    return Table("The largest KL of a step, in nats", head, tuple(rows))


def _cell(peak: float, lost: bool) -> str:
    return f"{peak:,.3g}{', then no number' if lost else ''}"


@torch.inference_mode()
def _at_floor(run: Run) -> float:
    """The share of the variances on the validation part that are at their least."""
    vae, shares = run.vae.eval(), []
    likelihood = vae.likelihood
    assert isinstance(likelihood, Gaussian), "a variance is that of a Gaussian"
    for batch in run.batches("validation")():
        outputs = vae.decode(vae.encode(batch.x).mean)
        shares.append(float((likelihood.std(outputs) ** 2 < 1.001 * LEAST).double().mean()))
    return float(np.mean(shares))


def _floor(bench: Bench, run: Run) -> Claim:
    share, count = _at_floor(run), components(bench)
    return Claim(
        said="'Error seems to be decreasing normally, until it gets to about -650 to -700'",
        measured=f"{share:.0%} of all variances are at their least of 0.001, where the ReLU has no "
        f"gradient. In the log's units, without 2 pi, its {count} components can go down to "
        f"{0.5 * count * np.log(LEAST):,.0f}",
        cause="The density has no natural end: the loss falls as long as variances shrink, and an "
        "error on a component at 0.001 weighs a thousand times that on one of variance 1. "
        "The further down, the longer the steps.",
        holds=share > 0.05,
    )


def _exploded(theirs: Ladder, clipped: Ladder) -> Claim:
    return Claim(
        said="'then the KL-Divergence just explodes massively'",
        measured=f"the KL of a step reaches {_ladder(theirs)} nats at rates of {_rates()}; "
        f"{sum(theirs.lost)} of {len(RATES)} runs end in no number, with exp clipped behind "
        f"{sum(clipped.lost)}",
        cause="One step of RMSprop that is too long moves every weight of the layer the same way; "
        "the log-variance moves by all of them together, and exp makes it a KL that no later step "
        "brings back.",
        holds=any(theirs.lost) and theirs.peaks[-1] > 1e6 * theirs.peaks[0],
    )


def _finite(ours: Ladder) -> Claim:
    return Claim(
        said="Ours is finite at every rate.",
        measured=f"the KL of a step reaches {_ladder(ours)} nats; {sum(ours.lost)} of {len(RATES)} "
        "runs end in no number",
        cause="A fitted variance has a floor that is the pictures' own resolution and a gradient "
        "everywhere; the log-variance is bounded before exp with tails that bring it back; beta "
        "warms up while the variance is found. A rate of 0.1 stays a bad rate.",
        holds=not any(ours.lost),
    )


def _ladder(one: Ladder) -> str:
    return ", ".join(f"{peak:,.3g}" for peak in one.peaks)


def _rates() -> str:
    return ", ".join(f"{rate:g}" for rate in RATES)
