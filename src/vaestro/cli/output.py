"""What a command prints: prose for people, or one JSON object for programs."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, validators

from vaestro.foundation.errors import DataError

Json = Annotated[
    bool, Parameter(name="--json", negative="", help="Print one JSON object on stdout.")
]
AT_LEAST_ONE = validators.Number(gte=1)
Out = Annotated[Path, Parameter(name="--out", help="The file to write; its ending is the format.")]
Assignments = Annotated[
    list[str] | None,
    Parameter(
        name="--set",
        negative="",
        help="Override a recipe field: --set objective.beta=4. Repeatable.",
    ),
]


def finish(record: dict[str, Any], prose: str, as_json: bool) -> None:
    """Print `record` as JSON on stdout (and the prose on stderr), or the prose on stdout."""
    if as_json:
        print(prose, file=sys.stderr)
        print(json.dumps(record, allow_nan=False))
    else:
        print(prose)


def require_parent(out: Path) -> None:
    """Raise DataError when `out` cannot be a file: before any work is done."""
    if out.is_dir():
        raise DataError(f"--out {out} is a folder; give the name of a file in it")
    if not out.parent.is_dir():
        raise DataError(f"--out {out}: there is no folder {out.parent}; make it first")
