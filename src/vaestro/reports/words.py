"""What the numbers of a run mean, in plain sentences with units."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from vaestro.reports.facts import RunFacts, finite
from vaestro.reports.numerals import MINUS, counted, number, share

LIMITS = (0.1, 0.3)
"""A gap below the first share of what the code saves is small; above the second it is large."""


@dataclass(frozen=True)
class Reading:
    """What one number, or two that belong together, say about the run."""

    heading: str
    text: str


def readings(facts: RunFacts) -> list[Reading]:
    """Every reading that the run has the numbers for."""
    parts = (_data_term, _prior_term, _generalisation, _likelihood, _codes, _weighting, _error)
    return [reading for part in parts for reading in part(facts)]


def _terms(facts: RunFacts, split: str) -> tuple[float | None, float | None]:
    figures = facts.figures(split)
    return finite(figures.get("data_term")), finite(figures.get("prior_term"))


def _data_term(facts: RunFacts) -> Iterator[Reading]:
    data_term, _ = _terms(facts, "validation")
    if data_term is None:
        return
    text = f"Given its code, a held-out sample costs {number(data_term)} nats."
    if facts.baseline is not None:
        saved = facts.baseline - data_term
        text += f" The best constant output costs {number(facts.baseline)}"
        text += (
            f", so the code saves {number(saved)} nats per sample."
            if saved > 0
            else ", so the model is no better than returning the same output every time."
        )
    if data_term < 0:
        text += " Below zero is normal for a density, which unlike a probability can exceed 1."
    yield Reading("Data term", text)


def _prior_term(facts: RunFacts) -> Iterator[Reading]:
    _, prior_term = _terms(facts, "validation")
    if prior_term is None or not facts.stochastic:
        return
    live = finite(facts.figures("validation").get("live_dimensions"))
    text = (
        f"The code costs {number(prior_term)} nats ({number(prior_term / math.log(2))} bits) "
        "per sample: how far the posterior of a sample moves away from the prior"
    )
    if live is not None and facts.latent:
        text += f", spread over {live:.0f} of {facts.latent} dimensions"
    yield Reading("Prior term", f"{text}.")


def _generalisation(facts: RunFacts) -> Iterator[Reading]:
    seen, unseen = (
        None if None in terms else sum(term or 0.0 for term in terms)
        for terms in (_terms(facts, "train"), _terms(facts, "validation"))
    )
    if seen is None or unseen is None:
        return
    gap = unseen - seen
    more = "more" if gap >= 0 else "less"
    text = (
        f"Both terms together cost {number(abs(gap))} nats {more} on held-out than on training data"
    )
    data_term, _ = _terms(facts, "train")
    known = facts.baseline is not None and data_term is not None
    saved = (facts.baseline or 0.0) - (data_term or 0.0) if known else 0.0
    if saved > 0:
        part = gap / saved
        size = "small" if part < LIMITS[0] else "noticeable" if part < LIMITS[1] else "large"
        if gap >= 0:
            text += f", which is {share(part)} of what the code saves on training data: {size}"
    yield Reading("Unseen data", f"{text}.")


def _likelihood(facts: RunFacts) -> Iterator[Reading]:
    found = facts.evaluation
    nll, elbo, error = (finite(found.get(key)) for key in ("nll", "elbo", "nll_standard_error"))
    if nll is None:
        return
    spread = f" ± {number(error)}" if error is not None else ""
    text = (
        f"By importance weighting with {counted(found.get('nll_samples'), 'draw')} per sample, "
        f"{MINUS}log p(x) is about {number(nll)}{spread} nats (the error is that of the mean over "
        "the split)."
    )
    if elbo is not None:
        text += (
            f" The ELBO lies {number(-elbo - nll)} nats below that estimate of log p(x): what the "
            "encoder's approximation costs at least."
        )
    yield Reading("Likelihood", text)


def _codes(facts: RunFacts) -> Iterator[Reading]:
    found = facts.evaluation
    told, apart, cost, cap = (
        finite(found.get(key))
        for key in ("mutual_information", "prior_mismatch", "prior_term", "mutual_information_cap")
    )
    if told is None or apart is None:
        return
    text = (
        f"Of the prior term, about {number(told)} nats tell samples apart (mutual information) and "
        f"{number(apart)} are the distance between all codes together and the prior."
    )
    if cap is not None and told > 0.9 * cap:
        text += (
            f" The first estimate cannot exceed {number(cap)}, the logarithm of the number of "
            "samples, and is close to it: take it as a lower limit and the second as an upper one."
        )
    elif cost and apart > LIMITS[1] * cost:
        text += " That distance is large: draws from the prior often fall where no data lie."
    yield Reading("Codes and prior", text)


def _weighting(facts: RunFacts) -> Iterator[Reading]:
    beta = finite(facts.manifest.get("effective_beta"))
    variance = finite(facts.manifest.get("effective_variance"))
    if beta is None or not facts.stochastic:
        return
    text = f"In summed nats the prior term weighs {number(beta)} times the data term"
    if beta == 1:
        text = "In summed nats both terms weigh the same"
    if variance is not None:
        text += (
            f", so the loss acts like a Gaussian observation of variance {number(variance)} per "
            "element: directions of the data with less variance tend to be left out"
        )
    yield Reading("Weighting", f"{text}.")


def _error(facts: RunFacts) -> Iterator[Reading]:
    mse = finite(facts.figures("validation").get("mse"))
    if mse is not None and mse >= 0:
        yield Reading(
            "Error",
            f"A reconstructed held-out element is off by {number(math.sqrt(mse))} (root mean "
            "square, in the data's own units).",
        )
