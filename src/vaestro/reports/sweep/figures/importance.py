"""How much each field matters for each figure, as bars."""

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawn

from vaestro.reports.figures import style
from vaestro.reports.numerals import share
from vaestro.reports.sweep.facts import Importance
from vaestro.reports.sweep.labels import label

ROW, HEAD, APART, LETTER = 24, 26, 22, 6.6
"""CSS pixels: a bar with its name, over a panel, between panels, a letter."""
NAMES = {True: 250.0, False: 150.0}
"""The width of the names' column, on a wide sheet and on a narrow one."""


def told(found: Sequence[Importance]) -> list[Importance]:
    """Those that have something to draw."""
    return [one for one in found if one.shares]


def draw_importance(found: Sequence[Importance], width: int) -> Drawn:
    """A panel for each figure, a bar for each field, the longest first."""
    heights = [HEAD + ROW * len(one.shares) for one in found]
    sheet = style.Sheet(width, sum(heights) + APART * (len(found) - 1) + 4)
    top = 0.0
    for one, height in zip(found, heights, strict=True):
        _panel(sheet, one, top)
        top += height + APART
    return sheet.figure


def _panel(sheet: style.Sheet, one: Importance, top: float) -> None:
    names = min(NAMES[sheet.width > 500], 16 + LETTER * max(map(len, one.shares)))
    sheet.write(0, top, label(one.figure), 13.5, color=style.INK, fontweight="bold")
    ordered = sorted(one.shares.items(), key=lambda item: (-item[1], item[0]))
    height = ROW * len(ordered)
    axes = sheet.axes(names, top + HEAD, sheet.width - names - 52, height)
    places = range(len(ordered))
    axes.barh(places, [value for _, value in ordered], height=0.62, color=style.HELD_OUT)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(ordered) - 0.5, -0.5)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.set_yticks([])
    for place, (field, value) in enumerate(ordered):
        middle = top + HEAD + ROW * (place + 0.5)
        across = names + (sheet.width - names - 52) * value
        sheet.write(across + 6, middle, share(value), 12, va="center", color=style.INK)
        shown = shortened(field, int((names - 10) / LETTER))
        sheet.write(names - 8, middle, shown, 12, va="center", ha="right")


def shortened(field: str, letters: int) -> str:
    """A dotted path that fits, without its first parts where it must."""
    parts = field.split(".")
    while len(parts) > 1 and len(".".join(parts)) > letters:
        parts = parts[1:]
    short = ".".join(parts)
    return short if short == field else f"…{short}"
