"""How alike two pictures or volumes are: PSNR and SSIM.

Shape letters: B pictures, C channels, * two or three spatial axes.
"""

import math

import torch
from torch import Tensor

from vaestro.metrics.window import Window


def psnr(squared_error: Tensor, data_range: float) -> Tensor:
    """10 log10(range^2 / mse) in decibels, (B,), of the mean squared errors of B pictures (B,).

    `data_range`: how far apart the least and the greatest possible value lie. A perfect copy has
    what an error of 2^-52 of the range has, 313 dB, so that a mean stays finite.
    """
    share = (squared_error.double() / data_range**2).clamp(min=torch.finfo(torch.float64).eps ** 2)
    return -10 / math.log(10) * torch.log(share)


def ssim(one: Tensor, other: Tensor, data_range: float, window: Window) -> Tensor:
    """The structural similarity (B,) of pictures (B, C, *), 1 for equal ones (Wang et al. 2004).

    The mean over places and channels of (2 m m' + c1)(2 s' + c2) / ((m^2 + m'^2 + c1)(v + v' + c2))
    in a sliding window, c1 = (0.01 range)^2, c2 = (0.03 range)^2; by torchmetrics, for which a
    picture goes on beyond its rim as in a mirror.
    """
    # torchmetrics takes seconds to import, and few need it
    from torchmetrics.functional.image import structural_similarity_index_measure

    found = structural_similarity_index_measure(
        one,
        other,
        gaussian_kernel=window.gaussian,
        sigma=1.5,
        kernel_size=window.size,
        reduction="none",
        data_range=data_range,
    )
    assert isinstance(found, Tensor)
    return found.reshape(len(one)).double()
