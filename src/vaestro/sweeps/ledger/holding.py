"""Who holds a batch: leases as the database has them.

Each function is the inside of one transaction. Rows are locked in the order batch, trial, sweep.
"""

from typing import Any

from sqlalchemy import Connection, Row, select

from vaestro.sweeps.ledger.rows import Lease, Trial
from vaestro.sweeps.ledger.schema import batches, trials

TRIAL = [trials.c[name] for name in Trial._fields]


def claimed(connection: Connection, sweep: str, claim: str) -> Lease | None:
    """The lease that the call `claim` took before its acknowledgement got lost, if it did."""
    query = select(batches.c.number).where(batches.c.sweep == sweep, batches.c.claim == claim)
    number = connection.scalar(query)
    return None if number is None else held(connection, sweep, number)


def held(connection: Connection, sweep: str, number: int) -> Lease:
    """The lease of a batch, as whoever holds it has it."""
    row = connection.execute(_batch(sweep, number)).one()
    members = of_batch(connection, sweep, number)
    return Lease(sweep, number, row.token, row.owner, row.folder, members)


def holder(connection: Connection, lease: Lease) -> Row[Any] | None:
    """The batch's row, locked, when `lease` bears its newest token; None when that is fenced."""
    query = _batch(lease.sweep, lease.batch).with_for_update()
    row = connection.execute(query).one_or_none()
    return row if row is not None and row.token == lease.token else None


def of_batch(connection: Connection, sweep: str, batch: int) -> tuple[Trial, ...]:
    """The trials of a batch by place."""
    query = select(*TRIAL).where(trials.c.sweep == sweep, trials.c.batch == batch)
    return tuple(Trial(*row) for row in connection.execute(query.order_by(trials.c.place)))


def of_sweep(connection: Connection, sweep: str) -> list[Trial]:
    """The trials of a sweep by number."""
    query = select(*TRIAL).where(trials.c.sweep == sweep).order_by(trials.c.number)
    return [Trial(*row) for row in connection.execute(query)]


def _batch(sweep: str, number: int) -> Any:
    return select(batches).where(batches.c.sweep == sweep, batches.c.number == number)
