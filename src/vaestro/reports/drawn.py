"""A page's figures, drawn once for a wide screen and once for a phone."""

from collections.abc import Iterable
from pathlib import Path

from markupsafe import Markup

from vaestro.foundation.files import write_bytes, write_text
from vaestro.reports.figures import render, style
from vaestro.reports.figures.drawing import Drawing
from vaestro.reports.plate import Plate


def drawn(drawings: Iterable[Drawing], pictures: Path) -> list[Plate]:
    """Draw every figure for both screens; the wide one also goes to the folder `pictures` as SVG
    and PNG."""
    return [_drawn(drawing, pictures) for drawing in drawings]


def _drawn(drawing: Drawing, pictures: Path) -> Plate:
    figure = drawing.draw(style.WIDE)
    svg = render.to_svg(figure)
    write_text(pictures / f"{drawing.name}.svg", svg)
    write_bytes(pictures / f"{drawing.name}.png", render.to_png(figure))
    phone = render.to_svg(drawing.draw(style.NARROW))
    return Plate(
        drawing.name,
        drawing.heading,
        drawing.alt,
        drawing.caption,
        Markup(render.inlined(svg, drawing.name)),  # matplotlib escaped its texts
        Markup(render.inlined(phone, f"{drawing.name}-phone")),
    )
