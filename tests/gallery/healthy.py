"""Models with nothing wrong, written in as many ways as people write them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tests.gallery.conditional import ConditionalVAE, EmbeddedVAE
from tests.gallery.conv import ConvVAE, pictures
from tests.gallery.data import (
    Split,
    binary_digits,
    blobs,
    curves,
    digits,
    factors,
    uneven,
)
from tests.gallery.dense import DenseVAE
from tests.gallery.entry import Case, Entry, sound
from tests.gallery.fitted import FittedVariance, SharedVariance
from tests.gallery.later import LATER_HEALTHY
from tests.gallery.loop import fit, only, stack, trained
from tests.gallery.others import (
    Bounded,
    CurveVAE,
    DeepVAE,
    LinearVAE,
    Scaled,
    Summed,
    WarmedUp,
)
from tests.gallery.standard import StandardVAE


def made(model: Callable[[], Any], data: Callable[[], Split], epochs: int, **keep: Any) -> Any:
    """A builder: the model is made, trained on the data, and handed over whole."""
    return lambda: trained(model(), data(), epochs, **keep)


def as_pictures(held: Split) -> Split:
    return held._replace(x=pictures(held.x), held_out=pictures(held.held_out))


def few(held: Split, samples: int) -> Split:
    return held._replace(x=held.x[:samples], labels=held.labels[:samples])


def bare() -> Case:
    """Encoder, decoder and data, and nothing else."""
    case = trained(DenseVAE(64, 4, variance=0.15), digits(), 60)
    return only(case, "encode", "decode", "x", "variance")


def two_modules() -> Case:
    """Two plain modules and a closure for the loss, in a script; the generator is the decoder."""
    encoder = stack(64, 96, 10, activation=nn.Tanh)
    decoder = nn.Sequential(stack(5, 96, 64, activation=nn.Tanh), nn.Sigmoid())

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        out = encoder(x)
        return out[:, :5], out[:, 5:]

    def loss(x: Tensor) -> Tensor:
        mean, log_variance = encode(x)
        out = decoder(mean + torch.randn_like(mean) * torch.exp(log_variance / 2))
        data = nn.functional.binary_cross_entropy(out, x, reduction="sum")
        prior = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
        return (data + prior) / x.size(0)

    held = digits()
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=4e-3)
    history = fit(loss, optimiser, held, 60)
    case = {"encode": encode, "decode": decoder, "x": held.x, "held_out": held.held_out}
    case |= {"likelihood": "bernoulli", "variance": 1.0, "loss": loss, "optimiser": optimiser}
    return case | {"generator": decoder, "history": history}


def mean_of_both() -> Case:
    """Mean squared error over the elements, and the prior's weight divided by as many: the code's
    weight 2 * 0.1 / 64 is what a variance of 0.1 means for a mean over 64 elements."""

    class Mean(DenseVAE):
        def loss(self, x: Tensor) -> Tensor:
            mean, log_variance = self.encode(x)
            out = self.decode(self.sample(mean, log_variance))
            prior = self.prior_term(mean, log_variance).mean()
            return nn.functional.mse_loss(out, x) + 2 * 0.1 / 64 * prior

    # The loss is 1/320 of the summed one; Adam does not mind.
    return trained(Mean(64, 4, variance=0.1), digits(), 60)


def wide_linear() -> Any:
    model = LinearVAE(64, 10, variance=0.1)
    return trained(model, digits(), 80, rate=2e-2)


def plain_gaussian() -> Case:
    """Squared error summed, without the half: a variance of 1/2."""
    model = DenseVAE(20, 3, variance=0.5, activation=nn.Tanh)
    return trained(model, factors(), 25)


def deep_dense() -> DenseVAE:
    model = DenseVAE(64, 4, variance=0.1)
    model.body = nn.Sequential(stack(64, 96, 96, 96), nn.ReLU())
    model.decoder = stack(4, 96, 96, 96, 64)
    return model


MODELS = [
    ("dense, log-variance head", made(lambda: DenseVAE(64, 4, variance=0.15), digits, 60)),
    ("nothing but encode and decode", bare),
    ("dense, sharper", made(lambda: DenseVAE(64, 4, variance=0.1), digits, 60)),
    ("softplus head", made(StandardVAE, digits, 60)),
    ("tanh Bernoulli, a generator", two_modules),
    (
        "binary digits",
        made(lambda: DenseVAE(64, 6, likelihood="bernoulli"), binary_digits, 60),
    ),
    ("convolutions", made(ConvVAE, lambda: as_pictures(digits()), 40)),
    (
        "convolutions with batch norm",
        made(lambda: ConvVAE(norm=True), lambda: as_pictures(digits()), 40),
    ),
    ("conditional, one-hot", made(ConditionalVAE, digits, 60, labelled=True)),
    ("conditional, embedded", made(EmbeddedVAE, digits, 60, labelled=True)),
    ("linear, Gaussian data", made(LinearVAE, factors, 60, rate=1e-2)),
    ("linear on digits", wide_linear),
    ("two latents", made(lambda: DenseVAE(64, 2, variance=0.2), digits, 60)),
    ("deep", made(deep_dense, digits, 60)),
    ("deep with batch norm", made(lambda: DeepVAE(variance=0.15), digits, 50)),
    (
        "deep with dropout",
        made(lambda: DeepVAE(norm=False, dropout=0.03, variance=0.07), digits, 70, rate=2e-3),
    ),
    ("more latents than needed", made(lambda: DenseVAE(64, 32, variance=0.1), digits, 60)),
    ("beta 2", made(lambda: DenseVAE(64, 6, variance=0.06, beta=2.0), digits, 60)),
    ("beta 1/2", made(lambda: DenseVAE(64, 6, variance=0.3, beta=0.5), digits, 60)),
    ("warm-up", made(lambda: WarmedUp(300, 1.5), digits, 60)),
    ("shared learned variance", made(lambda: SharedVariance(20, 4), factors, 40)),
    ("variance of every element", made(lambda: FittedVariance(12, 3), uneven, 25)),
    (
        "few samples",
        made(
            lambda: DenseVAE(20, 2, width=8, variance=1.0),
            lambda: few(factors(), 250),
            150,
            batch=50,
        ),
    ),
    ("curves in millimetres", made(lambda: CurveVAE(5, 150.0), curves, 60, rate=2e-3)),
    ("blobs", made(lambda: DenseVAE(64, 4, variance=0.05), blobs, 25)),
    ("loss over the elements", made(lambda: Scaled(1 / 64, elements=64, latent=4), digits, 60)),
    ("loss summed over the batch", made(lambda: Summed(64, 4, variance=0.1), digits, 60)),
    ("mean squared error, weighed", mean_of_both),
    ("rectified output, alive", made(lambda: Bounded("relu"), digits, 60)),
    ("tanh output", made(lambda: Bounded("tanh", 0.15), digits, 60)),
    ("squared error without the half", plain_gaussian),
]

HEALTHY = [*(Entry(name, build, sound) for name, build in MODELS), *LATER_HEALTHY]
