"""Sweeps in the ledger: made, read, made longer, stopped; and the batches that are asked.

Each function is the inside of one transaction.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from vaestro.foundation.errors import RunFolderError
from vaestro.sweeps.ledger.database import now
from vaestro.sweeps.ledger.holding import claimed, held
from vaestro.sweeps.ledger.rows import Lease, Proposal, Sweep, SweepState, as_stored
from vaestro.sweeps.ledger.schema import batches, sweeps, trials

COLUMNS = [sweeps.c[name] for name in Sweep._fields]
INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
"""Both can leave a row that stands alone, each in its own way."""


def create(connection: Connection, sweep: Sweep) -> None:
    """Enter `sweep` unless it stands there. Raises RunFolderError when another has its id."""
    values = as_stored(sweep._asdict())
    made = INSERT[connection.dialect.name](sweeps).values(**values, told=0, made=now(connection))
    connection.execute(made.on_conflict_do_nothing())
    if read(connection, sweep.id).definition != values["definition"]:
        raise RunFolderError(
            f"the ledger holds another sweep under the id {sweep.id}; give the definition that "
            "it was begun with, or another place for the new one"
        )


def read(connection: Connection, id: str, lock: bool = False) -> Sweep:
    """The sweep `id`; with `lock`, nobody else can change it before this transaction ends.

    Raises RunFolderError when there is none.
    """
    query = select(*COLUMNS).where(sweeps.c.id == id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        known = connection.scalars(select(sweeps.c.id).order_by(sweeps.c.made)).all()
        raise RunFolderError(
            f"the ledger holds no sweep {id}; it holds {', '.join(known[-8:]) or 'none'}"
        )
    return Sweep(*row)


def read_all(connection: Connection) -> list[Sweep]:
    """Every sweep, the oldest first."""
    query = select(*COLUMNS).order_by(sweeps.c.made, sweeps.c.id)
    return [Sweep(*row) for row in connection.execute(query)]


def extend(connection: Connection, id: str, total: int) -> None:
    """Let the sweep have `total` trials in all; it never gets fewer than it has."""
    old = read(connection, id, lock=True)
    _set(connection, id, trials=max(total, old.trials))


def grow(connection: Connection, id: str, definition: dict[str, Any], total: int) -> None:
    """Let the sweep look for what `definition` says, in `total` trials at least."""
    extend(connection, id, total)
    _set(connection, id, definition=as_stored(definition))


def set_state(connection: Connection, id: str, state: SweepState) -> None:
    """Write down that the sweep is running, stopped or finished."""
    read(connection, id, lock=True)
    _set(connection, id, state=state)


def add_batch(
    connection: Connection,
    id: str,
    seen: int,
    proposals: Sequence[Proposal],
    search: dict[str, Any],
    owner: str,
    seconds: float,
    claim: str,
) -> Lease | None:
    """Enter `proposals` as the next batch, leased to `owner` under token 1.

    None when the sweep is not as the caller saw it, with `seen` trials asked, or when it would
    get more trials than it shall have.
    """
    sweep = read(connection, id, lock=True)
    mine = claimed(connection, id, claim)
    if mine is not None:
        return mine
    if sweep.asked != seen or seen + len(proposals) > sweep.trials:
        return None
    number = _next_batch(connection, id)
    _insert(connection, id, number, owner, seconds, claim)
    rows = [_row(id, number, seen, place, one) for place, one in enumerate(proposals)]
    connection.execute(insert(trials), rows)
    _set(connection, id, asked=seen + len(proposals), search=as_stored(search))
    return held(connection, id, number)


def _set(connection: Connection, id: str, **changes: Any) -> None:
    connection.execute(update(sweeps).where(sweeps.c.id == id).values(**changes))


def _next_batch(connection: Connection, id: str) -> int:
    last = connection.scalar(select(func.max(batches.c.number)).where(batches.c.sweep == id))
    return 0 if last is None else int(last) + 1


def _insert(
    connection: Connection, id: str, number: int, owner: str, seconds: float, claim: str
) -> None:
    held = {"owner": owner, "claim": claim, "until": now(connection) + seconds}
    fresh = {"state": "leased", "token": 1, "steps": 0}
    connection.execute(insert(batches).values(sweep=id, number=number, **held, **fresh))


def _row(id: str, batch: int, first: int, place: int, proposal: Proposal) -> dict[str, Any]:
    keys = {"sweep": id, "number": first + place, "batch": batch, "place": place}
    return {**keys, **as_stored(proposal._asdict()), "state": "waiting", "facts": {}}
