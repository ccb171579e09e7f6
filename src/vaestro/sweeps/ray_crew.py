"""The workers of a sweep as actors of a Ray cluster: Ray places them, and restarts those that die.

Ray only lends the processes. What is true stands in the ledger, so Ray may die at any moment.
"""

import logging
import os
import socket
import uuid
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vaestro.foundation.errors import RecipeError, StorageError, one_line
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.released import release
from vaestro.sweeps.stored_ledger import stored_ledger
from vaestro.sweeps.worker import Worker

FAILURES = 3
"""So often a worker may fail, beyond what Ray restarts, without a trial ending in between."""


REACH_SECONDS = 5.0
"""So long a cluster may take to take a call."""


class RayWorker:
    """What runs in an actor: a worker like any other."""

    def work(self, root: str, lease_seconds: float, owner: str) -> bool:
        """Work on the sweep in `root`, a path that every node sees, until no trial is left; as
        `owner`, also when Ray has placed the actor anew."""
        folder = SweepFolder(Path(root))
        with stored_ledger(folder) as (ledger, id):
            return Worker(ledger, id, print, folder.root, lease_seconds, owner=owner).work()


class RayCrew:
    """Keeps `count` actors at work; each takes a CPU and `gpus` of a GPU of its node."""

    def __init__(
        self,
        folder: SweepFolder,
        count: int,
        lease_seconds: float,
        say: Callable[[str], None],
        address: str,
        gpus: float,
    ) -> None:
        self.folder, self.count, self.say = folder, count, say
        self._name = f"ray:{uuid.uuid4().hex}"
        self._given = (str(folder.root.resolve()), lease_seconds)
        self._ray = _connected(address)
        options = {"max_restarts": -1, "max_task_retries": -1, "num_cpus": 1, "num_gpus": gpus}
        self._actor = self._ray.remote(**options)(RayWorker)
        self._tasks: dict[int, tuple[Any, Any]] = {}
        self._done: set[int] = set()
        self._failures, self._ended = 0, 0

    def keep(self, ended: int) -> None:
        """Start the workers that are missing; `ended` trials have ended so far.

        Raises StorageError when workers fail again and again, or when Ray is gone.
        """
        if ended > self._ended:
            self._failures, self._ended = 0, ended
        try:
            for place in set(range(self.count)) - self._done:
                self._look_after(place)
        except self._ray.exceptions.RaySystemError as fault:
            raise StorageError(f"Ray is gone ({_short(fault)}); the same command goes on") from None

    def dismiss(self) -> None:
        """End the actors, and let anyone take the batches that they held."""
        owners = {self._owner(place) for place in self._tasks}
        for actor, _ in self._tasks.values():
            self._ray.kill(actor)
        self._tasks = {}
        self._ray.shutdown()
        release(self.folder, owners)

    def _owner(self, place: int) -> str:
        return f"{self._name}:{place}"

    def _look_after(self, place: int) -> None:
        if place in self._tasks:
            _, task = self._tasks[place]
            ready, _ = self._ray.wait([task], timeout=0)
            if not ready:
                return
            try:
                self._ray.get(task)
            except self._ray.exceptions.RayError as fault:
                self._failed(place, fault)
            else:
                self._done.add(place)
                return
        actor = self._actor.remote()
        self._tasks[place] = (actor, actor.work.remote(*self._given, self._owner(place)))

    def _failed(self, place: int, fault: Exception) -> None:
        self._failures += 1
        if self._failures > FAILURES * self.count:
            raise StorageError(
                f"workers fail one after the other (the last: {_short(fault)}); what they did is "
                "kept; the same command goes on"
            )
        self.say(f"worker {place} failed ({_short(fault)}); another takes its place")


def require_reachable(address: str) -> None:
    """Raise RecipeError in one line when Ray is not installed, or nothing listens at `address`:
    Ray itself would try for minutes."""
    if find_spec("ray") is None:
        raise RecipeError("--ray needs Ray; install it: pip install 'vaestro[ray]'")
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return  # `auto` and `local`: Ray knows where to look
    try:
        socket.create_connection((host, int(port)), REACH_SECONDS).close()
    except (OSError, ValueError, OverflowError) as fault:
        raise _unanswered(address, fault) from None


def _unanswered(address: str, fault: Exception) -> RecipeError:
    return RecipeError(
        f"--ray {address}: no cluster answers there ({_short(fault)}); start one with "
        "`ray start --head`, or leave --ray out"
    )


def _connected(address: str) -> Any:
    """Ray, connected. Raises RecipeError in one line when no cluster answers."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anyone
    import ray

    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as fault:
        raise _unanswered(address, fault) from None
    return ray


def _short(fault: Exception) -> str:
    return one_line(str(fault))[-200:]
