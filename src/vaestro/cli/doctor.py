"""vaestro doctor"""

from pathlib import Path

from vaestro.cli.output import Json, finish
from vaestro.experiments.doctor import diagnose_run


def doctor(run: Path, /, *, json: Json = False) -> None:
    """Tell what is wrong with a trained run, by its numbers, and what to change.

    Each line that begins with an arrow is an edit for `vaestro train ... --set`. The diagnosis is
    kept in the run's folder as diagnosis.json.
    """
    found = diagnose_run(run)
    finish({"run": str(run), **found.as_json()}, str(found), json)
