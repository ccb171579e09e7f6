"""Everything that the screen of a sweep shows, from the facts of its page."""

from pathlib import Path
from typing import Any

import numpy as np

from vaestro.reports.facts import finite
from vaestro.reports.sweep import tables, words
from vaestro.reports.sweep.facts import Figure, SweepFacts, Trial
from vaestro.reports.sweep.figures import marks
from vaestro.reports.sweep.figures.parallel import Parallel, parallel
from vaestro.reports.sweep.figures.plane import Plane, plane
from vaestro.reports.sweep.labels import better, inside, label, titled, unit
from vaestro.studio.ids import inside as lies_in
from vaestro.studio.starting.command import command
from vaestro.studio.studio import Studio
from vaestro.studio.sweeps.queue import queue
from vaestro.studio.sweeps.reading import Reading
from vaestro.studio.sweeps.steering import cannot_grow, words_of

MOST = 1000
"""So many trials are told, evenly over their numbers; the front and the best always."""
TERMS = ("data_term", "prior_term")
SPACE = ("field", "looked", "best")


def shown(studio: Studio, reading: Reading) -> dict[str, Any]:
    """The sweep for the page; every number that is not finite is null."""
    facts = reading.facts()
    said = words.verdict(facts)
    told = _told(facts)
    return {
        "id": reading.id,
        "kind": "study" if reading.study else "sweep",
        "name": facts.name,
        "about": facts.about,
        "status": reading.status,
        "word": said.word,
        "tone": said.tone,
        "sentence": said.sentence,
        "figures": [_figure(figure) for figure in columns(facts)],
        "axes": [axis.field for axis in facts.axes],
        "space": [dict(zip(SPACE, row, strict=True)) for row in tables.space(facts)],
        "particulars": [list(pair) for pair in tables.particulars(facts)],
        "trials": [_trial(studio.root, facts, trial) for trial in told],
        "left_out": len(facts.trials) - len(told),
        "marks": {mark.kind: mark.words for mark in marks.MARKS},
        "plane": _plane(plane(facts)),
        "parallel": _parallel(parallel(facts)),
        "queue": queue(reading, studio.root),
        "actions": _actions(reading),
        "train": facts.train,
    }


def columns(facts: SweepFacts) -> list[Figure]:
    """The figures of the goal, and the two terms where they are not among them."""
    known = {figure.name for figure in facts.figures}
    return [*facts.figures, *(Figure(name, "minimize") for name in TERMS if name not in known)]


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "label": label(figure.name),
        "unit": unit(figure.name),
        "title": titled(figure.name),
        "better": better(figure),
        "direction": figure.direction,
    }


def _told(facts: SweepFacts) -> list[Trial]:
    trials = facts.trials
    if len(trials) <= MOST:
        return list(trials)
    even = set(np.linspace(0, len(trials) - 1, MOST).round().astype(int).tolist())
    kept = {*facts.front, facts.best}
    return [t for place, t in enumerate(trials) if place in even or t.number in kept]


def _trial(root: Path, facts: SweepFacts, trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "edits": list(trial.edits),
        "values": {figure.name: trial.value(figure.name) for figure in columns(facts)},
        "fate": trial.fate,
        "mark": marks.kind_of(trial, facts),
        "best": trial.number == facts.best,
        "front": trial.number in facts.front,
        "verdict": trial.verdict.replace("_", " "),
        "reason": trial.reason.removeprefix("forecast: "),
        "seconds": finite(trial.seconds),
        "run": _run(root, trial),
    }


def _run(root: Path, trial: Trial) -> str | None:
    """The id of the trial's run; None where it has none under the root."""
    run = trial.run
    if run is None or not run.is_relative_to(root) or not lies_in(root, run) or not run.is_dir():
        return None
    return run.relative_to(root).as_posix()


def _plane(found: Plane | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "across": _axis(found.across, found.limits[0]),
        "up": _axis(found.up, found.limits[1]),
        "numbers": list(found.numbers),
        "places": [list(place) for place in found.places],
        "stairs": [list(corner) for corner in found.stairs],
        "equal": found.equal,
        "beyond": found.beyond,
    }


def _axis(figure: Figure, limits: tuple[float, float]) -> dict[str, Any]:
    return {"title": titled(figure.name), "limits": list(limits), "better": better(figure)}


def _parallel(found: Parallel | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "numbers": list(found.numbers),
        "shades": [finite(shade) for shade in found.shades.tolist()],
        "figure": inside(found.figure),
        "left_out": found.left_out,
        "scales": [
            {
                "name": scale.name,
                "hint": scale.hint,
                "places": [finite(place) for place in scale.places.tolist()],
                "ticks": [list(tick) for tick in scale.ticks],
            }
            for scale in found.scales
        ],
    }


def _actions(reading: Reading) -> dict[str, Any]:
    """What can be done now, with the commands that do the same."""
    return {
        "working": reading.working,
        "coordinated": reading.coordinated,
        "go_on": command(words_of(reading)),
        "grow": cannot_grow(reading),
        "worker": command(["worker", str(reading.root)]),
        "wanted": reading.stored.sweep.trials,
        "finished": reading.stored.sweep.state == "finished",
        "said": reading.fault,
    }
