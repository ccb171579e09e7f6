"""Results: how a trial ended, once, and what it reached on the way.

Each function is the inside of one transaction. Results are taken from the holder of the batch
only, so a trial that two have trained counts once.
"""

import math
from typing import Any

from sqlalchemy import Connection, insert, select, update

from vaestro.sweeps.ledger.holding import holder
from vaestro.sweeps.ledger.rows import Lease, Outcome, Values, as_stored, as_text
from vaestro.sweeps.ledger.schema import rungs, sweeps, trials


def finish(
    connection: Connection,
    lease: Lease,
    number: int,
    state: Outcome,
    values: Values | None,
    reason: str | None,
    facts: dict[str, Any],
) -> bool:
    """Enter how trial `number` ended, under the lease's token.

    True when the trial has this result from this lease, be it by an earlier call whose
    acknowledgement got lost. False, with nothing changed, when another holds the batch or nobody
    does, or when the trial has another result.
    """
    row = holder(connection, lease)  # locks the batch, whoever holds it
    result = {"state": state, "values": as_stored(values), "reason": as_text(reason)}
    result |= {"facts": as_stored(facts), "token": lease.token}
    here = _trial(lease, number)
    found = connection.execute(select(*(trials.c[name] for name in result)).where(*here)).one()
    if found.state != "waiting":
        return dict(found._mapping) == result
    if row is None or row.state == "waiting":
        return False
    told = _next_told(connection, lease.sweep)
    connection.execute(update(trials).where(*here).values({**result, "told": told}))
    return True


def reach(
    connection: Connection, lease: Lease, number: int, epoch: int, value: float
) -> list[float] | None:
    """Record what trial `number` has at `epoch`; all values at that epoch over the sweep.

    The first value of a trial at an epoch stands. Values that are not finite come back as NaN.
    The list is by the trials' numbers. None when the lease is fenced or was given back.
    """
    row = holder(connection, lease)
    if row is None or row.state == "waiting":
        return None
    here = (rungs.c.sweep == lease.sweep, rungs.c.epoch == epoch)
    known = select(rungs.c.trial).where(*here, rungs.c.trial == number)
    if connection.scalar(known) is None:
        keys = {"sweep": lease.sweep, "epoch": epoch, "trial": number}
        connection.execute(insert(rungs).values(**keys, value=as_stored(value)))
    found = connection.scalars(select(rungs.c.value).where(*here).order_by(rungs.c.trial))
    return [math.nan if value is None else value for value in found]


def reached(connection: Connection, sweep: str) -> dict[int, dict[int, float]]:
    """What every trial of the sweep had at the rungs to which it came, by its number and by epoch;
    NaN where it was not finite."""
    found: dict[int, dict[int, float]] = {}
    for row in connection.execute(select(rungs).where(rungs.c.sweep == sweep)):
        value = math.nan if row.value is None else row.value
        found.setdefault(row.trial, {})[row.epoch] = value
    return found


def _next_told(connection: Connection, sweep: str) -> int:
    """The place of the next result over the sweep; others wait until this transaction ends."""
    here = sweeps.c.id == sweep
    told = connection.execute(select(sweeps.c.told).where(here).with_for_update()).scalar_one()
    connection.execute(update(sweeps).where(here).values(told=told + 1))
    return int(told)


def _trial(lease: Lease, number: int) -> tuple[Any, ...]:
    same = (trials.c.sweep == lease.sweep, trials.c.batch == lease.batch)
    return (*same, trials.c.number == number)
