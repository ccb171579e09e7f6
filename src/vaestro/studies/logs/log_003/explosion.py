"""The explosion of the KL at the log's own rate, over seeds: which part of the log's program it
takes, and what stops it. Longer steps, and NaN, are in rates.py.

Letters: n components, v variance of one.
"""

import numpy as np
import torch

from vaestro.experiments.run import Run
from vaestro.probability.likelihoods.gaussian import Gaussian
from vaestro.studies.faults.outputs import LEAST
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim
from vaestro.studies.logs.log_003.measures import Numbers
from vaestro.studies.logs.log_003.own_rate import (
    ADAMS,
    KEPT,
    LOGS,
    OURS,
    SEEDS,
    SLIM,
    WARM,
    WIDTH,
    Found,
    own_rate,
)
from vaestro.studies.logs.log_003.own_rate import table as own_table
from vaestro.studies.logs.log_003.rates import LATENT, RATES, Ends, Ladder, ends, ladders, table

WHERE, ITS_COMPONENTS = -650, 500
"""Where the log saw it, in its own units: the mean over views of the sum over 500 components of
log(v) / 2 + (x - mean)^2 / (2 v), no 2 pi."""


def explosion(bench: Bench) -> Chapter:
    """The chapter."""
    found = own_rate(bench)
    climbed = ladders(bench)
    theirs, clipped, ours = climbed.values()
    return Chapter(
        name="explosion",
        title="The explosion near -650",
        text=(
            f"One layer of {WIDTH}, {LATENT} latents, a fitted variance, RMSprop at a rate of "
            f"{RATES[0]:g}: the network that the log could not train, at its own settings and in "
            f"its full width, {SEEDS} seeds each. What the study had left out is planted again: "
            "Keras' start, where all weights are Glorot's and the heads of mean, variance and "
            "log-variance are as large as any layer; a ReLU plus 0.001 as variance; its head "
            "outside the model; exp without a bound; no warm-up of beta.",
            "It comes within the first hundred steps here, as a burst from which most runs return; "
            "the log saw it after 50 epochs of far more views. Longer steps stand in for those: "
            "there the start is ours and the width that of the other chapters.",
        ),
        claims=(
            _where(found[LOGS].first),
            _exploded(found),
            _begun(found),
            _ended(found, theirs, clipped, ends()),
            _finite(found, ours),
        ),
        tables=(own_table(found), table(climbed)),
    )


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


def own_variances(eigenvalues: Numbers) -> float:
    """The log's data term where each component has its own variance and its own mean alone."""
    return float((0.5 * np.log(eigenvalues + LEAST) + 0.5).sum())


def _where(run: Run) -> Claim:
    values = np.array(run.vae.transform.facts()["eigenvalues"])
    share = _at_floor(run)
    typical = float(np.exp(2 * WHERE / ITS_COMPONENTS - 1))
    return Claim(
        said="'Error seems to be decreasing normally, until it gets to about -650 to -700'",
        measured=f"in the log's units {WHERE} nats over {ITS_COMPONENTS} components are a variance "
        f"of {typical:.2g} in each, and all of them at 0.001 could be "
        f"{0.5 * ITS_COMPONENTS * np.log(LEAST):,.0f}. Here {len(values)} components that are told "
        f"their own variance and nothing of the view have {own_variances(values):,.0f}; the "
        f"smallest of those variances is {values.min():.2g}. {share:.0%} of the variances that the "
        "log's program gives are at 0.001",
        cause="No component is constant, nor any pixel of these views: nothing underflows. -650 "
        "is where variances are about right, not where they end. A ReLU is 0 for half of all "
        "components from the first step, has no gradient there, and an error counts a thousandfold "
        "where the network believes in a variance of 0.001.",
        holds=bool(values.min() > 2 * LEAST and share > 0.05),
    )


def _exploded(found: dict[str, Found]) -> Claim:
    logs, slim, adams = found[LOGS], found[SLIM], found[ADAMS]
    return Claim(
        said="'then the KL-Divergence just explodes massively'",
        measured=f"at the log's own rate the KL of a step reaches {logs.words} nats in "
        f"{SEEDS} seeds; a quarter as wide {slim.words}; by Adam {adams.words}",
        cause="A step of RMSprop or Adam is as long for each weight as the rate says, whatever the "
        "gradient. 2,048 weights that move alike move a log-variance by about one, exp makes that "
        "a factor, the gradient of the KL answers through all layers at once and goes too far. "
        "The wider the layer, the further; the optimiser matters less.",
        holds=bool(logs.peaks.min() > 1e4 and np.median(slim.peaks) < np.median(logs.peaks)),
    )


def _begun(found: dict[str, Found]) -> Claim:
    warm, kept = found[WARM], found[KEPT]
    return Claim(
        said="'good initialisation of weights and batch normalisation limited greatly the "
        "instability in training'",
        measured=f"with its head in the model the log's program reaches {kept.words} nats, and "
        f"{warm.words} where nothing but its start is ours, "
        f"{np.median(warm.peaks) / np.median(kept.peaks):.2g} of it in the median; both are batch "
        "normalised",
        cause="So it is. Heads as large as any layer begin far from the data: the first gradients "
        "are thousands of times what they have to be, and every weight takes its longest step at "
        "once. A decoder that starts at the mean of the data with a small last layer has none.",
        holds=bool(
            warm.peaks.max() < kept.peaks.min()
            and np.median(warm.peaks) < 0.01 * np.median(kept.peaks)
        ),
    )


def _ended(found: dict[str, Found], theirs: Ladder, clipped: Ladder, where: Ends) -> Claim:
    lost = sum(one.lost for one in found.values())
    return Claim(
        said="'Unable to train this one properly due to NaN problems'",
        measured=f"at rates of {', '.join(f'{rate:g}' for rate in RATES)} the KL of a step reaches "
        f"{theirs.words} nats; {sum(theirs.lost)} of {len(RATES)} runs end in no number, with exp "
        f"clipped behind {sum(clipped.lost)}; at the log's own rate, in the few steps of this "
        f"study, {lost} of {SEEDS * len(found)} do. From a log-variance of {where.still} on "
        f"RMSprop no longer moves a weight, and from {where.lost} on the weight is no number",
        cause="RMSprop keeps the mean of squared gradients. That of exp overflows 32 bits, and "
        "infinity stays in the mean: the steps that would bring the KL back are divided by it. "
        "When exp itself overflows, infinity over infinity is no number.",
        holds=any(theirs.lost) and theirs.peaks[-1] > 1e6 * theirs.peaks[0],
    )


def _finite(found: dict[str, Found], ours: Ladder) -> Claim:
    own, logs = found[OURS], found[LOGS]
    return Claim(
        said="Ours is finite at every rate.",
        measured=f"at the log's rate the KL of a step reaches {own.words} nats, at longer steps "
        f"{ours.words}; {own.lost + sum(ours.lost)} of {SEEDS + len(RATES)} runs end in no number",
        cause="It starts at the data; a fitted variance has a gradient everywhere; the "
        "log-variance is bounded before exp with tails that bring it back. What KL there is comes "
        "in the first steps, the longest of RMSprop, while beta is still near 0. A rate of 0.1 "
        "stays a bad rate.",
        holds=bool(not any(ours.lost) and not own.lost and own.peaks.max() < logs.peaks.min()),
    )
