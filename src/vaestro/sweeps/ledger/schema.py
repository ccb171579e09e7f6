"""The tables of the ledger, and their version.

The same on SQLite and PostgreSQL. Names begin with `vaestro_`, so that a database may be shared
with others. What must never happen is refused by the database itself: two trials of one number,
two results told at the same place, two holders of one claim.
"""

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    insert,
    inspect,
    select,
    text,
)

from vaestro.foundation.errors import RunFolderError

VERSION = 1
LOCK = 0x7661_6573_7472_6F00
"""PostgreSQL's advisory lock under which the tables are made ("vaestro" in ASCII)."""

metadata = MetaData()


def _json(name: str, nullable: bool = False) -> Column[object]:
    return Column(name, JSON(none_as_null=True), nullable=nullable)


def _text(name: str, key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=False)


def _whole(name: str, key: bool = False) -> Column[int]:
    return Column(name, Integer, primary_key=key, nullable=False, autoincrement=False)


versions = Table("vaestro_ledger", metadata, _whole("version", key=True))

sweeps = Table(
    "vaestro_sweeps",
    metadata,
    _text("id", key=True),
    _text("name"),
    _text("root"),
    _json("definition"),
    _whole("trials"),
    _text("state"),
    _whole("asked"),
    _json("search"),
    _whole("told"),  # how many results came in
    Column("made", Double, nullable=False),  # seconds since 1970
)

batches = Table(
    "vaestro_batches",
    metadata,
    _text("sweep", key=True),
    _whole("number", key=True),
    _text("state"),
    _whole("token"),
    _text("owner"),
    Column("until", Double, nullable=False),  # seconds since 1970, by the storage's clock
    _whole("steps"),
    Column("folder", Text),
    _text("claim"),  # the call that took it: a call whose acknowledgement got lost finds its own
    ForeignKeyConstraint(["sweep"], ["vaestro_sweeps.id"]),
    UniqueConstraint("claim", name="vaestro_batches_claim"),
    Index("vaestro_batches_state", "sweep", "state", "number"),
)

trials = Table(
    "vaestro_trials",
    metadata,
    _text("sweep", key=True),
    _whole("number", key=True),
    _whole("batch"),
    _whole("place"),
    _json("params"),
    _json("edits"),
    _json("attrs"),
    _text("state"),
    _json("values", nullable=True),
    Column("reason", Text),
    _json("facts"),
    Column("told", Integer),
    Column("token", Integer),  # under which it ended
    ForeignKeyConstraint(["sweep", "batch"], ["vaestro_batches.sweep", "vaestro_batches.number"]),
    UniqueConstraint("sweep", "told", name="vaestro_trials_told"),
    UniqueConstraint("sweep", "batch", "place", name="vaestro_trials_place"),
)

rungs = Table(
    "vaestro_rungs",
    metadata,
    _text("sweep", key=True),
    _whole("epoch", key=True),
    _whole("trial", key=True),
    Column("value", Double),  # null when it was not finite
    ForeignKeyConstraint(["sweep", "trial"], ["vaestro_trials.sweep", "vaestro_trials.number"]),
)


def install(connection: Connection) -> None:
    """Make the tables where there are none. Raises RunFolderError for those of a newer version."""
    if connection.dialect.name == "postgresql":  # two that make them at once would collide
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    if not installed(connection):
        metadata.create_all(connection)
        connection.execute(insert(versions).values(version=VERSION))


def installed(connection: Connection) -> bool:
    """Whether the tables are there. Raises RunFolderError for those of another version."""
    if not inspect(connection).has_table(versions.name):
        return False
    found = connection.scalar(select(versions.c.version))
    if found is not None and found != VERSION:
        raise RunFolderError(
            f"the ledger has version {found}, which a newer vaestro wrote; this one knows "
            f"version {VERSION}: install a newer vaestro, or give another storage"
        )
    return found is not None
