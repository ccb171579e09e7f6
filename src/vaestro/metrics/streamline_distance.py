"""The distance of two streamlines that need not run in the same direction.

Shape letters: N lines of one set, M of the other, P points of a line, D = 3 coordinates.
"""

import torch
from torch import Tensor

PARTS = 64


def closest(lines: Tensor, others: Tensor) -> Tensor:
    """For each of lines (N, D, P) the distance (N,) of the nearest of others (M, D, P), in their
    unit.

    The distance of two lines is the mean distance of their points one by one, or with one of them
    turned around, whichever is less (MDF; Garyfallidis et al. 2012, eq. 2). Both have P points.
    """
    found = [_apart(part, others).min(1).values for part in lines.split(PARTS)]
    return torch.cat(found)


def _apart(lines: Tensor, others: Tensor) -> Tensor:
    """(N, M), point after point, so that no more than (N, M, D) numbers are held."""
    count = lines.shape[2]
    direct, turned = (torch.zeros(len(lines), len(others)).to(lines) for _ in range(2))
    for point in range(count):
        here = others[:, :, point]
        direct += torch.cdist(lines[:, :, point], here)
        turned += torch.cdist(lines[:, :, count - 1 - point], here)
    return torch.minimum(direct, turned) / count
