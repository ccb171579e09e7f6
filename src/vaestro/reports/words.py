"""What the numbers of a run mean, in plain sentences with units, and what to try next."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from vaestro.reports.facts import RunFacts, finite
from vaestro.reports.numerals import counted, number, share

Tone = Literal["good", "doubtful", "bad", "neutral"]

TONES: dict[str, Tone] = {
    "healthy": "good",
    "at_risk": "doubtful",
    "stalled": "doubtful",
    "undertrained": "doubtful",
    "overfitted": "doubtful",
    "prior_mismatch": "doubtful",
    "collapsed": "bad",
    "exploding": "bad",
    "dead_output": "bad",
}
MEANINGS = {
    "healthy": "Both terms are finite and the code carries information about the data.",
    "at_risk": "The run works, but a quantity that decides over collapse is near its threshold.",
    "collapsed": "The encoder answers the same for every sample, so the decoder can only return "
    "one average output.",
    "exploding": "A loss or a gradient became infinite or not a number. The weights from before "
    "that step are kept.",
    "stalled": "The loss stopped falling before the model was better than a constant output.",
    "undertrained": "The loss was still falling when the run ended.",
    "overfitted": "Training data are described clearly better than data the model never saw.",
    "prior_mismatch": "The codes of real data lie elsewhere than the prior, so reconstructions "
    "are good and samples drawn from the prior are not.",
    "dead_output": "The decoder returns the same output whatever the code.",
    "running": "This page shows the run as far as it came when the page was written.",
    "interrupted": "The run was stopped before its end; nothing is lost.",
}
WARM_UP = "--set objective.beta='{kind: linear, start: 0, end: 1, length: 0.3 of run}'"
LIMITS = (0.1, 0.3)
"""A gap below the first share of what the code saves is small; above the second it is large."""


@dataclass(frozen=True)
class Verdict:
    """The verdict as the page shows it; `remedies` are options of `vaestro train`, ready to paste."""

    word: str
    tone: Tone
    sentence: str
    meaning: str
    advice: str
    remedies: tuple[str, ...]


@dataclass(frozen=True)
class Reading:
    """What one number, or two that belong together, say about the run."""

    heading: str
    text: str


def verdict(facts: RunFacts) -> Verdict:
    """The run's verdict with its meaning and the next step."""
    word = facts.verdict
    meaning = MEANINGS.get(word, "")
    sentence = str(facts.summary.get("sentence") or "") if facts.current else ""
    if facts.status == "running" or not sentence:
        sentence = _so_far(facts)
    advice, remedies = _next(facts, word)
    shown = re.sub(r"(?<![\w-])-(?=\d)", "\u2212", sentence)  # true minus signs
    tone = TONES.get(word, "neutral")
    return Verdict(word.replace("_", " "), tone, shown, meaning, advice, remedies)


def readings(facts: RunFacts) -> list[Reading]:
    """Every reading that the run has the numbers for."""
    parts = (_data_term, _prior_term, _generalisation, _likelihood, _codes, _weighting, _error)
    return [reading for part in parts for reading in part(facts)]


def _so_far(facts: RunFacts) -> str:
    last = facts.figures("validation") or facts.figures("train")
    at = f"after {counted(facts.steps, 'step')}"
    if facts.status == "diverged":
        return f"The run diverged {at}: its loss was no longer finite."
    data_term = finite(last.get("data_term"))
    shown = f", with a data term of {number(data_term)} nats per sample" if data_term else ""
    if facts.status == "running":
        return f"The run has no summary yet: it is training, or was killed. It stands {at}{shown}."
    return f"The run stands {at}{shown}."


def _next(facts: RunFacts, word: str) -> tuple[str, tuple[str, ...]]:
    """What to do next, and options to paste."""
    match word:
        case "healthy":
            return (
                "Compare the new samples below with the reconstructions: if only the samples are "
                "poor, the codes do not fill the prior; if both are blurred, the observation "
                "variance is too large or the code too small.",
                (),
            )
        case "collapsed" | "dead_output" | "at_risk" | "stalled":
            return _against_collapse(facts)
        case "exploding":
            return (
                "Take smaller steps and bound the gradient; the events in the run folder name "
                "what was no longer finite.",
                (_slower(facts), "--set training.clip_norm=1"),
            )
        case "undertrained":
            epochs = finite(_part(facts, "training").get("epochs"))
            longer = (f"--resume --set training.epochs={2 * epochs:.0f}",) if epochs else ()
            return "Train it longer.", longer
        case "overfitted":
            return (
                "Keep the weights of the best validation, use smaller networks, or add data.",
                ("--set training.early_stopping.patience=10",),
            )
        case "prior_mismatch":
            return (
                "A larger weight of the prior term pulls the codes together, at the price of "
                "reconstructions.",
                ("--set objective.beta=2",),
            )
        case "running" | "interrupted":
            return "It goes on from its newest checkpoint with:", (f"vaestro train --resume --run {facts.folder.resolve().name}",)
    return "", ()


def _against_collapse(facts: RunFacts) -> tuple[str, tuple[str, ...]]:
    """The weight of the prior term is the first suspect, and the reduction sets it silently."""
    reduction = _part(facts, "objective").get("reduction", "sum")
    if reduction != "sum":
        weight = finite(facts.manifest.get("effective_beta"))
        amount = f" {number(weight)} times" if weight else ""
        return (
            f"The reduction {reduction!r} weighs the prior term{amount} as much as summed nats "
            "would. Sum both terms first.",
            ("--set objective.reduction=sum", WARM_UP),
        )
    return (
        "Let the data term lead at first, or give the prior term less weight.",
        (WARM_UP, "--set objective.beta=0.1"),
    )


def _slower(facts: RunFacts) -> str:
    rows = facts.rows("train")
    rate = finite(rows[-1].get("learning_rate")) if rows else None
    return f"--set training.learning_rate={rate / 3 if rate else 3e-4:.1g}"


def _part(facts: RunFacts, name: str) -> dict[str, object]:
    part = facts.settings.get(name)
    return part if isinstance(part, dict) else {}


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
    text = f"Both terms together cost {number(abs(gap))} nats {more} on held-out than on training data"
    data_term, _ = _terms(facts, "train")
    saved = facts.baseline - data_term if facts.baseline is not None and data_term else 0.0
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
        f"−log p(x) is about {number(nll)}{spread} nats (the error is that of the mean over the "
        "split)."
    )
    if elbo is not None:
        text += f" The ELBO lies {number(-elbo - nll)} nats below it; this much the encoder gives away."
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
    if beta is None:
        return
    text = f"In summed nats the prior term weighs {number(beta)} times the data term"
    if beta == 1:
        text = "In summed nats both terms weigh the same"
    if variance is not None:
        text += (
            f", so the loss acts like a Gaussian observation of variance {number(variance)} per "
            "element: weaker directions of the data are left out"
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
