"""Named random streams: every random number is a pure function of (seed, stream, counters).

A run never carries a generator's state. It asks for the generator of a stream at a step, draws,
and forgets it; so a resumed run draws what the uninterrupted one would have drawn.
"""

import hashlib
from enum import StrEnum

import torch


class Stream(StrEnum):
    """The purposes for which random numbers are drawn; no two streams share a number."""

    SPLIT = "split"
    INITIALISATION = "initialisation"
    ORDER = "order"
    POSTERIOR = "posterior"
    LAYERS = "layers"
    VALIDATION = "validation"
    EVALUATION = "evaluation"
    SAMPLING = "sampling"
    PICTURES = "pictures"


def derive_seed(seed: int, stream: Stream, *counters: int) -> int:
    """The 63-bit seed of `stream` at `counters` (a step, an epoch, a batch number).

    The first eight bytes of BLAKE2b over the decimal text of its arguments: equal on every
    platform, and unrelated for neighbouring counters.
    """
    text = ":".join([str(seed), stream.value, *map(str, counters)])
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(
    seed: int, stream: Stream, *counters: int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A fresh torch generator on `device` for `stream` at `counters`."""
    fresh = torch.Generator(device=device)
    fresh.manual_seed(derive_seed(seed, stream, *counters))
    return fresh


def seed_layers(seed: int, step: int, device: torch.device) -> None:
    """Seed the global generators that random layers (dropout, a user's module) draw from."""
    value = derive_seed(seed, Stream.LAYERS, step)
    torch.default_generator.manual_seed(value)
    if device.type == "cuda":
        torch.cuda.manual_seed(value)
