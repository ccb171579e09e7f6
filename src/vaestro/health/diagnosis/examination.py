"""What the doctor measures once, and every check reads.

Shape letters: N samples, K latents, * the sample's axes.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vaestro.foundation.samples import Given
from vaestro.health.diagnosis.observation import total_variance
from vaestro.health.diagnosis.patient import Decoded, Patient
from vaestro.metrics.live import LIVE_NATS
from vaestro.probability.normal import kl_to_standard
from vaestro.probability.posterior import Posterior

MOST = 1000
"""Samples of a split that are examined."""
CHUNK = 200
LEAST_OF_A_LABEL = 20
"""Samples of one label from which an eigenvalue says something."""


@dataclass(frozen=True)
class Codes:
    """One split through the model: samples, posteriors, a draw z of each, what is decoded from the
    draw and from the posterior mean, KL (N, K) to the prior and data term (N,) in
    nats. For a point log_variance is minus infinity and the KL 0.
    """

    x: Tensor
    given: Given
    mean: Tensor
    log_variance: Tensor
    z: Tensor
    from_draw: Tensor
    from_mean: Tensor
    variance: Tensor | None
    kl: Tensor
    nats: Tensor

    @property
    def finite(self) -> bool:
        """Whether every number is."""
        parts = (self.mean, self.kl, self.from_draw, self.nats)
        return all(bool(torch.isfinite(part).all()) for part in parts)


@dataclass(frozen=True)
class Examination:
    """The measurements of a patient. `stochastic` is False for a plain autoencoder."""

    patient: Patient
    train: Codes
    held: Codes | None
    stochastic: bool

    @cached_property
    def constant(self) -> float:
        """Nats of the best constant output; of one for each label where the decoder is told it."""
        return constant_nats(self.patient, self.train)

    @cached_property
    def variance(self) -> float:
        """tr S of the training samples, within labels where the decoder is told them."""
        parts = by_label(self.patient, self.train)
        return sum(len(p) * total_variance(p) for p in parts) / len(self.train.x)

    @cached_property
    def live(self) -> int:
        """Latent dimensions with a mean KL above 0.01 nats."""
        return int((self.train.kl.double().mean(0) > LIVE_NATS).sum())

    @property
    def latent(self) -> int:
        """K."""
        return self.train.mean.shape[1]

    @cached_property
    def prior_term(self) -> float:
        """Mean KL to the standard normal, nats per sample."""
        return float(self.train.kl.double().sum(1).mean())

    @cached_property
    def data_term(self) -> float:
        """Mean data term, nats per sample."""
        return float(self.train.nats.double().mean())

    @cached_property
    def sampled(self) -> Tensor:
        """Means decoded from prior draws, as many as training samples and under their labels."""
        z = self.prior_draws.to(self.train.mean)
        return _decode(self.patient, z, self.train.given).mean

    @cached_property
    def prior_draws(self) -> Tensor:
        """(N, K) draws from the prior."""
        count, latent = self.train.mean.shape
        if self.patient.draw is not None:
            return self.patient.draw(count, self.train.given).detach()
        return torch.randn(count, latent, generator=torch.Generator().manual_seed(7))

    @cached_property
    def dependence(self) -> float:
        """The share of tr S that prior draws of z move the output by, the label held."""
        first, other = self.sampled, _decode(self.patient, self._other, self.train.given).mean
        moved = 0.5 * (first - other).double().square().flatten(1).sum(1).mean()
        return float(moved) / max(self.variance, 1e-30)

    @property
    def _other(self) -> Tensor:
        return self.prior_draws.flip(0).to(self.train.mean)


def examine(patient: Patient) -> Examination:
    """Measure. Nothing is trained and no gradient kept."""
    with torch.no_grad():
        train, stochastic = _codes(patient, patient.x, patient.given)
        held = None
        if patient.held_out is not None:
            held, _ = _codes(patient, patient.held_out, patient.held_out_given)
    return Examination(patient, train, held, stochastic)


def _codes(patient: Patient, x: Tensor, given: Given) -> tuple[Codes, bool]:
    rows = torch.linspace(0, len(x) - 1, min(len(x), MOST)).round().long().unique()
    x, given = x[rows], given.part(rows)
    random = torch.Generator().manual_seed(5)
    columns: list[list[Tensor]] = [[] for _ in range(7)]
    variances, stochastic = [], True
    for part in torch.arange(len(x)).split(CHUNK):
        told = given.part(part)
        posterior = patient.encode(x[part], told)
        stochastic = posterior.log_variance is not None
        mean = posterior.mean
        spread = torch.full_like(mean, -math.inf)
        spread = spread if posterior.log_variance is None else posterior.log_variance
        noise = torch.randn(mean.shape, generator=random).to(mean)
        z = mean + torch.exp(0.5 * spread) * noise
        drawn, centre = patient.decode(z, told), patient.decode(mean, told)
        kl = _divergence(patient, posterior, z, told, noise)
        nats = patient.observation.nats(x[part], drawn)
        row = (mean, spread, z, drawn.mean, centre.mean, kl, nats)
        for column, value in zip(columns, row, strict=True):
            column.append(value)
        variances += [] if drawn.variance is None else [drawn.variance]
    mean, spread, z, drawn_mean, centre_mean, kl, nats = (torch.cat(c) for c in columns)
    variance = torch.cat(variances) if variances else None
    codes = Codes(x, given, mean, spread, z, drawn_mean, centre_mean, variance, kl, nats)
    return codes, stochastic


def _divergence(
    patient: Patient, posterior: Posterior, z: Tensor, given: Given, noise: Tensor
) -> Tensor:
    """The KL (B, K) to the prior; 0 for a point."""
    if patient.divergence is not None:
        return patient.divergence(posterior, z, given, noise)
    if posterior.log_variance is None:
        return torch.zeros_like(posterior.mean)
    return kl_to_standard(posterior.mean, posterior.log_variance)


def _decode(patient: Patient, z: Tensor, given: Given) -> Decoded:
    with torch.no_grad():
        parts = [patient.decode(z[p], given.part(p)) for p in torch.arange(len(z)).split(CHUNK)]
    return Decoded(torch.cat([part.mean for part in parts]))


def by_label(patient: Patient, codes: Codes) -> list[Tensor]:
    """The samples of each label where the decoder is told whole-number labels, else all in one."""
    label = patient.heard.of(codes.given).label
    if not patient.decoder_told or label is None or label.is_floating_point() or label.dim() > 1:
        return [codes.x]
    return [codes.x[label == one] for one in label.unique()]


def constant_nats(patient: Patient, codes: Codes) -> float:
    """The mean data term of the best constant output for the samples of `codes`."""
    parts = by_label(patient, codes)
    return sum(len(p) * patient.observation.constant(p) for p in parts) / len(codes.x)


def critical_beta(patient: Patient, codes: Codes) -> float | None:
    """The largest beta at which a latent dimension can live; where the decoder is told labels, the
    largest within one of them. None where it is not known."""
    parts = [part for part in by_label(patient, codes) if len(part) >= LEAST_OF_A_LABEL]
    found = [patient.observation.critical_beta(part) for part in parts or [codes.x]]
    known = [value for value in found if value is not None]
    return max(known) if known else None
