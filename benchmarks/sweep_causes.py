"""From the trials of the three sides to seconds, and to what makes the difference."""

import math
from itertools import product
from typing import Any

from spread import spread
from sweep_case import Done, Side

NEAR = 0.01
"""Found is what misses the grid's best elbo by no more than this share of it."""

SWEEPS = ("sweep", "sweep in bf16")
"""Our two searches, which differ in the precision of the runs' products alone."""

FIGURES = ("seconds_to_hit", "runs_to_hit", "seconds", "processor_seconds", "best_elbo")

Row = dict[str, Any]


def best_of(side: Side) -> float:
    """The largest elbo."""
    return max(one.elbo for one in side.trials if one.elbo is not None)


def least_of(best: float) -> float:
    """What is found has this elbo at least."""
    return best - NEAR * abs(best)


def hit(side: Side, best: float) -> Done | None:
    """The first trial whose elbo is near `best`; None where none is."""
    return min(_near(side, best), key=lambda one: one.ended, default=None)


def told(side: Side, best: float) -> Row:
    """What a side took until its first hit and until its end, and what it found."""
    first, found = hit(side, best), best_of(side)
    begun = [one for one in side.trials if first and one.began <= first.ended]
    return {
        "seconds_to_hit": first.ended if first else None,
        "runs_to_hit": len(begun) if first else None,
        "trained_to_hit": sum(one.trained for one in begun) if first else None,
        "ready_after": min(one.began for one in side.trials),
        "seconds": side.seconds,
        "processor_seconds": side.processor_seconds,
        "runs": len(side.trials),
        "trained": sum(one.trained for one in side.trials),
        "best_elbo": found,
        "share_of_runs_near": len(_near(side, best)) / len(side.trials),
    }


def _near(side: Side, best: float) -> list[Done]:
    least = least_of(best)
    return [one for one in side.trials if one.elbo is not None and one.elbo >= least]


def by_chance(grid: Row) -> float | None:
    """The mean seconds to the first hit over all orders of the grid's points."""
    points, near = grid["runs"], round(grid["share_of_runs_near"] * grid["runs"])
    return grid["seconds"] / points * (points + 1) / (near + 1) if near else None


def causes(sides: dict[str, Row], name: str) -> dict[str, float] | None:
    """How many times faster the sweep `name` is than pythae's side, and the factors of that."""
    ours, grid, theirs = (sides.get(one) for one in (name, "grid", "pythae"))
    if not (ours and grid and theirs and ours["seconds_to_hit"] and theirs["seconds_to_hit"]):
        return None
    alone = (grid["seconds"] - grid["ready_after"]) / grid["runs"]
    working, at_work = (side["seconds_to_hit"] - side["ready_after"] for side in (ours, theirs))
    factors = {
        "engine": at_work / theirs["runs_to_hit"] / alone,
        "population": alone * ours["trained_to_hit"] / working,
        "stopping": ours["runs_to_hit"] / ours["trained_to_hit"],
        "search": theirs["runs_to_hit"] / ours["runs_to_hit"],
        "getting ready": working / ours["seconds_to_hit"] / (at_work / theirs["seconds_to_hit"]),
    }
    times = theirs["seconds_to_hit"] / ours["seconds_to_hit"]
    assert math.isclose(math.prod(factors.values()), times), "the factors are no factors"
    return {"times": times, **factors}


def sought(side: Row) -> float:
    """Seconds to the first hit; of the whole search, where there is none."""
    return float(side["seconds_to_hit"] or side["seconds"])


def table(rounds: list[Row], to_hit: bool) -> Row:
    """Spreads over the rounds of what every one of them has. `to_hit`: the searches were ended by
    their first hit, so that nothing is told of all their trials."""
    result: Row = {}
    for name in rounds[0]["sides"]:
        for figure in FIGURES:
            values = [one["sides"][name][figure] for one in rounds]
            known = [value for value in values if value is not None]
            shown = spread(known) if known else None
            result[f"{name}, {figure}"] = shown and shown | {"rounds": len(known)}
    both = [one["sides"] for one in rounds]
    for ours, name in product(SWEEPS, [name for name in both[0] if name not in SWEEPS]):
        spent = [sum(sought(one[side]) for one in both) for side in (name, ours)]
        result[f"{name} over {ours}, seconds to the hit in the mean"] = spread(
            [spent[0] / spent[1]]
        )
        for figure in () if to_hit else ("seconds", "processor_seconds"):
            ratios = [one[name][figure] / one[ours][figure] for one in both]
            result[f"{name} over {ours}, {figure} of all trials"] = spread(ratios)
    for ours in SWEEPS:
        found = [one["causes"][ours] for one in rounds if one["causes"][ours]]
        if found:
            result[f"pythae over {ours}, to the first hit"] = {
                cause: spread([one[cause] for one in found]) for cause in found[0]
            }
    return result
