"""Where held-out samples lie in the latent space. Letters: N samples, K latents."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from vaestro.reports.facts import RunFacts
from vaestro.reports.figures import style
from vaestro.reports.figures.apart import pushed_apart
from vaestro.reports.latent_plane import principal_plane
from vaestro.reports.numerals import number

OTHER = "#bbbbbb"
RINGS = (1.0, 2.0)
LEFT = 62
"""CSS pixels left of the axes."""
LONGEST = 12
"""Characters of a label that are shown."""


@dataclass(frozen=True)
class LatentMap:
    """Posterior means in two dimensions. points: (N, 2); classes: (N,) of places in `names`.

    `axes` names the two directions; `classes` holds -1 for the rarer labels beyond ten; `shades`
    are the values (N,) of the covariate `shaded_by`, drawn where there are no classes.
    """

    points: NDArray[np.float64]
    axes: tuple[str, str]
    classes: NDArray[np.intp] | None
    names: tuple[str, ...]
    shades: NDArray[np.float64] | None = None
    shaded_by: str = ""


def latent_map(facts: RunFacts) -> LatentMap | None:
    """The map of the run's posterior means (N, K); None without at least two finite ones."""
    stored = facts.arrays.get("latent")
    if stored is None or stored.ndim != 2:
        return None
    means = stored.astype(np.float64)
    kept = np.asarray(np.isfinite(means).all(axis=1), dtype=np.bool_)
    if kept.sum() < 2:
        return None
    points, named = flattened(means[kept])
    labels = facts.arrays.get("latent_labels")
    if labels is None or labels.shape != (len(means),):
        return LatentMap(points, named, None, (), *_shades(facts, kept))
    data = facts.manifest.get("data")
    known = data.get("labels") if isinstance(data, dict) else None
    return LatentMap(points, named, *_classes(labels[kept], known))


def _shades(facts: RunFacts, kept: NDArray[np.bool_]) -> tuple[NDArray[np.float64] | None, str]:
    """The first covariate of the samples that are shown, and its name."""
    values = facts.arrays.get("latent_covariate")
    data = facts.manifest.get("data")
    names = data.get("covariates") if isinstance(data, dict) else None
    if values is None or values.shape != kept.shape or not names:
        return None, ""
    return values[kept].astype(np.float64), str(names[0])


def flattened(means: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[str, str]]:
    """(N, K) -> (N, 2): the latents themselves up to K = 2, else their place in their principal
    plane, and the names of the axes; one latent stands beside its rank."""
    latents = means.shape[1]
    if latents == 1:
        rank = np.argsort(np.argsort(means[:, 0], kind="stable"), kind="stable")
        return np.column_stack([means[:, 0], (rank + 0.5) / len(means)]), ("z 0", "share below")
    plane = principal_plane(means)
    return (means if latents == 2 else means @ plane.directions.T), plane.axes


def _classes(labels: NDArray[Any], known: Any) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """The ten commonest labels in their own order, the others as -1; names from the manifest."""
    values, counts = np.unique(labels, return_counts=True)
    common = np.sort(values[np.argsort(-counts, kind="stable")[: len(style.CLASSES)]])
    place = {value: index for index, value in enumerate(common.tolist())}
    classes = np.array([place.get(label, -1) for label in labels.tolist()], dtype=np.intp)
    names = tuple(_label_name(value, known) for value in common.tolist())
    return classes, names


def _label_name(value: Any, known: Any) -> str:
    if isinstance(known, dict):
        return str(known.get(str(value), value))
    if isinstance(known, list) and isinstance(value, int) and 0 <= value < len(known):
        return str(known[value])
    return str(value)


