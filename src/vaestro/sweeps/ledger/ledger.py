"""The ledger of sweeps: the truth of every trial, in one SQL database.

Every call is one transaction. It is wholly there or not at all, whatever dies meanwhile; once it
has returned, what it wrote is on the disk. A call that found the storage down is made again as a
whole; one whose acknowledgement got lost finds what it did and does nothing twice.
"""

import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from vaestro.sweeps.ledger import holding, leases, results, schema, sweeping
from vaestro.sweeps.ledger.database import Database
from vaestro.sweeps.ledger.rows import (
    Batch,
    Lease,
    Outcome,
    Proposal,
    Sweep,
    SweepState,
    Trial,
    Values,
)


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr)


class Ledger:
    """The sweeps, batches and trials in the database at a URL; safe to share between threads.

    Any method raises StorageError in one line when the storage cannot be used, or has been down
    for longer than `patience`. A process opens its own: it is not to be handed on by a fork.
    """

    def __init__(
        self, url: str, patience: float = 60.0, say: Callable[[str], None] = _to_stderr
    ) -> None:
        """Open the ledger, or make it where there is none.

        `url` is `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`; `patience` is how many
        seconds a call goes on trying while the storage is down; `say` hears when it goes down and
        when it is back. Raises RecipeError for a URL that is not legal, RunFolderError for a
        ledger of a newer version.
        """
        self._database = Database(url, patience, say)
        try:
            if not self._database.read(schema.installed):
                self._database.write(schema.install)
        except BaseException:
            self._database.close()
            raise

    def create(self, sweep: Sweep) -> None:
        """Enter `sweep`; does nothing when it stands there.

        Raises RunFolderError when the id belongs to a sweep with another definition.
        """
        self._database.write(lambda connection: sweeping.create(connection, sweep))

    def sweeps(self) -> list[Sweep]:
        """Every sweep, the oldest first."""
        return self._database.read(sweeping.read_all)

    def sweep(self, id: str) -> Sweep:
        """The sweep `id`. Raises RunFolderError when there is none."""
        return self._database.read(lambda connection: sweeping.read(connection, id))

    def extend(self, id: str, trials: int) -> None:
        """Let the sweep have `trials` trials in all; it never gets fewer than it has."""
        self._database.write(lambda connection: sweeping.extend(connection, id, trials))

    def grow(self, id: str, definition: dict[str, Any], trials: int) -> None:
        """Replace what the sweep looks for by a definition whose settings are those and more; it
        shall have `trials` trials in all, and never gets fewer than it has."""
        self._database.write(lambda connection: sweeping.grow(connection, id, definition, trials))

    def set_state(self, id: str, state: SweepState) -> None:
        """Write down that the sweep is running, stopped or finished. It binds nobody."""
        self._database.write(lambda connection: sweeping.set_state(connection, id, state))

    def add_batch(
        self,
        id: str,
        seen: int,
        proposals: Sequence[Proposal],
        search: dict[str, Any],
        owner: str,
        seconds: float,
    ) -> Lease | None:
        """Enter `proposals` (one or more) as a batch leased to `owner`; replace what the sampler
        remembers by `search`.

        None when the sweep has no longer `seen` trials asked (somebody asked meanwhile: read it
        and ask again), or when it would get more trials than it shall have.
        """
        assert proposals, "a batch has at least one trial"
        claim = uuid.uuid4().hex
        asked = (id, seen, proposals, search, owner, seconds, claim)
        return self._database.write(lambda connection: sweeping.add_batch(connection, *asked))

    def lease(self, id: str, owner: str, seconds: float) -> Lease | None:
        """Take the oldest batch that waits or whose lease ran out; None when there is none.

        Of many that call at once exactly one gets it. Its token is one more than the last.
        """
        claim = uuid.uuid4().hex
        return self._database.write(
            lambda connection: leases.take(connection, id, owner, seconds, claim)
        )

    def renew(self, lease: Lease, seconds: float, steps: int) -> bool:
        """Hold `lease` for `seconds` more from now, being at `steps` steps.

        False when the batch is another's, was given back or is done. A lease that ran out and
        that nobody took can be renewed.
        """
        return self._database.write(
            lambda connection: leases.renew(connection, lease, seconds, steps)
        )

    def set_folder(self, lease: Lease, folder: str) -> bool:
        """Write down where the batch is trained, for whoever takes it over; False when fenced."""
        return self._database.write(lambda connection: leases.set_folder(connection, lease, folder))

    def finish_trial(
        self,
        lease: Lease,
        number: int,
        state: Outcome,
        values: Values | None,
        reason: str | None,
        facts: dict[str, Any],
    ) -> bool:
        """Enter how trial `number` ended; a trial ends once.

        True when it has this result from this lease, also by an earlier call. False, with nothing
        changed, when the lease is fenced or the trial has another result.
        """
        assert number in {trial.number for trial in lease.trials}, "a trial of another batch"
        result = (lease, number, state, values, reason, facts)
        return self._database.write(lambda connection: results.finish(connection, *result))

    def reached(self, lease: Lease, number: int, epoch: int, value: float) -> list[float] | None:
        """Record what trial `number` has at the rung `epoch`; every trial's value there.

        A trial's first value at an epoch stands. Values come by the trials' numbers, NaN where
        one was not finite. None when fenced.
        """
        assert number in {trial.number for trial in lease.trials}, "a trial of another batch"
        return self._database.write(
            lambda connection: results.reach(connection, lease, number, epoch, value)
        )

    def rungs(self, id: str) -> dict[int, dict[int, float]]:
        """What every trial of the sweep had at the rungs to which it came, by its number and by
        epoch; NaN where it was not finite."""
        return self._database.read(lambda connection: results.reached(connection, id))

    def finish_batch(self, lease: Lease) -> bool:
        """Close the batch; False when fenced, or when a trial of it has not ended."""
        return self._database.write(lambda connection: leases.finish(connection, lease))

    def release(self, lease: Lease) -> bool:
        """Give the batch back, to be taken by anyone at once; False when fenced or done."""
        return self._database.write(lambda connection: leases.release(connection, lease))

    def trials(self, id: str) -> list[Trial]:
        """Every trial of the sweep by number."""
        return self._database.read(lambda connection: holding.of_sweep(connection, id))

    def batches(self, id: str) -> list[Batch]:
        """Every batch of the sweep, the oldest first."""
        return self._database.read(lambda connection: leases.standing(connection, id))

    def close(self) -> None:
        """Close every connection; the ledger stays where it is."""
        self._database.close()
