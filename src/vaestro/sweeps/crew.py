"""The worker processes of a sweep on this machine: started, replaced when they die, dismissed."""

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch

from vaestro.foundation.errors import StorageError, VaestroError, one_line
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.forked import Forked, Waiting, redirected
from vaestro.sweeps.released import release
from vaestro.sweeps.worker import owner_of, work_in

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
        self._workers: dict[int, subprocess.Popen[bytes] | Forked] = {}
        self._waiting: Waiting | None = None
        self._deaths, self._ended = 0, 0
        self._own = os.getpid()

    def prepare(self) -> None:
        """Fork the first workers, which wait for the folder to be a sweep: they have nothing to
        import. Those that replace them are processes of their own."""
        self._waiting = Waiting(self.count, self._work)

    def keep(self, ended: int) -> None:
        """Start the workers that are missing; `ended` trials have ended so far.

        Raises StorageError when workers die one after the other and nothing gets done.
        """
        if ended > self._ended:
            self._deaths, self._ended = 0, ended
        if self._waiting is not None:
            self.folder.logs.mkdir(exist_ok=True)
            self._workers |= dict(enumerate(self._waiting.begin()))
            self._waiting = None
        for place in range(self.count):
            worker = self._workers.get(place)
            if worker is not None and worker.poll() is None:
                continue
            if worker is not None and worker.returncode == 0:
                continue  # it found nothing left to do
            if worker is not None:
                self._died(place)
                release(self.folder, [owner_of(worker.pid)])
            self._workers[place] = self._started(place)

    def dismiss(self) -> None:
        """Ask every worker to write what it has and to go; kill those that do not."""
        if self._waiting is not None:
            self._waiting.drop()
            self._waiting = None
        alive = [worker for worker in self._workers.values() if worker.poll() is None]
        for worker in alive:
            worker.send_signal(signal.SIGINT)
        until = time.monotonic() + PATIENCE_SECONDS
        for worker in alive:
            try:
                worker.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()
                release(self.folder, [owner_of(worker.pid)])

    def _died(self, place: int) -> None:
        self._deaths += 1
        said = self._last_words(place)
        if self._deaths > DEATHS * self.count:
            raise StorageError(
                f"workers die one after the other (the last: {said}); what they did is kept, "
                f"their logs are in {self.folder.logs}; the same command goes on"
            )
        self.say(f"worker {place} died ({said}); another takes its place")

    def _last_words(self, place: int) -> str:
        path = self._log(place)
        lines = path.read_text(errors="replace").split("\n") if path.is_file() else []
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")[:200]

    def _started(self, place: int) -> subprocess.Popen[bytes]:
        """A worker of its own session, so that Ctrl-C reaches it through the coordinator alone."""
        self.folder.logs.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "vaestro", "worker", str(self.folder.root)]
        command += ["--lease-seconds", str(self.lease_seconds), "--parent", str(self._own)]
        with self._log(place).open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={"OMP_NUM_THREADS": str(self._threads), **os.environ},
            )

    def _work(self, place: int) -> int:
        """What a forked worker does; its exit code, as that of `vaestro worker`."""
        redirected(self._log(place))
        if "OMP_NUM_THREADS" not in os.environ:
            os.environ["OMP_NUM_THREADS"] = str(self._threads)
            torch.set_num_threads(self._threads)
        try:
            return 0 if work_in(self.folder, self.lease_seconds, self._own) else 1
        except (VaestroError, OSError, MemoryError) as fault:
            print("error:", one_line(str(fault)) or type(fault).__name__, file=sys.stderr)
        except Exception:
            traceback.print_exc()
        return 1

    @property
    def _threads(self) -> int:
        """Those of a worker where nothing says how many."""
        return max(1, (os.cpu_count() or 1) // self.count)

    def _log(self, place: int) -> Path:
        return self.folder.logs / f"worker-{place}.log"
