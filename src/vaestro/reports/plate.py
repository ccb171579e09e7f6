"""A drawn figure as a page holds it."""

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Plate:
    """One SVG for a wide screen, one for a phone, and the figure's words."""

    name: str
    heading: str
    alt: str
    caption: str
    wide: Markup
    narrow: Markup
