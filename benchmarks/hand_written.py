"""784-400-20 in a bare loop of torch: what a program with nothing but its arithmetic reaches.

No history, no validation, no checkpoint, no noise that a resumed run could draw again: the fused
Adam, the Bernoulli terms and torch's own random numbers, as someone in a hurry for speed alone
would write them. The distance from here to `vaestro.train` is what our engine costs; the distance
from here to the floor is torch's own.
"""

import time

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

WIDTH, LATENT, ELEMENTS, BATCH = 400, 20, 784, 100


class Bare(nn.Module):
    """784-400-2x20 and 20-400-784 with ReLU between."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(ELEMENTS, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 2 * LATENT)
        )
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, WIDTH), nn.ReLU(), nn.Linear(WIDTH, ELEMENTS)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Minus the ELBO of x: (N, 784), nats, averaged over the N samples."""
        mean, log_variance = self.encoder(x).chunk(2, 1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        error = binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
        prior = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        return (error + prior) / len(x)


def rate(count: int, epochs: int) -> float:
    """Samples a second over `epochs` of `count` random byte images, shuffled every epoch."""
    images = torch.randint(0, 256, (count, ELEMENTS), dtype=torch.uint8)
    model = Bare()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    began = time.perf_counter()
    for _ in range(epochs):
        for some in torch.randperm(count).split(BATCH):
            optimiser.zero_grad(set_to_none=True)
            model(images[some].float() / 255).backward()
            optimiser.step()
    return count * epochs / (time.perf_counter() - began)
