"""Train a recipe into a run folder, or go on with the run that is in it."""

import platform
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from vaestro.data.arrays import ArraysConfig
from vaestro.data.dataset import DataSet
from vaestro.experiments import remedied
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.attempt import Ended, attempt
from vaestro.experiments.finish import finish
from vaestro.experiments.forecast import forecast_assembly
from vaestro.experiments.guests import located, unfilled
from vaestro.experiments.recipe import (
    Recipe,
    as_settled,
    read_recipe,
    require_same,
)
from vaestro.experiments.watch import Display
from vaestro.foundation.files import write_json, write_text
from vaestro.foundation.schedules import depends_on_run_length
from vaestro.health.forecast.forecast import Forecast
from vaestro.models.build import NOBODY, Guests
from vaestro.runs.folder import RunFolder
from vaestro.runs.lock import locked
from vaestro.training import checkpoints
from vaestro.training import plan as planning
from vaestro.training.state import TrainState, starting


def start(
    recipe: Recipe,
    root: Path,
    display: Display,
    data: DataSet | None = None,
    guests: Guests = NOBODY,
) -> dict[str, Any]:
    """Train `recipe` into the new folder `root`; returns what `vaestro train --json` prints.

    `data` stands in for the recipe's data source and is kept in the folder; `guests` are the
    modules of networks of `kind: given`, trained as they are. Raises UserError before the folder
    exists, DivergedError or StorageError once it does.
    """
    folder = RunFolder(root)
    folder.require_free()
    recipe = located(recipe)
    plan = planning.choose(recipe.training)
    with planning.in_force(plan):
        assembly = assemble(recipe, plan, data, guests=deepcopy(guests))
        assembly, told = forecast_assembly(assembly, "brief")
        recipe = assembly.recipe
        for line in (told.sentence, *(finding.sentence for finding in told.findings)):
            display.say(line)
        root.mkdir(parents=True, exist_ok=True)
        with locked(root):
            if data is not None:
                recipe = _kept_data(recipe, data, root)
            write_beginning(folder, recipe, assembly, told)
            return _run(folder, assembly, assembly.fresh_state(), display, guests)


def write_beginning(folder: RunFolder, recipe: Recipe, assembly: Assembly, told: Forecast) -> None:
    """Write what a run's folder holds before its first step; `recipe` as it is kept there."""
    write_text(folder.recipe, recipe.to_yaml())
    write_json(folder.forecast, told.as_json())
    _write_manifest(folder, assembly)


def resume(
    root: Path, wanted: Callable[[Recipe], Recipe], display: Display, guests: Guests = NOBODY
) -> dict[str, Any]:
    """Go on with the run in `root`; `wanted` gives the asked recipe from the stored one, `guests`
    are modules of the same shapes as those that the run began with.

    A finished run is left as it is. Raises RunFolderError, RecipeError or CheckpointError in one
    line when it cannot go on.
    """
    folder = RunFolder(root)
    folder.require_run()
    stored = located(read_recipe(folder.recipe), root)
    recipe = as_settled(stored, located(wanted(stored)))
    require_same(stored, recipe)
    with locked(root):
        summary = folder.read_summary()
        done = summary is not None and summary["status"] in ("finished", "stopped_early")
        if done and summary is not None and recipe.training.epochs == stored.training.epochs:
            display.say(f"the run in {root} is finished; nothing to do")
            return summary | {"run": str(root)}
        return _go_on(folder, stored, recipe, display, guests)


