"""A second VAE on the latents of the first (Dai and Wipf 2019, arXiv 1903.05789).

Shape letters: N samples, K latents of the first VAE, S importance samples.
"""

from typing import Any, Self

import torch
from pydantic import TypeAdapter
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import NOTHING, Given, SampleSpec
from vaestro.metrics.importance import marginal_log_prob
from vaestro.models.build import build_vae
from vaestro.models.config import ModelConfig
from vaestro.models.importance import importance_pass
from vaestro.models.vae import VAE
from vaestro.transforms.kinds import Kind, TransformConfig, unfitted

_TRANSFORM: TypeAdapter[Kind] = TypeAdapter(TransformConfig)
IMPORTANCE_SAMPLES = 64
AT_ONCE = 256


class TwoStage:
    """p(z) = int p(z|u) N(u; 0, I) du, a VAE whose samples are the latents z of another.

    Its density is known from below only: the importance-weighted bound of 64 samples.
    """

    def __init__(self, vae: VAE) -> None:
        self.vae = vae.cpu().float().eval().requires_grad_(False)

    @classmethod
    def restored(cls, config: dict[str, Any], tensors: dict[str, Tensor]) -> Self:
        """From its model's configuration, as a run's model/config.json has it, and its weights.

        Raises RuntimeError when they belong to another model.
        """
        spec, inner = (SampleSpec.from_plain(config[name]) for name in ("spec", "model_spec"))
        transform = unfitted(_TRANSFORM.validate_python(config["transform"]), spec, inner)
        model = ModelConfig.parse(config["model"])
        vae = build_vae(model, inner, transform, torch.zeros(inner.shape), 0)
        vae.load_state_dict(tensors)
        return cls(vae)

    def tensors(self) -> dict[str, Tensor]:
        """Its weights by name."""
        return dict(self.vae.state_dict())

    @torch.inference_mode()
    def draw(self, count: int, generator: torch.Generator, given: Given = NOTHING) -> Tensor:
        """u ~ N(0, I), then z ~ p(z|u), noise included: q(z) has that of the posteriors too."""
        u = self.vae.prior.sample(count, self.vae.latent, generator, given)
        drawn = [
            self.vae.likelihood.sample(self.vae.decode(u[rows], given.part(rows)), generator)
            for rows in _parts(count)
        ]
        return self.vae.transform.invert(torch.cat(drawn))

    @torch.inference_mode()
    def log_density(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        """A lower bound of log p(z|given), (N,), in expectation: importance-weighted, with the
        second VAE's posterior as proposal (Burda et al. 2016, eq. 8)."""
        inner = self.vae.transform.apply(z)
        random = generator(0, Stream.PRIORS, 5)
        bounds = []
        for rows in _parts(len(z)):
            noise = torch.randn(
                IMPORTANCE_SAMPLES, len(inner[rows]), self.vae.latent, generator=random
            )
            found = importance_pass(self.vae, inner[rows], noise, given.part(rows))
            bounds.append(marginal_log_prob(found.log_likelihood + found.log_ratio).log_prob)
        return torch.cat(bounds)


def _parts(count: int) -> list[slice]:
    return [slice(start, start + AT_ONCE) for start in range(0, count, AT_ONCE)]
