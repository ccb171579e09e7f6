"""What a sweep has found, as plain values and as files."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vaestro.foundation.files import write_text
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.goal import DIRECTIONS, Ranked, ranked
from vaestro.sweeps.ledger.rows import Trial

EMPTY = ("collapsed", "dead_output")
"""Verdicts on a run that is no use, however good a figure of it."""


def found(definition: Definition, trials: Sequence[Trial]) -> Ranked:
    """The best trial and the front, by place in `trials`; one that was pruned, or whose code ended
    empty, is neither."""
    return ranked(definition.goal, [trial.values if _usable(trial) else None for trial in trials])


def _usable(trial: Trial) -> bool:
    return trial.state == "finished" and trial.facts.get("verdict") not in EMPTY


def summary_of(
    root: Path, definition: Definition, trials: Sequence[Trial], status: str, seconds: float
) -> dict[str, Any]:
    """What `vaestro sweep --json` prints."""
    best, front = found(definition, trials)
    counts = {state: _count(trials, state) for state in ("finished", "pruned", "failed")}
    untrained = sum(not trial.facts.get("trained", True) for trial in trials)
    return {
        "sweep": str(root),
        "status": status,
        "sentence": _sentence(status, counts, untrained),
        "trials": len(trials),
        **counts,
        "untrained": untrained,
        "seconds": round(seconds, 3),
        "objectives": dict(zip(definition.goal.figures, definition.goal.directions, strict=True)),
        "best": None if best is None else row_of(trials[best], root),
        "pareto": [row_of(trials[place], root) for place in front],
    }


def row_of(trial: Trial, root: Path) -> dict[str, Any]:
    """A trial as plain values."""
    run = trial.facts.get("run")
    return {
        "trial": trial.number,
        "set": trial.edits,
        "state": trial.state,
        "values": trial.values,
        "reason": trial.reason,
        "run": None if run is None else str(root / run),
    }


def write_outcome(
    folder: SweepFolder, definition: Definition, trials: Sequence[Trial], summary: dict[str, Any]
) -> None:
    """Write best.yaml and trials.csv."""
    write_text(folder.tables, as_csv(definition, trials))
    if summary["best"] is not None:
        chosen = next(t for t in trials if t.number == summary["best"]["trial"])
        recipe = definition.space.recipe(definition.recipe, chosen.params)
        write_text(folder.best, recipe.to_yaml())


def as_csv(definition: Definition, trials: Sequence[Trial]) -> str:
    """A line for each trial: setting, figures, state."""
    text = io.StringIO()
    rows = table_of(definition, trials)
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["trial"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def table_of(definition: Definition, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """A row of plain values for each trial, all with the same names."""
    fields = definition.space.fields
    return [
        {
            "trial": trial.number,
            "state": trial.state,
            **{name: trial.params.get(name) for name in fields},
            **{name: (trial.values or {}).get(name) for name in DIRECTIONS},
            "verdict": trial.facts.get("verdict"),
            "steps": trial.facts.get("steps"),
            "seconds": trial.facts.get("seconds"),
            "run": trial.facts.get("run"),
            "reason": trial.reason,
        }
        for trial in trials
    ]


def _count(trials: Sequence[Trial], state: str) -> int:
    return sum(trial.state == state for trial in trials)


def _sentence(status: str, counts: dict[str, int], untrained: int) -> str:
    ended = sum(counts.values())
    told = f"{counts['finished']} finished, {counts['pruned']} pruned"
    told += f" ({untrained} of them before the first step)" if untrained else ""
    told += f", {counts['failed']} failed" if counts["failed"] else ""
    if status != "finished":
        return f"Interrupted after {ended} trials ({told}); the same command goes on."
    return f"{ended} trials: {told}."
