"""Principal components, with the dropped directions completed to a density.

Shape letters: B batch, D elements, k components, * the sample's axes.
"""

import math
from typing import Any, Literal

import torch
from pydantic import field_validator
from torch import Tensor

from vaestro.foundation.config import Config
from vaestro.foundation.samples import SampleSpec, ValueKind
from vaestro.transforms.transform import Transform, real_spec

MOST_EIGENVALUES_TOLD = 2000
MOST_SHARES_TOLD = 200

UNQUANTISED_FLOOR = 1e-8
"""The least variance of a direction, over the mean variance of an element, of data whose resolution
is unknown: a std of 1e-4 of the data's spread, a thousand times what 32-bit numbers round off."""

LEGAL: dict[ValueKind, tuple[float | None, float | None]] = {
    "binary": (0.0, 1.0),
    "unit": (0.0, 1.0),
    "counts": (0.0, None),
    "real": (None, None),
}
"""The natural range of each kind of value."""


class PcaConfig(Config):
    """The first `components` principal components of the training split.

    `components`: a number of them, or the share of the variance, between 0 and 1, that the smallest
    sufficient number is to keep. `whiten`: each component is divided by its std. `clip`: what comes
    back is clipped to the data's legal range ([0, 1] for greys and binary data, 0 and above for
    counts; real numbers have none).
    """

    kind: Literal["pca"] = "pca"
    components: int | float
    whiten: bool = False
    clip: bool = True

    @field_validator("components", mode="before")
    @classmethod
    def _number_or_share(cls, given: Any) -> int | float:
        whole = isinstance(given, int) and not isinstance(given, bool) and given >= 1
        share = isinstance(given, float) and 0 < given < 1
        if whole or share:
            return given  # type: ignore[no-any-return]
        raise ValueError(
            f"{given!r} is neither a whole number of components from 1 up nor a share of the "
            "variance between 0 and 1; give one such as 100 or 0.9"
        )


