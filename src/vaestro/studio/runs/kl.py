"""How many nats each latent dimension carried at every snapshot, for the bars that move."""

from pathlib import Path
from typing import Any

import numpy as np

from vaestro.foundation.errors import RunFolderError
from vaestro.metrics.live import LIVE_NATS
from vaestro.reports.facts import finite
from vaestro.studio.runs.snapshots import arrays, epochs

MOST_BARS, MOST_EPOCHS = 128, 60


def kl_bars(root: Path, folder: Path) -> dict[str, Any]:
    """{"epochs", "nats", "dimensions", "all", "threshold"}: the dimensions largest first at the
    newest snapshot, at most MOST_BARS of `all`; `nats` has a list of them for each epoch."""
    read = [(epoch, _nats(root, folder, epoch)) for epoch in _spread(epochs(folder))]
    known = [(epoch, nats) for epoch, nats in read if nats is not None]
    newest = known[-1][1] if known else np.zeros(0)
    same = [(epoch, nats) for epoch, nats in known if nats.shape == newest.shape]
    order = np.argsort(-np.nan_to_num(newest), kind="stable")[:MOST_BARS]
    return {
        "epochs": [epoch for epoch, _ in same],
        "nats": [[finite(float(one)) for one in nats[order]] for _, nats in same],
        "dimensions": order.tolist(),
        "all": len(newest),
        "threshold": LIVE_NATS,
    }


def _nats(root: Path, folder: Path, epoch: int) -> np.ndarray[Any, Any] | None:
    try:
        found = arrays(root, folder, epoch).get("kl_per_dimension")
    except RunFolderError:
        return None
    usable = found is not None and found.ndim == 1 and found.dtype.kind == "f"
    return found if usable else None


def _spread(known: list[int]) -> list[int]:
    """Some of many epochs, the newest among them."""
    if len(known) <= MOST_EPOCHS:
        return known
    places = np.linspace(0, len(known) - 1, MOST_EPOCHS).round().astype(int)
    return [known[place] for place in places]
