"""A time as a vector that every layer of a denoiser can be told.

Shape letters: B batch, E width of the embedding, F frequencies.
"""

import math

import torch
from torch import Tensor, nn

FREQUENCIES = 64
FASTEST = 1000.0
"""Angular frequencies from 1 to this one: a difference in time of a thousandth is seen."""


class TimeEmbedding(nn.Module):
    """t in [0, 1] -> sines and cosines of F frequencies in geometric order -> two layers -> (B, E).

    Vaswani et al. 2017, section 3.5, for a time that is no whole number.
    """

    frequencies: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        powers = torch.linspace(0, math.log(FASTEST), FREQUENCIES)
        self.register_buffer("frequencies", powers.exp(), persistent=False)
        self.layers = nn.Sequential(
            nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, t: Tensor) -> Tensor:
        """t: (B,); returns (B, E)."""
        angles = t[:, None] * self.frequencies
        embedded: Tensor = self.layers(torch.cat([angles.sin(), angles.cos()], dim=1))
        return embedded
