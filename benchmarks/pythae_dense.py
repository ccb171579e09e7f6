"""pythae's trainer on a network with one hidden layer on both sides, as its users write it.

Imported where it is used: pythae is no dependency of ours. Shape letters: N samples, D elements,
W width, K latents.
"""

import contextlib
import io
import logging
import math
import tempfile
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, BetaVAE, BetaVAEConfig, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import Tensor, nn


class Shape(NamedTuple):
    """elements D (of a square picture) - width W - latent K - W - D, in batches of `batch`."""

    elements: int
    width: int
    latent: int
    batch: int


class Encoder(BaseEncoder):
    """D-W, then a mean and a log-variance."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(shape.elements, shape.width), nn.ReLU())
        self.mean = nn.Linear(shape.width, shape.latent)
        self.log_variance = nn.Linear(shape.width, shape.latent)

    def forward(self, x: Tensor) -> Any:
        """The posterior of pictures x: (N, 1, side, side)."""
        h = self.body(x.reshape(len(x), -1))
        return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))


class Decoder(BaseDecoder):
    """K-W-D, then a probability for every element."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.picture = picture_of(shape)
        self.body = nn.Sequential(
            nn.Linear(shape.latent, shape.width),
            nn.ReLU(),
            nn.Linear(shape.width, shape.elements),
            nn.Sigmoid(),
        )

    def forward(self, z: Tensor) -> Any:
        """The reconstruction (N, 1, side, side) of codes z: (N, K)."""
        return ModelOutput(reconstruction=self.body(z).reshape(len(z), *self.picture))


def picture_of(shape: Shape) -> tuple[int, int, int]:
    """The shape of a picture: (1, side, side)."""
    side = math.isqrt(shape.elements)
    return (1, side, side)


def model_of(shape: Shape, beta: float | None = None) -> VAE:
    """A fresh model with a Bernoulli likelihood; pythae's BetaVAE where `beta` is given."""
    fields = {
        "input_dim": picture_of(shape),
        "latent_dim": shape.latent,
        "reconstruction_loss": "bce",
    }
    parts = {"encoder": Encoder(shape), "decoder": Decoder(shape)}
    if beta is None:
        return VAE(VAEConfig(**fields), **parts)
    return BetaVAE(BetaVAEConfig(**fields, beta=beta), **parts)


def trained(
    model: VAE, x: Tensor, shape: Shape, epochs: int, learning_rate: float, cuda: bool = False
) -> float:
    """Train `model` on samples x: (N, D) from 0 to 1 with Adam at a constant learning rate; seconds
    of the trainer's own call."""
    images = x.reshape(-1, *picture_of(shape))
    data = BaseDataset(images, torch.zeros(len(images)))
    with tempfile.TemporaryDirectory() as folder, silent():
        settings = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=epochs,
            learning_rate=learning_rate,
            per_device_train_batch_size=shape.batch,
            per_device_eval_batch_size=shape.batch,
            no_cuda=not cuda,
        )
        trainer = BaseTrainer(model, train_dataset=data, training_config=settings)
        began = time.perf_counter()
        trainer.train()
        return time.perf_counter() - began


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Without its log and its progress bar."""
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)
