"""Carry out a study: its grid as a sweep, its cells as a table and a page."""

from pathlib import Path
from typing import Any

from vaestro.foundation.files import write_json
from vaestro.studies.cells import Cell, as_row, cells
from vaestro.studies.config import StudyConfig
from vaestro.studies.keeping import StudyKeeping, holds_study, stored_study
from vaestro.sweeps.stored import StoredSweep, read_sweep
from vaestro.sweeps.summary import summary_of
from vaestro.sweeps.sweep import SweepDisplay, Wanted, sweep


def carry_out(
    study: StudyConfig | None, root: Path, wanted: Wanted, display: SweepDisplay
) -> dict[str, Any]:
    """Carry out a study in `root`, or go on with the one that is there, which None asks for;
    returns what `vaestro study --json` prints. Raises UserError before the folder exists or where
    it holds another study, StorageError when no worker can go on."""
    asked = study or stored_study(root)
    if study is not None and holds_study(root):
        stored_study(root).require_same(study, root)
    definition = None if study is None else study.definition()
    display.say(asked.question)
    summary = sweep(definition, None, root, wanted, display, StudyKeeping(asked))
    return _told(asked, root, summary, cells_in(root, asked))


def rewrite(root: Path) -> Path:
    """Write the tables and the page of the study in `root` anew; returns the page. Raises
    RunFolderError or StorageError in one line."""
    study, found = stored_study(root), read_sweep(root)
    folder, definition, sweep, trials, _ = found
    keeping = StudyKeeping(study)
    summary = summary_of(root, definition, trials, found.status, 0.0)
    keeping.tables(folder, definition, trials, summary)
    return keeping.page(folder, definition, trials, found.status, sweep.trials)


def cells_in(root: Path, study: StudyConfig) -> list[Cell]:
    """The cells of the trials in a study's folder that have ended."""
    found: StoredSweep = read_sweep(root)
    return cells([trial for trial in found.trials if trial.state != "waiting"], study.figures)


def _told(
    study: StudyConfig, root: Path, summary: dict[str, Any], found: list[Cell]
) -> dict[str, Any]:
    """The outcome as plain values, kept as study.json."""
    told = {
        "study": study.name,
        "question": study.question,
        "folder": str(root),
        "status": summary["status"],
        "sentence": summary["sentence"],
        "seconds": summary["seconds"],
        "figures": list(study.figures),
        "cells": [as_row(cell) for cell in found],
    }
    write_json(root / "study.json", told)
    return told
