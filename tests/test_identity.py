"""By what data are known again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vaestro.data.arrays import ArraysConfig, load_arrays
from vaestro.data.dataset import DataSet, checked
from vaestro.data.identity import FEWEST, evenly, identity
from vaestro.data.images.binarise import Binarised
from vaestro.data.volumes.crops import Crops


def some(count: int = 50, **beside: Any) -> DataSet:
    values = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)
    return checked("some", values, "real", **beside)


def test_it_is_the_same_for_the_same_and_stays_so() -> None:
    """A digest that another version computes otherwise would refuse every run of this one."""
    data = checked("small", np.arange(8, dtype=np.float32).reshape(4, 2), "real")
    assert identity(data) == identity(replace(data, name="another name"))
    assert identity(data) == "cd9f8a4577b83079ff5c832a9a920c33"


@pytest.mark.parametrize(
    "other",
    [
        some(51),
        some(labels=np.arange(50) % 2),
        some(covariates={"age": np.arange(50.0)}),
        some(groups=np.arange(50) // 5),
        some(official_test=np.arange(5)),
    ],
)
def test_what_decides_a_run_is_in_it(other: DataSet) -> None:
    assert identity(other) != identity(some())


def test_one_number_of_a_small_table_is_seen() -> None:
    data = some()
    data.values[33, 2] += 1e-3  # type: ignore[index]
    assert identity(data) != identity(some())


def test_it_does_not_matter_where_the_numbers_lie(tmp_path: Path) -> None:
    """A machine with less memory leaves in the file what another one holds."""
    x = np.random.default_rng(0).integers(0, 256, (30, 5, 5), dtype=np.uint8)
    np.save(tmp_path / "x.npy", x)
    found = {
        identity(load_arrays(ArraysConfig.parse({"path": str(tmp_path / "x.npy"), "memory": m})))
        for m in ("resident", "mapped")
    }
    assert len(found) == 1


def test_of_large_data_a_few_samples_are_looked_at() -> None:
    """The first and the last among them."""
    asked: list[np.ndarray] = []

    class Watched(np.ndarray):
        def __getitem__(self, numbers: Any) -> Any:
            asked.append(numbers)
            return super().__getitem__(numbers)

    values = np.zeros((100, 1_000_000), dtype=np.uint8)
    data = checked("large", values, "binary")
    identity(replace(data, values=values.view(Watched)))
    assert [len(numbers) for numbers in asked] == [FEWEST]
    assert (asked[0][0], asked[0][-1]) == (0, 99)
    assert np.array_equal(evenly(3, 10), [0, 1, 2])


def test_rows_that_are_made_are_known_by_what_they_are_made_of() -> None:
    volume = np.random.default_rng(0).normal(size=(1, 9, 9, 9)).astype(np.float32)

    def crops(of: np.ndarray) -> DataSet:
        rows = Crops((of,), (4, 4, 4), 20, seed=0)
        return checked("crops", rows, "real")

    assert identity(crops(volume)) == identity(crops(volume.copy()))
    assert identity(crops(volume)) != identity(crops(volume + 1))


def test_greys_that_are_drawn_anew_are_told_apart() -> None:
    greys = np.random.default_rng(0).integers(0, 256, (20, 1, 4, 4), dtype=np.uint8)
    first, second = (checked("b", Binarised(x, 0), "binary") for x in (greys, 255 - greys))
    assert identity(first) != identity(second)
