"""A MONAI AutoencoderKL for the doctor, of images or volumes.

Shape letters: B batch, K latents, * the sample's axes.
"""

from typing import Any

from torch import Tensor

from vaestro.health.adapters.foreign import Foreign, Grid, require_methods


def from_monai(model: Any, beta: float = 1.0) -> Foreign:
    """monai.networks.nets.AutoencoderKL, whose `encode` gives a mean and a standard deviation.

    Its latents lie on a grid and are flattened. It holds no loss: `beta` is the weight that its KL
    had in training. Raises DataError in one line for another model.
    """
    require_methods(model, ("encode", "decode", "sampling"), "a MONAI AutoencoderKL")
    grid = Grid(model.latent_channels, _axes(model))

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = model.encode(x)
        return grid.flat(mean), 2.0 * std.log().flatten(1)

    def decode(z: Tensor) -> Tensor:
        made: Tensor = model.decode(grid.spread(z))
        return made

    return Foreign(encode=encode, decode=decode, module=model, beta=beta)


def _axes(model: Any) -> int:
    """2 for images, 3 for volumes: a convolution's weights are (out, in, *kernel)."""
    dimensions: int = max(p.dim() for p in model.parameters())
    return dimensions - 2
