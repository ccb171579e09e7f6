"""Planted bugs in the weight between data and prior: reductions, beta, a cut gradient, a broadcast.

B batch, D elements, K latents; digits have a largest eigenvalue of 0.70, so that an effective
variance above it collapses (beta times the variance, times what the reduction does).
"""

import torch.nn.functional as F
from torch import Tensor

from tests.gallery.conv import ConvVAE
from tests.gallery.data import Split, blobs, digits, islands
from tests.gallery.dense import DenseVAE
from tests.gallery.entry import Case, Facts, bug
from tests.gallery.healthy import as_pictures
from tests.gallery.loop import only, trained


class MeanOverElements(DenseVAE):
    """The squared error is averaged over the 64 elements, the KL is not: effective beta 64."""

    def data_term(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        return super().data_term(x, reconstruction) / x.shape[1]


class MeanOverLatents(DenseVAE):
    """The KL is averaged over the 16 latents: effective beta 1/16."""

    def prior_term(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return 0.5 * (log_variance.exp() + mean**2 - 1 - log_variance).mean(dim=1)


class SumOverBatch(DenseVAE):
    """The KL is summed over the batch, the data term averaged (log 000): effective beta 128."""

    def loss(self, x: Tensor) -> Tensor:
        mean, log_variance = self.encode(x)
        data = self.data_term(x, self.decode(self.sample(mean, log_variance))).mean()
        return data + self.prior_term(mean, log_variance).sum()


class Rows(DenseVAE):
    """Pictures (B, 8, 8): the squared error is summed over the last axis alone and then averaged
    (log 003): effective beta 8."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return super().encode(x.flatten(1))

    def decode(self, z: Tensor) -> Tensor:
        return super().decode(z).reshape(-1, 8, 8)

    def data_term(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        return ((x - reconstruction) ** 2).sum(dim=-1).mean() / (2 * self.variance)


class Broadcast(Rows):
    """(B, 1, 8, 8) minus (B, 8, 8) is (B, B, 8, 8): every picture against every other (log 002)."""

    def data_term(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        difference = x.unsqueeze(1) - reconstruction
        return (difference**2).sum(dim=[1, 2, 3]) / (2 * self.variance)


class MeanCrossEntropy(ConvVAE):
    """The default reduction of binary_cross_entropy: averaged over the 64 pixels too."""

    def data_term(self, logits: Tensor, x: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, x)


class Detached(DenseVAE):
    """The draw is cut from the graph: only the prior term reaches the encoder."""

    def loss(self, x: Tensor) -> Tensor:
        mean, log_variance = self.encode(x)
        z = self.sample(mean, log_variance).detach()
        prior = self.prior_term(mean, log_variance)
        return (self.data_term(x, self.decode(z)) + prior).mean()


def squares(held: Split) -> Split:
    return held._replace(x=held.x.reshape(-1, 8, 8), held_out=held.held_out.reshape(-1, 8, 8))


def free_islands() -> Case:
    case = trained(DenseVAE(64, 4, variance=0.005), islands(), 30)
    return only(case, "encode", "decode", "x", "variance", "held_out")


def collapsed(case: Case, facts: Facts) -> bool:
    return facts.live == 0 and facts.prior < 0.05 and facts.data > facts.constant - 0.3


def blind(case: Case, facts: Facts) -> bool:
    """No better than the constant, though the squeezed posteriors still cost nats."""
    return facts.data > facts.constant - 0.3


def too_free(case: Case, facts: Facts) -> bool:
    """Well reconstructed on held-out samples too, but the codes are not where the prior draws."""
    gain = facts.constant - facts.data
    return facts.two_sample > 0.8 and gain > 40 and abs(facts.gap) < 0.1 * gain


def weaker_than_meant(case: Case, facts: Facts) -> bool:
    return facts.live > 0 and facts.prior > 10


def stronger_than_meant(case: Case, facts: Facts) -> bool:
    """Alive, with far less information than the meant variance of 0.02 calls for (above 12)."""
    return facts.live > 0 and facts.prior < 6


REDUCED, COLLAPSED = {"wrong_reduction"}, {"collapsed"}

WEIGHTS = [
    bug(
        "data term averaged over elements",
        lambda: trained(MeanOverElements(64, 4, variance=0.1), digits(), 30),
        collapsed,
        REDUCED,
        COLLAPSED,
    ),
    bug(
        "KL averaged over latents",
        lambda: trained(MeanOverLatents(64, 16, variance=0.1), digits(), 60),
        weaker_than_meant,
        REDUCED,
        {"prior_mismatch"},
    ),
    bug(
        "sum over one axis only",
        lambda: trained(Rows(64, 6, variance=0.02), squares(digits()), 60),
        stronger_than_meant,
        REDUCED,
    ),
    bug(
        "KL summed over the batch",
        lambda: trained(SumOverBatch(64, 4, variance=0.1), digits(), 30),
        collapsed,
        REDUCED,
        COLLAPSED,
    ),
    bug(
        "cross-entropy averaged over pixels",
        lambda: trained(MeanCrossEntropy(), as_pictures(digits()), 30, rate=5e-3),
        collapsed,
        REDUCED,
        COLLAPSED,
    ),
    bug(
        "a broadcast over the batch",
        lambda: trained(Broadcast(64, 4, variance=0.1), squares(digits()), 30),
        blind,
        REDUCED,
        {"collapsed", "prior_mismatch"},
    ),
    # Every number is as its author means it; only the beta is too high.
    bug(
        "beta 20",
        lambda: trained(DenseVAE(64, 4, variance=0.1, beta=20.0), digits(), 40),
        collapsed,
        COLLAPSED,
    ),
    # Posterior and prior agree: collapsed. That no gradient of the data reaches the encoder's
    # parameters is the cause, and as right a name.
    bug(
        "detached sample",
        lambda: trained(Detached(64, 4, variance=0.1), digits(), 30),
        collapsed,
        COLLAPSED | {"untrained_parameter"},
        COLLAPSED,
    ),
    bug(
        "prior too weak for islands",
        free_islands,
        too_free,
        {"prior_mismatch"},
    ),
    bug(
        "prior too weak for blobs",
        lambda: trained(DenseVAE(64, 6, variance=0.0005), blobs(), 30),
        too_free,
        {"prior_mismatch"},
    ),
]
