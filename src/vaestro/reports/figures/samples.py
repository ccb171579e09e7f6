"""New samples: latents drawn from the prior and decoded."""

from matplotlib.figure import Figure

from vaestro.reports.figures import style
from vaestro.reports.figures.mosaic import columns_for, grid_height, place_samples
from vaestro.reports.run_files import Array
from vaestro.reports.tiles import Look

MOST = {"image": 64, "volume": 12, "lines": 32}


def draw_samples(samples: Array, look: Look, width: int) -> Figure:
    """Samples (S, *) in evenly filled rows; only as many as stay readable."""
    shown = samples[: MOST[look.kind]]
    columns = columns_for(look, len(shown), width)
    sheet = style.Sheet(width, grid_height(shown, look, width, columns))
    place_samples(sheet, shown, look, (0, 0, width), columns)
    return sheet.figure
