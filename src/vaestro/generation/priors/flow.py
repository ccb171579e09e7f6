"""A normalising flow on the aggregate posterior.

Shape letters: N samples, K latents, V covariates, L labels, E = L + V.
"""

from typing import Self

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import RecipeError
from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import NOTHING, Given
from vaestro.generation.priors.config import FlowConfig, FlowKind
from vaestro.generation.priors.latents import Latents, Told
from vaestro.networks.autoregressive import maf
from vaestro.networks.coupling import real_nvp
from vaestro.probability.empirical import Standard
from vaestro.probability.normal import LOG_2PI

AT_ONCE = 4096


class FlowNetwork(nn.Module):
    """z, standardised, through RealNVP or MAF, told the label one-hot and standardised
    covariates."""

    def __init__(self, config: FlowKind, latents: int, told: Told, random: torch.Generator) -> None:
        super().__init__()
        self.told = told
        self.scale = Standard(latents)
        self.covariates = Standard(told.covariates)
        width = told.labels + told.covariates
        network = real_nvp if isinstance(config, FlowConfig) else maf
        self.couplings = network(latents, width, config.layers, config.width, random)

    def log_density(self, z: Tensor, given: Given) -> Tensor:
        """log p(z|given), (N,): that of the noise, plus log|det| of the way to it."""
        noise, log_det = self.couplings(self.scale(z), self._condition(len(z), given))
        of_noise = -0.5 * (noise.square() + LOG_2PI).sum(1)
        total: Tensor = of_noise + log_det - self.scale.std.log().sum()
        return total

    def inverse(self, noise: Tensor, given: Given) -> Tensor:
        """z (N, K) of noise (N, K)."""
        found = self.couplings.inverse(noise, self._condition(len(noise), given))
        return self.scale.natural(found)

    def _condition(self, count: int, given: Given) -> Tensor:
        parts = [torch.zeros(count, 0)]
        if self.told.labels:
            label = _required(given.label)
            parts.append(nn.functional.one_hot(label, self.told.labels).float())
        if self.told.covariates:
            parts.append(self.covariates(_required(given.covariates)))
        return torch.cat(parts, 1)


def _required(column: Tensor | None) -> Tensor:
    if column is None:
        raise RecipeError(
            "the flow was fitted for the conditions that the model is told, and they were not "
            "given; give them with every sample"
        )
    return column.cpu()


class Flow:
    """A fitted flow. z = f(noise | given) with noise ~ N(0, I)."""

    def __init__(self, network: FlowNetwork, latents: int) -> None:
        self.network = network.eval().requires_grad_(False)
        self.latents = latents

    @classmethod
    def restored(
        cls, config: FlowKind, latents: int, told: Told, tensors: dict[str, Tensor]
    ) -> Self:
        """From what `tensors` gave. Raises RuntimeError when they belong to another flow."""
        network = FlowNetwork(config, latents, told, generator(0, Stream.PRIORS))
        network.load_state_dict(tensors)
        return cls(network, latents)

    def tensors(self) -> dict[str, Tensor]:
        """Its numbers by name."""
        return dict(self.network.state_dict())

    @torch.no_grad()
    def draw(self, count: int, generator: torch.Generator, given: Given = NOTHING) -> Tensor:
        """Noise through the inverse, (N, K)."""
        noise = torch.randn(count, self.latents, generator=generator)
        return torch.cat(
            [self.network.inverse(noise[rows], given.part(rows)) for rows in _parts(count)]
        )

    @torch.no_grad()
    def log_density(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        """log p(z|given) in nats, (N,), exact."""
        return torch.cat(
            [self.network.log_density(z[rows], given.part(rows)) for rows in _parts(len(z))]
        )


def _parts(count: int) -> list[slice]:
    return [slice(start, start + AT_ONCE) for start in range(0, count, AT_ONCE)]


def untrained(config: FlowKind, latents: Latents, told: Told, seed: int) -> FlowNetwork:
    """A flow near the identity on standardised latents, of which there are at least 2."""
    random = generator(seed, Stream.PRIORS, 3)
    network = FlowNetwork(config, latents.dimensions, told, random)
    network.scale.fit(latents.draw(seed, 1))
    if told.covariates:
        assert latents.given.covariates is not None
        network.covariates.fit(latents.given.covariates)
    return network
