"""The scale of continuous covariates over the training data.

Shape letters: B batch, N training samples, V values a sample.
"""

import torch
from torch import Tensor, nn


class Standard(nn.Module):
    """Values (B, V) in natural units <-> with mean 0 and variance 1 over the training data."""

    mean: Tensor
    std: Tensor

    def __init__(self, values: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(values))
        self.register_buffer("std", torch.ones(values))

    @torch.no_grad()
    def fit(self, values: Tensor) -> None:
        """Learn from (N, V), in 64 bits; a column without spread keeps the standard deviation 1."""
        rows = values.double()
        std = rows.std(0, correction=0)
        self.mean.copy_(rows.mean(0))
        self.std.copy_(torch.where(std > 0, std, torch.ones_like(std)))

    def forward(self, values: Tensor) -> Tensor:
        """(values - mean) / std"""
        return (values - self.mean) / self.std

    def natural(self, standardised: Tensor) -> Tensor:
        """standardised * std + mean"""
        return standardised * self.std + self.mean
