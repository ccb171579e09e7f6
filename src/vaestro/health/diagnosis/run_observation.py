"""The likelihood of one of our own models, as the doctor reads it, in natural units.

Shape letters: N samples, B batch, * the sample's axes.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vaestro.health.baselines import constant_data_term
from vaestro.health.diagnosis.patient import Decoded
from vaestro.health.forecast.look import look
from vaestro.health.forecast.rows import HalvedRows
from vaestro.models.vae import VAE


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
        """Of the best constant outputs."""
        return constant_data_term(self.vae, x)

    def critical_beta(self, x: Tensor) -> float | None:
        """The leading eigenvalue of the forecast's M for model-space samples x: (N, *), measured on
        held-out halves as the forecast's verdict is."""
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
        flat = x[order]
        rows = HalvedRows(lambda places: flat[places], len(x), x[0].numel(), len(x) // 2)
        found = look(self.vae.likelihood, rows, self.vae.latent).deciding
        leading = found.held_out if len(found.held_out) else found.values
        return float(leading[0])
