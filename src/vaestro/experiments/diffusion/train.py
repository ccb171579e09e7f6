"""Train a diffusion prior on a run's latents, or go on with the one that is there."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vaestro.experiments.diffusion.engine import carry_out, write_manifest
from vaestro.experiments.diffusion.latents_file import kept_latents
from vaestro.experiments.diffusion.parts import DiffusionParts, build_parts, told_latents
from vaestro.experiments.diffusion.recipe import (
    DiffusionRecipe,
    read_diffusion_recipe,
    require_same,
    require_told,
)
from vaestro.experiments.diffusion.watch import DiffusionDisplay
from vaestro.experiments.population.folder import PopulationFolder
from vaestro.experiments.run import Run
from vaestro.foundation.errors import RunFolderError
from vaestro.foundation.files import write_text
from vaestro.runs.folder import RunFolder
from vaestro.runs.lock import locked
from vaestro.runs.weights_digest import weights_digest
from vaestro.training import checkpoints
from vaestro.training import plan as planning
from vaestro.training.plan import Plan

LATENTS = "latents.safetensors"


def folder_of(run: Run) -> RunFolder:
    """Where a run's diffusion prior lies: a run folder in the run's own."""
    return RunFolder(run.folder.root / "priors" / "diffusion")


def start(run: Run, recipe: DiffusionRecipe, display: DiffusionDisplay) -> dict[str, Any]:
    """Train `recipe` in the run's priors/diffusion; returns what `vaestro diffuse --json` prints.

    One for a model that has been trained on since is replaced. Raises RunFolderError when there is
    one for the present model, and UserError in one line, the folder gone again, when the recipe
    does not fit the run.
    """
    folder = folder_of(run)
    require_told(recipe, run)
    require_free(run, folder, display.say)
    plan = planning.choose(recipe.training)
    with made(folder.root), planning.in_force(plan):
        try:
            parts = _parts(run, recipe, plan, folder)
        except Exception:
            shutil.rmtree(folder.root, ignore_errors=True)
            raise
        return begin(folder, parts, display)


def require_free(run: Run, folder: RunFolder, say: Callable[[str], None]) -> None:
    """Raise RunFolderError when there is a diffusion prior for the run's present model, or a part
    of one, or a population of them; one for a model before it is removed."""
    if not (folder.recipe.is_file() or PopulationFolder(folder.root).record.is_file()):
        return
    if not _outdated(folder, run):
        raise RunFolderError(
            f"{folder.root} holds a diffusion prior or a part of its training; add --resume to go "
            "on with it, or remove the folder to train another"
        )
    say(f"replacing {folder.root}: it was made for the model before that was trained on")
    shutil.rmtree(folder.root)


def begin(folder: RunFolder, parts: DiffusionParts, display: DiffusionDisplay) -> dict[str, Any]:
    """Train a new prior into `folder`, which is there and locked; returns its summary."""
    write_beginning(folder, parts)
    return carry_out(folder, parts, parts.fresh_state(), display)


def write_beginning(folder: RunFolder, parts: DiffusionParts) -> None:
    """Write what a training begins with; from here on there is something to resume."""
    write_manifest(folder, parts)
    write_text(folder.recipe, parts.recipe.to_yaml())


def resume(
    run: Run, wanted: Callable[[DiffusionRecipe], DiffusionRecipe], display: DiffusionDisplay
) -> dict[str, Any]:
    """Go on with the training in the run's priors/diffusion; `wanted` gives the asked recipe from
    the stored one. A finished one is left as it is.

    Raises RunFolderError, RecipeError or CheckpointError in one line when it cannot go on.
    """
    folder = folder_of(run)
    if not folder.recipe.is_file():
        raise RunFolderError(
            f"{run.folder.root} has no diffusion prior to go on with; train it first with "
            f"`vaestro diffuse {run.folder.root}`"
        )
    stored = read_diffusion_recipe(folder.recipe)
    recipe = wanted(stored)
    require_same(stored, recipe)
    require_same_model(folder, run)
    with locked(folder.root):
        summary = folder.read_summary()
        done = summary is not None and summary["status"] in ("finished", "stopped_early")
        if summary is not None and done and recipe == stored:
            display.say(f"the diffusion prior in {folder.root} is finished; nothing to do")
            return summary
        return go_on(folder, recipe, lambda plan: _parts(run, recipe, plan, folder), display)


def go_on(
    folder: RunFolder,
    recipe: DiffusionRecipe,
    build: Callable[[Plan], DiffusionParts],
    display: DiffusionDisplay,
) -> dict[str, Any]:
    """Go on from the newest checkpoint in `folder`, which is locked; `build` makes the parts of
    `recipe`. Returns the summary."""
    found = checkpoints.newest(folder.checkpoints, display.say)
    if found is None:
        plan = planning.choose(recipe.training)
        warnings = ["no checkpoint: starting at step 0"]
    else:
        plan, warnings = planning.resumed(found[1]["plan"], recipe.training)
    for warning in warnings:
        display.say(warning)
    with planning.in_force(plan):
        parts = build(plan)
        state = parts.fresh_state()
        if found is not None:
            state.load(found[0], found[1]["numbers"])
        write_text(folder.recipe, recipe.to_yaml())
        folder.update_manifest(plan=plan.describe(), status="running")
        return carry_out(folder, parts, state, display)


def _parts(run: Run, recipe: DiffusionRecipe, plan: Plan, folder: RunFolder) -> DiffusionParts:
    found = kept_latents(run, folder.root / LATENTS)
    told = {name: told_latents(run, recipe, name, latents) for name, latents in found.items()}
    return build_parts(run, recipe, plan, told["train"], told["validation"])


@contextmanager
def made(root: Path) -> Iterator[None]:
    """The folder `root`, made and locked."""
    root.mkdir(parents=True, exist_ok=True)
    with locked(root):
        (root / LATENTS).unlink(missing_ok=True)  # of a start that came to nothing
        yield


def require_same_model(folder: RunFolder, run: Run) -> None:
    """Raise RunFolderError when the model was trained on since its latents were encoded."""
    if _outdated(folder, run):
        raise RunFolderError(
            f"the model in {run.folder.root} has changed since {folder.root} was begun, and its "
            f"latents with it; train the diffusion prior anew: `vaestro diffuse {run.folder.root}`"
        )


def _outdated(folder: RunFolder, run: Run) -> bool:
    made_for = folder.read_manifest().get("model_sha256")
    return bool(made_for != weights_digest(run.folder.root))
