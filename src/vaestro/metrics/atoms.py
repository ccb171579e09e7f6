"""How many atoms volumes show. Shape letters: N volumes, C channels, * three spatial axes."""

from torch import Tensor


def atom_counts(x: Tensor, atom: float) -> Tensor:
    """The atoms in each channel of x: (N, C, *), as (N, C) in 64 bits: its sum over `atom`, what
    one of them adds.

    Nobody looks for single atoms: one that the edge cuts counts by its part, and a blurred image
    has as many as the sharp one that it is the mean of.
    """
    return x.double().flatten(2).sum(2) / atom
