"""Train a recipe into a run folder, or go on with the run that is in it."""

import math
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from vaestro.data.arrays import ArraysConfig
from vaestro.data.dataset import DataSet
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.guests import located, unfilled
from vaestro.experiments.model_files import save_model
from vaestro.experiments.pictures import write_pictures
from vaestro.experiments.recipe import (
    Recipe,
    read_recipe,
    require_same,
)
from vaestro.experiments.watch import Display, Keeper
from vaestro.foundation.errors import DivergedError
from vaestro.foundation.files import write_json, write_text
from vaestro.foundation.samples import Batch
from vaestro.foundation.schedules import depends_on_run_length
from vaestro.health.baselines import constant_data_term
from vaestro.health.verdict import sentence, verdict
from vaestro.models.build import NOBODY, Guests
from vaestro.runs.folder import RunFolder
from vaestro.runs.history import History, append_record
from vaestro.runs.lock import locked
from vaestro.training import checkpoints
from vaestro.training import plan as planning
from vaestro.training.loop import Loop, adopt_final_weights
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
        assembly = assemble(recipe, plan, data, guests=guests)
        root.mkdir(parents=True, exist_ok=True)
        with locked(root):
            if data is not None:
                recipe = _kept_data(recipe, data, root)
            write_text(folder.recipe, recipe.to_yaml())
            _write_manifest(folder, assembly)
            return _run(folder, assembly, assembly.fresh_state(), display)


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
    recipe = located(wanted(stored))
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
    found = checkpoints.newest(folder.checkpoints, display.say)
    if found is None:
        plan, warnings = planning.choose(recipe.training), ["no checkpoint: starting at step 0"]
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
            assembly = assemble(recipe, plan, guests=guests)
        else:
            kept = starting("module/transform.", found[0])
            assembly = assemble(unfilled(recipe), plan, kept=kept, guests=guests)
            assembly = replace(assembly, recipe=recipe)
        state = assembly.fresh_state()
        if found is not None:
            state.load(found[0], found[1]["numbers"])
        write_text(folder.recipe, recipe.to_yaml())
        folder.update_manifest(plan=plan.describe(), status="running")
        return _run(folder, assembly, state, display)


def _run(
    folder: RunFolder, assembly: Assembly, state: TrainState, display: Display
) -> dict[str, Any]:
    """Train to the end and write everything that the end writes."""
    history = History(folder.history, state.history_bytes)
    recipe, first = assembly.recipe, state.step
    loop = Loop(
        task=assembly.task,
        batches=assembly.stream,
        validation=assembly.material.batches("validation"),
        config=recipe.training,
        plan=assembly.plan,
        horizon=assembly.horizon,
        seed=recipe.seed,
        folder=folder.checkpoints,
        history=history,
        watcher=Keeper(folder, assembly, display),
    )
    display.started(assembly, first)
    began, status, fault = time.monotonic(), "diverged", None
    try:
        status = loop.run(state)
    except DivergedError as caught:
        fault = caught
        append_record(
            folder.events, {"step": state.step, "kind": "exploding", "message": str(caught)}
        )
        display.say(str(caught))
    finally:
        history.close()
        assembly.stream.close()
    seconds = time.monotonic() - began
    summary = _finish(folder, assembly, state, status, fault is not None)
    trained = (state.step - first) * recipe.training.batch_size
    summary |= {
        "steps": state.step,
        "seconds": round(seconds, 3),
        "samples_per_second": round(trained / seconds, 1) if trained else None,
    }
    write_json(folder.summary, summary)
    folder.update_manifest(status=status)
    return summary


def _finish(
    folder: RunFolder, assembly: Assembly, state: TrainState, status: str, diverged: bool
) -> dict[str, Any]:
    """Model, final figures of both splits, pictures, verdict."""
    adopt_final_weights(state)
    recipe, material, vae = assembly.recipe, assembly.material, assembly.vae
    save_model(folder.model, vae, recipe, material.data.spec, material.spec)
    vae.eval()
    figures = {
        name: _finite(assembly.task.validate(material.batches(name)(), state.control))
        for name in ("train", "validation")
    }
    sample_x = _first_samples(material.batches("train", 2048)())
    baseline = constant_data_term(vae, sample_x)
    write_pictures(folder.snapshots / "final.npz", assembly, baseline)
    word = verdict(figures["validation"], diverged, vae.head.stochastic)
    said = sentence(word, figures["validation"], vae.latent, baseline, vae.head.stochastic)
    if status == "interrupted":
        said = f"Interrupted at step {state.step}; go on with --resume. So far: {said}"
    return {
        "run": str(folder.root),
        "status": status,
        **figures,
        **assembly.effective,
        "verdict": word,
        "sentence": said,
        "baseline_constant": baseline,
    }


def _finite(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures with null for what is not finite, as JSON has it."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def _first_samples(batches: Any) -> torch.Tensor:
    parts: list[torch.Tensor] = [batch.x for batch in batches if isinstance(batch, Batch)]
    return torch.cat(parts)


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
