"""What a verdict means and what to look at next; what to change is the doctor's to say."""

import re
from dataclasses import dataclass
from typing import Literal

from vaestro.reports.commands import examining, resuming
from vaestro.reports.conditioning import ignored
from vaestro.reports.facts import ENDED, RunFacts, finite
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
    "at_risk": "The run works, but something in it may do harm another time.",
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
GOING = {
    None: "The run has no summary yet: it is training, or was killed.",
    True: "The run is training.",
    False: "No process trains the run: it was killed, or is trained on another machine.",
}
"""What a run without a summary does, by whether a process is known to be at work in it."""
HEALTHY = (
    "Compare the new samples below with the reconstructions: if only the samples are poor, the "
    "codes do not fill the prior; if both are blurred, the observation variance is too large or "
    "the code too small."
)


@dataclass(frozen=True)
class Verdict:
    """The verdict as the page shows it; `commands` go on with the run, or examine it."""

    word: str
    tone: Tone
    sentence: str
    meaning: str
    advice: str
    commands: tuple[str, ...]


def verdict(facts: RunFacts, at_work: bool | None = None) -> Verdict:
    """The run's verdict with its meaning and the next step. `at_work`: whether a process trains it
    at this moment; None where that is not known, as on a page that is read later."""
    word = facts.verdict
    training = word == "running" and at_work is True
    advice, commands = ("", ()) if training else _next(facts, word)
    advice = " ".join(
        [part for part in (advice, *ignored(facts.evaluation, facts.settings)) if part]
    )
    shown = re.sub(r"(?<![\w-])-(?=\d)", MINUS, _sentence(facts, at_work))  # true minus signs
    tone = TONES.get(word, "neutral")
    known = word == "running" and at_work is not None
    meaning = "" if known else MEANINGS.get(word, "")
    return Verdict(word.replace("_", " "), tone, shown, meaning, advice, commands)


def _sentence(facts: RunFacts, at_work: bool | None) -> str:
    """The summary's; where the doctor was asked again and says something else, that."""
    said = str(facts.summary.get("sentence") or "") if facts.current else ""
    if facts.status == "running" or not said:
        return _so_far(facts, at_work)
    other = facts.summary.get("verdict") not in (None, facts.verdict)
    return str(facts.diagnosis.get("sentence") or said) if other else said


def _so_far(facts: RunFacts, at_work: bool | None) -> str:
    last = facts.figures("validation") or facts.figures("train")
    at = f"after {counted(facts.steps, 'step')}"
    if facts.status == "diverged":
        return f"The run diverged {at}: its loss was no longer finite."
    data_term = finite(last.get("data_term"))
    shown = f", with a data term of {number(data_term)} nats per sample" if data_term else ""
    if facts.status == "running":
        return f"{GOING[at_work]} It stands {at}{shown}."
    return f"The run stands {at}{shown}."


def _next(facts: RunFacts, word: str) -> tuple[str, tuple[str, ...]]:
    """What to look at next, and commands to paste."""
    if word in ("running", "interrupted"):
        return "It goes on from its newest checkpoint with:", (resuming(facts),)
    if facts.status == "interrupted":
        return "", (resuming(facts),)
    if facts.status == "diverged":
        return "The doctor takes the refused step again and names the first bad number:", (
            examining(facts),
        )
    if facts.status in ENDED and not facts.diagnosis:
        return "The doctor names the cause, and what helps:", (examining(facts),)
    return (HEALTHY if word == "healthy" else ""), ()
