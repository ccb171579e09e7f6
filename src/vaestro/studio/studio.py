"""What every room of the studio is told: where it looks, and what it keeps in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar, cast

from starlette.requests import HTTPConnection

from vaestro.studio import ids

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Studio:
    """One studio over the folder `root`.

    All that lasts is on the disk. `held` only saves work: losing it loses nothing.
    """

    root: Path
    token: str
    port: int
    held: dict[Any, Any] = field(default_factory=dict, repr=False)
    lock: RLock = field(default_factory=RLock, repr=False)

    def find(self, identity: str) -> Path:
        """The folder with that id. Raises NotThere for one that may not or cannot be read."""
        return ids.find(self.root, identity)

    def identity(self, path: Path) -> str:
        """The id of a folder under the root."""
        return ids.identity(self.root, path)

    def kept(self, make: "Callable[[Studio], Kept]") -> Kept:
        """The one value that `make` (a class or a function) makes of this studio, made when it is
        first asked for."""
        with self.lock:
            if make not in self.held:
                self.held[make] = make(self)
            return cast(Kept, self.held[make])


def studio_of(connection: HTTPConnection) -> Studio:
    """The studio that a request or a WebSocket belongs to."""
    return cast(Studio, connection.app.state.studio)
