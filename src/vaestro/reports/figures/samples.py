"""New samples: latents drawn from the prior and decoded."""

import numpy as np
from matplotlib.figure import Figure

from vaestro.data.tiles.curves import overlay
from vaestro.data.tiles.look import Look
from vaestro.reports.figures import style
from vaestro.reports.figures.mosaic import columns_for, grid_height, place_samples
from vaestro.reports.run_files import Array

MOST = {"image": 64, "volume": 12, "lines": 32, "curves": 64}


def draw_samples(samples: Array, look: Look, width: int) -> Figure:
    """Samples (S, *) in evenly filled rows, only as many as stay readable; streamlines all in one
    picture, from above, from the front and from the side."""
    shown = samples[: MOST[look.kind]]
    if look.kind == "curves":
        return _draw_bundle(shown, look, width)
    columns = columns_for(look, len(shown), width)
    sheet = style.Sheet(width, grid_height(shown, look, width, columns))
    place_samples(sheet, shown, look, (0, 0, width), columns)
    return sheet.figure


def _draw_bundle(samples: Array, look: Look, width: int) -> Figure:
    picture = overlay(np.asarray(samples, np.float64), look)
    height = width * picture.shape[0] / picture.shape[1]
    sheet = style.Sheet(width, height)
    style.picture(sheet.axes(0, 0, width, height), picture)
    return sheet.figure
