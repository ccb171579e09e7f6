"""What a finished (or stopped) run left, read from its folder."""

from pathlib import Path
from typing import NamedTuple

from torch import nn

from vaestro.experiments.model_files import load_model
from vaestro.experiments.recipe import Recipe, located, read_recipe
from vaestro.foundation.samples import SampleSpec
from vaestro.models.build import Guests
from vaestro.models.vae import VAE
from vaestro.runs.folder import RunFolder, as_folder
from vaestro.training.plan import Plan, choose


class Trained(NamedTuple):
    """A run's folder, its recipe, its model on this machine's device, the spec of its natural
    samples, and how it computes here."""

    folder: RunFolder
    recipe: Recipe
    vae: VAE
    spec: SampleSpec
    plan: Plan


def trained(
    root: str | Path, encoder: nn.Module | None = None, decoder: nn.Module | None = None
) -> Trained:
    """What is in the folder `root`. Raises RunFolderError, RecipeError or CheckpointError in one
    line.

    `encoder`, `decoder`: for a run that was trained with modules given from Python, modules of the
    same shapes; they are filled with the trained weights and used.
    """
    folder = RunFolder(as_folder(root))
    folder.require_run()
    recipe = located(read_recipe(folder.recipe), folder.root)
    vae, spec = load_model(folder.model, Guests(encoder, decoder))
    plan = choose(recipe.training.model_copy(update={"device": "auto"}))
    return Trained(folder, recipe, vae.to(plan.device, plan.dtype), spec, plan)
