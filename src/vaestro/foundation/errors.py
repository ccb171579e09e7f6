"""What can go wrong, drawn as a tree.

VaestroError
├── UserError            the input is at fault: one clear line, exit code 2
│   ├── RecipeError      a field, a value or a combination in a recipe
│   ├── DataError        a data file or array
│   ├── RunFolderError   a run folder that is missing, occupied or incomplete
│   └── CheckpointError  a checkpoint that is damaged or does not fit
├── StorageError         the disk or a database refuses, workers die: exit code 1
└── DivergedError        a loss or gradient became non-finite: exit code 1
"""

import difflib
from collections.abc import Iterable


class VaestroError(Exception):
    """Base of every error that vaestro raises on purpose."""


class UserError(VaestroError, ValueError):
    """A mistake in what the user gave; the message is one line: given, legal, what to do."""


class RecipeError(UserError):
    """A recipe names an unknown field, an illegal value or an impossible combination."""


class DataError(UserError):
    """Data are missing, damaged, of the wrong kind, empty or not finite."""


class RunFolderError(UserError):
    """A run folder is missing, not empty, finished, or lacks a file."""


class CheckpointError(UserError):
    """A checkpoint is damaged, lacks a parameter, or belongs to another model."""


class StorageError(VaestroError):
    """The disk or a database refuses to work, or workers die one after the other; what was there
    before still stands."""


class DivergedError(VaestroError):
    """Training met a non-finite loss or gradient; the weights were not touched by it."""


def one_line(text: str) -> str:
    """`text` with every run of white space folded to one space, so that an error stays one line."""
    return " ".join(text.split())


def nearest(name: str, legal: Iterable[str]) -> str:
    """A hint naming the legal names nearest to `name`, or all of them when none is near."""
    names = list(legal)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"legal: {', '.join(names)}" if names else "it has no fields"
