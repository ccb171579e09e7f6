"""Named random streams: every random number is a pure function of (seed, stream, counters).

A run never carries a generator's state. It asks for the generator of a stream at a step, draws,
and forgets it; so a resumed run draws what the uninterrupted one would have drawn.
"""

import hashlib
from enum import StrEnum

import numpy as np
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
    DATA = "data"
    AUGMENTATION = "augmentation"
    SWEEP = "sweep"
    PRIORS = "priors"
    DIFFUSION = "diffusion"


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


def words(seed: int, stream: Stream, counter: int, items: np.ndarray) -> np.ndarray:
    """For each of `items`, of any shape, 64 random bits, equal whatever stands beside it.

    SplitMix64 (Steele, Lea and Flood 2014) over the stream's seed at `counter` plus the item.
    """
    start = np.uint64(derive_seed(seed, stream, counter))
    mixed = start + items.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    final: np.ndarray = mixed ^ (mixed >> np.uint64(31))
    return final


def choices(seed: int, stream: Stream, counter: int, items: np.ndarray, among: int) -> np.ndarray:
    """For each of `items` (M,) a whole number below `among`, equal whatever stands beside it."""
    chosen = words(seed, stream, counter, items) % np.uint64(among)
    return chosen.astype(np.int64)
