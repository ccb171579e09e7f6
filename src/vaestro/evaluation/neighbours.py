"""The training samples that samples lie nearest to, in numbers and to be looked at.

    KEPT/neighbours.npz     SOURCE_samples and SOURCE_neighbours, (P, *) each, natural units

Shape letters: N samples, M held-out data, P pairs, * the sample's axes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaestro.evaluation.judge_data import Seen
from vaestro.evaluation.spaces import Spaces
from vaestro.foundation.files import new_file
from vaestro.foundation.samples import NOTHING
from vaestro.metrics.copying import copying, nearest

PAIRS = 8


class Neighbours(NamedTuple):
    """figures: those of a record; samples (P, *), the nearest to training first, and the training
    sample nearest to each (P, *)."""

    figures: dict[str, Any]
    samples: Tensor
    neighbours: Tensor


def neighbours_of(known: Spaces, learn: Seen, held: Tensor, made: Tensor) -> Neighbours | None:
    """Of `made` samples (N, *) beside `held` data (M, *), in principal components or pixels: what
    `metrics.copying` says, and the `closest` pairs with both numbers and the distance. None where
    samples are not finite.
    """
    if not bool(torch.isfinite(made).all()):
        return None
    name = "pca" if "pca" in known.by_name else "pixels"
    space = known.by_name[name]
    training = space(learn.x, NOTHING)
    of_made, of_held = (nearest(space(x, NOTHING), training) for x in (made, held))
    rows = of_made.distance.argsort(stable=True)[:PAIRS]
    which = of_made.which[rows]
    columns = (rows.tolist(), learn.number[which].tolist(), of_made.distance[rows].tolist())
    figures = {
        "space": name,
        "training": len(training),
        **copying(of_made, of_held)._asdict(),
        "closest": [
            {"sample": sample, "training": number, "distance": distance}
            for sample, number, distance in zip(*columns, strict=True)
        ],
    }
    return Neighbours(figures, made[rows], learn.x[which])


def keep_neighbours(kept: Path | None, found: Mapping[str, Neighbours]) -> None:
    """Write the pairs of every source, whole or not at all; nothing without a folder or a pair."""
    if kept is None or not found:
        return
    arrays: dict[str, Any] = {}
    for name, one in found.items():
        arrays[f"{name}_samples"] = one.samples.float().numpy()
        arrays[f"{name}_neighbours"] = one.neighbours.float().numpy()
    with new_file(kept / "neighbours.npz") as staging:
        np.savez(staging, allow_pickle=False, **arrays)
