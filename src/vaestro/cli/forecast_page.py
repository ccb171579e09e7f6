"""A forecast as a person reads it: the sentence, the eigenvalues as bars, why, and what to do."""

import math
from typing import Literal

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vaestro.health.forecast.forecast import Forecast

COLOURS = {"ok": "green", "at_risk": "yellow", "collapse": "red"}
WORDS = {"ok": "OK", "at_risk": "AT RISK", "collapse": "COLLAPSE"}
BARS, WIDTH = 12, 36
"""So many directions are drawn, the longest this wide."""


def page(told: Forecast) -> RenderableType:
    """Everything worth reading, for a terminal."""
    parts: list[RenderableType] = [_headline(told)]
    if told.eigenvalues:
        parts += [_title(_about_bars(told)), Padding(_bars(told), (0, 2))]
    parts += [_title("Nats per sample to beat"), Padding(_baselines(told), (0, 2))]
    if told.reasons:
        parts += [_title("Why"), *(_item(reason, "·") for reason in told.reasons)]
    if told.findings:
        parts.append(_title("The numbers of the first step"))
        parts += [_item(finding.sentence, "!") for finding in told.findings]
    if told.cost is not None:
        parts += [_title("The whole run takes"), _item(told.cost.sentence, "·")]
    if told.remedies:
        parts.append(_title("What helps, any one of these"))
        parts += [_item(f"--set '{remedy}'", "›") for remedy in told.remedies]  # noqa: RUF001
    return Group(*parts)


def _headline(told: Forecast) -> Text:
    colour = COLOURS[told.verdict]
    return Text.assemble(
        (f" {WORDS[told.verdict]} ", f"bold black on {colour}"), " ", (told.sentence, "bold")
    )


def _title(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _item(text: str, mark: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(f"  {mark}", style="dim"), Text(text))
    return grid


def _about_bars(told: Forecast) -> str:
    more = len(told.eigenvalues) - BARS
    shown = f" (the first {BARS} of {len(told.eigenvalues):,})" if more > 0 else ""
    return f"Strength of the data's directions; above the line at 1 they live{shown}"


def _bars(told: Forecast) -> Table:
    """One bar a direction, on a logarithmic scale around 1, and its value on held-out samples."""
    grid = Table.grid(padding=(0, 1))
    sides: tuple[Literal["right", "left"], ...] = ("right", "left", "right", "left")
    for side in sides:
        grid.add_column(justify=side, no_wrap=True)
    shown = told.eigenvalues[:BARS]
    low, high = _range(shown)
    for number, value in enumerate(shown):
        held = told.eigenvalues_held_out[number : number + 1]
        note = f"held out {_number(held[0])}" if held else ""
        grid.add_row(
            str(number + 1), _bar(value, low, high), _number(value), Text(note, style="dim")
        )
    return grid


def _range(values: tuple[float, ...]) -> tuple[float, float]:
    """The ends of the scale, in decades: 1 inside, at most four decades below the largest."""
    top = max(math.log10(max(values[0], 1e-300)), 0.0) + 0.05
    least = min(math.log10(max(values[-1], 1e-300)), 0.0) - 0.05
    return max(least, top - 4), top


def _bar(value: float, low: float, high: float) -> Text:
    """Full blocks up to the value, and the threshold as a line through all bars."""

    def place(decades: float) -> int:
        return round((min(max(decades, low), high) - low) / (high - low) * WIDTH)

    filled, line = place(math.log10(max(value, 1e-300))), place(0.0)
    style = "green" if value > 1 else "red"
    text = Text()
    for column in range(WIDTH + 1):
        if column == line:
            text.append("│", style="bold")
        else:
            text.append("█" if column < filled else " ", style=style)
    return text


def _baselines(told: Forecast) -> Table:
    names = {
        "constant": "the best constant output",
        "linear": "the best linear VAE under this loss",
        "ppca": "probabilistic PCA with its own variance",
    }
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column()
    for name, words in names.items():
        value = told.baselines[name]
        if value is not None:
            grid.add_row(f"{value:,.2f}", words)
    for value, words in (
        (told.largest_beta_one_lives, "the largest objective.beta at which one dimension lives"),
        (told.largest_beta_half_live, f"at which half of the {told.latent} live"),
    ):
        if value is not None:
            grid.add_row(_number(value), words)
    return grid


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
