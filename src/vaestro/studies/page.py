"""The page of a study, from its definition and its ledger's trials."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from vaestro.foundation.yaml_text import read_yaml, write_yaml
from vaestro.reports.study import facts as shown
from vaestro.studies.cells import Cell, cells, in_words, short_name
from vaestro.studies.command import going_on
from vaestro.studies.comparisons import comparisons
from vaestro.studies.config import StudyConfig
from vaestro.sweeps.axis import ChoiceAxis, RangeAxis
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.ledger.rows import Trial
from vaestro.sweeps.page import figures_of, seconds_of


def write_page(
    study: StudyConfig,
    folder: SweepFolder,
    definition: Definition,
    trials: Sequence[Trial],
    status: str,
    wanted: int,
) -> Path:
    """Write report.html and pictures/ into the study's folder; returns the page. `wanted`: how many
    trials the study shall have."""
    page: Path = load_page().write_study_report(
        facts_of(study, folder, definition, trials, status, wanted)
    )
    return page


def load_page() -> ModuleType:
    """The module that draws: matplotlib takes a while to import, and a study that only goes on
    needs none of it."""
    from vaestro.reports.study import page

    return page


def facts_of(
    study: StudyConfig,
    folder: SweepFolder,
    definition: Definition,
    trials: Sequence[Trial],
    status: str,
    wanted: int,
) -> shown.StudyFacts:
    """Everything that the page shows."""
    found = cells([trial for trial in trials if trial.state != "waiting"], study.figures)
    varied = [axis for axis in definition.space.axes if axis.field != "seed"]
    return shown.StudyFacts(
        folder=folder.root,
        name=study.name,
        question=study.question,
        status=status,
        source=definition.recipe.name,
        axes=tuple(_axis(axis) for axis in varied),
        figures=tuple(figures_of(definition)),
        cells=tuple(_cell(cell, varied, folder) for cell in found),
        comparisons=tuple(comparisons(found, study.figures)),
        wanted=wanted,
        study=write_yaml(study.plain()),
        recipe=definition.recipe.to_yaml(),
        seconds=seconds_of(folder, trials),
        go_on="" if status == "finished" else going_on(folder.root),
    )


def _axis(axis: RangeAxis | ChoiceAxis) -> shown.Axis:
    values = [axis.text(value) for value in axis.grid()]
    read = [read_yaml(value, axis.field) for value in values]
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in read)
    words = tuple(in_words(value) for value in values)
    numbers = tuple(map(float, read)) if numeric else ()
    return shown.Axis(axis.field, short_name(axis.field), words, numbers)


def _cell(cell: Cell, axes: Sequence[RangeAxis | ChoiceAxis], folder: SweepFolder) -> shown.Cell:
    places = tuple(_place(axis, cell.params[axis.field]) for axis in axes)
    runs = tuple(_run(trial, folder) for trial in cell.trials)
    return shown.Cell(cell.label, places, runs, cell.means)


def _place(axis: RangeAxis | ChoiceAxis, value: Any) -> int:
    return [axis.text(one) for one in axis.grid()].index(axis.text(value))


def _run(trial: Trial, folder: SweepFolder) -> shown.Run:
    run = trial.facts.get("run")
    return shown.Run(
        trial=trial.number,
        seed=int(trial.params["seed"]),
        values=trial.values or {},
        state=trial.state,
        verdict=str(trial.facts.get("verdict") or ""),
        reason=trial.reason or "",
        run=None if run is None else folder.root / run,
    )
