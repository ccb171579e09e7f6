"""The likelihood of one of our own models, as the doctor reads it, in natural units.

Shape letters: N samples, B batch, * the sample's axes.
"""

import hashlib
import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from vaestro.health.baselines import constant_data_term
from vaestro.health.diagnosis.patient import Decoded
from vaestro.health.forecast.look import look
from vaestro.health.forecast.rows import HalvedRows
from vaestro.models.vae import VAE
from vaestro.probability.likelihoods.likelihood import Likelihood

REMEMBERED = 16
"""So many numbers are kept: the runs of a sweep are examined on the same samples."""

_known: dict[bytes, float] = {}


@dataclass(frozen=True)
class RunObservation:
    """-log p(x | outputs) of a vaestro model, whatever its likelihood."""

    vae: VAE

    @property
    def variance(self) -> float | None:
        """That of a fixed Gaussian in model space."""
        return self.vae.likelihood.fixed_variance

    @cached_property
    def _log_det(self) -> float:
        return float(self.vae.transform.log_det.double())

    def nats(self, x: Tensor, decoded: Decoded) -> Tensor:
        """-log p(x | outputs), (B,)."""
        assert decoded.outputs is not None
        return -self.vae.likelihood.log_prob(x, decoded.outputs) - self._log_det

    def constant(self, x: Tensor) -> float:
        """Of the best constant outputs; two checks ask it of the same samples."""
        key = _fingerprint("constant", self.vae.likelihood, self._log_det, x)
        return _remembered(key, lambda: constant_data_term(self.vae, x))

    def critical_beta(self, x: Tensor) -> float | None:
        """The leading eigenvalue of the forecast's M for model-space samples x: (N, *), measured on
        held-out halves as the forecast's verdict is."""
        likelihood, latent = self.vae.likelihood, self.vae.latent
        key = _fingerprint(likelihood, latent, x)
        return _remembered(key, lambda: _leading(likelihood, latent, x))


def _leading(likelihood: Likelihood, latent: int, x: Tensor) -> float:
    """The leading eigenvalue of M."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    flat = x[order]
    rows = HalvedRows(lambda places: flat[places], len(x), x[0].numel(), len(x) // 2)
    found = look(likelihood, rows, latent).deciding
    leading = found.held_out if len(found.held_out) else found.values
    return float(leading[0])


class _ByValue(pickle.Pickler):
    """Writes equal tensors as equal bytes, wherever they lie."""

    def persistent_id(self, part: Any) -> tuple[str, torch.Size, bytes] | None:
        """What is written in the place of a tensor."""
        if not isinstance(part, Tensor):
            return None
        plain = part.detach().cpu().contiguous().flatten()
        return str(part.dtype), part.shape, plain.view(torch.uint8).numpy().tobytes()


def _fingerprint(*parts: Any) -> bytes:
    """Equal only where all parts are, in every bit."""
    written = io.BytesIO()
    _ByValue(written).dump(parts)
    return hashlib.blake2b(written.getbuffer()).digest()


def _remembered(key: bytes, answer: Callable[[], float]) -> float:
    """The answer that was given under this key, or is given now."""
    if key not in _known:
        while len(_known) >= REMEMBERED:
            del _known[next(iter(_known))]
        _known[key] = answer()
    return _known[key]
