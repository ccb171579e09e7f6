"""The path from data to noise: how much of each there is at a time, and what the denoiser learns.

x_t = a(t) z + s(t) e, with t from 0 (data) to 1 (noise) and e ~ N(0, I). Both paths can be turned
around: x_t and what the denoiser predicts give z and e.

Shape letters: B batch, T discrete levels, * the latent's axes. A time is a scalar, or (B, 1, ...).
"""

import math
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from vaestro.foundation.config import ByKind, Config


class Parts(NamedTuple):
    """What x_t is made of. z: (B, *) data; noise: (B, *)."""

    z: Tensor
    noise: Tensor


class RectifiedFlowConfig(Config):
    """The straight line x_t = (1 - t) z + t e; the denoiser learns its velocity v = e - z.

    log-SNR = 2 log((1 - t) / t), from +inf to -inf. Training draws t uniformly from [0, 1]
    (Lipman et al. 2023, section 4.1, with sigma_min = 0; Liu et al. 2023, eq. 1; both count t from
    the noise).
    """

    kind: Literal["rectified-flow"] = "rectified-flow"

    def signal_and_noise(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """a(t) = 1 - t and s(t) = t"""
        return 1 - t, t

    def target(self, z: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """v = e - z, (B, *)"""
        return noise - z

    def parts(self, x: Tensor, prediction: Tensor, t: Tensor) -> Parts:
        """z = x - t v and e = x + (1 - t) v"""
        return Parts(x - t * prediction, x + (1 - t) * prediction)

    def trained(self, uniform: Tensor) -> Tensor:
        """The times (B,) of training from uniform numbers (B,) in [0, 1): themselves."""
        return uniform

    def times(self, steps: int) -> Tensor:
        """(steps + 1,) in 64 bits: from 1 to 0, evenly spaced."""
        return torch.linspace(1, 0, steps + 1, dtype=torch.float64)

    def gaussian_slope(self, t: Tensor) -> Tensor:
        """The best prediction for z ~ N(0, I) is this times x_t: (2 t - 1) / ((1 - t)^2 + t^2); it
        is wrong by 1 / ((1 - t)^2 + t^2) in the mean square, pi / 2 over all times."""
        return (2 * t - 1) / ((1 - t).square() + t.square())

    @property
    def log_snr_range(self) -> tuple[float, float]:
        """All of it."""
        return -math.inf, math.inf

    def time_of(self, log_snr: Tensor) -> Tensor:
        """The times of log signal-to-noise ratios, (N,) both: t = 1 / (1 + exp(log_snr / 2))"""
        return torch.sigmoid(-log_snr / 2)


class DdpmConfig(Config):
    """Cosine levels, x_t = sqrt(A) z + sqrt(1 - A) e; the denoiser learns v = sqrt(A) e - sqrt(1 -
    A) z.

    A(k / T) is the product of 1 - min(0.999, 1 - f(j / T) / f((j - 1) / T)) over j = 1..k, with
    f(t) = cos^2(pi/2 (t + 0.008) / 1.008): T = `levels` discrete times 1/T, 2/T, ..., 1. log-SNR =
    log(A / (1 - A)). Nichol and Dhariwal 2021, eq. 17; v: Salimans and Ho 2022, appendix D.
    """

    kind: Literal["ddpm"] = "ddpm"
    levels: int = Field(default=1000, ge=2)

    def signal_and_noise(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(A) and sqrt(1 - A) at the level that is nearest to t."""
        kept = _kept(self.levels).to(t.device)[(t * self.levels).round().long()]
        return kept.sqrt().to(t.dtype), (1 - kept).sqrt().to(t.dtype)

    def target(self, z: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """v = a e - s z, (B, *)"""
        a, s = self.signal_and_noise(t)
        return a * noise - s * z

    def parts(self, x: Tensor, prediction: Tensor, t: Tensor) -> Parts:
        """z = a x - s v and e = s x + a v"""
        a, s = self.signal_and_noise(t)
        return Parts(a * x - s * prediction, s * x + a * prediction)

    def trained(self, uniform: Tensor) -> Tensor:
        """The times (B,) of training from uniform numbers (B,) in [0, 1): 1/T, ..., 1."""
        return ((uniform * self.levels).floor() + 1) / self.levels

    def times(self, steps: int) -> Tensor:
        """(steps + 1,) in 64 bits: levels from T to 0, evenly spaced and rounded (Lin et al. 2024,
        "trailing"); the first is that of the most noise."""
        numbers = torch.linspace(self.levels, 0, steps + 1, dtype=torch.float64).round()
        return numbers / self.levels

    def gaussian_slope(self, t: Tensor) -> Tensor:
        """The best prediction for z ~ N(0, I) is 0 times x_t, since v and x_t are independent; it
        is wrong by 1 in the mean square."""
        return torch.zeros_like(t)

    @property
    def log_snr_range(self) -> tuple[float, float]:
        """Those of the last level and the first."""
        ratios = self._log_snr
        return float(ratios[-1]), float(ratios[0])

    def time_of(self, log_snr: Tensor) -> Tensor:
        """The times of the levels whose log signal-to-noise ratios are nearest, (N,) both."""
        falling = self._log_snr
        between = (falling[1:] + falling[:-1]) / 2
        level = torch.bucketize(-log_snr.double(), -between) + 1
        return level.to(log_snr.dtype) / self.levels

    @property
    def _log_snr(self) -> Tensor:
        """log(A / (1 - A)) of the levels 1 to T, falling, in 64 bits on the CPU."""
        return torch.logit(_kept(self.levels)[1:])


PathKind = RectifiedFlowConfig | DdpmConfig
PathConfig = Annotated[Annotated[PathKind, Field(discriminator="kind")], ByKind]


def noised(path: PathKind, z: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """x_t (B, *) from data and noise, (B, *) both."""
    a, s = path.signal_and_noise(t)
    return a * z + s * noise


@lru_cache
def _kept(levels: int) -> Tensor:
    """A at 0, 1/T, ..., 1: (T + 1,) in 64 bits on the CPU."""
    at = torch.arange(levels + 1, dtype=torch.float64) / levels
    curve = torch.cos((at + 0.008) / 1.008 * math.pi / 2).square()
    ratios = (curve[1:] / curve[:-1]).clamp(min=0.001)
    return torch.cat([torch.ones(1, dtype=torch.float64), ratios.cumprod(0)])
