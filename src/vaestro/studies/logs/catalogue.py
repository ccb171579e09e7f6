"""The studies of the five logs by name. Each is a package with a file log.py that has LOG."""

from importlib import import_module

from vaestro.foundation.errors import RecipeError, nearest
from vaestro.studies.logs.log import Log

NAMES = ("log-000", "log-001", "log-002", "log-003", "log-004")


def read_log(name: str) -> Log:
    """The study of a log. Raises RecipeError in one line for a name that is none."""
    if name not in NAMES:
        raise RecipeError(f"there is no log {name!r}; {nearest(name, list(NAMES))}")
    module = import_module(f"vaestro.studies.logs.{name.replace('-', '_')}.log")
    log: Log = module.LOG
    return log
