"""Torch's global random numbers, lent for a while: layers of torch draw their weights from them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Torch's random numbers from `seed` inside, and from where they were afterwards."""
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(seed)
        yield
