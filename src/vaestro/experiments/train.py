"""Train a recipe into a run folder, or go on with the run that is in it."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from vaestro.data.dataset import DataSet
from vaestro.experiments import remedied
from vaestro.experiments.assemble import Assembly
from vaestro.experiments.attempt import Ended, attempt
from vaestro.experiments.beginning import kept_data, write_beginning
from vaestro.experiments.change import require_same_changes
from vaestro.experiments.circumstances import PLAIN, Circumstances
from vaestro.experiments.distributed import held, require_together
from vaestro.experiments.finish import finish
from vaestro.experiments.forecasting.forecast import forecast_assembly
from vaestro.experiments.guests import located, unfilled
from vaestro.experiments.recipe import (
    Recipe,
    as_settled,
    read_recipe,
    require_same,
)
from vaestro.experiments.same_data import require_same_data
from vaestro.experiments.threads import threads_settled
from vaestro.experiments.watch import Display
from vaestro.foundation.files import write_json, write_text
from vaestro.foundation.schedules import depends_on_run_length
from vaestro.runs.folder import RunFolder
from vaestro.training import checkpoints
from vaestro.training import plan as planning
from vaestro.training.distribution.ranks import require_place
from vaestro.training.state import TrainState, starting


def start(
    recipe: Recipe,
    root: Path,
    display: Display,
    data: DataSet | None = None,
    given: Circumstances = PLAIN,
) -> dict[str, Any]:
    """Train `recipe` into the new folder `root`; returns what `vaestro train --json` prints, and in
    processes after the first of several no more than the run and its status.

    `data` stands in for the recipe's data source and is kept in the folder. Raises UserError before
    the folder exists, DivergedError or StorageError once it does.
    """
    folder, ranks = RunFolder(root), given.ranks
    if ranks.first:
        folder.require_free()
    recipe = located(recipe)
    plan = ranks.told(planning.choose(recipe.training, ranks.count))
    require_place(ranks, plan.device)
    with planning.in_force(plan):
        assembly = given.assembly(recipe, plan, data)
        assembly = threads_settled(assembly, display.say)
        assembly, told = forecast_assembly(assembly, "brief", found=given.look(assembly))
        recipe = assembly.recipe
        for line in (told.sentence, *(finding.sentence for finding in told.findings)):
            display.say(line)
        require_together(ranks, assembly)
        with held(root, ranks):
            if ranks.first:
                if data is not None:
                    recipe = kept_data(recipe, data, root)
                write_beginning(folder, recipe, assembly, told)
            ranks.told(None)  # the others read what was written
            return _run(folder, assembly, assembly.fresh_state(), display, given)


def resume(
    root: Path,
    wanted: Callable[[Recipe], Recipe],
    display: Display,
    given: Circumstances = PLAIN,
) -> dict[str, Any]:
    """Go on with the run in `root`; `wanted` gives the asked recipe from the stored one. Modules of
    one's own have the shapes of those that the run began with.

    A finished run that has its model is left as it is. Raises RunFolderError, RecipeError or
    CheckpointError in one line when it cannot go on.
    """
    folder = RunFolder(root)
    folder.require_run()
    require_same_changes(folder, given.changes)
    stored = located(read_recipe(folder.recipe), root)
    recipe = as_settled(stored, located(wanted(stored)))
    require_same(stored, recipe)
    with held(root, given.ranks):
        summary = folder.read_summary()
        ended = summary is not None and summary.get("status") in ("finished", "stopped_early")
        done = ended and folder.model.is_dir()  # the last checkpoint gives a lost model back
        if done and summary is not None and recipe.training.epochs == stored.training.epochs:
            display.say(f"the run in {root} is finished; nothing to do")
            return summary | {"run": str(root)}
        return _go_on(folder, stored, recipe, display, given)


def _go_on(
    folder: RunFolder,
    stored: Recipe,
    recipe: Recipe,
    display: Display,
    given: Circumstances,
) -> dict[str, Any]:
    """Train on from the newest checkpoint, or from the start where there is none."""
    ranks = given.ranks
    applied = remedied.entries(folder)
    asked, recipe = recipe, remedied.changed(recipe, applied)
    if applied and ranks.first:
        remedied.drop_stale(folder, len(applied), applied[-1]["from"])
    ranks.told(None)  # the others see the checkpoints that are left
    found = checkpoints.newest(folder.checkpoints, display.say)
    if found is None:
        plan = ranks.told(planning.choose(recipe.training, ranks.count))
        warnings = [_without_checkpoint(applied)]
    else:
        plan, warnings = planning.resumed(found[1]["plan"], recipe.training, ranks.count)
    require_place(ranks, plan.device)
    for warning in (*warnings, *_longer(stored, recipe)):
        display.say(warning)
    with planning.in_force(plan):
        if found is None:
            assembly = given.assembly(recipe, plan)
            require_same_data(folder, recipe, assembly.material)
            assembly = threads_settled(assembly, display.say)
            state = assembly.fresh_state()
            if applied:
                remedied.begin(folder, state, applied)
        else:
            kept = starting("module/transform.", found[0])
            assembly = given.assembly(unfilled(recipe), plan, kept=kept)
            require_same_data(folder, recipe, assembly.material)
            assembly = replace(assembly, recipe=recipe)
            state = assembly.fresh_state()
            state.load(found[0], found[1]["numbers"])
        require_together(ranks, assembly)
        if ranks.first:
            folder.diagnosis.unlink(missing_ok=True)  # it is about the run as it was
            write_text(folder.recipe, asked.to_yaml())
            described = assembly.plan.describe()
            folder.update_manifest(plan=described, status="running", **assembly.effective)
        return _run(folder, assembly, state, display, given)


def _longer(stored: Recipe, recipe: Recipe) -> list[str]:
    """What is to be said of a run that was made longer than it began."""
    if recipe.training.epochs == stored.training.epochs or not depends_on_run_length(recipe):
        return []
    return [
        "a schedule is a fraction of the run, so this longer run differs from one that was this "
        "long from the start"
    ]


def _without_checkpoint(applied: list[remedied.Entry]) -> str:
    back_to = applied[-1]["from"] if applied else 0
    return f"no checkpoint: starting at step {back_to}"


def _run(
    folder: RunFolder,
    assembly: Assembly,
    state: TrainState,
    display: Display,
    given: Circumstances,
) -> dict[str, Any]:
    """Train to the end, remedied where the recipe says so, and write what the end writes."""
    began, trained, ranks = time.monotonic(), 0, given.ranks
    while True:
        first = state.step
        ended = attempt(folder, assembly, state, display, given)
        trained += (state.step - first) * assembly.recipe.training.batch_size
        edit = ranks.told(remedied.edit_for(folder, assembly.recipe, ended.event))
        if ended.event is None or edit is None:
            break
        assembly, state = remedied.again(folder, assembly, ended.event, edit, given)
        display.say(f"going on from step {state.step:,} with --set '{edit}'")
    if not ranks.first:
        return {"run": str(folder.root), "status": ended.status}
    seconds = time.monotonic() - began
    judged = given.judge is not None and 0 in given.judge.ended
    return write_end(folder, assembly, state, ended, display, seconds, trained, brief=judged)


def write_end(
    folder: RunFolder,
    assembly: Assembly,
    state: TrainState,
    ended: Ended,
    display: Display,
    seconds: float,
    trained: int,
    brief: bool = False,
) -> dict[str, Any]:
    """Write what the end of a run leaves; `trained`: samples, in `seconds`; `brief` as in `finish`.
    Returns its summary."""
    if ended.status == "remedied":
        ended = ended._replace(status="stopped_early")
    summary = finish(folder, assembly, state, ended, display.say, brief)
    summary |= {
        "steps": state.step,
        "seconds": round(seconds, 3),
        "samples_per_second": round(trained / seconds, 1) if trained else None,
    }
    write_json(folder.summary, summary)
    folder.update_manifest(status=ended.status)
    return summary
