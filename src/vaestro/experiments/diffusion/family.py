"""Populations of diffusion priors: what a member is that `vaestro diffuse` trains."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from vaestro.data.samples import Samples
from vaestro.experiments.diffusion import train as training
from vaestro.experiments.diffusion.engine import close, engine, write_end
from vaestro.experiments.diffusion.latents_file import kept_latents
from vaestro.experiments.diffusion.parts import (
    DiffusionParts,
    build_parts,
    samples_of,
    told_latents,
)
from vaestro.experiments.diffusion.recipe import DiffusionRecipe, read_diffusion_recipe
from vaestro.experiments.diffusion.watch import DiffusionDisplay
from vaestro.experiments.population import alike
from vaestro.experiments.population.family import End
from vaestro.experiments.run import Run
from vaestro.foundation.errors import DivergedError
from vaestro.generation.priors.latents import Latents
from vaestro.runs.folder import RunFolder
from vaestro.runs.lock import locked
from vaestro.training import plan as planning
from vaestro.training.loop import Loop
from vaestro.training.plan import Plan
from vaestro.training.population.member import Member
from vaestro.training.population.trial import Choice
from vaestro.training.state import TrainState
from vaestro.training.watching import Judge

BY_ROW = (
    "seed",
    "condition.dropout",
    "denoiser.initialisation",
    "denoiser.dropout",
    "sampling",
    *alike.TRAINING,
)
"""Fields in which the members of a stack may differ."""

NOTHING_YET: dict[str, Any] = {
    "verdict": None,
    "loss": None,
    "gaussian_loss": None,
    "held_out_nats": None,
    "standard_error": None,
    "frechet_latent": None,
    "frechet_decoded": None,
}
"""What there is to say of a member that has not come to an end, or not to a good one."""


class Diffusions:
    """The family of diffusion priors of a run, whose latents, encoded once, lie in `path`."""

    judge: Judge | None = None
    of_the_data = ("standard.", "memory.", "condition.standard.")

    def __init__(self, run: Run, path: Path) -> None:
        self.run, self.path = run, path
        self._found: dict[str, Latents] = {}
        self._told: dict[str, dict[str, Latents]] = {}
        self._samples: dict[str, Mapping[str, Samples]] = {}

    def kind_of(self, recipe: DiffusionRecipe) -> str:
        """Equal for recipes that differ only in what a stack keeps by row."""
        values = recipe.plain()
        dropout = bool(values["denoiser"].get("dropout"))
        has = {**alike.trained_with(values["training"]), "dropout": dropout}
        alike.blank(values, BY_ROW)
        return json.dumps([has, values], sort_keys=True)

    def not_stacked(self, recipe: DiffusionRecipe) -> str | None:
        """What of the training is a run's own."""
        return alike.not_stacked(recipe.training)

    def known_choice(self, recipe: DiffusionRecipe, count: int) -> Choice | None:
        """None: it is measured once for each stack."""
        return None

    def keep_choice(self, recipe: DiffusionRecipe, count: int, choice: Choice) -> None:
        """Nothing: the population's record has it."""

    def fresh(self, recipe: DiffusionRecipe, plan: Plan) -> DiffusionParts:
        """The parts of a prior, on latents that members share which are told the same of them."""
        told = self._latents(recipe)
        key = f"{plan.device} {plan.dtype} {_told_of(recipe)}"
        if key not in self._samples:
            self._samples[key] = samples_of(self.run, plan, told["train"], told["validation"])
        return build_parts(
            self.run, recipe, plan, told["train"], told["validation"], self._samples[key]
        )

    def begun(
        self, folder: RunFolder, recipe: DiffusionRecipe, plan: Plan, shown: DiffusionDisplay
    ) -> DiffusionParts:
        """The parts of a prior; its folder is made."""
        parts = self.fresh(recipe, plan)
        folder.root.mkdir(parents=True)
        training.write_beginning(folder, parts)
        return parts

    def back(self, folder: RunFolder, plan: Plan, kept: dict[str, Tensor]) -> DiffusionParts:
        """The parts of a prior that goes on: those that it began with."""
        return self.fresh(read_diffusion_recipe(folder.recipe), plan)

    def stays(self, folder: RunFolder) -> bool:
        """Yes: nothing is remedied."""
        return True

    def loop(
        self, folder: RunFolder, parts: DiffusionParts, state: TrainState, shown: DiffusionDisplay
    ) -> Loop:
        """That of any diffusion prior."""
        return engine(folder, parts, state, shown)

    def close(self, loop: Loop, parts: DiffusionParts) -> None:
        """As any diffusion prior."""
        close(loop, parts)

    def left(
        self,
        folder: RunFolder,
        parts: DiffusionParts,
        member: Member,
        end: End,
        shown: DiffusionDisplay,
    ) -> dict[str, Any] | None:
        """The prior with its figures and samples, and its summary."""
        if isinstance(end.how, DivergedError):
            shown.say(str(end.how))
        return write_end(folder, parts, member.state, end.how, end.seconds, end.trained)

    def alone(
        self, number: int, folder: RunFolder, recipe: DiffusionRecipe, shown: DiffusionDisplay
    ) -> dict[str, Any]:
        """Trained, or gone on with, like a prior that is the only one."""
        old = folder.recipe.is_file()
        folder.root.mkdir(parents=True, exist_ok=True)
        with locked(folder.root):
            try:
                if old:
                    return training.go_on(folder, recipe, lambda p: self.fresh(recipe, p), shown)
                plan = planning.choose(recipe.training)
                with planning.in_force(plan):
                    return training.begin(folder, self.fresh(recipe, plan), shown)
            except DivergedError as fault:
                shown.say(str(fault))
                return folder.read_summary() or {"status": "diverged"}

    def row(self, summary: dict[str, Any]) -> dict[str, Any]:
        """Its verdict, its loss and its figures on the validation split."""
        if "measured" not in summary:
            return NOTHING_YET | {"verdict": summary.get("verdict")}
        held_out, found = summary["validation"], summary["measured"]
        losses = {name: held_out[name] for name in ("loss", "gaussian_loss")}
        kept = {name: found[name] for name in NOTHING_YET if name in found}
        return {"verdict": summary["verdict"], **losses, **kept}

    def _latents(self, recipe: DiffusionRecipe) -> dict[str, Latents]:
        if not self._found:
            self._found = kept_latents(self.run, self.path)
        key = _told_of(recipe)
        if key not in self._told:
            self._told[key] = {
                name: told_latents(self.run, recipe, name, latents)
                for name, latents in self._found.items()
            }
        return self._told[key]


def _told_of(recipe: DiffusionRecipe) -> str:
    """Which covariates a prior is told."""
    return json.dumps(recipe.condition.plain().get("names"))
