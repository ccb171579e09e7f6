"""Transactions in a ledger's database: whole or not at all, made again when it fails."""

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Double, cast, extract, func, literal
from sqlalchemy.sql.elements import ColumnElement

from vaestro.sweeps.ledger import engines
from vaestro.sweeps.ledger.patience import Patience

T = TypeVar("T")


class Database:
    """SQLite in a file or PostgreSQL by URL; safe to share between threads.

    A process that was forked must open its own: connections cannot be shared between processes.
    """

    def __init__(self, url: str, patience: float, say: Callable[[str], None]) -> None:
        """Opens nothing yet. Raises RecipeError for a URL that is not legal."""
        where = engines.parsed(url)
        self.engine = engines.engine(where, patience)
        self._patience = Patience(engines.named(where), patience, say)

    def write(self, work: Callable[[Connection], T]) -> T:
        """`work` in one transaction that may write; run again as a whole when the storage fails.

        What it wrote is on the disk when this returns. Raises StorageError, see Patience.
        """
        return self._patience.run(lambda: self._written(work))

    def read(self, work: Callable[[Connection], T]) -> T:
        """`work` in one transaction that sees the database as it is at one moment."""
        return self._patience.run(lambda: self._read(work))

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _written(self, work: Callable[[Connection], T]) -> T:
        with self.engine.begin() as connection:
            if connection.dialect.name == "sqlite":  # no other writer from the first statement on
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            return work(connection)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                if connection.dialect.name == "sqlite":
                    connection.exec_driver_sql("BEGIN")
                return work(connection)


def now(connection: Connection) -> ColumnElement[float]:
    """Seconds since 1970 by the storage's clock, inside the statement that asks.

    PostgreSQL's own, for the clocks of many machines differ; SQLite's is this machine's.
    """
    if connection.dialect.name == "sqlite":
        return literal(time.time(), Double)
    return cast(extract("epoch", func.clock_timestamp()), Double)
