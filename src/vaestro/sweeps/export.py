"""A sweep's results in files of other tools: tables, an Optuna study, TensorBoard events."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from optuna.storages import RDBStorage

from vaestro.foundation.errors import DataError
from vaestro.foundation.files import new_directory, new_file, write_text
from vaestro.foundation.yaml_text import read_yaml
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.goal import DIRECTIONS
from vaestro.sweeps.ledger.rows import Trial
from vaestro.sweeps.study import as_study
from vaestro.sweeps.summary import as_csv, table_of

LEGAL = (
    ".csv, .parquet, .db or .sqlite3 (an Optuna study), .tensorboard or a name that ends in / "
    "(a folder of TensorBoard events)"
)

Write = Callable[[Path, Definition, Sequence[Trial]], None]


def export(definition: Definition, trials: Sequence[Trial], out: str) -> Path:
    """Write the trials to `out`, whose ending is the format; returns its path.

    A file that is there already is replaced once the new one is whole; a folder must be new or
    empty. Raises DataError in one line for another ending, or without the library that a format
    needs.
    """
    path = Path(out)
    write = _format(path, folder=out.endswith("/"))
    if not path.parent.is_dir():
        raise DataError(f"--out {out}: there is no folder {path.parent}; make it first")
    if write is not _tensorboard and path.is_dir():
        raise DataError(f"--out {out} is a folder; give the name of a file in it")
    write(path, definition, [trial for trial in trials if trial.state != "waiting"])
    return path


def _format(path: Path, folder: bool) -> Write:
    if folder or path.suffix == ".tensorboard":
        return _tensorboard
    formats: dict[str, Write] = {
        ".csv": _csv,
        ".parquet": _parquet,
        ".db": _study,
        ".sqlite3": _study,
    }
    if path.suffix not in formats:
        raise DataError(f"--out {path}: the ending is the format; legal: {LEGAL}")
    return formats[path.suffix]


def _csv(path: Path, definition: Definition, trials: Sequence[Trial]) -> None:
    write_text(path, as_csv(definition, trials))


def _parquet(path: Path, definition: Definition, trials: Sequence[Trial]) -> None:
    """A column for each name; figures are float64, settings what they are."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise _missing(path, "pyarrow", "parquet") from None
    rows = table_of(definition, trials)
    names = list(rows[0]) if rows else ["trial"]
    fields = definition.space.fields
    columns = {name: _column(name, [row[name] for row in rows], fields) for name in names}
    types = {name: pa.float64() for name in (*DIRECTIONS, "seconds")}
    arrays = {name: pa.array(values, types.get(name)) for name, values in columns.items()}
    with new_file(path) as staging:
        parquet.write_table(pa.table(arrays), staging)


def _column(name: str, values: list[Any], fields: Sequence[str]) -> list[Any]:
    """Values of one type; texts where a field has numbers as well as texts."""
    if name in DIRECTIONS or name == "seconds":
        return [None if value is None else float(value) for value in values]
    if name not in fields:
        return values
    meant = [_meant(value) for value in values]
    kinds = {type(value) for value in meant if value is not None}
    if len(kinds) <= 1 or kinds == {int, float}:
        return meant
    return [None if value is None else str(value) for value in values]


def _meant(value: Any) -> Any:
    """A choice as the number or the truth value that its text is; else the text."""
    read = read_yaml(value, "a choice") if isinstance(value, str) else value
    return read if isinstance(read, int | float) else value


def _study(path: Path, definition: Definition, trials: Sequence[Trial]) -> None:
    """An Optuna study named after the recipe; optuna-dashboard opens it."""
    with new_file(path) as staging:
        storage = RDBStorage(f"sqlite:///{staging}")
        try:
            as_study(definition, trials, storage, definition.recipe.name)
        finally:
            storage.remove_session()
            storage.engine.dispose()


def _tensorboard(path: Path, definition: Definition, trials: Sequence[Trial]) -> None:
    """A run for each trial that has figures: its setting as hyperparameters, its figures as
    scalars."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise _missing(path, "tensorboardX", "tensorboard") from None
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise DataError(f"--out {path} is there already; give a new folder")
    with new_directory(path) as staging, SummaryWriter(str(staging)) as writer:
        for trial in trials:
            known = {name: float(v) for name, v in (trial.values or {}).items() if v is not None}
            setting = {name: _meant(value) for name, value in trial.params.items()}
            if known:
                writer.add_hparams(setting, known, f"trial-{trial.number:04d}", 0)


def _missing(path: Path, library: str, extra: str) -> DataError:
    return DataError(
        f"writing {path} needs {library}, which is not installed: pip install 'vaestro[{extra}]'"
    )
