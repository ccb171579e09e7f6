"""Who works on what: batches with their leases, and the workers that hold them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vaestro.studio.runs.guarded import require_file
from vaestro.studio.sweeps.reading import Reading
from vaestro.sweeps.ledger.rows import Batch

TAIL = 2048
"""Of a worker's log so many bytes are read for its last line."""
MOST = 60
"""So many batches are listed: those at work and those that wait first, then the newest done."""
LOGS = 32


def queue(reading: Reading, root: Path) -> dict[str, Any]:
    """How much is asked, and what becomes of it. `root`: the studio's."""
    sweep, batches = reading.stored.sweep, reading.stored.batches
    open_first = sorted(batches, key=lambda batch: (batch.state == "done", -batch.number))
    ended = {trial.number for trial in reading.stored.trials if trial.state != "waiting"}
    return {
        "wanted": sweep.trials,
        "asked": sweep.asked,
        "ended": len(ended),
        "batches": [_batch(batch, ended) for batch in open_first[:MOST]],
        "left_out": max(0, len(batches) - MOST),
        "waiting": sum(batch.state == "waiting" for batch in batches),
        "workers": list(_workers(batches)),
        "logs": list(_logs(reading.stored.folder.logs, root)),
    }


def _batch(batch: Batch, ended: set[int]) -> dict[str, Any]:
    """`state`: done, waiting, leased, or expired where its worker is no longer heard of."""
    left = batch.seconds_left
    expired = batch.state == "leased" and left is not None and left <= 0
    return {
        "batch": batch.number,
        "state": "expired" if expired else batch.state,
        "owner": batch.owner if batch.state == "leased" else "",
        "seconds_left": None if left is None or batch.state != "leased" else round(left, 1),
        "steps": batch.steps,
        "attempts": batch.attempts,
        "trials": len(batch.trials),
        "ended": sum(number in ended for number in batch.trials),
        "first": min(batch.trials, default=None),
        "last": max(batch.trials, default=None),
    }


def _workers(batches: list[Batch]) -> Iterator[dict[str, Any]]:
    """Those that hold a batch, by machine and process."""
    for batch in batches:
        if batch.state == "leased" and (batch.seconds_left or 0) > 0:
            host, _, pid = batch.owner.rpartition(":")
            yield {"host": host, "process": pid, "batch": batch.number, "steps": batch.steps}


def _logs(folder: Path, root: Path) -> Iterator[dict[str, str]]:
    """The last line of each worker's log on this machine."""
    for path in sorted(folder.glob("worker-*.log"))[:LOGS]:
        if require_file(root, path, None):
            yield {"worker": path.stem.removeprefix("worker-"), "said": last_line(path)}


def last_line(path: Path) -> str:
    """The last line of a text that has anything in it."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
