"""Fixed shapes that codes can be given: a Gaussian, a ring of petals, a swiss roll.

Each is a mixture of equally weighted Gaussians, so that draws and densities are exact.
Shape letters: B batch, C components in all, K latents, L parts (one a label, or one alone),
M components of a part, S draws for each sample.
"""

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from vaestro.foundation.config import Config
from vaestro.foundation.errors import RecipeError
from vaestro.probability.normal import log_normal
from vaestro.probability.priors.standard_normal import StandardNormalConfig

GOLDEN = 2654435769
"""2^32 over the golden ratio: its multiples modulo 2^32 are spread evenly, whatever their number
(Knuth, The Art of Computer Programming, vol. 3, section 6.4)."""


class PetalsConfig(Config):
    """A ring of Gaussians, each turned outwards (Makhzani et al. 2015, fig. 4).

    Their means lie at `distance` from 0 in every pair of dimensions, their standard deviations are
    `along` the ray and `across` it. With an odd number of latents the last has unit variance.
    `components`: how many; one a label where labels are told, and then not to be given.
    """

    kind: Literal["petals"] = "petals"
    components: int | None = Field(default=None, ge=1)
    distance: float = Field(default=2.0, ge=0)
    along: float = Field(default=0.5, gt=0)
    across: float = Field(default=0.2, gt=0)


class SwissRollConfig(Config):
    """A spiral of `turns` out to `radius`, a Gaussian of standard deviation `thickness` wide, for
    2 latents (Makhzani et al. 2015, fig. 5); where labels are told, a stretch of it for each."""

    kind: Literal["swiss-roll"] = "swiss-roll"
    radius: float = Field(default=3.0, gt=0)
    turns: float = Field(default=2.0, gt=0, le=20)
    thickness: float = Field(default=0.1, ge=0.01)


ShapeKind = StandardNormalConfig | PetalsConfig | SwissRollConfig


class FixedShape(nn.Module):
    """p(z|y) = mean_m N(z; c_ym, R_ym diag(s^2) R_ym^T), y < L; R turns each pair of dimensions.

    `centres` c: (L, M, K); `angles` of R: (L, M); `scales` s: (K,). All follow from the recipe and
    are not stored with a model.
    """

    centres: Tensor
    angles: Tensor
    scales: Tensor

    def __init__(self, centres: Tensor, angles: Tensor, scales: Tensor) -> None:
        super().__init__()
        for name, value in (("centres", centres), ("angles", angles), ("scales", scales)):
            self.register_buffer(name, value.float(), persistent=False)

    def drawn(self, noise: Tensor, label: Tensor | None) -> Tensor:
        """Draws (B, K) made of standard normal `noise` (B, K), one for each label (B,).

        Which component of its part a row takes is the golden-ratio sequence over the rows from a
        start that is uniform: Phi(sum of noise / sqrt(BK)). So each row is uniform over the
        components, and any run of rows has an even share of each.
        """
        start = torch.special.ndtr(noise.double().sum() / math.sqrt(noise.numel()))
        rows = torch.arange(len(noise), device=noise.device)
        spread = (rows * GOLDEN % 2**32).double() / 2**32
        return self.placed(noise, label, self._component((start + spread) % 1.0))

    def placed(self, noise: Tensor, label: Tensor | None, component: Tensor) -> Tensor:
        """c + R s noise, (B, K), of the components (B,) of the parts `label` (B,)."""
        part = torch.zeros_like(component) if label is None else label
        scaled = self.scales.to(noise) * noise
        return self.centres.to(noise)[part, component] + turned(
            scaled, self.angles.to(noise)[part, component]
        )

    def log_prob(self, z: Tensor, label: Tensor | None) -> Tensor:
        """log p(z|y) for labels (B,), else log p(z) with equally likely labels; (..., B, K)."""
        centres, angles = self.centres.to(z), self.angles.to(z)
        if label is None:
            centres, angles = centres.flatten(0, 1), angles.flatten()
        else:
            centres, angles = centres[label], angles[label]
        offsets = turned(z[..., None, :] - centres, -angles)
        log_variances = 2 * self.scales.to(z).log()
        parts = log_normal(offsets, torch.zeros_like(offsets), log_variances).sum(-1)
        return torch.logsumexp(parts, -1) - math.log(parts.shape[-1])

    def _component(self, uniform: Tensor) -> Tensor:
        """The component (B,) at places in [0, 1) of a part."""
        count = self.centres.shape[1]
        return (uniform * count).long().clamp(max=count - 1)


def turned(z: Tensor, angle: Tensor) -> Tensor:
    """z (..., K) with each pair of dimensions turned by `angle` (...); an odd last one stays."""
    even = z.shape[-1] // 2 * 2
    first, second = z[..., 0:even:2], z[..., 1:even:2]
    cos, sin = angle.cos()[..., None], angle.sin()[..., None]
    pairs = torch.stack([first * cos - second * sin, first * sin + second * cos], -1)
    return torch.cat([pairs.flatten(-2), z[..., even:].expand(*pairs.shape[:-2], -1)], -1)


def build_shape(config: ShapeKind, latent: int, labels: int) -> FixedShape:
    """The shape over `latent` dimensions, in one part for each of `labels`, or whole for 0.

    Raises RecipeError where it does not fit so many dimensions.
    """
    match config:
        case PetalsConfig():
            return _petals(config, latent, labels)
        case SwissRollConfig():
            return _swiss_roll(config, latent, labels)
        case _:
            parts = max(labels, 1)
            return FixedShape(
                torch.zeros(parts, 1, latent), torch.zeros(parts, 1), torch.ones(latent)
            )


def _petals(config: PetalsConfig, latent: int, labels: int) -> FixedShape:
    if latent < 2:
        raise RecipeError(
            "model.prior.shape=petals lies in pairs of dimensions, and there is 1 latent; give "
            "model.latent=2 or more"
        )
    count = labels or config.components or 1
    pairs = latent // 2
    angles = torch.arange(count).double() * (2 * math.pi / count)
    outwards = torch.zeros(count, latent, dtype=torch.float64)
    outwards[:, 0 : 2 * pairs : 2] = config.distance
    scales = torch.ones(latent)
    scales[: 2 * pairs] = torch.tensor([config.along, config.across]).repeat(pairs)
    grid = (count, 1) if labels else (1, count)
    return FixedShape(turned(outwards, angles).view(*grid, latent), angles.view(grid), scales)


def _swiss_roll(config: SwissRollConfig, latent: int, labels: int) -> FixedShape:
    """Components stand half a thickness apart, or closer, so that none shows."""
    if latent != 2:
        raise RecipeError(
            f"model.prior.shape=swiss-roll lies in the plane, and there are {latent} latents; give "
            "model.latent=2"
        )
    parts = max(labels, 1)
    length = config.radius * (1 + math.pi * config.turns)
    each = math.ceil(2 * length / config.thickness / parts)
    places = (torch.arange(parts * each).double() + 0.5) / (parts * each)
    way = places.sqrt()  # the arc's length grows with the square of the radius
    angle = 2 * math.pi * config.turns * way
    curve = config.radius * way[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    centres = curve.view(parts, each, 2)
    return FixedShape(centres, torch.zeros(parts, each), torch.full((2,), config.thickness))
