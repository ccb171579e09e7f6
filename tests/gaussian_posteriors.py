"""Posteriors whose divergence from a prior is held against torch's."""

import torch
from torch import Tensor

from tests.conftest import random
from vaestro.probability.posterior import Posterior


def posterior(rows: int, latent: int) -> Posterior:
    draws = torch.randn(2, rows, latent, generator=random(5), dtype=torch.float64)
    return Posterior(draws[0], 0.5 * draws[1] - 0.5)


def spread(q: Posterior) -> Tensor:
    """The standard deviations of a posterior that has some."""
    assert q.log_variance is not None
    return torch.exp(0.5 * q.log_variance)