class Pca(Transform):
    """y = (x - mean) V / s, back: x = y s V^T + mean.

    V (D, k) are orthonormal eigenvectors of the training covariance (1/N), largest eigenvalue
    lambda first, the entry of largest size positive; s is 1, or sqrt(lambda) when whitened. The D-k
    dropped directions are completed by a Gaussian of their mean eigenvalue l (Tipping and Bishop
    1999): a sample of residual r has the further log-density
    log N(r; 0, l I) = -(D-k)/2 ln(2 pi l) - |r|^2 / (2 l), whose training mean is in `log_det` and
    whose rest is `excess`. So log-densities compare with those of pixel space.

    l and the whitened lambda are at least a floor, for directions in which the training split does
    not vary: the variance of uniform quantisation noise, resolution^2 / 12, which the data carry in
    every direction; 1e-8 of an element's mean variance where the resolution is unknown.
    """

    mean: Tensor
    directions: Tensor
    eigenvalues: Tensor
    std: Tensor
    total_variance: Tensor
    dropped_variance: Tensor
    completion: Tensor
    training_error: Tensor

    def __init__(self, config: PcaConfig, spec: SampleSpec, components: int) -> None:
        super().__init__()
        self.whiten = config.whiten
        self.shape = spec.shape
        self.resolution = spec.resolution
        self.reduces = components < spec.elements
        self.low, self.high = LEGAL[spec.values] if config.clip else (None, None)
        zeros = {
            "mean": spec.shape,
            "directions": (spec.elements, components),
            "eigenvalues": (components,),
            "std": (components,),
            "total_variance": (),
            "dropped_variance": (),
            "completion": (),
            "training_error": (),
            "log_det": (),
        }
        for name, shape in zeros.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))

    @property
    def components(self) -> int:
        """k"""
        return self.directions.shape[1]

    @property
    def dropped(self) -> int:
        """D - k, the number of directions that are completed."""
        return self.directions.shape[0] - self.components

    @property
    def floor(self) -> float:
        """The least variance that a direction counts as, in squared natural units."""
        if self.resolution is not None:
            return self.resolution**2 / 12
        return UNQUANTISED_FLOOR * float(self.total_variance) / self.directions.shape[0]

    def set(self, mean: Tensor, eigenvalues: Tensor, directions: Tensor, total: float) -> None:
        """Take what was fitted: mean (*), eigenvalues (k,), V (D, k), the total variance."""
        self.to(mean.device)
        self.total_variance.fill_(total)
        if self.reduces:
            self.dropped_variance.copy_((total - eigenvalues.sum()).clamp(min=0))
        for name, value in (("mean", mean), ("directions", directions)):
            getattr(self, name).copy_(value)
        self.eigenvalues.copy_(eigenvalues)
        self.std.fill_(1.0)
        if self.whiten:
            self.std.copy_(eigenvalues.clamp(min=self.floor).sqrt())
        log_det = -self.std.log().sum()
        if self.reduces:
            self.completion.copy_((self.dropped_variance / self.dropped).clamp(min=self.floor))
            normaliser = self.dropped * torch.log(2 * math.pi * self.completion)
            log_det = log_det - 0.5 * (normaliser + self.dropped_variance / self.completion)
        self.log_det.copy_(log_det)

    def apply(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """(x - mean) V / s: (B, k)."""
        return self._flat(x) @ self.directions / self.std

    def invert(self, y: Tensor) -> Tensor:
        """y s V^T + mean: (B, *), clipped to the legal range."""
        x: Tensor = self._back(y).unflatten(1, self.shape) + self.mean
        return x if self.low is None and self.high is None else x.clamp(self.low, self.high)

    def residual(self, x: Tensor) -> Tensor:
        """The squared length (B,) of what natural samples x: (B, *) lose, before any clipping."""
        flat = self._flat(x)
        lost: Tensor = flat - (flat @ self.directions) @ self.directions.T
        return lost.square().sum(1)

    def excess(self, x: Tensor) -> Tensor:
        """-(|r|^2 - its training mean) / (2 l): (B,)."""
        if not self.reduces:
            return self.mean.new_zeros(len(x))
        return -0.5 * (self.residual(x) - self.dropped_variance) / self.completion

    def model_spec(self, spec: SampleSpec) -> SampleSpec:
        """k real numbers. A rotation leaves the noise of quantisation as it is in every direction,
        so the resolution stays, or is divided by the largest std when whitened."""
        return real_spec(spec, (self.components,), float(self.std.max()))

    def facts(self) -> dict[str, Any]:
        """The spectrum; the training error per sample and the sum of eigenvalues it must equal.

        `cumulative_share`: [components, share] pairs, at most 200; `completion_variance`: l, above
        `mean_dropped_eigenvalue` where the floor holds; both None when nothing is dropped.
        """
        values = self.eigenvalues.cpu().double()
        total, tail = float(self.total_variance), float(self.dropped_variance)
        return {
            "elements": self.directions.shape[0],
            "components": self.components,
            "share": float(values.sum()) / total,
            "total_variance": total,
            "dropped_variance": tail,
            "training_error": float(self.training_error),
            "training_error_per_element": float(self.training_error) / self.directions.shape[0],
            "mean_dropped_eigenvalue": tail / self.dropped if self.reduces else None,
            "completion_variance": float(self.completion) if self.reduces else None,
            "eigenvalues": values[:MOST_EIGENVALUES_TOLD].tolist(),
            "cumulative_share": _thinned((values.cumsum(0) / total).tolist(), MOST_SHARES_TOLD),
        }

    def _flat(self, x: Tensor) -> Tensor:
        return (x.to(self.mean.dtype) - self.mean).flatten(1)

    def _back(self, y: Tensor) -> Tensor:
        return (y.to(self.std.dtype) * self.std) @ self.directions.T


def _thinned(shares: list[float], most: int) -> list[list[float]]:
    """[number, share] of at most `most` of the shares, evenly, the first and the last included."""
    steps = min(most, len(shares))
    last = len(shares) - 1
    places = [round(step * last / max(steps - 1, 1)) for step in range(steps)]
    return [[place + 1, shares[place]] for place in places]
