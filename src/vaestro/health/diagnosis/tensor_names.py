"""Tensors of a model by name: compared across wrappers, counted and listed in a sentence."""

from collections.abc import Mapping

from torch import Tensor

SHOWN = 4
"""So many names stand in a sentence."""


def bare(name: str) -> str:
    """A name without what wrappers put before it."""
    for wrapper in ("module.", "_orig_mod.", "model."):
        name = name.replace(wrapper, "")
    return name


def counted(tensors: Mapping[str, Tensor]) -> str:
    """How many they are, with their noun."""
    return "1 tensor" if len(tensors) == 1 else f"{len(tensors)} tensors"


def listed(tensors: Mapping[str, Tensor]) -> str:
    """The first of their names."""
    more = len(tensors) - SHOWN
    return ", ".join(list(tensors)[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def numbers(tensors: Mapping[str, Tensor]) -> int:
    """How many numbers they hold."""
    return sum(tensor.numel() for tensor in tensors.values())
