"""How much of the variance the principal components of a run's transform keep."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from vaestro.reports.facts import RunFacts
from vaestro.reports.figures import style
from vaestro.reports.numerals import number, share

HEIGHT = 230


@dataclass(frozen=True)
class Components:
    """numbers, shares: (S,) of components, and the share of the variance that so many keep."""

    numbers: NDArray[np.float64]
    shares: NDArray[np.float64]
    kept: int
    elements: int
    error: float
    tail: float


def components(facts: RunFacts) -> Components | None:
    """The spectrum in the run's manifest; None where the transform is no PCA."""
    told = facts.manifest.get("transform")
    curve = told.get("cumulative_share") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not curve:
        return None
    points = np.array(curve, dtype=np.float64)
    return Components(
        points[:, 0],
        points[:, 1],
        int(told["components"]),
        int(told["elements"]),
        float(told["training_error"]),
        float(told["dropped_variance"]),
    )


def words(found: Components) -> str:
    """What the figure shows, with the error that the dropped directions cost."""
    kept = share(float(found.shares[-1]))
    return (
        f"The model sees {found.kept:,} principal components instead of {found.elements:,} "
        f"elements; they keep {kept} of the variance of the training data. The others would cost "
        f"a squared error of {number(found.error)} a sample even if the model were perfect, "
        f"measured; the sum of the dropped eigenvalues is {number(found.tail)}."
    )


def draw_components(found: Components, width: int) -> Figure:
    """The share of the variance against the number of components."""
    across = min(width, 560)
    sheet = style.Sheet(across, HEIGHT)
    axes: Any = sheet.axes(62, 14, across - 84, HEIGHT - 66)
    axes.plot(found.numbers, found.shares, color=style.HELD_OUT, linewidth=2)
    axes.fill_between(found.numbers, found.shares, color=style.HELD_OUT, alpha=0.12, linewidth=0)
    axes.set_ylim(0, 1.02)
    axes.set_xlim(1, max(found.kept, 2))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    style.label_x(axes, "components")
    style.label_y(axes, "share of the variance")
    return sheet.figure
