"""A worker: takes a batch, or asks one, trains it and tells what came of it, until none is left."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from vaestro.experiments.population.parts import SharedParts
from vaestro.foundation.errors import StorageError
from vaestro.sweeps.batch import BatchRun
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.holder import Holder, LeaseLostError
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Lease, Sweep
from vaestro.sweeps.search import Question, ask
from vaestro.sweeps.stored_ledger import require_ledger

LEASE_SECONDS = 120.0
"""How long a lease holds without progress, when it is not said."""

IDLE_SECONDS = 1.0
"""A worker without work looks again so often: the holder of the last batch may die."""

Say = Callable[[str], None]


class Worker:
    """Works on one sweep, batch after batch."""

    def __init__(
        self,
        ledger: Ledger,
        id: str,
        say: Say,
        root: Path | None = None,
        lease_seconds: float = LEASE_SECONDS,
        parent: int | None = None,
        owner: str | None = None,
    ) -> None:
        """`root`: where the sweep's folder is on this machine; None takes the ledger's word.
        `parent`: the process that the worker works for, without which it goes. `owner`: the name
        under which it holds batches; None for its machine's and its process's."""
        self.parent = parent
        self.ledger, self.id, self.say, self.lease_seconds = ledger, id, say, lease_seconds
        sweep = ledger.sweep(id)
        self.folder = SweepFolder(Path(sweep.root) if root is None else root)
        self._plain = sweep.definition
        self.definition = Definition.parse(self._plain)
        self.owner = owner or owner_of(os.getpid())
        self.shared = SharedParts()

    def work(self) -> bool:
        """Work until every trial is done; False when interrupted or when the sweep was stopped.

        Raises StorageError once the ledger has been down for too long; a batch in hand is left to
        whoever takes it over.
        """
        with _termination():
            try:
                return self._work()
            except KeyboardInterrupt:
                return False

    def _work(self) -> bool:
        while (sweep := self.ledger.sweep(self.id)).state != "stopped":
            if self.parent is not None and os.getppid() != self.parent:
                return False
            self._follow(sweep)
            lease = self.ledger.lease(self.id, self.owner, self.lease_seconds)
            lease = lease or self._asked(sweep)
            if lease is not None:
                if not self._run(lease):
                    return False
            elif sweep.asked >= sweep.trials:
                if all(batch.state == "done" for batch in self.ledger.batches(self.id)):
                    return True
                time.sleep(IDLE_SECONDS)
        return False

    def _follow(self, sweep: Sweep) -> None:
        """Take over the definition of a sweep that has grown meanwhile."""
        if sweep.definition != self._plain:
            self._plain = sweep.definition
            self.definition = Definition.parse(self._plain)

    def _asked(self, sweep: Sweep) -> Lease | None:
        """A batch of new settings; None when there are none left, or another worker was faster."""
        count = self.definition.next_batch(sweep.asked, sweep.trials)
        if count <= 0:
            return None
        question = self._question(sweep)
        if question.asked != sweep.asked:
            return None
        proposals, remembered = ask(question, count)
        return self.ledger.add_batch(
            self.id, sweep.asked, proposals, remembered, self.owner, self.lease_seconds
        )

    def _question(self, sweep: Sweep) -> Question:
        return Question(
            base=self.definition.recipe,
            space=self.definition.space,
            goal=self.definition.goal,
            search=self.definition.search,
            seed=self.definition.seed,
            trials=self.ledger.trials(self.id),
            remembered=sweep.search,
            earlier=[one.as_trial() for one in self.definition.earlier],
            default=self.definition.default,
            reached=self.ledger.rungs(self.id) if self.definition.halving else {},
        )

    def _run(self, lease: Lease) -> bool:
        """Do a batch; False when interrupted: it then waits for whoever goes on with it."""
        how = "" if lease.token == 1 else f", taken over for the {_ordinal(lease.token)} time"
        self.say(f"batch {lease.batch}: {len(lease.trials)} trials{how}")
        holder = Holder(self.ledger, lease, self.lease_seconds, self.parent)
        batch = BatchRun(self.folder, self.definition, holder, self.shared, self.say)
        try:
            whole = batch.run()
        except LeaseLostError:
            self.say(f"batch {lease.batch}: another worker has taken it")
            return True
        except KeyboardInterrupt:
            whole = False
        except OSError:
            if self._still_held(holder):
                raise
            return True  # who has the batch now has removed this holder's folder
        if not whole:
            self.ledger.release(lease)
        return whole

    def _still_held(self, holder: Holder) -> bool:
        try:
            return self.ledger.renew(holder.lease, self.lease_seconds, holder.steps)
        except StorageError:
            return True


def work_in(folder: SweepFolder, lease_seconds: float, parent: int | None) -> bool:
    """Work on the sweep in `folder` as a process of `parent` until every trial is done, as
    `Worker.work` does."""
    place = folder.read_place()
    require_ledger(place["storage"], folder.root)
    ledger = Ledger(place["storage"], say=_say)
    try:
        return Worker(ledger, place["id"], _say, folder.root, lease_seconds, parent).work()
    finally:
        ledger.close()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def owner_of(process: int) -> str:
    """The name of a worker that is a process of this machine."""
    return f"{socket.gethostname()}:{process}"


@contextmanager
def _termination() -> Iterator[None]:
    """SIGTERM outside the training loop ends the work as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _ordinal(token: int) -> str:
    taken = token - 1
    ending = "th" if 10 <= taken % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(taken % 10, "th")
    return f"{taken}{ending}"
