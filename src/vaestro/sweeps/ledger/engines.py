"""Connections to a ledger's database: which URLs are legal, and how each kind is opened."""

from ipaddress import ip_address
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from vaestro.foundation.errors import RecipeError

BUSY = 5.0
"""Seconds that SQLite waits for another process's transaction before it says that it is busy."""
IDLE = 10
"""Seconds after which PostgreSQL ends a transaction whose process has stopped: its locks would
hold up every other worker."""
SIGNS = {
    "connect_timeout": 10,  # seconds
    "tcp_user_timeout": 30_000,  # milliseconds
    "keepalives_idle": 10,
    "keepalives_interval": 10,
    "keepalives_count": 2,
}
"""A connection counts as lost after half a minute without a sign from PostgreSQL's machine."""
LEGAL = "sqlite:///FILE or postgresql://USER@HOST/DATABASE"
SQLITE, POSTGRESQL = "sqlite", "postgresql+psycopg"
ELSEWHERE = ("host", "hostaddr", "service", "servicefile", "passfile")
"""Options of an address that lead to another machine or to files."""


def parsed(url: str) -> URL:
    """`url` with its driver. Raises RecipeError when it names no storage that a ledger can use."""
    try:
        where = make_url(url)
    except ArgumentError:
        raise RecipeError(f"the ledger's URL cannot be read; legal: {LEGAL}") from None
    match where.drivername:
        case "sqlite" if where.database in (None, "", ":memory:"):
            raise RecipeError(f"a ledger in memory keeps nothing; legal: {LEGAL}")
        case "sqlite":
            return where
        case "postgresql" | "postgres" | "postgresql+psycopg":
            return where.set(drivername=POSTGRESQL)
        case other:
            raise RecipeError(f"the ledger's URL begins with {other}://; legal: {LEGAL}")


def named(where: URL) -> str:
    """The storage as messages call it, without its password."""
    if where.drivername == SQLITE:
        return f"the ledger {where.database}"
    shown = where.set(drivername="postgresql", query={})
    return f"the ledger {shown.render_as_string(hide_password=True)}"


def engine(where: URL, patience: float) -> Engine:
    """What connects to `where`; nothing is opened yet. Raises RecipeError for a missing driver."""
    return _sqlite(where, patience) if where.drivername == SQLITE else _postgresql(where)


def _sqlite(where: URL, patience: float) -> Engine:
    """One writer at a time, whose every commit is on the disk; we say BEGIN ourselves.

    The rollback journal works wherever the file's locks do. EXTRA syncs the folder too, so that a
    journal that was deleted does not come back. sqlite3 alone would begin only after a first read.
    """
    waits = {"timeout": min(BUSY, patience / 4), "isolation_level": None}
    made = create_engine(where, connect_args=waits, max_overflow=-1)

    @event.listens_for(made, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        for setting in ("journal_mode=DELETE", "synchronous=EXTRA", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {setting}").close()

    return made


def _postgresql(where: URL) -> Engine:
    """Dead connections are found before they are used; every commit is on the disk."""
    try:
        made = create_engine(where, connect_args=SIGNS, pool_pre_ping=True, max_overflow=-1)
    except ImportError:
        raise RecipeError(
            "a ledger in PostgreSQL needs psycopg, which is not installed: "
            "pip install 'vaestro[postgresql]'"
        ) from None

    @event.listens_for(made, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE}s'")
            cursor.execute("SELECT current_setting('synchronous_commit')")
            if cursor.fetchone() == ("off",):
                cursor.execute("SET synchronous_commit = 'on'")
        connection.commit()

    return made


def of_this_machine(address: URL) -> bool:
    """Whether a server's address can lead to this machine alone."""
    if any(name in address.query for name in ELSEWHERE):
        return False
    if address.host is None or address.host == "localhost":
        return True
    try:
        return ip_address(address.host).is_loopback
    except ValueError:
        return False
