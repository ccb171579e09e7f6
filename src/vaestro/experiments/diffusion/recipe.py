"""The recipe of a diffusion prior, and the one that a run has unless another is asked for."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from vaestro.experiments.run import Run
from vaestro.foundation.config import differences
from vaestro.foundation.edits import edited
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.schedules import Cosine, Length
from vaestro.foundation.yaml_text import read_yaml, write_yaml
from vaestro.generation.diffusion.condition import (
    ConditionKind,
    CovariatesConfig,
    LabelsConfig,
    UntoldConfig,
)
from vaestro.generation.diffusion.latents import latent_shape
from vaestro.generation.diffusion.model import DiffusionConfig
from vaestro.generation.diffusion.prior import SamplingConfig, require_samplable
from vaestro.generation.priors.latents import told_by
from vaestro.networks.body import Shape
from vaestro.networks.grid_unet import GridUnetConfig
from vaestro.networks.residual_mlp import ResidualMlpConfig
from vaestro.training.config import EarlyStoppingConfig, RemedyConfig, TrainingConfig

BATCH, STEPS = 256, 5_000
VALIDATIONS, SNAPSHOTS = 50, 5
"""A run's own recipe trains for so many steps, and validates and shows samples so often."""
MAY_CHANGE = {
    "training.epochs",
    "training.checkpoint_seconds",
    "training.checkpoint_steps",
    "sampling.sampler",
    "sampling.sampler.kind",
    "sampling.sampler.eta",
    "sampling.steps",
    "sampling.guidance",
}


class DiffusionRecipe(DiffusionConfig):
    """All that defines the training of a diffusion prior on a run's latents, and how it draws."""

    seed: int = Field(default=0, ge=0)
    sampling: SamplingConfig = SamplingConfig()
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        require_samplable(self.model, self.sampling)
        if isinstance(self.training.monitor, RemedyConfig):
            raise ValueError(
                "training.monitor=remedy is of VAEs; a diffusion prior takes off, warn or stop"
            )
        if self.training.threads == "auto":
            raise ValueError(
                "training.threads=auto is of VAEs; give a number, or null for what torch finds"
            )
        if self.training.channels_last:
            raise ValueError(
                "training.channels_last=true is of VAEs; a diffusion prior takes false"
            )
        return self

    @property
    def model(self) -> DiffusionConfig:
        """The part that says what is trained."""
        return DiffusionConfig(
            **{name: getattr(self, name) for name in DiffusionConfig.model_fields}
        )

    def to_yaml(self) -> str:
        """The recipe as YAML; reading it back gives an equal recipe."""
        return write_yaml(self.plain())


def read_diffusion_recipe(path: Path) -> DiffusionRecipe:
    """The recipe in a file."""
    return DiffusionRecipe.parse(read_yaml(path.read_text(), str(path)))


def with_edits(recipe: DiffusionRecipe, assignments: Sequence[str]) -> DiffusionRecipe:
    """`recipe` with `field.path=value` edits in order; only the last state must be legal."""
    values = recipe.plain()
    for assignment in assignments:
        values = edited(values, (assignment,))
        with suppress(RecipeError):  # a new kind may need the fields that the next edits give
            values = DiffusionRecipe.parse(values).plain()
    return DiffusionRecipe.parse(values)


def own_recipe(run: Run) -> DiffusionRecipe:
    """What a run's diffusion prior is unless told otherwise: a U-net for latents on a grid, else a
    residual MLP; told what the model is told, or the label where the data have one."""
    shape, samples = latent_shape(run.vae.head), len(run.material.split.train)
    batch = min(BATCH, samples)
    epochs = max(1, round(STEPS / (samples // batch)))
    whole = Length(amount=1.0, unit="of run")
    training = TrainingConfig(
        epochs=epochs,
        batch_size=batch,
        learning_rate=Cosine(start=1e-3, end=1e-5, length=whole),
        clip_norm=1.0,
        ema=0.999,
        early_stopping=EarlyStoppingConfig(patience=10),
        validate_epochs=max(1, epochs // VALIDATIONS),
        snapshot_epochs=max(1, epochs // SNAPSHOTS),
        device=run.recipe.training.device,
        threads=_threads(run),
    )
    return DiffusionRecipe(denoiser=_denoiser(shape), condition=_condition(run), training=training)


def _threads(run: Run) -> int | None:
    given = run.recipe.training.threads
    return given if isinstance(given, int) else None


def _denoiser(shape: Shape) -> ResidualMlpConfig | GridUnetConfig:
    """Grids are halved as long as four places are left along every axis, twice at most."""
    if len(shape) == 1 or min(shape[1:]) < 3:
        return ResidualMlpConfig()
    halvings = sum(min(shape[1:]) >= least for least in (4, 8))
    return GridUnetConfig(channels=(128, 256)[:halvings])


def _condition(run: Run) -> ConditionKind:
    told = told_by(run.vae, run.spec)
    if run.vae.told:
        return CovariatesConfig(names=run.vae.told, labels=told.labels > 0)
    return LabelsConfig() if run.spec.label_count else UntoldConfig()


def require_told(recipe: DiffusionRecipe, run: Run) -> None:
    """Raise RecipeError unless the prior of a conditional model is told what the model is told:
    its latents mean something under that condition alone."""
    told, condition = told_by(run.vae, run.spec), recipe.condition
    if not told.anything:
        return
    names = condition.names if isinstance(condition, CovariatesConfig) else ()
    by_label = isinstance(condition, LabelsConfig) or (
        isinstance(condition, CovariatesConfig) and condition.labels
    )
    if names == run.vae.told and (by_label or not told.labels):
        return
    wanted = _condition(run).plain()
    del wanted["dropout"]
    raise RecipeError(
        f"condition={condition.kind}: the run's model is conditioned, and its latents mean "
        "something only beside that condition; a diffusion prior must be told the same: "
        f"condition={wanted}"
    )


def require_same(stored: DiffusionRecipe, wanted: DiffusionRecipe) -> None:
    """Raise RecipeError naming the fields in which a resumed training's recipe was changed."""
    changed = [p for p in differences(stored.plain(), wanted.plain()) if p not in MAY_CHANGE]
    if wanted.training.epochs < stored.training.epochs:
        changed.append("training.epochs (a smaller number)")
    if changed:
        raise RecipeError(
            f"--resume with a changed recipe: {', '.join(changed)}; a resumed training keeps its "
            "recipe (training.epochs may grow, sampling may change): leave these as they were"
        )
