"""What the figures made of tiles share: one look for the run, and placing a grid on a sheet.

Letters: S samples; * the axes of one sample.
"""

from vaestro.data.tiles.look import Look, look_at
from vaestro.data.tiles.tile import grid, tile
from vaestro.reports.facts import RunFacts
from vaestro.reports.figures import style
from vaestro.reports.run_files import Array

GAPS = {"image": 6, "volume": 18, "lines": 6, "curves": 6}
"""Pixels of the grid's picture between two tiles."""
REFERENCES = ("train_original", "validation_original", "samples", "traversal")


def samples_in(facts: RunFacts, name: str, leading: int = 1) -> Array | None:
    """The array `name`, if it holds samples after `leading` axes; None when missing or empty."""
    array = facts.arrays.get(name)
    usable = (
        array is not None and array.ndim > leading and array.size and array.dtype.kind in "fiub"
    )
    return array if usable else None


def run_look(facts: RunFacts) -> Look | None:
    """One look for every tile of the run, from its originals if it kept any."""
    data = facts.manifest.get("data")
    values = data.get("values") if isinstance(data, dict) else None
    for name in REFERENCES:
        array = samples_in(facts, name, 2 if name == "traversal" else 1)
        if array is not None:
            flat = array.reshape(-1, *array.shape[2:]) if name == "traversal" else array
            return look_at(flat, values)
    return None


def columns_for(look: Look, count: int, width: float) -> int:
    """How many tiles of this look go side by side in `width` CSS pixels, at most `count`."""
    least = {"image": 40, "volume": 108, "lines": 82, "curves": 66}[look.kind]
    fitting = max(1, int(width // least))
    if fitting >= count:
        return count
    rows = -(-count // fitting)
    return -(-count // rows)  # as few rows as needed, evenly filled


def place_samples(
    sheet: style.Sheet, samples: Array, look: Look, box: tuple[float, float, float], columns: int
) -> None:
    """Draw samples (S, *) as a grid at box = (left, top, width); its height follows."""
    left, top, width = box
    picture = grid([tile(sample, look) for sample in samples], columns, GAPS[look.kind])
    height = width * picture.shape[0] / picture.shape[1]
    style.picture(sheet.axes(left, top, width, height), picture)


def grid_height(samples: Array, look: Look, width: float, columns: int) -> float:
    """The height that `place_samples` will take, in CSS pixels."""
    tall, wide = map(float, tile(samples[0], look).shape[:2])
    rows = -(-len(samples) // columns)
    gap = GAPS[look.kind]
    return width * (rows * (tall + gap) - gap) / (columns * (wide + gap) - gap)
