"""The count of directions that pay for themselves."""

from torch import Tensor


def live_count(relative: Tensor, latent: int) -> int:
    """The eigenvalues above 1 among `relative` (falling, over the threshold), at most `latent`: the
    number of directions in which the collapsed state is unstable."""
    return min(int((relative > 1).sum()), latent)
