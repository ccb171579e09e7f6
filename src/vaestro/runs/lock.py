"""One process at a time trains in a run folder; its lock dies with it, kill -9 included."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vaestro.foundation.errors import RunFolderError


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold `root`'s lock. Raises RunFolderError when another process holds it."""
    with (root / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunFolderError(
                f"another process is training in {root}; wait for it, or give another --run"
            ) from None
        yield
