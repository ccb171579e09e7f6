"""One run for its screen: what report.html shows, from the same facts, as plain values."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vaestro.reports import advice, tables, words
from vaestro.reports.commands import examining, resuming
from vaestro.reports.evaluation import sections
from vaestro.reports.facts import ENDED, RunFacts, finite, mapping, read_facts
from vaestro.reports.findings import commands, findings
from vaestro.reports.outlook import outlook
from vaestro.reports.run_files import read_manifest
from vaestro.studio.runs.guarded import require_file, require_readable
from vaestro.studio.runs.history import few_rows
from vaestro.studio.runs.snapshots import FINAL, epochs

MOST_EVENTS = 200
MOST_RECIPE = 200_000
"""Characters of a recipe that are shown."""


def run_facts(root: Path, folder: Path) -> RunFacts:
    """The facts of a run, of a long history only some rows.

    Raises RunFolderError for a folder that is no run or may not be read.
    """
    require_readable(root, folder)
    require_file(root, folder / "history.jsonl", None)
    for epoch in epochs(folder):
        name = "final.npz" if epoch == FINAL else f"epoch-{epoch:04d}.npz"
        require_file(root, folder / "snapshots" / name, None)
    return read_facts(folder, few_rows)


def run(root: Path, folder: Path, at_work: bool | None) -> dict[str, Any]:
    """Everything that the screen of a run shows but its curves, pictures and bars; `at_work`:
    whether a process trains it."""
    facts = run_facts(root, folder)
    where, _ = tables.measured_on(facts)
    foreseen = outlook(facts)
    return {
        "name": facts.name,
        "status": facts.status.replace("_", " "),
        "ended": facts.status in ENDED,
        "steps": facts.steps,
        "at_work": at_work,
        "baseline": _baseline(facts),
        "stochastic": facts.stochastic,
        "verdict": asdict(advice.verdict(facts, at_work)),
        "where": where,
        "cards": [asdict(card) for card in tables.cards(facts)],
        "findings": [asdict(found) for found in findings(facts)],
        "outlook": None if foreseen is None else asdict(foreseen),
        "events": events(facts),
        "splits": [name for name, _ in tables.splits(facts)],
        "rows": [asdict(row) for row in tables.table(facts)],
        "evaluated": [asdict(section) for section in sections(facts.evaluation)],
        "particulars": tables.particulars(facts),
        "readings": [asdict(reading) for reading in words.readings(facts)],
        "notes": list(facts.notes),
        "planted": [str(one) for one in _listed(facts.manifest.get("faults"))],
        "recipe": facts.recipe[:MOST_RECIPE],
        "epochs": epochs(folder),
        "report": (folder / "report.html").is_file(),
        "commands": _commands(facts),
    }


def _baseline(facts: RunFacts) -> float | None:
    """The best constant's data term; of a run that is going, as it was forecast."""
    foreseen = finite(mapping(facts.forecast.get("baselines")).get("constant"))
    return foreseen if facts.baseline is None else facts.baseline


def events(facts: RunFacts) -> list[dict[str, Any]]:
    """What the monitor said, oldest first: step, kind, sentence and remedies as commands."""
    return [
        {
            "step": finite(event.get("step")),
            "kind": str(event.get("kind", "")).replace("_", " "),
            "tone": advice.TONES.get(str(event.get("kind")), "neutral"),
            "sentence": str(event.get("sentence", "")),
            "applied": str(event["applied"]) if event.get("applied") else None,
            "commands": list(commands(facts, event.get("remedies"))),
        }
        for event in facts.events[-MOST_EVENTS:]
    ]


def sample_values(root: Path, folder: Path) -> str | None:
    """The meaning of the numbers of the run's data ("binary", "unit", ...), if it is known."""
    require_readable(root, folder)
    values = mapping(read_manifest(folder / "manifest.json").get("data")).get("values")
    return values if isinstance(values, str) else None


def _commands(facts: RunFacts) -> list[tuple[str, str]]:
    """What one may do with the run: a word for it, and the command."""
    told = [("Go on with the run", resuming(facts))] if facts.status not in ENDED else []
    return [*told, ("Ask the doctor again", examining(facts))]


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else ()
