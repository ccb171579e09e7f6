"""The networks of log 003 as edits of a recipe; a quick study has a quarter of each width.

Shape letters: K latents, f filters.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from vaestro.foundation.edits import as_text

STAGES = {
    16: ((4, 8, 16), 4),
    32: ((4, 8, 16, 32), 4),
    48: ((8, 16, 32, 64, 128), 3),
    96: ((16, 32, 64, 128, 256, 512), 3),
}
"""Filters and the pixels along an edge that are left, by the pixels along an edge that there are:
the last are the log's."""
BATCH = {"normalisation": "batch"}
LOGS = {"normalisation": "batch", "normalise_last": True}
"""The log's convolutions have their ReLU before the normalisation."""


def dense(widths: Sequence[int], normalised: bool = True) -> tuple[str, str]:
    """Dense layers of these widths on both sides, the data normalised before the first."""
    around = BATCH if normalised else {}
    layers = [{"dense": {"width": width, **around}} for width in widths]
    first = ["normalise"] if normalised else []
    return (
        _edit("encoder", {"kind": "layers", "layers": [*first, *layers]}),
        _edit("decoder", {"kind": "dense", "widths": list(widths), **around}),
    )


def stages(edge: int, most: int = 512) -> tuple[tuple[int, ...], int]:
    """The filters, none more than `most`, and the grid for pictures of so many pixels an edge."""
    filters, grid = STAGES[edge]
    return tuple(min(count, most) for count in filters), grid


def convolutions(
    filters: Sequence[int],
    width: int,
    grid: int,
    *,
    narrow: bool = False,
    normalised: bool = True,
    initialisation: str = "he",
) -> tuple[str, str]:
    """Two convolutions of 3 x 3 at each number of filters, a halving of the picture between them,
    and a dense layer of `width`; `grid` pixels along an edge are left. The decoder mirrors this;
    `narrow` ends it in a layer of one filter, as the log had it under binary cross-entropy.
    """
    around = LOGS if normalised else {}
    encoder = [*_falling(filters, around), "flatten", {"dense": {"width": width, **around}}]
    flat = filters[-1] * grid**2
    decoder = [
        {"dense": {"width": width, **around}},
        {"dense": {"width": flat, **around}},
        {"grid": [filters[-1], grid, grid]},
        *_rising(filters[::-1], around, narrow),
        {"transposed": {"kernel": 3, "padding": 1}},
    ]
    first = ["normalise"] if normalised else []
    drawn = {"kind": "layers", "initialisation": initialisation}
    return (
        _edit("encoder", {**drawn, "layers": [*first, *encoder]}),
        _edit("decoder", {**drawn, "layers": decoder}),
    )


def _falling(filters: Sequence[int], around: dict[str, Any]) -> list[Any]:
    layers: list[Any] = []
    for number, f in enumerate(filters):
        same = {"convolution": {"channels": f, "kernel": 3, "padding": "same", **around}}
        layers += [same, same]
        if number < len(filters) - 1:
            layers.append({"convolution": {"channels": f, "kernel": 2, "stride": 2, **around}})
    return layers


def _rising(filters: Sequence[int], around: dict[str, Any], narrow: bool) -> list[Any]:
    def same(f: int) -> dict[str, Any]:
        return {"transposed": {"channels": f, "kernel": 3, "padding": 1, **around}}

    layers = [same(filters[0])]
    for before, after in pairwise(filters):
        doubled = {"channels": after, "kernel": 2, "stride": 2, **around}
        layers += [same(after), {"transposed": doubled}, same(after)]
        assert before >= after, "a decoder's filters grow fewer"
    return [*layers, same(1)] if narrow else layers


def _edit(side: str, network: dict[str, Any]) -> str:
    return f"model.{side}={as_text(network)}"
