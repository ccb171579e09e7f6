"""What the content of volumes weighs and how it lies around their centres.

Shape letters: N volumes, C channels, * two or three spatial axes, R = RINGS.
"""

import torch
from torch import Tensor

RINGS = 16


def mass(x: Tensor) -> Tensor:
    """The sum of all numbers of each sample, (N,), of x: (N, C, *); its unit is that of x."""
    return x.double().flatten(1).sum(1)


def radial_profile(x: Tensor) -> Tensor:
    """The mean over samples of the value at each distance from the centre of the grid, (R,).

    x: (N, C, *), summed over channels. The rings are equally wide and end at the corner; a ring
    without any place has the value 0.
    """
    ring = _ring_numbers(tuple(x.shape[2:])).to(x.device)
    mean = x.double().mean(0).sum(0).flatten()
    zeros = torch.zeros(RINGS, dtype=torch.float64, device=x.device)
    total = zeros.index_add(0, ring, mean)
    count = zeros.index_add(0, ring, torch.ones_like(mean))
    return total / count.clamp(min=1)


def profile_difference(one: Tensor, other: Tensor) -> float | None:
    """sum |p - p'| / sum |p'| of profiles (R,): 0 for equal ones; None where p' is 0."""
    size = float(other.abs().sum())
    return float((one - other).abs().sum()) / size if size > 0 else None


def _ring_numbers(sides: tuple[int, ...]) -> Tensor:
    """The ring of each place, flat."""
    axes = [torch.arange(side, dtype=torch.float64) - (side - 1) / 2 for side in sides]
    squared = torch.stack(torch.meshgrid(*axes, indexing="ij")).square().sum(0)
    distance = squared.sqrt().flatten()
    widest = float(distance.max())
    share = distance / widest if widest > 0 else distance
    return (share * RINGS).long().clamp(max=RINGS - 1)
