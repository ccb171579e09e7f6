"""What a setting of the sweep benchmark costs after an epoch, between the settings of grids that
were trained."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from sweep_case import BETA, RATE, SPACE
from sweep_causes import NEAR

POINTS = 8
FLOOR = 60.0
"""Nats below which no cost lies: what is interpolated is the logarithm of what is above."""

Tables = tuple[list[list[float]], dict[int, RegularGridInterpolator]]
"""The axes of a grid, and what interpolates between its runs after each epoch."""


class Surface:
    """The negative elbo of a setting after an epoch, from the runs of a grid in `root` and, after
    their end, from those in `longer`."""

    def __init__(self, root: Path, longer: Path | None = None) -> None:
        self._places, self._at = _tables(root)
        self.short = self.epochs = max(self._at)
        self._known: dict[tuple[float, float, int], float] = {}
        self._box: list[list[float]] = []
        if longer is not None:
            self._box, later = _tables(longer)
            self._at |= {epoch: at for epoch, at in later.items() if epoch > self.short}
            self.epochs = max(self._at)

    def cost(self, params: dict[str, Any], epoch: int) -> float:
        """Of these params after `epoch` epochs."""
        key = (params[BETA], params[RATE], epoch)
        if key not in self._known:
            self._known[key] = self._cost((math.log(params[BETA]), math.log(params[RATE])), epoch)
        return self._known[key]

    def _cost(self, place: tuple[float, float], epoch: int) -> float:
        axes = self._places
        if epoch > self.short:
            inside = all(axis[0] <= x <= axis[-1] for x, axis in zip(place, self._box, strict=True))
            axes, epoch = (self._box, epoch) if inside else (axes, self.short)
        kept = [np.clip(x, axis[0], axis[-1]) for x, axis in zip(place, axes, strict=True)]
        return FLOOR + float(np.exp(self._at[epoch](kept)).item())

    def limit(self) -> float:
        """The cost of a hit: near the best of POINTS x POINTS settings."""
        axes = [np.geomspace(*ends, POINTS) for ends in SPACE.values()]
        best = min(self.cost({BETA: b, RATE: r}, self.epochs) for b in axes[0] for r in axes[1])
        return best * (1 + NEAR)


def _tables(root: Path) -> Tables:
    """The axes of the grid in `root`, and what interpolates between its runs after each epoch."""
    found: dict[tuple[float, float], dict[int, float]] = {}
    for row in csv.DictReader((root / "trials.csv").read_text().splitlines()):
        place = (math.log(float(row[BETA])), math.log(float(row[RATE])))
        found[place] = _costs(root / row["run"] / "history.jsonl")
    betas, rates = places = [sorted({key[axis] for key in found}) for axis in (0, 1)]
    at = {}
    for epoch in range(1, max(min(found.values(), key=len)) + 1):
        table = [[math.log(found[beta, rate][epoch] - FLOOR) for rate in rates] for beta in betas]
        at[epoch] = RegularGridInterpolator(places, np.array(table), method="cubic")
    return places, at


def _costs(path: Path) -> dict[int, float]:
    records = map(json.loads, path.read_text().splitlines())
    return {
        one["epoch"]: one["data_term"] + one["prior_term"]
        for one in records
        if one["split"] == "validation" and one["epoch"]
    }
