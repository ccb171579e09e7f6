"""Leases: taken, renewed, given back, finished.

Each function is the inside of one transaction. A lease that ran out stands until another takes
the batch: only a higher token fences.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from vaestro.sweeps.ledger import sweeping
from vaestro.sweeps.ledger.database import now
from vaestro.sweeps.ledger.holding import claimed, held, holder
from vaestro.sweeps.ledger.rows import Batch, Lease
from vaestro.sweeps.ledger.schema import batches, trials


def take(
    connection: Connection, sweep: str, owner: str, seconds: float, claim: str
) -> Lease | None:
    """Lease the oldest batch that waits or whose lease ran out; None when there is none.

    A batch that another call is taking at this moment is passed over, so each is had once.
    """
    mine = claimed(connection, sweep, claim)
    if mine is not None:
        return mine
    query = select(batches.c.number, batches.c.token)
    query = query.where(batches.c.sweep == sweep, _free(connection)).order_by(batches.c.number)
    row = connection.execute(query.limit(1).with_for_update(skip_locked=True)).one_or_none()
    if row is None:
        sweeping.read(connection, sweep)  # a sweep that is not there is not one without batches
        return None
    changes = {"state": "leased", "token": row.token + 1}
    until = now(connection) + seconds
    _set(connection, sweep, row.number, **changes, owner=owner, claim=claim, until=until)
    return held(connection, sweep, row.number)


def renew(connection: Connection, lease: Lease, seconds: float, steps: int) -> bool:
    """Let `lease` run for `seconds` from now, its holder being at `steps`; False when fenced."""
    return _held(connection, lease, until=now(connection) + seconds, steps=steps)


def set_folder(connection: Connection, lease: Lease, folder: str) -> bool:
    """Write down where the holder works; False when fenced."""
    return _held(connection, lease, folder=folder)


def release(connection: Connection, lease: Lease) -> bool:
    """Let the batch wait for another holder at once; False when fenced."""
    row = holder(connection, lease)
    if row is None or row.state == "done":
        return False
    _set(connection, lease.sweep, lease.batch, state="waiting")
    return True


def finish(connection: Connection, lease: Lease) -> bool:
    """Write down that the batch is done; False when fenced, or when a trial of it still waits."""
    row = holder(connection, lease)
    waits = (trials.c.sweep == lease.sweep, trials.c.batch == lease.batch)
    query = select(func.count()).where(*waits, trials.c.state == "waiting")
    if row is None or row.state == "waiting" or connection.scalar(query):
        return False
    _set(connection, lease.sweep, lease.batch, state="done")
    return True


def standing(connection: Connection, sweep: str) -> list[Batch]:
    """Where every batch of a sweep stands, the oldest first."""
    members = select(trials.c.batch, trials.c.number).where(trials.c.sweep == sweep)
    numbers: dict[int, list[int]] = {}
    for batch, number in connection.execute(members.order_by(trials.c.number)):
        numbers.setdefault(batch, []).append(number)
    query = select(batches, (batches.c.until - now(connection)).label("left"))
    rows = connection.execute(query.where(batches.c.sweep == sweep).order_by(batches.c.number))
    return [_batch(row, tuple(numbers[row.number])) for row in rows]


def _batch(row: Any, numbers: tuple[int, ...]) -> Batch:
    left = row.left if row.state == "leased" else None
    held = (row.token, row.owner, left, row.steps, row.token)  # each holder has a token of its own
    return Batch(row.number, row.state, *held, row.folder, numbers)


def _free(connection: Connection) -> ColumnElement[bool]:
    ran_out = and_(batches.c.state == "leased", batches.c.until <= now(connection))
    return or_(batches.c.state == "waiting", ran_out)


def _set(connection: Connection, sweep: str, number: int, **changes: Any) -> None:
    here = (batches.c.sweep == sweep, batches.c.number == number)
    connection.execute(update(batches).where(*here).values(**changes))


def _held(connection: Connection, lease: Lease, **changes: Any) -> bool:
    """Change the batch in one statement if `lease` holds it."""
    here = (batches.c.sweep == lease.sweep, batches.c.number == lease.batch)
    mine = (batches.c.token == lease.token, batches.c.state == "leased")
    return connection.execute(update(batches).where(*here, *mine).values(**changes)).rowcount == 1
