"""What code may compute where the KL to the standard normal belongs, right and wrong.

m mean, r log-variance, s = exp(r/2) std, v = exp(r) variance; each sums over latents.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.probability.normal import kl_to_standard


class Form(NamedTuple):
    """A formula (B, K) -> (B, K), its name and what is wrong with it ("" for the right one)."""

    name: str
    fault: str
    of: Callable[[Tensor, Tensor], Tensor]


RIGHT = Form("right", "", kl_to_standard)

DIVERGENCES: tuple[Form, ...] = (
    RIGHT,
    Form(
        "std for variance",
        "the standard deviation stands where the variance belongs",
        lambda m, r: 0.5 * (torch.exp(0.5 * r) + m.square() - 1 - 0.5 * r),
    ),
    Form(
        "std for variance in one place",
        "exp(log_variance / 2) stands where exp(log_variance) belongs",
        lambda m, r: 0.5 * (torch.exp(0.5 * r) + m.square() - 1 - r),
    ),
    Form(
        "variance for std",
        "the variance is squared, as if it were the standard deviation",
        lambda m, r: 0.5 * (torch.exp(2 * r) + m.square() - 1 - 2 * r),
    ),
    Form(
        "variance for std in one place",
        "exp(2 log_variance) stands where exp(log_variance) belongs",
        lambda m, r: 0.5 * (torch.exp(2 * r) + m.square() - 1 - r),
    ),
    Form(
        "half the logarithm",
        "log std stands where log variance belongs",
        lambda m, r: 0.5 * (torch.exp(r) + m.square() - 1 - 0.5 * r),
    ),
    Form(
        "twice the logarithm",
        "2 log_variance stands where log_variance belongs",
        lambda m, r: 0.5 * (torch.exp(r) + m.square() - 1 - 2 * r),
    ),
    Form(
        "plus log-variance",
        "the log-variance has the wrong sign",
        lambda m, r: 0.5 * (torch.exp(r) + m.square() - 1 + r),
    ),
    Form(
        "minus variance",
        "the variance has the wrong sign",
        lambda m, r: 0.5 * (-torch.exp(r) + m.square() - 1 - r),
    ),
    Form(
        "minus mean squared",
        "the squared mean has the wrong sign",
        lambda m, r: 0.5 * (torch.exp(r) - m.square() - 1 - r),
    ),
    Form(
        "mean not squared",
        "the mean stands where its square belongs",
        lambda m, r: 0.5 * (torch.exp(r) + m - 1 - r),
    ),
    Form(
        "no mean",
        "the squared mean is missing",
        lambda m, r: 0.5 * (torch.exp(r) - 1 - r),
    ),
    Form(
        "no log-variance",
        "the log-variance is missing",
        lambda m, r: 0.5 * (torch.exp(r) + m.square() - 1),
    ),
    Form(
        "no variance",
        "the variance is missing",
        lambda m, r: 0.5 * (m.square() - 1 - r),
    ),
    Form("mean only", "only the squared mean is there", lambda m, r: 0.5 * m.square()),
)


class Draw(NamedTuple):
    """How a sampler makes z from mean, log-variance and standard normal noise."""

    name: str
    fault: str
    of: Callable[[Tensor, Tensor, Tensor], Tensor]


RIGHT_DRAW = Draw("right", "", lambda m, r, e: m + torch.exp(0.5 * r) * e)

DRAWS: tuple[Draw, ...] = (
    RIGHT_DRAW,
    Draw(
        "variance for std",
        "exp(log_variance), the variance, stands where the standard deviation belongs",
        lambda m, r, e: m + torch.exp(r) * e,
    ),
    Draw(
        "root of std",
        "exp(log_variance / 4) stands where exp(log_variance / 2) belongs",
        lambda m, r, e: m + torch.exp(0.25 * r) * e,
    ),
    Draw(
        "inverse std",
        "the sign of the log-variance is lost: the noise grows where it should shrink",
        lambda m, r, e: m + torch.exp(-0.5 * r) * e,
    ),
    Draw(
        "log-variance for std",
        "the log-variance itself scales the noise",
        lambda m, r, e: m + r * e,
    ),
    Draw(
        "half log-variance for std",
        "the log-variance scales the noise without an exp",
        lambda m, r, e: m + 0.5 * r * e,
    ),
    Draw("unit noise", "the noise is not scaled", lambda m, r, e: m + e),
    Draw("no noise", "no noise is added: z is the mean", lambda m, r, e: m),
)
