"""What a sweep has found, in plain sentences."""

import math
from collections.abc import Iterator

from vaestro.reports.advice import Tone, Verdict
from vaestro.reports.numerals import counted, duration, number, share
from vaestro.reports.sweep.facts import Axis, SweepFacts, Trial
from vaestro.reports.sweep.labels import inside, told

EDGE = 0.02
"""A value so near to an end of its range, as a share of the range, lies at that end."""
COMMON = 0.5
"""A verdict that more than this share of the finished trials have is told."""


def verdict(facts: SweepFacts) -> Verdict:
    """What was found, first of all in one sentence, and how to go on."""
    commands = tuple(command for command in (facts.train, facts.go_on) if command)
    sentence = " ".join([counts(facts), *_best(facts)])
    advice = " ".join(_advice(facts))
    word, tone = _word(facts)
    return Verdict(word, tone, sentence, "", advice, commands)


def _word(facts: SweepFacts) -> tuple[str, Tone]:
    if facts.status != "finished":
        return facts.status, "neutral"
    if facts.best is None:
        return "nothing found", "bad"
    several = len(facts.front) > 1
    return f"a front of {len(facts.front)} trials" if several else "found", "good"


def counts(facts: SweepFacts) -> str:
    """How many trials there were, and what became of them."""
    spent = f" in {duration(facts.seconds)} of training" if facts.seconds else ""
    parts = list(_fates(facts))
    so_far = f" of {facts.wanted:,}" if facts.ended < facts.wanted else ""
    head = f"{facts.ended:,}{so_far} trials" if so_far else counted(facts.ended, "trial")
    return f"{head}{spent}: {_listed(parts) if parts else 'none has ended'}."


def _fates(facts: SweepFacts) -> Iterator[str]:
    finished, untrained, stopped, failed = (
        len(facts.of(fate)) for fate in ("finished", "untrained", "stopped", "failed")
    )
    if finished:
        yield f"{finished:,} finished"
    if untrained:
        yield f"{untrained:,} {_were(untrained)} forecast to collapse and never trained"
    if stopped:
        yield f"{stopped:,} {_were(stopped)} stopped while training"
    if failed:
        yield f"{failed:,} failed"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _best(facts: SweepFacts) -> Iterator[str]:
    best = facts.best_trial
    if best is None:
        if facts.ended:
            met = f" that meets {_listed(list(facts.limits))}" if facts.limits else ""
            yield f"No trial finished with every figure known{met}."
        return
    names = [inside(figure.name) for figure in facts.figures]
    setting = ", ".join(best.edits)
    if len(names) == 1:
        yield f"The best is trial {best.number} ({setting}): {told(best, facts.figures)}."
        return
    if len(facts.front) > 1:
        yield (
            f"{len(facts.front):,} are on the front: to have a better {names[0]} than one of them "
            f"is to have a worse {' or '.join(names[1:])}."
        )
    how = (
        f"counting {names[0]} most"
        if facts.order == "lexicographic"
        else "the one nearest to what is best in each figure"
    )
    yield f"The best, {how}, is trial {best.number} ({setting}): {told(best, facts.figures)}."
    yield from _highest(facts)


def _highest(facts: SweepFacts) -> Iterator[str]:
    """Which trial on a front of the two terms has the highest ELBO, their sum."""
    known = [(elbo, t.number) for t in facts.front_trials if (elbo := t.value("elbo")) is not None]
    if known and {figure.name for figure in facts.figures} == {"data_term", "prior_term"}:
        elbo, trial = max(known)
        yield f"The highest ELBO, {number(elbo)}, is that of trial {trial}."


def _advice(facts: SweepFacts) -> Iterator[str]:
    """What stands in the way of trusting the result, and what to do next."""
    found = facts.of("finished")
    for name in sorted({trial.verdict for trial in found} - {"", "healthy"}):
        having = sum(trial.verdict == name for trial in found)
        if having > COMMON * len(found):
            yield _common(name, having / len(found))
    best = facts.best_trial
    if best is not None:
        for axis in facts.axes:
            yield from _at_edge(best, axis)
    if facts.train:
        yield (
            "Train the best trial's recipe longer:"
            if not facts.go_on
            else ("Train the best trial's recipe longer, or go on with the search:")
        )
    elif facts.go_on:
        yield "Go on with the search:"


def _common(name: str, part: float) -> str:
    said = f"The doctor's verdict on {share(part)} of the finished trials is {name}."
    if name == "undertrained":
        said += " Their order may change when they train longer."
    return said


def _at_edge(best: Trial, axis: Axis) -> Iterator[str]:
    value = best.params.get(axis.field)
    if axis.values or not isinstance(value, int | float) or isinstance(value, bool):
        return
    place = placed(axis, float(value))
    if min(place, 1 - place) <= EDGE:
        end = "lower" if place < 0.5 else "upper"
        yield (
            f"The best trial lies at the {end} end of {axis.field} ({value:.4g}): a wider range "
            "may hold a better one."
        )


def placed(axis: Axis, value: float) -> float:
    """Where a value lies in its range, from 0 to 1; on its logarithm where the axis has one."""
    low, high, here = (math.log(v) if axis.log else v for v in (axis.low, axis.high, value))
    return (here - low) / (high - low)
