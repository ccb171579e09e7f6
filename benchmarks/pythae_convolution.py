"""pythae's own benchmark network for MNIST: 17 million parameters in convolutions of stride 2.

Imported where it is used: pythae is no dependency of ours.
"""

from pythae.models import VAE, VAEConfig
from pythae.models.nn.benchmarks.mnist import Decoder_Conv_AE_MNIST, Encoder_Conv_VAE_MNIST
from torch import Tensor

from pythae_dense import Shape, picture_of, trained

SHAPE = Shape(elements=784, width=0, latent=16, batch=64)
"""What its trainer asks for; there is no dense width."""


def rate(x: Tensor, epochs: int) -> float:
    """Samples a second of its trainer on x: (N, 784) from 0 to 1."""
    config = VAEConfig(
        input_dim=picture_of(SHAPE), latent_dim=SHAPE.latent, reconstruction_loss="bce"
    )
    parts = {"encoder": Encoder_Conv_VAE_MNIST(config), "decoder": Decoder_Conv_AE_MNIST(config)}
    return len(x) * epochs / trained(VAE(config, **parts), x, SHAPE, epochs, 1e-3)
