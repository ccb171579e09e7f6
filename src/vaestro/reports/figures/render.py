"""A figure as bytes: the same figure gives the same bytes, with no time stamp and no random id."""

import io
import re
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

SETTINGS: Any = {
    "svg.fonttype": "none",  # real text: small, selectable, in the reader's own font
    "svg.hashsalt": "vaestro",
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so layouts agree everywhere
}
RASTER_DPI = 192
"""Dots to an inch of PNG files and of rasterised parts of an SVG: two a CSS pixel."""


def to_svg(figure: Figure) -> str:
    """The figure as a stand-alone SVG document."""
    FigureCanvasSVG(figure)
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with matplotlib.rc_context(SETTINGS):
        figure.savefig(buffer, format="svg", dpi=RASTER_DPI, metadata=nothing)
    return buffer.getvalue()


def to_png(figure: Figure) -> bytes:
    """The figure on white as a PNG, two pixels to a CSS pixel."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    with matplotlib.rc_context(SETTINGS):
        figure.savefig(
            buffer,
            format="png",
            dpi=RASTER_DPI,
            facecolor="white",
            metadata={"Software": None},
            pil_kwargs={"compress_level": 6},
        )
    return buffer.getvalue()


def inlined(svg: str, prefix: str) -> str:
    """The <svg> element alone, its ids made unique on a page that holds several.

    The document's own style rule is dropped: it would apply to the whole page. So is the id of a
    picture: it is a hash of its pixels, which equal pictures share, and nothing refers to it.
    """
    element = svg[svg.index("<svg ") :]
    element = re.sub(r"<style\b.*?</style>", "", element, count=1, flags=re.DOTALL)
    element = re.sub(r"<metadata\b.*?</metadata>", "", element, count=1, flags=re.DOTALL)
    element = re.sub(r'(<image\b[^>]*?) id="[^"]*"', r"\1", element)
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", element)
