"""Walks: one latent dimension at a time moves, the others stay at the prior's centre.

Letters: D dimensions walked, V values each, K latents; * the axes of one sample.
"""

from dataclasses import dataclass

from matplotlib.figure import Figure

from vaestro.data.tiles.look import Look
from vaestro.reports.facts import RunFacts
from vaestro.reports.figures import style
from vaestro.reports.figures.mosaic import grid_height, place_samples, samples_in
from vaestro.reports.run_files import Array

MOST_ROWS = {"image": 10, "volume": 4, "lines": 8, "curves": 8}
MOST_VALUES = {"image": 11, "volume": 3, "lines": 5, "curves": 7}
PITCHES = {"image": 62, "volume": 228, "lines": 118, "curves": 98}
"""CSS pixels from one value to the next, at most."""
MARGIN, HEAD = 74, 26


@dataclass(frozen=True)
class Walks:
    """samples: (D, V, *). rows: (D,) names. values: (V,) of the dimension that moves."""

    samples: Array
    rows: tuple[str, ...]
    values: tuple[float, ...]


def walks(facts: RunFacts, look: Look) -> Walks | None:
    """The run's traversal, cut to what stays readable; None when it kept none."""
    samples = samples_in(facts, "traversal", 2)
    dimensions, values = (
        facts.arrays.get(f"traversal_{name}") for name in ("dimensions", "values")
    )
    if samples is None or dimensions is None or values is None:
        return None
    if samples.shape[:2] != (len(dimensions), len(values)):
        return None
    rows = MOST_ROWS[look.kind]
    columns = _spread(len(values), MOST_VALUES[look.kind])
    kl = facts.arrays.get("kl_per_dimension") if facts.stochastic else None
    names = tuple(_name(int(dimension), kl) for dimension in dimensions[:rows])
    chosen = tuple(float(values[column]) for column in columns)
    return Walks(samples[:rows][:, columns], names, chosen)


def _spread(count: int, most: int) -> list[int]:
    """At most `most` places out of `count`, evenly spread, both ends included."""
    if count <= most:
        return list(range(count))
    return [round(place * (count - 1) / (most - 1)) for place in range(most)]


def _name(dimension: int, kl: Array | None) -> str:
    if kl is None or dimension >= len(kl):
        return f"z {dimension}"
    return f"z {dimension}\n{float(kl[dimension]):.2f} nats"


def draw_walks(found: Walks, look: Look, width: int) -> Figure:
    """A row a dimension with its name and KL at the left, a column a value with it on top."""
    across = min(float(width), MARGIN + PITCHES[look.kind] * len(found.values))
    room = across - MARGIN
    columns = len(found.values)
    flat = found.samples.reshape(-1, *found.samples.shape[2:])
    height = grid_height(flat, look, room, columns)
    sheet = style.Sheet(across, HEAD + height)
    place_samples(sheet, flat, look, (MARGIN, HEAD, room), columns)
    for place, value in enumerate(found.values):
        middle = MARGIN + room * (place + 0.5) / columns
        sheet.write(middle, 2, _value(value), 12, ha="center")
    for place, name in enumerate(found.rows):
        middle = HEAD + height * (place + 0.5) / len(found.rows)
        sheet.write(MARGIN - 10, middle, name, 11.5, ha="right", va="center", linespacing=1.25)
    return sheet.figure


def _value(value: float) -> str:
    return f"{value:+.3g}".replace("-", "\u2212") if abs(value) > 1e-9 else "0"
