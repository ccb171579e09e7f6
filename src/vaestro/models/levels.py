"""Where information goes over from encoder to decoder: the shapes of each level's latents.

Shape letters: K latents in all, L latents at a place.
"""

from math import prod

from torch import Tensor

from vaestro.foundation.errors import RecipeError
from vaestro.models.config import ModelConfig
from vaestro.networks.body import Conditioning, Encoder, Shape


def latent_shapes(config: ModelConfig, encoder: Encoder) -> tuple[Shape, ...]:
    """The shapes of the latents: those of the bottleneck, flat or on its grid, then the skips'.

    Raises RecipeError for latents on a grid where the features have none.
    """
    bottleneck, *skips = encoder.out_shapes
    beside = zip(encoder.skip_channels, skips, strict=True)
    around = tuple((channels, *shape[1:]) for channels, shape in beside)
    if not config.spatial:
        return ((config.latent,), *around)
    if len(bottleneck) == 1:
        raise RecipeError(
            "model.spatial=true puts latents on the encoder's smallest grid, and this encoder has "
            "none; give a convolution without dense layers (model.encoder.dense=[])"
        )
    return ((config.latent, *bottleneck[1:]), *around)


def skip_nats(latents: tuple[Shape, ...], kl: Tensor) -> float | None:
    """The nats that go around the bottleneck: of the mean KL (K,), all but the first level's.

    None for a network without skips.
    """
    return float(kl[prod(latents[0]) :].sum()) if len(latents) > 1 else None


def features_told(
    encoder: Encoder, latents: tuple[Shape, ...], inward: Conditioning
) -> tuple[Shape, ...]:
    """The shapes that the head reads: the encoder's, with a condition that is joined to them."""
    if encoder.joins or inward.joined == 0:
        return encoder.out_shapes
    shapes = zip(encoder.out_shapes, latents, strict=True)
    grids = [(prod(shape),) if len(latent) == 1 else shape for shape, latent in shapes]
    return tuple((shape[0] + inward.joined, *shape[1:]) for shape in grids)