def draw_latent(found: LatentMap, rings: bool, width: int) -> Figure:
    """A scatter with equal axes; rings at one and two standard deviations of the prior."""
    side = min(width, 520) - 78
    rows = -(-len(_legend_entries(found)) // _across(found, side))
    legend = 22 * rows + 10 if found.names else 0
    sheet = style.Sheet(side + 78, side + 54 + legend)
    axes = sheet.axes(LEFT, 8, side, side)
    axes.scatter(
        found.points[:, 0],
        found.points[:, 1],
        s=11 if len(found.points) < 800 else 6,
        c=_colours(found),
        alpha=0.8,
        linewidths=0,
        rasterized=len(found.points) > 300,
    )
    if found.axes[1].startswith("share"):
        axes.set_ylim(0, 1)
    else:
        _frame(axes, found.points, rings)
    style.label_x(axes, found.axes[0])
    style.label_y(axes, found.axes[1])
    if found.shades is not None:
        _scale(sheet, found, side)
    if found.names:
        _name_classes(axes, found)
        _legend(sheet, found, side + 54, side)
    return sheet.figure


def _scale(sheet: style.Sheet, found: LatentMap, side: float) -> None:
    """The colours of the covariate from its least to its largest value, above the axes' corner."""
    shades = found.shades
    assert shades is not None
    width = 110
    bar = sheet.axes(LEFT + side - width, 12, width, 9)
    bar.imshow(np.linspace(0, 1, 64)[None], aspect="auto", cmap="viridis")
    bar.set_axis_off()
    ends = f"{found.shaded_by} {number(float(shades.min()))} to {number(float(shades.max()))}"
    sheet.write(LEFT + side, 25, ends, 11.5, ha="right")


def _frame(axes: Axes, points: NDArray[np.float64], rings: bool) -> None:
    """Equal axes around the points (but for the farthest in a thousand) and the rings."""
    ends = np.quantile(np.abs(points), 0.999) * 1.08
    reach = max(float(ends), 2.25 if rings else 1e-6)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal")
    for radius in RINGS if rings else ():
        ring = Circle((0, 0), radius, fill=False, color=style.INK, linewidth=1.0)
        ring.set_linestyle((0, (4, 3)))
        ring.set_zorder(3)
        axes.add_patch(ring)


def _colours(found: LatentMap) -> Any:
    if found.shades is not None:
        span = max(float(np.ptp(found.shades)), 1e-300)
        return colormaps["viridis"]((found.shades - found.shades.min()) / span)
    if found.classes is None:
        return [style.HELD_OUT] * len(found.points)
    return [OTHER if place < 0 else style.CLASSES[place] for place in found.classes]


def _name_classes(axes: Axes, found: LatentMap) -> None:
    """Each class's name near its median, so that nobody needs the colours to tell them apart."""
    middles = [np.median(found.points[found.classes == p], axis=0) for p in range(len(found.names))]
    names = [_short(name) for name in found.names]
    sizes = np.array([(14 + 8.5 * len(name), 25.0) for name in names])
    pixels = pushed_apart(axes.transData.transform(middles), sizes)
    places = axes.transData.inverted().transform(pixels)
    for place, (name, (x, y)) in enumerate(zip(names, places, strict=True)):
        axes.text(
            x,
            y,
            name,
            parse_math=False,
            ha="center",
            va="center",
            fontsize=13 * style.POINT,
            fontweight="bold",
            color=style.INK,
            bbox={
                "boxstyle": "round,pad=0.22",
                "facecolor": "white",
                "edgecolor": style.CLASSES[place],
                "linewidth": 1.6,
                "alpha": 0.92,
            },
        )


def _legend_entries(found: LatentMap) -> list[tuple[str, str]]:
    """Colours and names, long names shortened; the rarer labels as one entry."""
    entries = list(zip(style.CLASSES, map(_short, found.names), strict=False))
    rare = found.classes is not None and bool((found.classes < 0).any())
    return [*entries, (OTHER, "others")] if rare else entries


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _across(found: LatentMap, room: float) -> int:
    """How many entries of the legend fit beside each other in `room` CSS pixels."""
    longest = max((len(name) for _, name in _legend_entries(found)), default=1)
    return max(1, min(10, int(room // (27 + 8.5 * longest))))


def _legend(sheet: style.Sheet, found: LatentMap, top: float, room: float) -> None:
    """Coloured dots with names in rows under the axes."""
    across = _across(found, room)
    for place, (colour, name) in enumerate(_legend_entries(found)):
        row, column = divmod(place, across)
        left, line = LEFT + column * room / across, top + 10 + 22 * row
        sheet.write(left, line, "●", size=11, color=colour, va="center")
        sheet.write(left + 14, line, name, size=12, va="center")
