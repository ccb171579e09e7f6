"""How many nats each latent dimension carries, largest first."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import NDArray

from vaestro.metrics.live import LIVE_NATS
from vaestro.reports.facts import RunFacts
from vaestro.reports.figures import style

DASHES = (0, (5, 3))
WIDEST = 44
"""CSS pixels from one bar to the next, at most."""
MOST_NAMED = {style.WIDE: 32, style.NARROW: 16}


@dataclass(frozen=True)
class SortedKl:
    """Mean KLs in nats, largest first, and which latent dimension each belongs to; both (K,)."""

    nats: NDArray[np.float64]
    dimensions: NDArray[np.intp]

    @property
    def live(self) -> int:
        """How many exceed LIVE_NATS."""
        return int((self.nats > LIVE_NATS).sum())


def sorted_kl(facts: RunFacts) -> SortedKl | None:
    """The KLs of the run's snapshot; None without any or for a plain autoencoder."""
    stored = facts.arrays.get("kl_per_dimension")
    if stored is None or not facts.stochastic or stored.ndim != 1 or not len(stored):
        return None
    nats = np.nan_to_num(stored.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    order = np.argsort(-nats, kind="stable")
    return SortedKl(nats[order], order)


def draw_kl(kl: SortedKl, width: int) -> Figure:
    """Bars on a scale that is linear below the threshold and logarithmic above it."""
    left, right, above, below, height = 54, 10, 62, 46, 190
    across = min(float(width), max(style.NARROW, left + right + WIDEST * len(kl.nats)))
    sheet = style.Sheet(across, above + height + below)
    axes = sheet.axes(left, above, across - left - right, height)
    live = kl.nats > LIVE_NATS
    places = np.arange(len(kl.nats))
    colours = [style.HELD_OUT if alive else style.TRAIN for alive in live]
    axes.bar(places, kl.nats, width=0.72, color=colours)
    axes.axhline(LIVE_NATS, color=style.ACCENT, linewidth=1.1, linestyle=DASHES)
    sheet.line(left if width > 500 else 8, 10, 20, color=style.ACCENT, linestyle=DASHES)
    sheet.write(left + 26 if width > 500 else 34, 10, "live above 0.01 nats", 12, va="center")
    top = max(2.5 * float(kl.nats.max()), 0.1)
    axes.set_yscale("symlog", linthresh=LIVE_NATS, linscale=0.6)
    axes.set_ylim(0, top)
    ticks = [0.0, *(t for t in (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0) if t <= top)]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(style.plain_ticks())
    axes.set_xlim(-0.6, len(places) - 0.4)
    _name_bars(axes, kl, width)
    style.title(axes, "KL per latent dimension", "nats")
    return sheet.figure


def _name_bars(axes: Axes, kl: SortedKl, width: int) -> None:
    """The number of each dimension under its bar while there is room."""
    if len(kl.nats) <= MOST_NAMED.get(width, 16):
        axes.set_xticks(range(len(kl.nats)), [str(d) for d in kl.dimensions])
        style.label_x(axes, "latent dimension, largest KL first")
    else:
        axes.set_xticks([])
        style.label_x(axes, f"{len(kl.nats)} latent dimensions, largest KL first")
