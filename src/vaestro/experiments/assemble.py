"""From a recipe and its data to the parts of a run: model, objective, task, batches."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from vaestro.data.dataset import DataSet
from vaestro.data.samples import Samples
from vaestro.data.stream import BatchStream
from vaestro.experiments.material import EVALUATION_BATCH, Kept, Material, prepare, require_seen
from vaestro.experiments.recipe import Recipe
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.randomness import Stream
from vaestro.foundation.schedules import Constant, Horizon, Linear
from vaestro.models.build import NOBODY, Guests, build_vae
from vaestro.models.vae import VAE
from vaestro.networks.recomputing import recompute
from vaestro.probability.importance_objective import ImportanceConfig
from vaestro.probability.objective import Objective, ObjectiveConfig
from vaestro.probability.priors.regression import Regression
from vaestro.probability.reduction import effective_variance
from vaestro.training.divisible import require_divisible_modules
from vaestro.training.elbo import ElboTask
from vaestro.training.importance import ImportanceTask
from vaestro.training.initial_state import fresh_state
from vaestro.training.kept_features import KeptFeatures, rests
from vaestro.training.plan import Plan
from vaestro.training.state import TrainState


@dataclass(frozen=True)
class Assembly:
    """Everything one run needs. `changes`: the names of what was changed beside the recipe."""

    recipe: Recipe
    plan: Plan
    material: Material
    vae: VAE
    task: ElboTask | ImportanceTask
    stream: BatchStream
    horizon: Horizon
    changes: tuple[str, ...] = ()

    @property
    def effective(self) -> dict[str, float | None]:
        """The beta and the observation variance that the loss means, whatever its reduction."""
        control = self.task.initial_control(torch.device("cpu"))
        beta = self.task.objective.effective_beta(control)
        variance = effective_variance(beta, self.vae.likelihood.fixed_variance)
        return {"effective_beta": beta, "effective_variance": variance}

    def fresh_state(self) -> TrainState:
        """The state before the first step."""
        return fresh_state(self.task, self.recipe.training, torch.device(self.plan.device))


def assemble(
    recipe: Recipe,
    plan: Plan,
    data: DataSet | None = None,
    kept: Kept | None = None,
    guests: Guests = NOBODY,
) -> Assembly:
    """Build every part of a run; `kept` as in `prepare`, `guests` are a user's own networks. Raises
    UserError in one line when the parts do not fit."""
    return assemble_on(prepare(recipe, plan, data, kept), recipe, plan, guests)


def assemble_on(
    material: Material, recipe: Recipe, plan: Plan, guests: Guests = NOBODY
) -> Assembly:
    """Build the parts of a run on data that were prepared for an equal part of a recipe."""
    stream = BatchStream(material.samples["train"], recipe.training.batch_size, recipe.seed)
    horizon = Horizon(recipe.training.epochs * stream.steps_per_epoch, stream.steps_per_epoch)
    mean = material.training_mean.cpu()
    vae = build_vae(recipe.model, material.spec, material.transform, mean, recipe.seed, guests)
    require_divisible_modules(vae, recipe.training.accumulate)
    if recipe.training.activation_checkpointing:
        _recomputing(vae)
    _show(vae, material)
    vae = vae.to(plan.device, plan.dtype)
    if plan.memory_format == "channels_last":
        vae = _channels_last(vae, material.spec.shape)
    task = _task(recipe, plan, vae, material, horizon)
    return Assembly(recipe, plan, material, vae, task, stream, horizon)


def _channels_last(vae: VAE, shape: tuple[int, ...]) -> VAE:
    """The model with its convolutions' weights laid out channel by channel at each place."""
    formats = {3: torch.channels_last, 4: torch.channels_last_3d}
    if len(shape) not in formats:
        raise RecipeError(
            f"training.channels_last=true needs images or volumes, and the samples have shape "
            f"{shape}; give training.channels_last=false"
        )
    laid_out: VAE = vae.to(memory_format=formats[len(shape)])  # type: ignore[call-overload]
    return laid_out


def _recomputing(vae: VAE) -> None:
    """Raises RecipeError where no layer is ours."""
    if not recompute(vae):
        raise RecipeError(
            "training.activation_checkpointing=true acts on hidden layers that a recipe builds, "
            "and this model has none; give training.activation_checkpointing=false"
        )


def weighted(assembly: Assembly, beta: Constant | Linear) -> Assembly:
    """The same parts under another schedule of beta."""
    recipe = assembly.recipe
    objective = recipe.objective.model_copy(update={"beta": beta})
    recipe = recipe.model_copy(update={"objective": objective})
    task = _task(recipe, assembly.plan, assembly.vae, assembly.material, assembly.horizon)
    return replace(assembly, recipe=recipe, task=task)


def under(assembly: Assembly, plan: Plan) -> Assembly:
    """The same parts under another plan, whose device and number type are the same."""
    parts = (assembly.vae, assembly.material, assembly.horizon)
    return replace(assembly, plan=plan, task=_task(assembly.recipe, plan, *parts))


def _task(
    recipe: Recipe, plan: Plan, vae: VAE, material: Material, horizon: Horizon
) -> ElboTask | ImportanceTask:
    """What the recipe's objective asks to be minimised."""
    weighted = recipe.objective
    config = ObjectiveConfig() if isinstance(weighted, ImportanceConfig) else weighted
    batch_size = recipe.training.batch_size
    objective = Objective(config, material.spec.elements, vae.latent, batch_size, horizon)
    kept = {} if plan.compile else _kept_features(vae, material.samples, batch_size)
    elbo = ElboTask(vae, objective, plan, recipe.seed, kept)
    if isinstance(weighted, ImportanceConfig):
        return ImportanceTask(elbo, weighted.samples)
    return elbo


def _kept_features(
    vae: VAE, samples: Mapping[str, Samples], batch_size: int
) -> dict[Stream, KeptFeatures]:
    """Where training and validation find what an encoder that stays the same makes of a sample."""
    training, validation = samples["train"], samples["validation"]
    if not (rests(vae, training) and rests(vae, validation)):
        return {}
    return {
        Stream.POSTERIOR: KeptFeatures(training, batch_size, whole=True),
        Stream.VALIDATION: KeptFeatures(validation, EVALUATION_BATCH, whole=False),
    }


def _show(vae: VAE, material: Material) -> None:
    """Show the model's parts what conditions the training data have. Raises DataError for a label
    that only validation or test have: nothing would be learnt about it."""
    samples = material.samples["train"]
    labels, covariates = (
        None if column is None else column[samples.index].cpu()
        for column in (samples.labels, samples.covariates)
    )
    if vae.condition is not None and vae.condition.by_label:
        require_seen(material)
    if vae.memory is not None:
        vae.memory.fit(labels, covariates)
    if covariates is None:
        return
    if vae.condition is not None and vae.condition.standard is not None:
        vae.condition.standard.fit(covariates[:, : len(vae.condition.standard.mean)])
    if isinstance(vae.prior, Regression):
        vae.prior.fit(covariates[:, vae.prior.column])
    if vae.predictor is not None:
        vae.predictor.fit(covariates[:, vae.told.index(vae.predictor.covariate)])