def _go_on(
    folder: RunFolder, stored: Recipe, recipe: Recipe, display: Display, guests: Guests
) -> dict[str, Any]:
    applied = remedied.entries(folder)
    asked, recipe = recipe, remedied.changed(recipe, applied)
    if applied:
        remedied.drop_stale(folder, len(applied), applied[-1]["from"])
    found = checkpoints.newest(folder.checkpoints, display.say)
    if found is None:
        plan, warnings = planning.choose(recipe.training), [_without_checkpoint(applied)]
    else:
        plan, warnings = planning.resumed(found[1]["plan"], recipe.training)
    if recipe.training.epochs != stored.training.epochs and depends_on_run_length(recipe):
        warnings.append(
            "a schedule is a fraction of the run, so this longer run differs from one that was "
            "this long from the start"
        )
    for warning in warnings:
        display.say(warning)
    with planning.in_force(plan):
        if found is None:
            assembly = assemble(recipe, plan, guests=deepcopy(guests))
        else:
            kept = starting("module/transform.", found[0])
            assembly = assemble(unfilled(recipe), plan, kept=kept, guests=deepcopy(guests))
            assembly = replace(assembly, recipe=recipe)
        state = assembly.fresh_state()
        if found is not None:
            state.load(found[0], found[1]["numbers"])
        elif applied:
            remedied.begin(folder, state, applied)
        folder.diagnosis.unlink(missing_ok=True)  # it is about the run as it was
        write_text(folder.recipe, asked.to_yaml())
        folder.update_manifest(plan=plan.describe(), status="running", **assembly.effective)
        return _run(folder, assembly, state, display, guests)


def _without_checkpoint(applied: list[remedied.Entry]) -> str:
    back_to = applied[-1]["from"] if applied else 0
    return f"no checkpoint: starting at step {back_to}"


def _run(
    folder: RunFolder, assembly: Assembly, state: TrainState, display: Display, guests: Guests
) -> dict[str, Any]:
    """Train to the end, remedied where the recipe says so, and write what the end writes."""
    began, trained = time.monotonic(), 0
    while True:
        first = state.step
        ended = attempt(folder, assembly, state, display)
        trained += (state.step - first) * assembly.recipe.training.batch_size
        edit = remedied.edit_for(folder, assembly.recipe, ended.event)
        if ended.event is None or edit is None:
            break
        assembly, state = remedied.again(folder, assembly, ended.event, edit, guests)
        display.say(f"going on from step {state.step:,} with --set '{edit}'")
    seconds = time.monotonic() - began
    return write_end(folder, assembly, state, ended, display, seconds, trained)


def write_end(
    folder: RunFolder,
    assembly: Assembly,
    state: TrainState,
    ended: Ended,
    display: Display,
    seconds: float,
    trained: int,
) -> dict[str, Any]:
    """Write what the end of a run leaves; `trained`: samples, in `seconds`. Returns its summary."""
    if ended.status == "remedied":
        ended = ended._replace(status="stopped_early")
    summary = finish(folder, assembly, state, ended, display.say)
    summary |= {
        "steps": state.step,
        "seconds": round(seconds, 3),
        "samples_per_second": round(trained / seconds, 1) if trained else None,
    }
    write_json(folder.summary, summary)
    folder.update_manifest(status=ended.status)
    return summary


def _kept_data(recipe: Recipe, data: DataSet, root: Path) -> Recipe:
    """Data from Python are kept in the run folder, so that it can resume and evaluate alone."""
    path = root / "data.npz"
    data.write(path)
    source = ArraysConfig.parse(
        {
            "path": str(path.resolve()),
            "key": "values",
            "labels_key": None if data.labels is None else "labels",
            "covariate_keys": list(data.covariates),
            "layout": f"{data.spec.domain}s",
            "values": data.spec.values,
        }
    )
    return recipe.model_copy(update={"data": source})


def _write_manifest(folder: RunFolder, assembly: Assembly) -> None:
    recipe, material, vae = assembly.recipe, assembly.material, assembly.vae
    spec = material.data.spec
    parameters = sum(p.numel() for p in vae.parameters())
    folder.update_manifest(
        vaestro=version("vaestro"),
        torch=torch.__version__,
        python=platform.python_version(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        status="running",
        name=recipe.name,
        data={
            "name": material.data.name,
            "samples": len(material.data.values),
            "domain": spec.domain,
            "shape": list(spec.shape),
            "elements": spec.elements,
            "values": spec.values,
            "labels": None if spec.label_names is None else list(spec.label_names),
            "covariates": list(material.data.covariates),
            "notes": list(material.data.notes),
            **{name: len(material.split.of(name)) for name in ("train", "validation", "test")},
        },
        transform=material.transform.facts(),
        parameters=parameters,
        compression=material.spec.elements / vae.latent,
        **assembly.effective,
        plan=assembly.plan.describe(),
    )
