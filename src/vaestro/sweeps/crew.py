"""The worker processes of a sweep on this machine: started, replaced when they die, dismissed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from vaestro.foundation.errors import StorageError
from vaestro.sweeps.folder import SweepFolder

DEATHS = 3
"""So many workers may die in a row without a trial ending in between."""

PATIENCE_SECONDS = 60.0
"""How long a dismissed worker may take to write its checkpoint."""


class Crew:
    """Keeps `count` workers at work on the sweep in a folder."""

    def __init__(
        self, folder: SweepFolder, count: int, lease_seconds: float, say: Callable[[str], None]
    ) -> None:
        self.folder, self.count, self.lease_seconds, self.say = folder, count, lease_seconds, say
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._deaths, self._ended = 0, 0

    def keep(self, ended: int) -> None:
        """Start the workers that are missing; `ended` trials have ended so far.

        Raises StorageError when workers die one after the other and nothing gets done.
        """
        if ended > self._ended:
            self._deaths, self._ended = 0, ended
        for place in range(self.count):
            worker = self._workers.get(place)
            if worker is not None and worker.poll() is None:
                continue
            if worker is not None and worker.returncode == 0:
                continue  # it found nothing left to do
            if worker is not None:
                self._died(place, worker.returncode)
            self._workers[place] = self._started(place)

    def dismiss(self) -> None:
        """Ask every worker to write what it has and to go; kill those that do not."""
        alive = [worker for worker in self._workers.values() if worker.poll() is None]
        for worker in alive:
            worker.send_signal(signal.SIGINT)
        until = time.monotonic() + PATIENCE_SECONDS
        for worker in alive:
            try:
                worker.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()

    def _died(self, place: int, code: int) -> None:
        self._deaths += 1
        said = self._last_words(place)
        if self._deaths > DEATHS * self.count:
            raise StorageError(
                f"workers die one after the other (the last: {said}); what they did is kept, "
                f"their logs are in {self.folder.logs}; the same command goes on"
            )
        self.say(f"worker {place} died ({said}); another takes its place")

    def _last_words(self, place: int) -> str:
        path = self.folder.logs / f"worker-{place}.log"
        lines = path.read_text(errors="replace").split("\n") if path.is_file() else []
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")[:200]

    def _started(self, place: int) -> subprocess.Popen[bytes]:
        """A worker of its own session, so that Ctrl-C reaches it through the coordinator alone."""
        self.folder.logs.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "vaestro", "worker", str(self.folder.root)]
        command += ["--lease-seconds", str(self.lease_seconds), "--parent", str(os.getpid())]
        threads = str(max(1, (os.cpu_count() or 1) // self.count))
        with (self.folder.logs / f"worker-{place}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={"OMP_NUM_THREADS": threads, **os.environ},
            )
