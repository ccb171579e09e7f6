"""What is drawn for a batch that a denoiser learns from, and what it is then asked.

Shape letters: B batch, * the latent's axes.
"""

from typing import NamedTuple

from torch import Tensor


class Draws(NamedTuple):
    """All that is random about a batch. posterior, noise: (B, *); t: (B,); dropped: (B,), true
    where the condition is not told."""

    posterior: Tensor
    noise: Tensor
    t: Tensor
    dropped: Tensor

    def rows(self, some: slice) -> "Draws":
        """Those of some of the samples."""
        return Draws(*(value[some] for value in self))


class Posed(NamedTuple):
    """Standardised latents on their way to noise, and what is to be predicted of them, (B, *)."""

    x: Tensor
    target: Tensor
