"""What a verdict means and what to try next, with options of `vaestro train` to paste."""

import re
from dataclasses import dataclass
from typing import Literal

from vaestro.reports.conditioning import ignored
from vaestro.reports.facts import RunFacts, finite
from vaestro.reports.numerals import MINUS, counted, number

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


@dataclass(frozen=True)
class Verdict:
    """The verdict as the page shows it; `remedies` are what to add to `vaestro train`."""

    word: str
    tone: Tone
    sentence: str
    meaning: str
    advice: str
    remedies: tuple[str, ...]


def verdict(facts: RunFacts) -> Verdict:
    """The run's verdict with its meaning and the next step."""
    word = facts.verdict
    meaning = MEANINGS.get(word, "")
    sentence = str(facts.summary.get("sentence") or "") if facts.current else ""
    if facts.status == "running" or not sentence:
        sentence = _so_far(facts)
    advice, remedies = _next(facts, word)
    advice = " ".join(
        [part for part in (advice, *ignored(facts.evaluation, facts.settings)) if part]
    )
    shown = re.sub(r"(?<![\w-])-(?=\d)", MINUS, sentence)  # true minus signs
    tone = TONES.get(word, "neutral")
    return Verdict(word.replace("_", " "), tone, shown, meaning, advice, remedies)


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
        case "healthy" if _beaten_by_a_constant(facts):
            return (
                "Yet held-out data still cost more than the best constant output does: the model "
                "has learned too little so far. Train it longer.",
                _longer(facts),
            )
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
            return "Train it longer.", _longer(facts)
        case "overfitted":
            return (
                "Keep the weights of the best validation, use smaller networks, or add data.",
                ("--set training.early_stopping='{patience: 10}'",),
            )
        case "prior_mismatch":
            return (
                "A larger weight of the prior term pulls the codes together, at the price of "
                "reconstructions.",
                ("--set objective.beta=2",),
            )
        case "running" | "interrupted":
            return "It goes on from its newest checkpoint with:", (
                f"vaestro train --resume --run {facts.folder.resolve().name}",
            )
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


def _beaten_by_a_constant(facts: RunFacts) -> bool:
    data_term = finite(facts.figures("validation").get("data_term"))
    return None not in (data_term, facts.baseline) and (data_term or 0.0) >= (facts.baseline or 0.0)


def _longer(facts: RunFacts) -> tuple[str, ...]:
    epochs = finite(_part(facts, "training").get("epochs"))
    return (f"--resume --set training.epochs={2 * epochs:.0f}",) if epochs else ()


def _slower(facts: RunFacts) -> str:
    rows = facts.rows("train")
    rate = finite(rows[-1].get("learning_rate")) if rows else None
    return f"--set training.learning_rate={rate / 3 if rate else 3e-4:.1g}"


def _part(facts: RunFacts, name: str) -> dict[str, object]:
    part = facts.settings.get(name)
    return part if isinstance(part, dict) else {}
