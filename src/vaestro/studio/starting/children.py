"""Runs and sweeps that the studio started: processes of their own, known from files alone.

A child has its own session, writes to a log and outlives the studio; any later studio over the same
root finds it by its record. `.studio/` under the root holds

    children/NAME.json   what was started, as which process
    logs/NAME.log        what it said
"""

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from vaestro.foundation.config import Config
from vaestro.foundation.errors import RunFolderError, UserError
from vaestro.foundation.files import read_json, write_text
from vaestro.studio.ids import inside
from vaestro.studio.runs.guarded import require_file
from vaestro.studio.starting.process import fingerprint

TAIL = 4096
"""Of a log so many bytes are read for its last words."""
SHOWN = 30
"""So many children are listed, the newest first."""
LARGEST = 1 << 20
"""Bytes of a record: its command may hold a network written out layer by layer."""


class Child(Config):
    """`id` of the run's or the sweep's folder; `words` behind `vaestro`; `process`: number and
    fingerprint. `stopping`: it was asked to end."""

    id: str
    what: Literal["run", "sweep"]
    words: tuple[str, ...]
    began: str
    pid: int
    process: str
    stopping: bool = False

    @property
    def alive(self) -> bool:
        """Whether its process still works."""
        return fingerprint(self.pid) == self.process


class Children:
    """The children of a root. Holds nothing that is not in files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.place = root / ".studio"
        self.records = self.place / "children"
        self.logs = self.place / "logs"

    def of(self, identity: str) -> Child | None:
        """The newest child that works, or worked, on that folder."""
        return self._read(self._record(identity))

    def all(self) -> list[Child]:
        """Every child that is known, the newest first."""
        found = (self._read(path) for path in self.records.glob("*.json"))
        known = [child for child in found if child is not None]
        return sorted(known, key=lambda child: child.began, reverse=True)[:SHOWN]

    def start(self, identity: str, what: Literal["run", "sweep"], words: Sequence[str]) -> Child:
        """Start `vaestro WORDS`, which works on the folder of that id. Raises RunFolderError when a
        child is at work on it."""
        with self._alone():
            before = self.of(identity)
            if before is not None and before.alive:
                raise RunFolderError(f"{identity} is at work already; stop it first, or wait")
            process = self._spawned(identity, words)
            child = Child(
                id=identity,
                what=what,
                words=tuple(words),
                began=datetime.now(UTC).isoformat(timespec="milliseconds"),
                pid=process.pid,
                process=fingerprint(process.pid) or "",
            )
            self._write(child)
        threading.Thread(target=process.wait, daemon=True).start()  # leaves no zombie
        return child

    def stop(self, identity: str) -> Child:
        """Ask the child to write a checkpoint and end. Raises RunFolderError where none works."""
        with self._alone():
            child = self.of(identity)
            if child is None or not child.alive:
                raise RunFolderError(
                    f"nothing that a studio started is at work on {identity}; a command in a "
                    "terminal is stopped there, with Ctrl-C"
                )
            if child.stopping:  # a second signal would not wait for the checkpoint
                return child
            os.kill(child.pid, signal.SIGTERM)
            stopping = child.model_copy(update={"stopping": True})
            self._write(stopping)
        return stopping

    def last_words(self, identity: str) -> str:
        """The last line of the child's log, "" without one."""
        try:
            with self._log(identity).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        said = [line.strip() for line in lines if line.strip()]
        faults = [line for line in said if line.startswith("error:")]
        return (faults or said or [""])[-1][:500]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One start or stop at a time, in this studio or another over the same root."""
        for place in (self.place, self.records, self.logs):
            if not inside(self.root, place):
                raise RunFolderError(f"{place} leads out of the studio's root; remove that link")
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.place / ".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _spawned(self, identity: str, words: Sequence[str]) -> subprocess.Popen[bytes]:
        self._log(identity).unlink(missing_ok=True)  # it may be a link, left by whoever
        with self._log(identity).open("xb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "vaestro", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _read(self, path: Path) -> Child | None:
        """A record; None where there is none, or none that can be read."""
        try:
            there = require_file(self.root, path, LARGEST)
            return Child.parse(read_json(path)) if there else None
        except (OSError, ValueError, UserError):
            return None

    def _write(self, child: Child) -> None:
        write_text(self._record(child.id), child.model_dump_json(indent=2) + "\n")

    def _record(self, identity: str) -> Path:
        return self.records / f"{_name(identity)}.json"

    def _log(self, identity: str) -> Path:
        return self.logs / f"{_name(identity)}.log"


def _name(identity: str) -> str:
    """A file's name for an id, which may be long and hold slashes."""
    return hashlib.sha256(identity.encode()).hexdigest()[:24]
