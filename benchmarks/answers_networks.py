"""A decoder with log 002's last layer, started as torch starts it.

B batch, K latents, S pixels along an edge.
"""

from torch import Tensor, nn

from vaestro.networks.registry import part

CHANNELS = 16
STEP = {"kernel_size": 4, "stride": 2, "padding": 1}


@part("rectified")
class Rectified(nn.Module):
    """A dense layer and two transposed convolutions, a ReLU behind each; weights and biases from
    U(-1 / sqrt(fan-in), 1 / sqrt(fan-in)), so that the output does not start at the data's mean."""

    def __init__(self, latent: tuple[int, ...], shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        assert outputs == 1 and shape[0] == 1, "grey pictures with a mean each"
        grid = shape[1] // 4
        self.body = nn.Sequential(
            nn.Linear(latent[0], CHANNELS * grid**2),
            nn.ReLU(),
            nn.Unflatten(1, (CHANNELS, grid, grid)),
            nn.ConvTranspose2d(CHANNELS, CHANNELS, **STEP),
            nn.ReLU(),
            nn.ConvTranspose2d(CHANNELS, 1, **STEP),
            nn.ReLU(),
        )

    def forward(self, z: Tensor) -> Tensor:
        """(B, K) -> (B, 1, S, S)."""
        pictures: Tensor = self.body(z)
        return pictures
