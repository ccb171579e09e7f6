"""When a folder last changed: the times and sizes of its files, never their contents."""

import os
from pathlib import Path

Mark = tuple[tuple[str, int, int], ...]
"""Names of files with their times (nanoseconds) and sizes (bytes), in order of names."""
FILES = frozenset(
    (
        *("manifest.json", "history.jsonl", "events.jsonl", "summary.json", "forecast.json"),
        *("diagnosis.json", "evaluation.json", "snapshots", "pictures", "priors", "report.html"),
        *("population.json", "sweep.json", "ledger.sqlite", "ledger.sqlite-wal", "trials"),
        *("study.csv", "recipe.yaml"),
    )
)


def files_mark(folder: Path) -> Mark:
    """The mark of a run's or a sweep's folder; () for what is no folder."""
    try:
        with os.scandir(folder) as entries:
            return tuple(sorted(_marked(one) for one in entries if one.name in FILES))
    except OSError:
        return ()


def _marked(entry: "os.DirEntry[str]") -> tuple[str, int, int]:
    try:
        found = entry.stat()
    except OSError:  # gone meanwhile, or a link to nothing
        return entry.name, 0, 0
    return entry.name, found.st_mtime_ns, found.st_size
