"""Where a written layer stands, and what is said when it does not fit there.

Shapes exclude the batch: (F,) for a row of numbers, (C, *) for a grid.
"""

from typing import Literal, NamedTuple

from vaestro.foundation.errors import RecipeError
from vaestro.networks.body import Shape
from vaestro.networks.explicit_layers import AnyLayer
from vaestro.networks.resizing import Axes

Side = Literal["encoder", "decoder"]


class Place(NamedTuple):
    """A layer in the list of the encoder or decoder, and the shape that arrives there."""

    side: Side
    number: int
    layer: AnyLayer
    shape: Shape

    def fault(self, text: str) -> RecipeError:
        """An error that says which layer is at fault."""
        return RecipeError(f"model.{self.side}.layers.{self.number} ({self.layer.kind}): {text}")

    @property
    def grid(self) -> Axes:
        """The spatial sizes; raises RecipeError where a row of numbers arrives."""
        if not 2 <= len(self.shape) <= 4:
            raise self.fault(
                f"needs a grid, and {shown(self.shape)} numbers arrive; put grid before it"
            )
        return self.shape[1:]

    def axes(self, sizes: tuple[int, ...], name: str) -> Axes:
        """`sizes`, one for each axis of the grid."""
        if len(sizes) not in (1, len(self.grid)):
            raise self.fault(
                f"{name}={list(sizes)} has {len(sizes)} numbers and the grid {shown(self.grid)} "
                f"{len(self.grid)} axes; give one number, or one for each axis"
            )
        return sizes * len(self.grid) if len(sizes) == 1 else sizes

    def within(self, sizes: Axes, name: str, room: Axes) -> None:
        """Raise RecipeError where a size exceeds its axis of `room`."""
        if any(size > most for size, most in zip(sizes, room, strict=True)):
            raise self.fault(
                f"{name}={shown(sizes)} is larger than the grid, {shown(room)} where it arrives; "
                f"give at most {min(room)}, or leave out a layer that shrinks the grid"
            )


def shown(sizes: tuple[int, ...]) -> str:
    """12x12"""
    return "x".join(map(str, sizes))
