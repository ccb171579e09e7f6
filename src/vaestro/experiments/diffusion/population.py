"""Train a population of diffusion priors on a run's latents, or go on with the one that is there.

It lies where a single one does, and its best member is what is drawn from:

    RUN/priors/diffusion/population.json    the members' edits and stacks, as of any population
    RUN/priors/diffusion/members/NNN/       a diffusion prior, a run folder of its own
    RUN/priors/diffusion/config.json ...    a copy of the best member's prior
"""

import math
import shutil
from collections.abc import Sequence
from typing import Any

from vaestro.experiments.diffusion.family import Diffusions
from vaestro.experiments.diffusion.recipe import DiffusionRecipe, require_told, with_edits
from vaestro.experiments.diffusion.train import (
    LATENTS,
    folder_of,
    made,
    require_free,
    require_same_model,
)
from vaestro.experiments.population.carried import carry_out, stacks_of
from vaestro.experiments.population.folder import PopulationFolder, first_record
from vaestro.experiments.population.shown import PopulationDisplay
from vaestro.experiments.population.variations import Edits, each
from vaestro.experiments.run import Run
from vaestro.foundation.errors import UserError
from vaestro.generation.priors.fitted import CONFIG, Kept, read_prior, write_prior
from vaestro.runs.lock import locked
from vaestro.runs.weights_digest import weights_digest
from vaestro.training import plan as planning

SAMPLES = "samples.npz"


def start(
    run: Run,
    recipe: DiffusionRecipe,
    edits: Sequence[Edits],
    display: PopulationDisplay,
    width: int | None = None,
) -> dict[str, Any]:
    """Train a member for each of `edits`; returns what `vaestro diffuse --json` prints. `width`: so
    many at once at most (1: one by one); None measures what is best. Raises UserError in one line,
    with nothing left behind, when a member does not fit the run."""
    root = folder_of(run)
    recipes = each(recipe, edits, with_edits)
    for one in recipes:
        require_told(one, run)
    require_free(run, root, display.say)
    family, folder = Diffusions(run, root.root / LATENTS), PopulationFolder(root.root)
    with made(root.root):
        try:
            _require_fitting(family, recipes)
        except Exception:
            shutil.rmtree(root.root, ignore_errors=True)
            raise
        root.update_manifest(model_sha256=weights_digest(run.folder.root))
        folder.write(first_record(recipe.plain(), edits, stacks_of(recipes, family), width))
        return _carried(run, folder, recipes, display, family)


def resume(run: Run, display: PopulationDisplay) -> dict[str, Any]:
    """Go on with the population in the run's priors/diffusion. Members that are done stay as they
    are. Raises RunFolderError or CheckpointError in one line when it cannot go on."""
    root = folder_of(run)
    folder = PopulationFolder(root.root)
    record = folder.read()
    require_same_model(root, run)
    edits = [tuple(one) for one in record["members"]]
    recipes = each(DiffusionRecipe.parse(record["recipe"]), edits, with_edits)
    with locked(root.root):
        return _carried(run, folder, recipes, display, Diffusions(run, root.root / LATENTS))


def _require_fitting(family: Diffusions, recipes: Sequence[DiffusionRecipe]) -> None:
    """Raise UserError naming the first member whose parts do not fit the run: one of each shape is
    built, and thrown away."""
    for numbers in stacks_of(recipes, family):
        recipe = recipes[numbers[0]]
        try:
            family.fresh(recipe, planning.choose(recipe.training))
        except UserError as fault:
            raise type(fault)(f"member {numbers[0]}: {fault}") from None


def _carried(
    run: Run,
    folder: PopulationFolder,
    recipes: Sequence[DiffusionRecipe],
    display: PopulationDisplay,
    family: Diffusions,
) -> dict[str, Any]:
    """Train to the end, and let the best be drawn from; the population's summary."""
    summary = carry_out(folder, recipes, display, family)
    best = None
    if summary["status"] == "finished":
        best = _best(summary["members"])
        (folder.root / CONFIG).unlink(missing_ok=True)
        if best is not None:
            _put_forward(folder, best, run)
        summary["sentence"] += f" {_words(summary['members'], best)}"
    return {**summary, "run": str(run.folder.root), "prior": str(folder.root), "best": best}


def _best(rows: Sequence[dict[str, Any]]) -> int | None:
    """The member with the greatest held-out log density; None where none has one."""
    known = {row["number"]: row["held_out_nats"] for row in rows if row["verdict"] != "diverged"}
    known = {n: -math.inf if nats is None else nats for n, nats in known.items()}
    return max(known, key=lambda number: known[number]) if known else None


def _put_forward(folder: PopulationFolder, best: int, run: Run) -> None:
    """Copy a member's prior to where `sample --from diffusion` looks, its configuration last."""
    member = folder.member(best)
    kept = read_prior(member.root, f"vaestro diffuse {run.folder.root} --resume")
    fitted = {**kept.config["fitted"], "member": member.root.name}
    shutil.copyfile(member.root / SAMPLES, folder.root / SAMPLES)
    write_prior(folder.root, Kept({**kept.config, "fitted": fitted}, kept.tensors))


def _words(rows: Sequence[dict[str, Any]], best: int | None) -> str:
    if best is None:
        return "None of them can be drawn from."
    row = rows[best]
    if row["held_out_nats"] is None:
        return f"Member {best:03d} is drawn from; held-out latents do not tell which is best."
    return (
        f"The best is member {best:03d}: at least {row['held_out_nats']:.2f} +- "
        f"{row['standard_error']:.2f} nats on held-out latents."
    )
