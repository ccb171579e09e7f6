"""What a database's error means: will it pass, what happened, what helps."""

import re
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from vaestro.foundation.errors import one_line


class Fault(NamedTuple):
    """An error of the storage, judged."""

    passing: bool
    """Whether trying again may help."""
    reason: str
    remedy: str


SQLITE = {
    "SQLITE_BUSY": Fault(True, "another process holds it locked", "end that process"),
    "SQLITE_LOCKED": Fault(True, "another process holds it locked", "end that process"),
    "SQLITE_PROTOCOL": Fault(True, "another process holds it locked", "end that process"),
    "SQLITE_FULL": Fault(False, "the disk is full", "free some space"),
    "SQLITE_IOERR": Fault(
        False, "the disk refuses reads or writes", "free some space or mend the disk"
    ),
    "SQLITE_CANTOPEN": Fault(
        False, "it cannot be opened", "give a file in a folder that exists and can be written"
    ),
    "SQLITE_READONLY": Fault(
        False, "it cannot be written", "give a file in a folder that can be written"
    ),
    "SQLITE_NOTADB": Fault(False, "it is no SQLite database", "give another file"),
    "SQLITE_CORRUPT": Fault(False, "it is damaged", "restore the file from a copy"),
    "SQLITE_PERM": Fault(False, "it cannot be written", "change its permissions"),
}
"""By the beginning of SQLite's name of the error (https://sqlite.org/rescode.html)."""

PASSING = ("08", "25006", "25P03", "40", "53300", "55P03", "57P")
"""PostgreSQL's error classes that pass: connection lost, standby, idle too long, conflict of
transactions, too many connections, lock waited for too long, shutdown and start."""

POSTGRES = {
    "53100": ("the server's disk is full", "free some space there"),
    "42501": ("the user may not do this", "let the user make tables in the database"),
    "28": ("it refuses the user", "correct the user or the password"),
    "3D000": ("there is no such database", "make it with createdb, or correct the name"),
}
"""By PostgreSQL's error code, for those that do not pass."""

REFUSED = {
    r"authentication failed|no password supplied|role .* does not exist|pg_hba\.conf": "28",
    r"database .* does not exist": "3D000",
}
"""A refusal while connecting carries no code, only words."""


def judged(error: DBAPIError) -> Fault:
    """What `error` means. An error that nobody foresaw does not pass and keeps its own words."""
    origin = error.orig
    named = getattr(origin, "sqlite_errorname", None)
    if named is not None:
        known = [fault for name, fault in SQLITE.items() if named.startswith(name)]
        return known[0] if known else Fault(False, _words(origin), "mend that")
    return _from_postgres(error, getattr(origin, "sqlstate", None))


def _from_postgres(error: DBAPIError, code: str | None) -> Fault:
    words = _words(error.orig)
    lost = isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated
    if code is None:
        code = next((known for text, known in REFUSED.items() if re.search(text, words)), None)
        if code is None and lost:
            return Fault(True, words, "start the database server or mend the way to it")
    if code is not None:
        for known, (reason, remedy) in POSTGRES.items():
            if code.startswith(known):
                return Fault(False, f"{reason}: {words}", remedy)
        if code.startswith(PASSING) or error.connection_invalidated:
            return Fault(True, words, "see what the database server says in its log")
    return Fault(False, words, "mend that")


def _words(origin: BaseException | None) -> str:
    """The error's own words on one line, without the hints that follow them."""
    return one_line(re.split(r"\n|\bIs the server running", str(origin))[0]).rstrip(". ")
