"""Which fields matter: estimated once for so many trials, since it takes a second or two."""

from threading import Lock
from typing import Any

from vaestro.reports.sweep.labels import label
from vaestro.studio.studio import Studio
from vaestro.studio.sweeps.reading import Reading
from vaestro.sweeps.importance import importances

KEPT = 16
"""Of so many sweeps the newest estimate is kept."""


class Estimates:
    """The newest estimate of some sweeps, by id."""

    def __init__(self, studio: Studio) -> None:
        self.lock = Lock()
        self.kept: dict[str, tuple[str, int, list[dict[str, Any]]]] = {}

    def of(self, reading: Reading) -> list[dict[str, Any]]:
        """For each figure {"figure", "shares": [[field, share]], "note"}, largest shares first."""
        sweep, trials = reading.stored.sweep.id, reading.stored.trials
        ended = sum(trial.state != "waiting" for trial in trials)
        with self.lock:  # one at a time: a forest takes a whole core
            known = self.kept.get(reading.id)
            if known is None or known[:2] != (sweep, ended):
                known = (sweep, ended, _estimated(reading))
                self.kept.pop(reading.id, None)
                self.kept[reading.id] = known
                while len(self.kept) > KEPT:
                    del self.kept[next(iter(self.kept))]
            return known[2]


def _estimated(reading: Reading) -> list[dict[str, Any]]:
    found = importances(reading.stored.definition, reading.stored.trials)
    return [
        {
            "figure": label(one.figure),
            "shares": sorted(
                ([field, share] for field, share in one.shares.items()),
                key=lambda pair: (-pair[1], pair[0]),
            ),
            "note": one.note,
        }
        for one in found
    ]
