"""A run that begins again with a remedy applied, and stays exactly resumable while it does.

recipe.yaml keeps what was asked for; manifest.json lists under `remedied` what was changed on the
way: {step, kind, set, from}. That list is written whole and before anything else, so that a run
killed at any moment knows which attempt it is in; checkpoints of an earlier one are dropped.
"""

import json
import shutil
from collections.abc import Sequence
from typing import Any

from vaestro.experiments.assemble import Assembly
from vaestro.experiments.circumstances import Circumstances
from vaestro.experiments.recipe import Recipe, apply
from vaestro.experiments.remedies import fitting
from vaestro.foundation.files import read_json, sync
from vaestro.runs.folder import RunFolder
from vaestro.runs.history import append_record
from vaestro.training import checkpoints
from vaestro.training.config import RemedyConfig
from vaestro.training.loop import GOOD
from vaestro.training.state import TrainState

Entry = dict[str, Any]
"""One remedy: at which step what was found, the edit, and the step from which the run went on."""


def entries(folder: RunFolder) -> list[Entry]:
    """The remedies so far, oldest first."""
    return list(folder.read_manifest().get("remedied", []))


def changed(recipe: Recipe, applied: Sequence[Entry]) -> Recipe:
    """The recipe of the present attempt."""
    return apply(recipe, [entry["set"] for entry in applied]) if applied else recipe


def edit_for(folder: RunFolder, recipe: Recipe, event: dict[str, Any] | None) -> str | None:
    """The edit with which the run is to begin again after `event`; None when it has ended."""
    rule = recipe.training.monitor
    if event is None or not isinstance(rule, RemedyConfig):
        return None
    if len(entries(folder)) >= rule.most:
        return None
    return first_free(recipe, event["remedies"])


def first_free(recipe: Recipe, edits: Sequence[str]) -> str | None:
    """The first edit that `recipe` takes, that changes it and makes its run no longer: nobody gave
    leave for more time. None when there is none."""
    free = (edit for edit in fitting(recipe, edits) if not edit.startswith(LENGTH))
    return next(free, None)


LENGTH = "training.epochs="
"""The field that no remedy of a run's own touches."""


def again(
    folder: RunFolder, old: Assembly, event: dict[str, Any], edit: str, given: Circumstances
) -> tuple[Assembly, TrainState]:
    """The next attempt: the same data, the recipe with `edit`, from the last good state when the
    loss was not finite, else from the start. The first process writes that down."""
    ranks = given.ranks
    applied = ranks.told(commit(folder, event, edit, back_to(folder, event)) if ranks.first else [])
    kept = {n: t.clone() for n, t in old.vae.transform.state_dict().items()}
    data, recipe = old.material.data, apply(old.recipe, [edit])
    assembly = given.assembly(recipe, old.plan, data, kept)
    state = assembly.fresh_state()
    begin(folder, state, applied)
    if ranks.first:
        folder.update_manifest(**assembly.effective)
    return assembly, state


def commit(folder: RunFolder, event: dict[str, Any], edit: str, back_to: int) -> list[Entry]:
    """Write down, first among the events and then in the manifest, that the run goes on from step
    `back_to` with `edit`; returns every remedy so far."""
    sentence = f"The run goes on from step {back_to:,} with {edit}."
    told = {"kind": event["kind"], "cause": "remedy", "sentence": sentence}
    told |= {"evidence": {"from_step": back_to}, "remedies": [], MARK: edit}
    append_record(folder.events, {"step": event["step"], "epoch": event["epoch"], **told})
    sync(folder.events)
    entry = {"step": event["step"], "kind": event["kind"], "set": edit, "from": back_to}
    applied = [*entries(folder), entry]
    folder.update_manifest(remedied=applied)
    drop_stale(folder, len(applied), back_to)
    return applied


def drop_stale(folder: RunFolder, attempt: int, back_to: int) -> None:
    """Remove the checkpoints of earlier attempts, and what they kept after step `back_to`."""
    for path in _all(folder, ""):
        if _attempt_of(path) not in (attempt, DAMAGED):
            shutil.rmtree(path)
    for path in _all(folder, GOOD):
        if _attempt_of(path) not in (attempt, DAMAGED) and path.name != f"step-{back_to:08d}":
            shutil.rmtree(path)


def back_to(folder: RunFolder, event: dict[str, Any]) -> int:
    """The step from which a run goes on that `event` ended: its last good one when the loss was not
    finite, else the start."""
    return newest_good(folder) if event["kind"] == "exploding" else 0


def newest_good(folder: RunFolder) -> int:
    """The newest step from which a run may go on; 0 when it is the start."""
    steps = [int(path.name.removeprefix("step-")) for path in _all(folder, GOOD)]
    return max(steps, default=0)


def begin(folder: RunFolder, state: TrainState, applied: Sequence[Entry]) -> None:
    """Make the fresh `state` the one with which attempt len(applied) begins: the start or a good
    state of the attempt before it, and the events of every earlier attempt kept."""
    back_to = int(applied[-1]["from"])
    if back_to:
        kept = checkpoints.read(folder.checkpoints / GOOD / f"step-{back_to:08d}")
        state.load(kept[0], kept[1]["numbers"])
    state.remedies = len(applied)
    state.events_bytes = _through(folder, len(applied))


DAMAGED = -1
"""The attempt of a checkpoint that cannot be read; whoever resumes it says what is wrong."""

MARK = "applied"
"""The field of the event that ends an attempt."""


def _through(folder: RunFolder, attempts: int) -> int:
    """The bytes of the events of the first `attempts` attempts."""
    length = passed = 0
    for line in folder.events.read_bytes().splitlines(keepends=True):
        if passed == attempts:
            break
        length += len(line)
        passed += MARK in json.loads(line)
    return length


def _all(folder: RunFolder, inside: str) -> list[Any]:
    return sorted((folder.checkpoints / inside).glob("step-????????"))


def _attempt_of(path: Any) -> int:
    """The attempt whose checkpoint lies at `path`; DAMAGED when it tells nothing."""
    try:
        return int(read_json(path / "state.json")["body"]["numbers"].get("remedies", 0))
    except (OSError, ValueError, KeyError, TypeError):
        return DAMAGED
