"""He's initialisation and batch normalisation, each with and without the other, over five seeds."""

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture, Table
from vaestro.studies.logs.log_003.measures import Numbers, greys, spread_over
from vaestro.studies.logs.log_003.networks import convolutions, stages
from vaestro.studies.logs.log_003.views import edge, on_pixels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = 5
SIZE, MOST_FILTERS = (16, 32), (16, 512)
EPOCHS = (2, 4)
KERAS, HE = "xavier", "he"
"""Keras draws by Glorot and Bengio (xavier) unless it is told otherwise."""
BOTH, NEITHER = "He, batch normalisation", "Glorot, none"


class Cell(NamedTuple):
    """Over the seeds, held out: nats of the loss per view, errors in greys; how many runs had a
    loss that was no number."""

    loss: Numbers
    error: Numbers
    lost: int


def initialiser(bench: Bench) -> Chapter:
    """The chapter."""
    found = _trained(bench)
    rows = [(n, spread_over(c.loss), spread_over(c.error), str(c.lost)) for n, c in found.items()]
    head = ("network", "loss, nats", "error in greys", "lost")
    return Chapter(
        name="initialiser",
        title="Initialiser and batch normalisation",
        text=(
            f"The log's convolutions under cross-entropy, {SEEDS} seeds of each, after "
            f"{bench.pick(*EPOCHS)} epochs. Every decoder starts at the mean picture.",
        ),
        claims=(_improved(found), _stable(found)),
        tables=(Table("Held out, mean and spread over the seeds", head, tuple(rows)),),
        pictures=(_picture(bench, found),),
    )


def _trained(bench: Bench) -> dict[str, Cell]:
    recipe = on_pixels(bench, f"training.epochs={bench.pick(*EPOCHS)}", size=SIZE)
    filters, grid = stages(edge(bench, SIZE), bench.pick(*MOST_FILTERS))
    cells = {
        f"{'He' if drawn == HE else 'Glorot'}, {'batch normalisation' if normal else 'none'}": (
            convolutions(
                filters,
                bench.pick(64, 256),
                grid,
                narrow=True,
                normalised=normal,
                initialisation=drawn,
            )
        )
        for normal, drawn in product((False, True), (KERAS, HE))
    }
    members = [(*edits, f"seed={seed}") for edits in cells.values() for seed in range(SEEDS)]
    rows = bench.population("initialisers", recipe, members, width=1)
    return {
        name: _cell(rows[place * SEEDS : (place + 1) * SEEDS]) for place, name in enumerate(cells)
    }


def _cell(rows: list[dict[str, float]]) -> Cell:
    known = [row for row in rows if row["loss"] is not None]
    losses = np.array([row["loss"] for row in known])
    return Cell(losses, np.array([greys(row["mse"]) for row in known]), len(rows) - len(known))


def _improved(found: dict[str, Cell]) -> Claim:
    neither = found[NEITHER].error.mean()
    gained = {name: neither - cell.error.mean() for name, cell in found.items()}
    worse = found[BOTH].loss.mean() - found[NEITHER].loss.mean()
    return Claim(
        said="'Performance in training was greatly improved when batch normalisation and He "
        "initialistion were included'",
        measured=f"both together are {gained[BOTH]:.1f} greys better than neither; He's "
        f"initialisation alone {gained['He, none']:.1f}, batch normalisation alone "
        f"{gained['Glorot, batch normalisation']:.1f}. The loss of both is {worse:+.1f} nats that "
        "of neither",
        cause="Stages of ReLUs lose half of what passes each unless the weights or the "
        "normalisation give it back. The normalisation does so at every step, He's initialisation "
        "at the first one alone.",
        holds=bool(gained[BOTH] > 0),
    )


def _stable(found: dict[str, Cell]) -> Claim:
    both, neither = found[BOTH], found[NEITHER]
    return Claim(
        said="'The training is now much more stable and consistents converges to a similar value'",
        measured=f"over {SEEDS} seeds the loss spreads by {both.loss.std():.2g} nats with both and "
        f"by {neither.loss.std():.2g} with neither",
        cause="Without either a run first has to find its scale, and how long that takes is up to "
        "the seed.",
        holds=bool(both.loss.std() < neither.loss.std() or both.error.std() < neither.error.std()),
    )


def _picture(bench: Bench, found: dict[str, Cell]) -> Picture:
    return bench.picture(
        "initialisers", _drawn(found), "A dot is a run: its error, held out, at the end."
    )


def _drawn(found: dict[str, Cell]) -> "Figure":
    from vaestro.reports.figures import style

    sheet = style.Sheet(style.WIDE, 210)
    axes = sheet.axes(190, 14, 540, 150)
    for place, cell in enumerate(found.values()):
        axes.plot(cell.error, [place] * len(cell.error), "o", color=style.HELD_OUT, ms=6, alpha=0.6)
    axes.set_yticks(range(len(found)), list(found))
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(style.plain_ticks())
    style.label_x(axes, "error, greys")
    return sheet.figure
