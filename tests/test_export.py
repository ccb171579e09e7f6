"""A sweep's trials in other tools' files: the same numbers, and no half of a file."""

import csv
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from pyarrow import parquet

from tests.conftest import small_recipe
from vaestro.foundation.errors import DataError
from vaestro.sweeps.axis import axis_of
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.export import export
from vaestro.sweeps.goal import DIRECTIONS
from vaestro.sweeps.ledger.rows import Trial
from vaestro.sweeps.space import Space

BRANCHED = axis_of(
    "model.prior.kind",
    {
        "values": ["standard-normal", "mixture"],
        "branches": {"mixture": {"model.prior.components": [2, 4]}},
    },
)
DEFINITION = Definition(
    recipe=small_recipe(), space=Space(axes=(axis_of("objective.beta", "log(1,64)"), BRANCHED))
)


def trial(number: int, state: str, beta: float, data_term: float | None) -> Trial:
    params: dict[str, Any] = {"objective.beta": beta, "model.prior.kind": "standard-normal"}
    if number % 2:
        params |= {"model.prior.kind": "mixture", "model.prior.components": "4"}
    values: dict[str, float | None] | None = None
    if data_term is not None:
        values = {"data_term": data_term, "prior_term": 2.5 * number, "nll": None}
    edits = [f"{name}={value}" for name, value in params.items()]
    reason = None if state == "finished" else f"why, {number}"
    return Trial(number, 0, number, params, edits, {}, state, values, reason, {}, None)  # type: ignore[arg-type]


TRIALS = [
    trial(0, "finished", 1.5, 90.0),
    trial(1, "finished", 3.0, 95.5),
    trial(2, "pruned", 60.0, 206.0),
    trial(3, "failed", 2.0, None),
    trial(4, "waiting", 5.0, None),
]


def test_csv(tmp_path: Path) -> None:
    path = export(DEFINITION, TRIALS, str(tmp_path / "a.csv"))
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["state"] for row in rows] == ["finished", "finished", "pruned", "failed"]
    assert [float(row["data_term"]) for row in rows[:3]] == [90.0, 95.5, 206.0]
    assert rows[3]["reason"] == "why, 3" and rows[0]["model.prior.components"] == ""


def test_parquet_has_typed_columns(tmp_path: Path) -> None:
    table = parquet.read_table(export(DEFINITION, TRIALS, str(tmp_path / "a.parquet")))
    assert table["data_term"].to_pylist() == [90.0, 95.5, 206.0, None]
    assert table["model.prior.components"].to_pylist() == [None, 4, None, 4]
    kinds = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert {kinds[name] for name in DIRECTIONS} == {"double"}
    assert kinds["objective.beta"] == "double" and kinds["model.prior.kind"] == "string"
    assert kinds["model.prior.components"] == "int64"


def test_parquet_of_a_field_with_numbers_and_texts(tmp_path: Path) -> None:
    kinds = Space(axes=(axis_of("objective.reduction", "sum,mean"),))
    mixed = [
        one._replace(params={"objective.reduction": value})
        for one, value in zip(TRIALS, ("sum", "0.5", "mean", "sum"), strict=False)
    ]
    definition = Definition(recipe=small_recipe(), space=kinds)
    table = parquet.read_table(export(definition, mixed, str(tmp_path / "a.parquet")))
    assert table["objective.reduction"].to_pylist() == ["sum", "0.5", "mean", "sum"]


@pytest.mark.parametrize("ending", ["db", "sqlite3"])
def test_a_study_that_optuna_opens(tmp_path: Path, ending: str) -> None:
    path = export(DEFINITION, TRIALS, str(tmp_path / f"a.{ending}"))
    study = optuna.load_study(study_name="small", storage=f"sqlite:///{path}")
    states = [one.state.name for one in study.trials]
    assert states == ["COMPLETE", "COMPLETE", "COMPLETE", "FAIL"]
    assert study.trials[1].params == TRIALS[1].params
    assert [one.values for one in study.trials[:3]] == [[90, 0], [95.5, 2.5], [206, 5]]
    assert study.trials[2].user_attrs["state"] == "pruned"
    assert study.metric_names == ["data_term", "prior_term"]
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{ending}"]


def test_tensorboard_events(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    folder = export(DEFINITION, TRIALS, f"{tmp_path}/events/")
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {
        f"trial-{number:04d}" for number in range(3)
    }
    [file] = (folder / "trial-0001").iterdir()
    scalars, rest = {}, file.read_bytes()
    while rest:  # length, its checksum, the event, its checksum
        length = int.from_bytes(rest[:8], "little")
        event = Event.FromString(rest[12 : 12 + length])
        scalars |= {v.tag: v.simple_value for v in event.summary.value if v.simple_value}
        rest = rest[16 + length :]
    assert scalars == {"data_term": 95.5, "prior_term": 2.5}
    assert b"mixture" in file.read_bytes()
    with pytest.raises(DataError, match="is there already"):
        export(DEFINITION, TRIALS, str(folder) + "/")


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [("a.parquet", "pyarrow", "parquet"), ("a.tensorboard", "tensorboardX", "tensorboard")],
)
def test_a_missing_library_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, library: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(DataError, match=rf"needs {library}.*pip install 'vaestro\[{extra}\]'"):
        export(DEFINITION, TRIALS, str(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("a.txt", "the ending is the format; legal: .csv"),
        ("a", "the ending is the format"),
        ("none/a.csv", "there is no folder"),
        ("folder.csv", "is a folder"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, out: str, said: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=said):
        export(DEFINITION, TRIALS, str(tmp_path / out))


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    path.write_text("an older one")

    def fails(*given: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("vaestro.sweeps.export.as_study", fails)
    with pytest.raises(OSError, match="disk full"):
        export(DEFINITION, TRIALS, str(path))
    assert [one.name for one in tmp_path.iterdir()] == ["a.db"]
    assert path.read_text() == "an older one"
    monkeypatch.undo()
    export(DEFINITION, TRIALS, str(path))
    assert path.read_bytes().startswith(b"SQLite format 3")


def test_a_sweep_in_which_nothing_ended(tmp_path: Path) -> None:
    for name in ("a.csv", "a.parquet", "a.db"):
        assert export(DEFINITION, TRIALS[4:], str(tmp_path / name)).stat().st_size > 0
