"""Parquet tables: columns by name, one line for every cell that is missing."""

import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.array_files import load, refused


def written(folder: Path, **columns: Any) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table(columns), folder / "t.parquet", row_group_size=2)
    return folder / "t.parquet"


COLUMNS = {
    "x": [1.5, 2.5, 3.5],
    "y": [4, 5, 6],
    "age": [30, 40, 51],
    "site": ["b", "a", "b"],
}


def test_columns_by_their_role(tmp_path: Path) -> None:
    path = written(tmp_path, **COLUMNS)
    data = load(path, labels_key="site", covariate_keys="age")
    assert data.values.tolist() == [[1.5, 4], [2.5, 5], [3.5, 6]]
    assert data.spec.names == ("x", "y")
    assert data.spec.label_names == ("a", "b")
    assert data.labels is not None
    assert data.labels.tolist() == [1, 0, 1]
    assert data.covariates["age"].tolist() == [30, 40, 51]
    chosen = load(path, columns="y,x", labels_key="age")
    assert chosen.values.tolist() == [[4, 1.5], [5, 2.5], [6, 3.5]]
    assert chosen.labels is not None
    assert chosen.labels.tolist() == [30, 40, 51]
    assert load(path, columns="y").spec.values == "counts"


def test_bytes_stay_bytes(tmp_path: Path) -> None:
    columns = {name: np.arange(i, 50, 9, dtype=np.uint8)[:5] for i, name in enumerate("abc")}
    data = load(written(tmp_path, **columns))
    assert data.values.dtype == np.uint8
    assert data.spec.levels == 256


def test_labels_of_categories_and_a_gzipped_table(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    sites = pyarrow.array(["b", "a", "b"]).dictionary_encode()
    path = written(tmp_path, x=[1.5, 2, 3], site=sites)
    (tmp_path / "t.parquet.gz").write_bytes(gzip.compress(path.read_bytes()))
    data = load(tmp_path / "t.parquet.gz", labels_key="site")
    assert data.labels is not None
    assert data.labels.tolist() == [1, 0, 1]


GAPS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, "column site holds string and numbers are needed"),
    ({}, {"covariate_keys": "site"}, "column site holds string and numbers are needed"),
    ({}, {"labels_key": "z"}, "has no column 'z'; legal: x, y, age, site"),
    ({"y": [4, None, 6]}, {"columns": "x,y"}, "column y misses its value in row 2"),
    ({"y": [4, None, 6]}, {"columns": "x", "covariate_keys": "y"}, "y misses its value in row 2"),
    ({"y": [4.0, 5, np.nan]}, {"columns": "x", "covariate_keys": "y"}, "y is nan in row 3"),
    ({"site": ["a", "b", None]}, {"labels_key": "site"}, "column site misses its value in row 3"),
    ({"site": ["a", "", "b"]}, {"labels_key": "site"}, "label 1 is ''"),
    ({"__index_level_0__": [7, 8, 9]}, {"labels_key": "site"}, "row names of a DataFrame"),
    ({"y": [4.0, 5, np.nan]}, {"columns": "x,y"}, "1 of 3 samples hold NaN"),
    ({name: np.empty(0) for name in COLUMNS}, {"columns": "x,y"}, "0 samples"),
]


@pytest.mark.parametrize(("columns", "fields", "message"), GAPS, ids=range(len(GAPS)))
def test_the_value_that_is_wrong_is_named(
    columns: dict[str, Any], fields: dict[str, Any], message: str, tmp_path: Path
) -> None:
    assert message in refused(written(tmp_path, **(COLUMNS | columns)), **fields)


@pytest.mark.parametrize("cut", [0, 4, 100, -8])
def test_a_table_that_is_cut_off(cut: int, tmp_path: Path) -> None:
    path = written(tmp_path, **COLUMNS)
    path.write_bytes(path.read_bytes()[:cut])
    assert "cannot be read as .parquet" in refused(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    assert "there is no file" in refused(tmp_path / "t.parquet")
    (tmp_path / "t.parquet").mkdir()
    assert "is a folder" in refused(tmp_path / "t.parquet")


def test_the_library_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert "pip install 'vaestro[parquet]'" in refused(tmp_path / "t.parquet")


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    twice = pyarrow.table([[1.0, 2.0], [3.0, 4.0]], names=["a", "a"])
    parquet.write_table(twice, tmp_path / "t.parquet")
    assert "has 2 columns called 'a'; rename them" in refused(tmp_path / "t.parquet")
