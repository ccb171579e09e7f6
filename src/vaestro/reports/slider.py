"""One self-contained page with a slider for each latent dimension: pictures inside, no network.

Letters: D dimensions walked, V values each; * the axes of one sample.
"""

import base64
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vaestro.data.tiles.look import look_at
from vaestro.data.tiles.tile import tile
from vaestro.foundation.files import write_text
from vaestro.foundation.samples import SampleSpec
from vaestro.generation.meanings import Meaning
from vaestro.generation.traversals import Traversal
from vaestro.reports.template import rendered


class Slider(NamedTuple):
    """One dimension: its name, what goes with it, and a picture (a data URI) for each value."""

    name: str
    carried: str
    meaning: str
    pictures: list[str]


def write_sliders(
    path: Path, name: str, walk: Traversal, meanings: list[Meaning], spec: SampleSpec
) -> None:
    """Write the page: a slider for each dimension of the walk, with the names that it has."""
    flat = walk.samples.flatten(0, 1).numpy()
    look = look_at(flat, spec.values)
    pictures = [_data_uri(tile(sample, look)) for sample in flat]
    steps = len(walk.values)
    sliders = [
        Slider(
            f"z{one.dimension}",
            "" if one.kl is None else f"{one.kl:.2f} nats",
            ", ".join(one.names[:3]) if one.live else "not live: it changes nothing on purpose",
            pictures[row * steps : (row + 1) * steps],
        )
        for row, one in enumerate(meanings)
    ]
    values = [f"{value:+.2f}".replace("-", "\u2212") for value in walk.values.tolist()]
    page = rendered("slider.html.j2", name=name, sliders=sliders, values=values, middle=steps // 2)
    write_text(path, page)


def _data_uri(picture: np.ndarray) -> str:
    """A picture (h, w, 3) from 0 to 1 as the text of a PNG."""
    from PIL import Image

    held = io.BytesIO()
    levels = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    Image.fromarray(levels).save(held, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(held.getvalue()).decode()
