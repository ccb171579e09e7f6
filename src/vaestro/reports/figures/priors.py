"""Samples of the model's own prior over those of every prior that was fitted after training.

Letters: S samples; * the axes of one sample.
"""

from dataclasses import dataclass

from matplotlib.figure import Figure

from vaestro.data.tiles.look import Look
from vaestro.generation.priors.names import TRAINED
from vaestro.reports.facts import RunFacts
from vaestro.reports.figures import style
from vaestro.reports.figures.mosaic import columns_for, grid_height, place_samples, samples_in
from vaestro.reports.numerals import number
from vaestro.reports.run_files import Array, read_npz, read_object

HEAD, APART = 24, 18
"""CSS pixels: for the name over a row, and between two rows."""
MOST = {"image": 16, "volume": 6, "lines": 8, "curves": 10}
OWN = "the model's own prior"


@dataclass(frozen=True)
class Row:
    """Samples (S, *) of one prior, its name, and what was measured of it, in words."""

    name: str
    said: str
    samples: Array


def rows(facts: RunFacts, look: Look) -> list[Row]:
    """The model's own prior first, then the fitted ones; empty when none was fitted."""
    own = samples_in(facts, "samples")
    found = [] if own is None else [Row(OWN, "", own[: MOST[look.kind]])]
    for name in TRAINED:
        path = facts.folder / "priors" / name / "config.json"
        if not path.is_file():
            continue
        kept = read_object(path, [])
        samples = read_npz(path.with_name("samples.npz"), []).get("samples")
        if samples is not None and (own is None or samples.shape[1:] == own.shape[1:]):
            found.append(Row(name, _said(kept.get("measured")), samples[: MOST[look.kind]]))
    return found if any(row.name != OWN for row in found) else []


def _said(measured: object) -> str:
    """The held-out log density, where it was measured."""
    if not isinstance(measured, dict) or measured.get("held_out_nats") is None:
        return ""
    least = "at least " if measured.get("bound") else ""
    return f"{least}{number(measured['held_out_nats'])} nats on held-out latents"


def draw_rows(found: list[Row], look: Look, width: int) -> Figure:
    """A block a prior, its name over its samples; each no more than two lines of them."""
    shown = [row.samples[: 2 * columns_for(look, len(row.samples), width)] for row in found]
    columns = [columns_for(look, len(samples), width) for samples in shown]
    heights = [
        grid_height(samples, look, width, across)
        for samples, across in zip(shown, columns, strict=True)
    ]
    sheet = style.Sheet(width, sum(heights) + len(found) * (HEAD + APART) - APART)
    top = 0.0
    for row, samples, across, height in zip(found, shown, columns, heights, strict=True):
        sheet.write(0, top, row.name, 13.5, color=style.INK, fontweight="bold")
        sheet.write(width, top, row.said, 12, ha="right")
        place_samples(sheet, samples, look, (0, top + HEAD, width), across)
        top += HEAD + height + APART
    return sheet.figure
