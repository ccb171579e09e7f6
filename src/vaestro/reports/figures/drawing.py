"""A figure that a page can show, with its words and a way to draw it at a given width."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """One figure. `draw(width)` makes it for a sheet of so many CSS pixels.

    `alt` says what it shows to someone who cannot see it; `caption` how to read it.
    """

    name: str
    heading: str
    alt: str
    caption: str
    draw: Callable[[int], Figure]
