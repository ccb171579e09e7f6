"""The page of a sweep, from its definition and its ledger's trials."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import ModuleType

from vaestro.foundation.errors import one_line
from vaestro.foundation.files import read_json
from vaestro.reports.sweep import facts as shown
from vaestro.sweeps.axis import ChoiceAxis, RangeAxis
from vaestro.sweeps.command import going_on, longer
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.importance import importances
from vaestro.sweeps.ledger.rows import Trial
from vaestro.sweeps.space import Space
from vaestro.sweeps.summary import EMPTY, found

GROWN = 2
"""A sweep that is done is gone on with to so many times its trials."""


def write_page(
    folder: SweepFolder,
    definition: Definition,
    trials: Sequence[Trial],
    status: str,
    wanted: int,
) -> Path:
    """Write report.html and pictures/ into the sweep's folder; returns the page. `wanted`: how many
    trials the sweep shall have."""
    page: Path = load_page().write_sweep_report(
        facts_of(folder, definition, trials, status, wanted)
    )
    return page


def load_page() -> ModuleType:
    """The module that draws: matplotlib takes a while to import, and a sweep that only goes on
    needs none of it."""
    from vaestro.reports.sweep import page

    return page


def try_page(write: Callable[[], object], root: Path) -> str:
    """Write the page of the sweep in `root`; "" when it stands, else one line about why it does
    not. The results of a sweep are worth more than its page: whatever goes wrong here ends
    nothing."""
    try:
        write()
    except Exception as fault:
        reason = one_line(str(fault)) or type(fault).__name__
        return (
            f"the page could not be written ({reason}); every result is kept, and "
            f"`vaestro report {root}` writes it again"
        )
    return ""


def facts_of(
    folder: SweepFolder,
    definition: Definition,
    trials: Sequence[Trial],
    status: str,
    wanted: int,
    importance: bool = True,
) -> shown.SweepFacts:
    """Everything that the page shows; without `importance`, which takes a second or two, the rest
    of it."""
    best, front = found(definition, trials)
    recipe = definition.recipe
    if best is not None:
        recipe = definition.space.recipe(definition.recipe, trials[best].params)
    return shown.SweepFacts(
        folder=folder.root,
        name=definition.recipe.name,
        about=definition.recipe.about,
        status=status,
        base=definition.recipe.to_yaml(),
        search=definition.search,
        axes=tuple(axes_of(definition.space)),
        figures=tuple(figures_of(definition)),
        order=definition.goal.order,
        limits=tuple(map(str, (*definition.space.limits, *definition.goal.limits))),
        trials=tuple(_trial(folder, definition, trial) for trial in trials),
        wanted=wanted,
        best=None if best is None else trials[best].number,
        front=tuple(trials[place].number for place in front),
        importance=tuple(importances(definition, trials)) if importance else (),
        seconds=seconds_of(folder, trials),
        recipe="" if best is None else recipe.to_yaml(),
        train="" if best is None else longer(recipe, folder.best),
        go_on=_go_on(folder, definition, status, wanted),
    )


def _go_on(folder: SweepFolder, definition: Definition, status: str, wanted: int) -> str:
    if status != "finished":
        return going_on(folder.root, None)
    return "" if definition.search == "grid" else going_on(folder.root, GROWN * wanted)


def figures_of(definition: Definition) -> Iterator[shown.Figure]:
    """The figures that the sweep looks at, in order."""
    goal = definition.goal
    for name, direction in zip(goal.figures, goal.directions, strict=True):
        yield shown.Figure(name, "minimize" if direction == "minimize" else "maximize")


def axes_of(space: Space) -> Iterator[shown.Axis]:
    """Every varied field once, those of branches as conditional; one that two branches have is of
    all their values, or of the widest range."""
    known: dict[str, shown.Axis] = {}
    for axis, inner in _walked(space.axes, inner=False):
        made = _axis(axis, inner)
        before = known.get(made.field)
        known[made.field] = made if before is None else _joined(before, made)
    yield from known.values()


def _walked(
    axes: Sequence[RangeAxis | ChoiceAxis], inner: bool
) -> Iterator[tuple[RangeAxis | ChoiceAxis, bool]]:
    for axis in axes:
        yield axis, inner
        for branch in axis.branches.values() if isinstance(axis, ChoiceAxis) else ():
            yield from _walked(branch, inner=True)


def _axis(axis: RangeAxis | ChoiceAxis, inner: bool) -> shown.Axis:
    if isinstance(axis, ChoiceAxis):
        return shown.Axis(axis.field, values=axis.values, conditional=inner)
    return shown.Axis(axis.field, axis.low, axis.high, axis.log, conditional=inner)


def _joined(one: shown.Axis, other: shown.Axis) -> shown.Axis:
    values = tuple(dict.fromkeys((*one.values, *other.values)))
    low, high = min(one.low, other.low), max(one.high, other.high)
    return shown.Axis(one.field, low, high, one.log and other.log, values, conditional=True)


def _trial(folder: SweepFolder, definition: Definition, trial: Trial) -> shown.Trial:
    facts = trial.facts
    return shown.Trial(
        number=trial.number,
        params=trial.params,
        edits=tuple(trial.edits),
        values=trial.values or {},
        state=trial.state,
        reason=trial.reason or "",
        verdict=str(facts.get("verdict") or ""),
        seconds=facts.get("seconds"),
        trained=bool(facts.get("trained", True)),
        allowed=facts.get("verdict") not in EMPTY and definition.goal.eligible(trial.values),
        run=_run(folder, trial),
    )


def _run(folder: SweepFolder, trial: Trial) -> Path | None:
    """The trial's run folder; None where it was never trained."""
    told = trial.facts.get("run")
    return None if told is None else folder.root / told


def seconds_of(folder: SweepFolder, trials: Sequence[Trial]) -> float | None:
    """How long at least one trial was training: those of a population train at the same time."""
    spans = sorted(span for trial in trials if (span := _span(folder, trial)) is not None)
    total, until = 0.0, float("-inf")
    for start, end in spans:
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total if spans else None


def _span(folder: SweepFolder, trial: Trial) -> tuple[float, float] | None:
    """When a trial began to train and when it ended, in seconds."""
    run, seconds = _run(folder, trial), trial.facts.get("seconds")
    if run is None or seconds is None:
        return None
    try:
        began = datetime.fromisoformat(read_json(run / "manifest.json")["created"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return began.timestamp(), began.timestamp() + float(seconds)
