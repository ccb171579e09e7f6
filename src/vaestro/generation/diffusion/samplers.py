"""From noise to data: the samplers, each a function of the path, a denoiser and the times.

Shape letters: B batch, S steps, * the latent's axes.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from vaestro.foundation.config import ByKind, Config
from vaestro.foundation.errors import RecipeError
from vaestro.generation.diffusion.noise_levels import DdpmConfig, PathKind, RectifiedFlowConfig

Denoise = Callable[[Tensor, Tensor], Tensor]
"""x_t (B, *) and its time, a scalar -> the prediction of the path's target (B, *)."""

Draw = Callable[[], Tensor]
"""Fresh standard normal noise (B, *), one for each step that asks for it."""


class EulerConfig(Config):
    """One evaluation a step along the velocity; the error falls as 1 / steps."""

    kind: Literal["euler"] = "euler"


class HeunConfig(Config):
    """The mean of the velocities at both ends of a step; the error falls as 1 / steps^2.

    Two evaluations a step but for the last, which goes to t = 0 along the first velocity alone
    (Karras et al. 2022, algorithm 1, without churn).
    """

    kind: Literal["heun"] = "heun"


class DdimConfig(Config):
    """`eta` 0: a function of the first noise alone; 1: as much fresh noise as DDPM (Song et al.
    2021, eqs. 12 and 16)."""

    kind: Literal["ddim"] = "ddim"
    eta: float = Field(default=0.0, ge=0, le=1)


class AncestralConfig(Config):
    """Each step draws from the posterior q(x_s | x_t, z) at the predicted z (Ho et al. 2020, eq. 7,
    the smaller of their two variances)."""

    kind: Literal["ancestral"] = "ancestral"


SamplerKind = EulerConfig | HeunConfig | DdimConfig | AncestralConfig
SamplerConfig = Annotated[Annotated[SamplerKind, Field(discriminator="kind")], ByKind]

_SAMPLERS: dict[type, tuple[type, ...]] = {
    RectifiedFlowConfig: (HeunConfig, EulerConfig),
    DdpmConfig: (DdimConfig, AncestralConfig),
}
"""The samplers of a path; the first is its own unless another is asked for."""


def sampler_of(path: PathKind, asked: SamplerKind | None) -> SamplerKind:
    """`asked`, or the path's own. Raises RecipeError for one that the path does not have."""
    kinds = _SAMPLERS[type(path)]
    if asked is None:
        own: SamplerKind = kinds[0]()
        return own
    if not isinstance(asked, kinds):
        legal = " or ".join(kind().kind for kind in kinds)
        raise RecipeError(
            f"sampling.sampler={asked.kind} does not go along path={path.kind}; give {legal}"
        )
    return asked


def run_sampler(
    sampler: SamplerKind, path: PathKind, denoise: Denoise, x: Tensor, times: Tensor, draw: Draw
) -> Tensor:
    """From noise x: (B, *) at times[0] to latents (B, *) at times[-1]; times: (S + 1,) falling."""
    match sampler:
        case EulerConfig():
            return euler(denoise, x, times)
        case HeunConfig():
            return heun(denoise, x, times)
        case DdimConfig(eta=eta):
            return ddim(path, denoise, x, times, draw, eta)
        case AncestralConfig():
            return ddim(path, denoise, x, times, draw, 1.0)


def euler(velocity: Denoise, x: Tensor, times: Tensor) -> Tensor:
    """x <- x + (s - t) v(x, t) for each step from t to s."""
    for t, s in _steps(times):
        x = x + (s - t) * velocity(x, t)
    return x


def heun(velocity: Denoise, x: Tensor, times: Tensor) -> Tensor:
    """x <- x + (s - t) (v(x, t) + v(x', s)) / 2, x' being Euler's; the step to 0 is Euler's."""
    for t, s in _steps(times):
        first = velocity(x, t)
        ahead = x + (s - t) * first
        x = ahead if s == 0 else x + (s - t) * (first + velocity(ahead, s)) / 2
    return x


def ddim(
    path: PathKind, denoise: Denoise, x: Tensor, times: Tensor, draw: Draw, eta: float
) -> Tensor:
    """x_s = a_s z + sqrt(s_s^2 - w^2) e + w * fresh noise, z and e being what x_t is made of as the
    denoiser sees it; w = eta (s_s / s_t) sqrt(1 - a_t^2 / a_s^2).

    With eta = 1 this is the draw from q(x_s | x_t, z). The last step, to s = 0, adds no noise.
    """
    for t, s in _steps(times):
        z, noise = path.parts(x, denoise(x, t), t)
        (a, sigma), (a_next, sigma_next) = path.signal_and_noise(t), path.signal_and_noise(s)
        fresh = eta * sigma_next / sigma * (1 - (a / a_next).square()).clamp(min=0).sqrt()
        kept = (sigma_next.square() - fresh.square()).clamp(min=0).sqrt()
        x = a_next * z + kept * noise
        if eta > 0 and s > 0:
            x = x + fresh * draw()
    return x


def _steps(times: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The pairs of neighbouring times, scalars in 64 bits on the CPU: a factor of numbers of
    another type or place, which keep theirs."""
    return list(pairwise(times.double().cpu().unbind()))


def normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise of the shape of `like`, drawn on the CPU: the same on every device."""
    drawn = torch.randn(like.shape, generator=generator, dtype=like.dtype)
    return drawn.to(like.device)
