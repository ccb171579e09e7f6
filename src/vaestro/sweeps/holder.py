"""A worker's hold on a batch: renewed with its steps, lost when another took it."""

import os
import signal
import time
from collections.abc import Callable

from vaestro.experiments.assemble import Assembly
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Lease

RENEWALS = 6
"""A lease is renewed so often in its length: one that is missed does no harm."""


class LeaseLostError(Exception):
    """Another worker has the batch: nothing that this one does with it counts any more."""


class Holder:
    """Holds one lease of `seconds`, as long as the work on it makes progress."""

    def __init__(
        self, ledger: Ledger, lease: Lease, seconds: float, parent: int | None = None
    ) -> None:
        """`parent`: the process that a worker works for; when it is gone, so is the worker."""
        self.ledger, self.lease, self.seconds, self.parent = ledger, lease, seconds, parent
        self.steps = 0
        self._renewed = time.monotonic()

    def progress(self, steps: int = 0) -> None:
        """Note progress of so many steps; renews the lease when it is time. Raises
        LeaseLostError."""
        self.steps += steps
        now = time.monotonic()
        if now - self._renewed < self.seconds / RENEWALS:
            return
        if self.parent is not None and os.getppid() != self.parent:
            self.parent = None
            signal.raise_signal(signal.SIGTERM)
        self.require(self.ledger.renew(self.lease, self.seconds, self.steps))
        self._renewed = time.monotonic()

    def require(self, held: bool) -> None:
        """Raise LeaseLostError unless the ledger took what this holder said."""
        if not held:
            raise LeaseLostError(f"batch {self.lease.batch} is another's now")


class HeldMember:
    """The display of a member that is trained under a lease: its steps are what renews it."""

    def __init__(self, holder: Holder, say: Callable[[str], None], trial: int) -> None:
        self.holder, self.trial = holder, trial
        self._say = say

    def started(self, assembly: Assembly, step: int) -> None:
        """The member is about to take its next step."""
        self.holder.progress()

    def stepped(self, step: int) -> None:
        """A step was finished."""
        self.holder.progress(1)

    def recorded(self, record: dict[str, object]) -> None:
        """A validation may have taken long."""
        self.holder.progress()

    def say(self, text: str) -> None:
        """The sentence, with the trial that it is about."""
        self._say(f"trial {self.trial}: {text}")
