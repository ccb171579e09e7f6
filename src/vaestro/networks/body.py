"""What an encoder and a decoder must offer: the interface that every family and any user's fits.

Shape letters: B batch, E condition width, F features, C channels, P outputs per element, * the
sample's axes. A *level* is one place from which information goes over to the decoder: the
bottleneck first, then the skips of a network that has some.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import RecipeError

Shape = tuple[int, ...]


class Conditioning(NamedTuple):
    """How a condition (B, `width`) enters a network: joined to its inputs, or with `film` by a
    scale and a shift of every layer's channels (Perez et al. 2018). Width 0: not at all."""

    width: int = 0
    film: bool = False

    @property
    def joined(self) -> int:
        """How many numbers are joined to the inputs."""
        return 0 if self.film else self.width

    @property
    def filmed(self) -> int:
        """The width of the condition that scales and shifts the layers."""
        return self.width if self.film else 0

    def join(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """x: (B, C, *) with the condition (B, E) as further channels, equal at every place."""
        if condition is None or self.joined == 0:
            return x
        spread = condition.reshape(*condition.shape, *(1,) * (x.dim() - 2))
        return torch.cat([x, spread.expand(-1, -1, *x.shape[2:])], dim=1)


UNTOLD = Conditioning()
"""No condition at all."""


class Encoder(Protocol):
    """(B, *), condition (B, E) or None -> the features of each level, (B, F) or (B, C, *grid).

    `joins`: whether a condition that is joined to inputs was joined in the encoder; if not, it is
    joined to the features. `skip_channels`: latents at each place of every level but the first.
    """

    @property
    def out_shapes(self) -> tuple[Shape, ...]: ...

    @property
    def joins(self) -> bool: ...

    @property
    def skip_channels(self) -> tuple[int, ...]: ...

    def __call__(self, x: Tensor, condition: Tensor | None) -> tuple[Tensor, ...]: ...


class Decoder(Protocol):
    """The latents of each level, condition (B, E) or None -> (B, P, *): P outputs an element."""

    @property
    def head(self) -> nn.Module: ...

    def __call__(self, latents: tuple[Tensor, ...], condition: Tensor | None) -> Tensor: ...

    def start_at(self, outputs: Tensor) -> None:
        """Set the head's bias so that the decoder's output starts near `outputs` (P, *)."""


def joined(levels: Sequence[Tensor]) -> Tensor:
    """The numbers of every level (B, K of the level) beside each other, (B, K); those of one level
    are not copied."""
    return levels[0] if len(levels) == 1 else torch.cat(list(levels), dim=1)


def require_one_level(latents: tuple[Shape, ...]) -> Shape:
    """The shape of the bottleneck's latents. Raises RecipeError when the encoder has skips."""
    if len(latents) > 1:
        raise RecipeError(
            f"the encoder has {len(latents) - 1} skips and this decoder takes none; give "
            "model.decoder.kind=unet, or an encoder without skips"
        )
    return latents[0]


def require_same_grid(latent: Shape, grid: Shape) -> None:
    """Raise RecipeError unless a grid of latents is as large as the decoder's smallest grid."""
    if latent[1:] != grid[1:]:
        raise RecipeError(
            f"the encoder's latents lie on a grid of {latent[1:]} and the decoder starts from "
            f"{grid[1:]}; give both the same number of stages and the same kernel"
        )
