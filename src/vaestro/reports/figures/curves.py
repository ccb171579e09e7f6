"""Both terms, the live dimensions and beta over the steps of training, one panel under another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from vaestro.reports.curve import curve
from vaestro.reports.facts import SPLITS, RunFacts, finite
from vaestro.reports.figures import style
from vaestro.reports.figures.scales import spread_out

COLOURS = {"train": style.TRAIN, "validation": style.HELD_OUT}
NAMES = {"train": "training", "validation": "held-out"}
DASHES = (0, (5, 3))


def draw_curves(facts: RunFacts, width: int) -> Figure:
    """Panels for the data term, the prior term, the live dimensions and beta if it changes."""
    panels = [panel for panel in PANELS if panel.wanted(facts)]
    left, right, gap, above, below = 54, 10, 44, 62, 44
    heights = [panel.height for panel in panels]
    sheet = style.Sheet(width, above + sum(heights) + gap * (len(panels) - 1) + below)
    _legend(sheet, left if width > 500 else 8, facts)
    top, shared = above, None
    for panel in panels:
        axes = sheet.axes(left, top, width - left - right, panel.height, sharex=shared)
        panel.fill(axes, facts)
        axes.tick_params(labelbottom=panel is panels[-1])
        axes.yaxis.set_major_formatter(style.plain_ticks())
        _mark_events(axes, facts)
        shared, top = shared or axes, top + panel.height + gap
    axes.xaxis.set_major_locator(MaxNLocator(7 if width > 500 else 4, integer=True))
    axes.xaxis.set_major_formatter(style.plain_ticks())
    axes.set_xlim(0, max(1.0, float(facts.steps)))
    style.label_x(axes, "step (one update of the weights)")
    return sheet.figure


def _lines(axes: Axes, facts: RunFacts, quantity: str, step: bool = False) -> list[float]:
    """Draw both splits; returns the finite values drawn."""
    drawn: list[float] = []
    for split in SPLITS:
        line = curve(facts, split, quantity)
        if line.empty:
            continue
        alone = int(np.isfinite(line.values).sum()) == 1
        axes.plot(
            line.steps,
            line.values,
            color=COLOURS[split],
            linewidth=1.1 if split == "train" else 1.7,
            drawstyle="steps-post" if step else "default",
            marker="o" if alone else None,
        )
        drawn += [float(value) for value in line.values[np.isfinite(line.values)]]
    return drawn


def _legend(sheet: style.Sheet, left: float, facts: RunFacts) -> None:
    """One line of strokes and names over all panels, where no curve can cross it."""
    entries: list[tuple[str, Any, float, str]]
    entries = [(COLOURS[split], "-", 1.8, NAMES[split]) for split in SPLITS if facts.rows(split)]
    if facts.baseline is not None:
        entries.append((style.ACCENT, DASHES, 1.2, "best constant"))
    for colour, dashes, thick, name in entries:
        sheet.line(left, 10, 20, color=colour, linestyle=dashes, linewidth=thick)
        sheet.write(left + 26, 10, name, size=12, va="center")
        left += 48 + 7 * len(name)


def _data_term(axes: Axes, facts: RunFacts) -> None:
    drawn = _lines(axes, facts, "data_term")
    if facts.baseline is not None:
        axes.axhline(
            facts.baseline,
            color=style.ACCENT,
            linewidth=1.1,
            linestyle=DASHES,
        )
        drawn.append(facts.baseline)
    spread_out(axes, drawn, _settled(facts, "data_term"))
    style.title(axes, "Data term", "nats per sample, lower is better")


def _prior_term(axes: Axes, facts: RunFacts) -> None:
    spread_out(axes, _lines(axes, facts, "prior_term"), _settled(facts, "prior_term"))
    style.title(axes, "Prior term", "nats per sample")


def _settled(facts: RunFacts, quantity: str) -> list[float]:
    """The finite values of the second half of the run."""
    values: list[float] = []
    for split in SPLITS:
        line = curve(facts, split, quantity)
        late = line.values[line.steps >= 0.5 * facts.steps]
        values += [float(value) for value in late[np.isfinite(late)]]
    return values


def _live(axes: Axes, facts: RunFacts) -> None:
    drawn = _lines(axes, facts, "live_dimensions", step=True)
    top = float(facts.latent or max(drawn))
    axes.set_ylim(-0.04 * top, 1.08 * top)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    style.title(axes, "Live dimensions", f"of {facts.latent}" if facts.latent else "")


def _beta(axes: Axes, facts: RunFacts) -> None:
    line = curve(facts, "train", "beta")
    axes.plot(line.steps, line.values, color=style.QUIET, linewidth=1.0)
    top = float(np.nanmax(line.values))
    axes.set_ylim(style.together([0.0, top], 1e-6))
    axes.yaxis.set_major_locator(FixedLocator([0.0, top]))
    style.title(axes, "beta", "weight of the prior term")


def _mark_events(axes: Axes, facts: RunFacts) -> None:
    """A thin red line at each event, such as a loss that was no longer finite."""
    for step in {finite(event.get("step")) for event in facts.events} - {None}:
        axes.axvline(step or 0.0, color=style.WARNING, linewidth=1.0, alpha=0.7)


def _has(quantity: str) -> Callable[[RunFacts], bool]:
    return lambda facts: not all(curve(facts, split, quantity).empty for split in SPLITS)


def _has_latents(facts: RunFacts) -> bool:
    return facts.stochastic and _has("live_dimensions")(facts)


def _has_prior(facts: RunFacts) -> bool:
    return facts.stochastic and _has("prior_term")(facts)


def _beta_changes(facts: RunFacts) -> bool:
    values = curve(facts, "train", "beta").values
    known = values[np.isfinite(values)]
    return len(known) > 1 and float(np.ptp(known)) > 0


@dataclass(frozen=True)
class Panel:
    """One panel: its height in CSS pixels, whether a run has it, and what goes into it."""

    height: int
    wanted: Callable[[RunFacts], bool]
    fill: Callable[[Axes, RunFacts], None]


PANELS = (
    Panel(210, _has("data_term"), _data_term),
    Panel(150, _has_prior, _prior_term),
    Panel(70, _has_latents, _live),
    Panel(46, _beta_changes, _beta),
)


def has_curves(facts: RunFacts) -> bool:
    """Whether the history holds any finite value of either term."""
    return _has("data_term")(facts) or _has_prior(facts)
