"""A trained denoiser as a prior that latents can be drawn from, and as files.

Shape letters: N samples, K latents, * the latent's axes.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from pydantic import Field
from torch import Tensor

from vaestro.foundation.config import Config
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.samples import NOTHING, Given, SampleSpec
from vaestro.generation.diffusion.density import log_density_bound, log_density_bound_of_any_label
from vaestro.generation.diffusion.guidance import guided
from vaestro.generation.diffusion.model import DiffusionConfig, LatentDiffusion
from vaestro.generation.diffusion.samplers import (
    SamplerConfig,
    normal,
    run_sampler,
    sampler_of,
)
from vaestro.generation.priors.fitted import Kept
from vaestro.generation.priors.latents import Told

BATCH = 256
"""So many latents are drawn at once."""


class SamplingConfig(Config):
    """How latents are drawn: `sampler` (null: the path's own, heun or ddim), in `steps`, with the
    condition weighted by `guidance` (1: as it is)."""

    sampler: SamplerConfig | None = None
    steps: int = Field(default=50, ge=1)
    guidance: float = Field(default=1.0, ge=0)


@dataclass(frozen=True)
class DiffusionPrior:
    """p(z), or p(z|condition), as a diffusion model knows it; satisfies FittedPrior."""

    module: LatentDiffusion
    sampling: SamplingConfig
    spec: SampleSpec

    def asked(self, steps: int | None = None, guidance: float | None = None) -> Self:
        """The same prior, drawn from in other steps and with another guidance (None: as it is).

        Raises RecipeError for steps below 1, for a negative guidance, for a guidance of a prior
        that is told nothing or was never trained without its condition, and for more steps than
        its path has levels.
        """
        given = {"steps": steps, "guidance": guidance}
        asked = {name: value for name, value in given.items() if value is not None}
        sampling = SamplingConfig.parse({**self.sampling.plain(), **asked})
        require_samplable(self.module.config, sampling)
        return replace(self, sampling=sampling)

    def on(self, device: str) -> Self:
        """The same prior, its arithmetic done on another device; what is drawn is on the CPU."""
        return replace(self, module=self.module.to(device))

    def conditions(self, count: int, generator: torch.Generator) -> Given:
        """Conditions of `count` samples as the training data have them; nothing if none is told."""
        return NOTHING if self.module.memory is None else self.module.memory.draw(count, generator)

    @torch.inference_mode()
    def draw(self, count: int, generator: torch.Generator, given: Given = NOTHING) -> Tensor:
        """`count` draws of z, (N, K) on the CPU, a function of `generator` and `given` alone; a
        prior that is told something and is given nothing draws conditions as training has them."""
        if given == NOTHING:
            given = self.conditions(count, generator)
        parts = [
            self._drawn(some, generator, given.part(some))
            for some in (slice(at, min(at + BATCH, count)) for at in range(0, count, BATCH))
        ]
        return torch.cat(parts) if parts else torch.zeros(0, self.module.standard.mean.numel())

    def _drawn(self, some: slice, generator: torch.Generator, given: Given) -> Tensor:
        module, sampling = self.module, self.sampling
        centre = module.standard.mean
        like = centre.new_zeros(some.stop - some.start, *module.shape)
        path = module.config.path
        x = run_sampler(
            sampler_of(path, sampling.sampler),
            path,
            guided(module, given.on(centre.device), sampling.guidance),
            normal(like, generator),
            path.times(sampling.steps),
            lambda: normal(like, generator),
        )
        return module.standard.invert(x).flatten(1).float().cpu()

    def log_density(self, z: Tensor, given: Given = NOTHING) -> Tensor | None:
        """A lower bound, (N,) on the CPU; None where the prior is told something that `given` does
        not say, and was never trained without."""
        module = self.module
        if module.condition is None:
            return log_density_bound(module, z, NOTHING)
        known = (given.label is not None or not module.by_label) and (
            given.covariates is not None or not module.told
        )
        if known:
            return log_density_bound(module, z, given)
        if not getattr(module.config.condition, "dropout", 0.0):
            return None
        anything = self.conditions(len(z), torch.Generator())
        return log_density_bound(module, z, anything, untold=True)

    def held_out(self, z: Tensor, given: Given, told: Told) -> Tensor | None:
        """A lower bound of log p(z | what the model is told), (N,), of what `draw` gives; `given`
        is all that is known of the samples, `told` what of it the model is told.

        A label that the prior alone is told may be any, each as often as training samples have it;
        where it alone is told covariates, it is the denoiser's that is told nothing.
        """
        module = self.module
        if module.told and not told.covariates:
            return self.log_density(z, NOTHING)
        if not module.by_label or told.labels or module.memory is None:
            return self.log_density(z, given)
        counts = torch.bincount(module.memory.labels.cpu(), minlength=self.spec.label_count or 0)
        shares = counts.clamp(min=1).double() / counts.clamp(min=1).sum()
        return log_density_bound_of_any_label(module, z, given, shares.log())

    def kept(self, facts: dict[str, Any]) -> Kept:
        """The prior as it lies in its folder, with `facts` beside it."""
        config = {
            "kind": "diffusion",
            "model": self.module.config.plain(),
            "sampling": self.sampling.plain(),
            "shape": list(self.module.shape),
            "spec": self.spec.plain(),
            **facts,
        }
        return Kept(config, dict(self.module.state_dict()))

    @classmethod
    def restored(cls, kept: Kept) -> Self:
        """The prior that `kept` holds, in eval mode and 32 bits on the CPU."""
        config = DiffusionConfig.parse(kept.config["model"])
        spec = SampleSpec.from_plain(kept.config["spec"])
        module = LatentDiffusion(config, tuple(kept.config["shape"]), spec, 0)
        module.load_state_dict(kept.tensors)
        return cls(module.float().eval(), SamplingConfig.parse(kept.config["sampling"]), spec)


def require_samplable(model: DiffusionConfig, sampling: SamplingConfig) -> None:
    """Raise RecipeError unless latents can be drawn from such a model in such a way."""
    sampler_of(model.path, sampling.sampler)
    levels = getattr(model.path, "levels", None)
    if levels is not None and sampling.steps > levels:
        raise RecipeError(
            f"steps={sampling.steps} are more than the {levels} levels of path={model.path.kind}; "
            f"give at most {levels}"
        )
    if sampling.guidance == 1:
        return
    dropout = getattr(model.condition, "dropout", None)
    if not dropout:
        why = "is told nothing" if dropout is None else "was never trained without its condition"
        cure = "condition=labels" if dropout is None else "condition.dropout=0.1"
        raise RecipeError(
            f"guidance={sampling.guidance:g} weighs a condition, and this diffusion prior {why}; "
            f"leave guidance out, or train with {cure}"
        )
