"""From a recipe and a run's latents to the parts that train."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from vaestro.data.samples import Samples
from vaestro.data.stream import BatchStream
from vaestro.experiments.diffusion.recipe import DiffusionRecipe
from vaestro.experiments.material import EVALUATION_BATCH
from vaestro.experiments.run import Run
from vaestro.foundation.errors import DataError, RecipeError
from vaestro.foundation.samples import Batch, Given
from vaestro.foundation.schedules import Horizon
from vaestro.generation.diffusion.condition import CovariatesConfig
from vaestro.generation.diffusion.latents import as_samples, latent_shape, standardisation
from vaestro.generation.diffusion.model import LatentDiffusion
from vaestro.generation.diffusion.prior import DiffusionPrior
from vaestro.generation.diffusion.task import DiffusionTask
from vaestro.generation.priors.latents import Latents
from vaestro.networks.recomputing import recompute
from vaestro.training.divisible import require_divisible_modules
from vaestro.training.optimiser import build_optimiser
from vaestro.training.plan import Plan
from vaestro.training.state import Meter, TrainState


@dataclass(frozen=True)
class DiffusionParts:
    """Everything that one training of a diffusion prior needs. train, validation: the latents of
    those splits with what the prior is told of them; samples: the same, on the plan's device."""

    run: Run
    recipe: DiffusionRecipe
    plan: Plan
    train: Latents
    validation: Latents
    samples: Mapping[str, Samples]
    task: DiffusionTask
    stream: BatchStream
    horizon: Horizon

    @property
    def module(self) -> LatentDiffusion:
        """What is trained."""
        return self.task.diffusion

    @property
    def prior(self) -> DiffusionPrior:
        """The prior with the weights of the moment."""
        return DiffusionPrior(self.module, self.recipe.sampling, self.run.spec)

    def batches(self, name: str) -> Callable[[], Iterable[Batch]]:
        """A function giving the batches of split `name` anew at each call, in order."""
        return lambda: self.samples[name].in_order(EVALUATION_BATCH)

    def fresh_state(self) -> TrainState:
        """The state before the first step."""
        device = torch.device(self.plan.device)
        return TrainState(
            module=self.module,
            optimiser=build_optimiser(self.recipe.training, self.module),
            control=self.task.initial_control(device),
            meter=Meter.empty(0, device),
        )


def told_latents(run: Run, recipe: DiffusionRecipe, name: str, latents: Latents) -> Latents:
    """The latents of split `name` with the labels and covariates that the prior reads beside them.
    Raises RecipeError for a covariate that the data do not have."""
    condition, known = recipe.condition, run.covariates(name)
    names = condition.names if isinstance(condition, CovariatesConfig) else ()
    for wanted in names:
        if wanted not in known:
            raise RecipeError(
                f"condition.names has {wanted!r}, and the run's data have no such covariate; "
                f"legal: {', '.join(known) or 'none'}"
            )
    columns = [torch.from_numpy(np.asarray(known[wanted])).float() for wanted in names]
    covariates = torch.stack(columns, 1) if columns else None
    given = Given(latents.given.label, covariates)
    return Latents(latents.mean, latents.log_variance, given)


def samples_of(run: Run, plan: Plan, train: Latents, validation: Latents) -> dict[str, Samples]:
    """The latents of both splits as samples, on the plan's device."""
    shape, splits = latent_shape(run.vae.head), {"train": train, "validation": validation}
    return {name: as_samples(latents, shape, plan) for name, latents in splits.items()}


def build_parts(
    run: Run,
    recipe: DiffusionRecipe,
    plan: Plan,
    train: Latents,
    validation: Latents,
    samples: Mapping[str, Samples] | None = None,
) -> DiffusionParts:
    """Build every part of a training; `samples`: those of the latents where there are some already,
    which then serve several. Raises UserError in one line when the parts do not fit."""
    shape = latent_shape(run.vae.head)
    module = LatentDiffusion(recipe.model, shape, run.spec, recipe.seed)
    module.standard = standardisation(train, shape)
    _show(module, train, run)
    require_divisible_modules(module, recipe.training.accumulate)
    if recipe.training.activation_checkpointing:
        recompute(module)
    module = module.to(plan.device, plan.dtype)
    if samples is None:
        samples = samples_of(run, plan, train, validation)
    stream = BatchStream(samples["train"], recipe.training.batch_size, recipe.seed)
    horizon = Horizon(recipe.training.epochs * stream.steps_per_epoch, stream.steps_per_epoch)
    task = DiffusionTask(module, plan, recipe.seed)
    return DiffusionParts(run, recipe, plan, train, validation, samples, task, stream, horizon)


def _show(module: LatentDiffusion, train: Latents, run: Run) -> None:
    """Show the module what conditions the training samples have. Raises DataError for a label that
    none of them has."""
    if module.condition is None or module.memory is None:
        return
    label, covariates = train.given
    if module.by_label and label is not None:
        unseen = set(range(run.spec.label_count or 0)) - set(label.tolist())
        if unseen:
            raise DataError(
                f"label {min(unseen)} is in the data and in no training sample; a diffusion prior "
                "conditioned on labels needs all of them there: give condition=none"
            )
    module.memory.fit(label if module.by_label else None, covariates)
    if module.condition.standard is not None and covariates is not None:
        module.condition.standard.fit(covariates)
