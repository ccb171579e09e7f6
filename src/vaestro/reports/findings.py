"""What the doctor found in a run, or the monitor so far, as the page shows it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from vaestro.reports.commands import command
from vaestro.reports.facts import RunFacts, mapping
from vaestro.reports.numerals import number
from vaestro.reports.run_files import Record

MOST_FIGURES = 12


@dataclass(frozen=True)
class Shown:
    """One finding: its kind and sentence, its evidence as (name, value), and commands, any one of
    which helps."""

    kind: str
    sentence: str
    figures: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]


def findings(facts: RunFacts) -> list[Shown]:
    """Those of the diagnosis; while there is none, those of the monitor that still hold."""
    diagnosed = _records(facts.diagnosis.get("findings"))
    told = diagnosed if facts.diagnosis else _open(facts.events)
    return _each_once([_shown(facts, one) for one in told])


def of_forecast(facts: RunFacts) -> list[Shown]:
    """What the forecast found in the numbers of the first step."""
    return [_shown(facts, one) for one in _records(facts.forecast.get("findings"))]


def commands(facts: RunFacts, edits: Any) -> tuple[str, ...]:
    """Each edit of a list as a command."""
    known = edits if isinstance(edits, list) else []
    return tuple(command(facts, str(edit)) for edit in known)


def _each_once(found: list[Shown]) -> list[Shown]:
    """A command that cures two findings stands under the first."""
    given: set[str] = set()
    once = []
    for one in found:
        once.append(replace(one, commands=tuple(c for c in one.commands if c not in given)))
        given.update(one.commands)
    return once


def _open(events: Iterable[Record]) -> Iterator[Record]:
    """The newest event of each cause that has not ended."""
    newest = {str(event.get("cause")): event for event in events if "applied" not in event}
    yield from (event for event in newest.values() if event.get("kind") != "healthy")


def _shown(facts: RunFacts, told: Record) -> Shown:
    evidence = mapping(told.get("evidence"))
    figures = [(name.replace("_", " "), value(one)) for name, one in evidence.items()]
    kind = str(told.get("kind", "")).replace("_", " ").capitalize()
    return Shown(
        kind,
        _begun(str(told.get("sentence", "")).removeprefix(f"{kind}: ")),
        tuple(pair for pair in figures if pair[1])[:MOST_FIGURES],
        commands(facts, told.get("remedies")),
    )


def _begun(sentence: str) -> str:
    """The sentence with a capital, unless it begins with a field of the recipe."""
    plain = sentence.split(" ")[0].isalpha()
    return sentence[:1].upper() + sentence[1:] if plain else sentence


def value(one: Any) -> str:
    """A piece of evidence as text; empty where it is none for a page."""
    if isinstance(one, str):
        return one
    if isinstance(one, list):
        return ", ".join(filter(None, map(value, one[:6])))
    return number(one) if isinstance(one, (int, float)) else ""


def _records(value: Any) -> list[Record]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
