"""The models that were asked for last, kept in memory; what changed on the disk is read again."""

from collections import OrderedDict
from pathlib import Path
from threading import Lock

import torch

from vaestro.foundation.errors import RunFolderError
from vaestro.studio.explorer.subject import Subject, subject_at
from vaestro.studio.ids import inside
from vaestro.studio.runs.guarded import MOST_BYTES, require_file
from vaestro.studio.studio import Studio

KEPT = 2
"""So many models are kept."""

THREADS = 1
"""A sample is small and a training may be going on: one thread answers soonest."""

FILES = {
    "recipe.yaml": MOST_BYTES,
    "manifest.json": MOST_BYTES,
    "model/config.json": MOST_BYTES,
    "model/model.safetensors": None,
    "snapshots/final.npz": None,
}
"""What is read of a run, and how many bytes of it at most."""

_Marks = tuple[tuple[int, int], ...]


class Shelf:
    """At most KEPT subjects by folder. Safe to be asked from many threads: each is read once."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._held: OrderedDict[Path, tuple[_Marks, Subject]] = OrderedDict()
        self._lock = Lock()

    def at(self, run: str) -> Subject:
        """The run with that id. Raises UserError in one line, NotThere for no such run."""
        folder = self._studio.find(run)
        with self._lock:
            marks = self._marks(folder)
            if folder not in self._held or self._held[folder][0] != marks:
                torch.set_num_threads(THREADS)
                self._held[folder] = (marks, subject_at(folder))
            self._held.move_to_end(folder)
            while len(self._held) > KEPT:
                self._held.popitem(last=False)
            return self._held[folder][1]

    def _marks(self, folder: Path) -> _Marks:
        """When the files that a subject is made of were written, and how long they are. Raises
        RunFolderError for one that a link leads out of the studio's root, or that is no file."""
        found = []
        for name, most in FILES.items():
            path = folder / name
            if not inside(self._studio.root, path):
                raise RunFolderError(f"{name} leads out of the studio's root; it is not read")
            status = path.stat() if require_file(self._studio.root, path, most) else None
            found.append((0, 0) if status is None else (status.st_mtime_ns, status.st_size))
        return tuple(found)
