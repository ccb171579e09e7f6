"""vaestro doctor"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vaestro.cli.output import Json, finish
from vaestro.experiments.diagnosis.doctor import examined, keep_diagnosis
from vaestro.experiments.diagnosis.foreign import diagnose_folder
from vaestro.foundation.errors import DataError
from vaestro.health.adapters.folder import is_foreign


def doctor(
    run: Path,
    /,
    *,
    data: Annotated[
        Path | None,
        Parameter(help="Of another library's folder: the samples that it was trained on."),
    ] = None,
    trust_pickle: Annotated[
        bool,
        Parameter(negative="", help="Read pythae's pickles, which may run any code, all the same."),
    ] = False,
    beta: Annotated[
        float | None, Parameter(help="The weight of an AutoencoderKL's KL in training (1).")
    ] = None,
    json: Json = False,
) -> None:
    """Tell what is wrong with a trained run, by its numbers, and what to change.

    Each line that begins with an arrow is an edit for `vaestro train ... --set`. The diagnosis is
    kept in the run's folder as diagnosis.json. A folder of pythae or of a diffusers AutoencoderKL
    is examined too, on --data, and nothing is written into it.
    """
    foreign = is_foreign(run)
    if foreign:
        found = diagnose_folder(run, data, trust_pickle, beta)
    else:
        _require_plain(run, data, trust_pickle, beta)
        found = examined(run)
    try:
        if not foreign:
            keep_diagnosis(run, found)
    finally:  # it is told also where it cannot be kept
        finish({"run": str(run), **found.as_json()}, str(found), json)


def _require_plain(run: Path, data: Path | None, trusted: bool, beta: float | None) -> None:
    """Raise DataError for an option of other libraries' folders."""
    given = {"--data": data is not None, "--trust-pickle": trusted, "--beta": beta is not None}
    named = [name for name, present in given.items() if present]
    if named:
        raise DataError(
            f"{', '.join(named)}: only for a folder of pythae (model_config.json) or of a "
            f"diffusers AutoencoderKL (config.json), and {run} is neither; a run of vaestro needs "
            "no more than its folder"
        )
