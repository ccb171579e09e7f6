"""The window through which structural similarity looks."""

from typing import NamedTuple

GAUSSIAN_SIZE = 11
"""What a Gaussian of standard deviation 1.5 reaches, cut at 3.5 of them."""
LEAST_SIZE = 3


class Window(NamedTuple):
    """`size` places along each axis; weighed by a Gaussian of standard deviation 1.5, or evenly."""

    size: int
    gaussian: bool

    @property
    def words(self) -> str:
        """For a record."""
        weights = "Gaussian, standard deviation 1.5" if self.gaussian else "even weights"
        return f"{self.size} places along each axis, {weights}"


def window_for(sides: tuple[int, ...]) -> Window | None:
    """The Gaussian window of 11 (Wang et al. 2004) where all `sides` hold it, else the largest odd
    even-weighted one that they hold, at most 7; None below 3 places."""
    least = min(sides)
    if least >= GAUSSIAN_SIZE:
        return Window(GAUSSIAN_SIZE, gaussian=True)
    size = min(7, least - 1 + least % 2)
    return Window(size, gaussian=False) if size >= LEAST_SIZE else None
