"""Augmentation: each training sample turned or mirrored, anew in every epoch.

What happens to a sample is a pure function of (seed, its number, epoch): not of the batch it is in.
Validation, test and every evaluation see the samples as they are.

Shape letters: B batch, C channels, D depth, H height, W width, * the sample's axes.
"""

from dataclasses import dataclass
from itertools import permutations, product
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from vaestro.foundation.config import ByKind, Config
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.randomness import Stream, choices
from vaestro.foundation.samples import SampleSpec


class AsTheyAreConfig(Config):
    """Samples are trained on as they are."""

    kind: Literal["none"] = "none"


class SymmetriesConfig(Config):
    """Exact symmetries of the grid, all equally likely. `rotate`: quarter turns (4 of a square, 24
    of a cube); `mirror`: also mirror images. No value is interpolated.
    """

    kind: Literal["symmetries"] = "symmetries"
    rotate: bool = True
    mirror: bool = False


AugmentationKind = AsTheyAreConfig | SymmetriesConfig
AugmentationConfig = Annotated[Annotated[AugmentationKind, Field(discriminator="kind")], ByKind]


class Symmetry(NamedTuple):
    """An exact map of a grid onto itself: which axis comes where, and which are then reversed."""

    order: tuple[int, ...]
    reversed: tuple[int, ...]

    def of(self, x: Tensor) -> Tensor:
        """x: (B, C, *grid) mapped, channels untouched."""
        axes = [0, 1, *(2 + axis for axis in self.order)]
        return x.permute(axes).flip([2 + axis for axis in self.reversed])


@dataclass(frozen=True)
class Augmentation:
    """The symmetries that training samples are put through."""

    symmetries: tuple[Symmetry, ...]
    seed: int

    def apply(self, x: Tensor, numbers: Tensor, epoch: int) -> Tensor:
        """x: (B, *) with the samples' numbers (B,) -> (B, *), each through its own symmetry."""
        chosen = choices(
            self.seed, Stream.AUGMENTATION, epoch, numbers.cpu().numpy(), len(self.symmetries)
        )
        which = torch.from_numpy(chosen).to(x.device)
        turned = torch.empty_like(x)
        for number in set(chosen.tolist()):
            members = which == number
            turned[members] = self.symmetries[number].of(x[members])
        return turned


def build_augmentation(
    config: AugmentationKind, spec: SampleSpec, seed: int
) -> Augmentation | None:
    """The augmentation of `config` for natural samples of `spec`, or None for none.

    Raises RecipeError for samples without a grid, and for turns of unequal sides.
    """
    if isinstance(config, AsTheyAreConfig):
        return None
    if spec.domain not in ("image", "volume"):
        raise RecipeError(
            f"augmentation.kind=symmetries needs images or volumes, and a sample is a "
            f"{spec.domain} of shape {spec.shape}; give augmentation=none"
        )
    sides = spec.shape[1:]
    if config.rotate and len(set(sides)) > 1:
        raise RecipeError(
            f"augmentation.rotate=true needs equal sides, and the samples have {sides}; "
            "give augmentation.rotate=false"
        )
    return Augmentation(symmetries_of(len(sides), config.rotate, config.mirror), seed)


def symmetries_of(axes: int, rotate: bool, mirror: bool) -> tuple[Symmetry, ...]:
    """The symmetries of a square (axes 2) or a cube (axes 3) that are asked for, identity first.

    Without rotation, mirroring reverses the last axis (left and right).
    """
    straight = tuple(range(axes))
    if not rotate:
        plain = Symmetry(straight, ())
        return (plain, Symmetry(straight, (axes - 1,))) if mirror else (plain,)
    flips = [tuple(a for a in straight if bits[a]) for bits in product((0, 1), repeat=axes)]
    every = [Symmetry(order, flip) for order in permutations(straight) for flip in flips]
    return tuple(s for s in every if mirror or _is_proper(s))


def _is_proper(symmetry: Symmetry) -> bool:
    """Whether it is a rotation: an even number of exchanges and reversals together."""
    order = symmetry.order
    exchanges = sum(a > b for i, a in enumerate(order) for b in order[i + 1 :])
    return (exchanges + len(symmetry.reversed)) % 2 == 0
