"""A plane through the latent space on which codes are drawn. Letters: N samples, K latents."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vaestro.reports.numerals import share

Numbers = NDArray[np.float64]


class Plane(NamedTuple):
    """Two directions (2, K), each of length 1 and at right angles, and what they are called.

    A code z lies at `directions` z. Where K is 1 the second direction is zero.
    """

    directions: Numbers
    axes: tuple[str, str]


def principal_plane(means: Numbers) -> Plane:
    """The plane in which posterior means (N, K) vary most; the latents themselves up to K = 2.

    The rotation comes from the centred means but is applied to the means themselves, so that the
    prior's centre stays at 0. Each axis points to where its largest weight is positive.
    """
    latents = means.shape[1]
    if latents <= 2:
        return plane_of((0, min(1, latents - 1)), latents)
    _, sizes, directions = np.linalg.svd(means - means.mean(0), full_matrices=False)
    power = sizes**2 / max(float((sizes**2).sum()), 1e-300)
    names = [
        f"{order} principal axis ({share(float(part))} of the variance)"
        for order, part in zip(("first", "second"), power[:2], strict=False)
    ]
    two = directions[:2]
    strongest = np.abs(two).argmax(1)
    two = two * np.where(two[np.arange(len(two)), strongest] < 0, -1.0, 1.0)[:, None]
    return Plane(two, (names[0], names[1]))


def plane_of(pair: tuple[int, int], latents: int) -> Plane:
    """The plane of two of the `latents` dimensions; of one, twice, if it is the only one."""
    directions = np.zeros((2, latents))
    directions[0, pair[0]] = 1.0
    if pair[1] != pair[0]:
        directions[1, pair[1]] = 1.0
    return Plane(directions, (f"z {pair[0]}", f"z {pair[1]}"))
