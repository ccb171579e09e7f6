"""What Python users hand over: tensors, frames, torch data sets, and how their numbers are kept."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.sparse import csr_matrix

from vaestro.data.arrays import from_array
from vaestro.data.store import store_of
from vaestro.foundation.errors import DataError

RANDOM = np.random.default_rng(2)
X = RANDOM.normal(size=(6, 4)).astype(np.float32)


class Items:
    """A torch data set: samples by number."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> Any:
        return self.rows[number]


@pytest.mark.parametrize(
    "given",
    [
        torch.from_numpy(X).requires_grad_(),
        torch.from_numpy(X).double(),
        torch.from_numpy(np.concatenate([X, X], 1))[:, :4],
        csr_matrix(X),
        Items([row.tolist() for row in X]),
        Items([torch.from_numpy(row) for row in X]),
        Items([[row, "a name"] for row in X]),
    ],
    ids=["with gradient", "double", "strided", "sparse", "lists", "tensors", "pairs with names"],
)
def test_one_array_however_it_is_held(given: Any) -> None:
    data = from_array(given)
    np.testing.assert_array_equal(data.values, X)
    assert data.values.dtype == np.float32
    assert data.labels is None


def test_half_precision_tensors() -> None:
    half = torch.from_numpy(X).bfloat16()
    np.testing.assert_array_equal(from_array(half).values, half.float().numpy())


def test_labels_from_pairs_only_when_whole() -> None:
    whole = from_array(Items([(row, torch.tensor(i)) for i, row in enumerate(X)])).labels
    assert whole is not None
    assert whole.tolist() == [0, 1, 2, 3, 4, 5]
    assert from_array(Items([(row, 0.7) for row in X])).labels is None
    assert from_array(Items([(row, row) for row in X])).labels is None
    given = from_array(Items([(row, 3) for row in X]), labels=np.arange(6)).labels
    assert given is not None
    assert given.tolist() == [0, 1, 2, 3, 4, 5]


def test_pictures_come_channels_first() -> None:
    colours = RANDOM.integers(0, 256, (3, 5, 4, 3)).astype(np.uint8)
    data = from_array(Items([(Image.fromarray(c), 0) for c in colours]))
    assert data.spec.shape == (3, 5, 4)
    assert np.array_equal(data.values, colours.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("column", [np.arange(6), np.arange(6.0), np.arange(6)[:, None]])
def test_labels_as_frames_hold_them(column: np.ndarray) -> None:
    labels = from_array(X, labels=column).labels
    assert labels is not None
    assert labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert labels.dtype == np.int64


BAD: list[tuple[Any, dict[str, Any], str]] = [
    ((X, np.arange(6)), {}, "a tuple was given"),
    ({"x": X, "y": X}, {}, "a mapping of x, y was given"),
    ([[1.0, 2.0], [3.0]], {}, "equal samples"),
    (Items([X[0], X[1, :3]]), {}, r"samples of shapes \(3,\) and \(4,\)"),
    (Items([]), {}, "0 samples"),
    (np.array([[1, "a"], [2, "b"]], dtype=object), {}, "the array holds object"),
    (np.array([[1j, 2], [3, 4]]), {}, "the array holds complex128"),
    (np.array([[1e300, 0], [1, 2]]), {}, "float32 ends at 3.4"),
    (np.array([[2**40, 0], [1, 2]]), {}, "int32 ends at 2.147"),
    (np.array([[np.nan, 1], [0, 1]]), {"values_kind": "binary"}, "1 of 2 samples hold NaN"),
    (np.array([[0, 2], [1, 0]]), {"values_kind": "binary"}, "values=binary .* from 0 to 2"),
    (np.array([[0, 0.5], [1, 0]]), {"values_kind": "binary"}, "are not whole and run from 0 to 1"),
    (X, {"labels": np.eye(6, dtype=int)}, r"6 samples and labels of shape \(6, 6\)"),
    (X, {"labels": [0, 1, 2, 3, 4, 4.5]}, "label 5 is 4.5"),
    (np.ma.masked_less(X, X.mean()), {}, "array: .* numbers are masked and numbers without gaps"),
    (list(np.ma.masked_equal(X, X[2, 1])), {}, "1 number is masked"),
    (X, {"labels": np.ma.masked_equal([0, 1, 2, 3, 4, 5], 3)}, "labels of array: 1 number is mask"),
]


@pytest.mark.parametrize(("given", "more", "message"), BAD, ids=[m for *_, m in BAD])
def test_one_line_for_what_cannot_be_used(given: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        from_array(given, **more)
    assert "\n" not in str(caught.value)


def test_the_last_of_many_samples_may_be_the_one_that_differs() -> None:
    many = np.zeros((9000, 2))
    many[-1, 1] = 0.5
    assert from_array(many).spec.values == "unit"


def test_numbers_that_fit_are_not_copied() -> None:
    for array in (X, RANDOM.integers(0, 256, (6, 4)).astype(np.uint8)):
        assert np.shares_memory(from_array(array).values, array)


def test_read_only_arrays_are_copied_so_that_torch_does_not_warn() -> None:
    locked = X.copy()
    locked.flags.writeable = False  # as pandas hands out its own
    data = from_array(locked)
    assert data.values.flags.writeable
    assert torch.equal(
        store_of(data, "cpu", torch.float32).take(torch.arange(6), 0), torch.from_numpy(X)
    )


def test_zeros_and_ones_first_do_not_make_numbers_binary() -> None:
    late = np.zeros((200, 3))
    late[150:] = 0.5
    assert from_array(late).spec.values == "unit"
    assert from_array(late * 2).spec.values == "binary"
    assert from_array((late * 4).astype(np.int64)).spec.values == "counts"


class Frame:
    """A DataFrame as pandas and polars hold one: columns of their own types."""

    def __init__(self, **columns: Any) -> None:
        self.held = {name: np.asarray(column) for name, column in columns.items()}
        self.columns = list(columns)

    def __len__(self) -> int:
        return len(next(iter(self.held.values())))

    def __getitem__(self, name: str) -> np.ndarray:
        return self.held[name]

    def to_numpy(self) -> np.ndarray:
        kinds = {column.dtype for column in self.held.values()}
        return np.stack(
            [c.astype(object if len(kinds) > 1 else c.dtype) for c in self.held.values()], 1
        )


def test_the_columns_of_a_frame_keep_their_names() -> None:
    data = from_array(Frame(age=np.arange(6.0), dose=np.arange(6.0) / 7))
    assert data.spec.names == ("age", "dose")
    mixed = Frame(age=np.arange(6), dose=np.arange(6.0) / 7, ill=np.arange(6) > 2)
    whole = from_array(mixed)
    np.testing.assert_allclose(whole.values[:, 1], np.arange(6) / 7, rtol=1e-6)
    assert whole.values[:, 2].tolist() == [0, 0, 0, 1, 1, 1]
    with pytest.raises(DataError, match=r"column site holds .* numbers without gaps are needed"):
        from_array(Frame(age=np.arange(6), site=list("ababab")))


@pytest.mark.parametrize(
    "given",
    [
        list("bacbac"),
        np.array(list("bacbac")),
        np.array(list("bacbac"), dtype=object),
        np.array(list("bacbac"), dtype="S1"),
        np.array([[x] for x in "bacbac"]),
    ],
    ids=["list", "text", "objects", "bytes", "column"],
)
def test_labels_of_text_are_numbered_in_sorted_order(given: Any) -> None:
    data = from_array(X, labels=given)
    assert data.labels is not None
    assert data.labels.tolist() == [1, 0, 2, 1, 0, 2]
    assert data.spec.label_names == ("a", "b", "c")
    assert from_array(X, labels=np.arange(6).astype(object)).spec.label_names is None


@pytest.mark.parametrize("covariates", [{"age": np.arange(6)}, Frame(age=np.arange(6.0)[:, None])])
def test_covariates_by_name(covariates: Any) -> None:
    data = from_array(X, covariates=covariates)
    assert data.covariates["age"].tolist() == [0, 1, 2, 3, 4, 5]
    assert data.covariates["age"].dtype == np.float32


UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"labels": ["a", None, "b", "a", "a", "b"]}, "label 1 is None, and the others are text"),
    ({"labels": ["a", "", "b", "a", "a", "b"]}, "label 1 is ''"),
    ({"labels": ["a", float("nan"), "b"]}, "6 samples and labels|label 1 is 'nan'|label 1 is nan"),
    ({"labels": ["a", "b"]}, r"6 samples and labels of shape \(2,\)"),
    ({"labels": np.full((6, 2), "a")}, r"6 samples and labels of shape \(6, 2\)"),
    ({"covariates": np.arange(6)}, "covariates are ndarray; a mapping of names"),
    ({"covariates": {"age": list("abcdef")}}, "covariate age of array: the array holds <U1"),
    ({"covariates": {"age": np.arange(5)}}, r"6 samples and covariate age of shape \(5,\)"),
    ({"covariates": {"age": [0, 1, np.nan, 3, 4, 5]}}, "age misses 1 of 6 values, .* sample 2"),
    ({"layout": "images"}, r"data.layout=images does not fit shape \(6, 4\)"),
]


@pytest.mark.parametrize(("more", "message"), UNFIT, ids=range(len(UNFIT)))
def test_labels_and_covariates_that_do_not_fit(more: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        from_array(X, **more)
    assert "\n" not in str(caught.value)


def test_lines_of_several_lengths_are_sent_to_their_source() -> None:
    lines = [RANDOM.normal(size=(n, 3)) for n in (5, 9, 12)]
    with pytest.raises(DataError, match=r"equal samples is needed: .* of kind streamlines"):
        from_array(lines)
    assert from_array([line[:5] for line in lines]).spec.shape == (1, 5, 3)


def test_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"age": [1, 2, 3], "dose": [0.5, 0.25, 1.0], "site": ["b", "a", "b"]})
    data = from_array(table[["age", "dose"]], table["site"], covariates=table[["dose"]])
    assert data.spec.names == ("age", "dose")
    assert data.spec.label_names == ("a", "b")
    assert data.covariates["dose"].tolist() == [0.5, 0.25, 1.0]
    with pytest.raises(DataError, match="column site holds"):
        from_array(table)
    assert from_array(pandas.DataFrame(X)).spec.names is None
    twice = pandas.DataFrame([[1, "a"], [2, "b"]], columns=["a", "a"])
    with pytest.raises(DataError, match="two columns have the same name"):
        from_array(twice)


@pytest.mark.parametrize("stored", [np.float64, np.int64])
def test_what_float32_rounds_away_is_said(stored: type) -> None:
    seconds = 1_700_000_000 + np.arange(50)
    columns = np.stack([seconds, np.arange(50) * 1000], axis=1).astype(stored)
    if stored is np.int64:
        columns = columns - (columns == 0)  # counts would be kept as they are
    (note,) = from_array(columns).notes
    assert note.startswith("element 0: float32 keeps 7 digits")
    assert "subtract what is common" in note
    assert from_array(columns - columns[0] + 0.5).notes == ()


def test_a_constant_with_the_noise_of_float64_loses_nothing() -> None:
    noisy = np.concatenate([np.full((6, 1), 0.1), X], axis=1).astype(np.float64)
    noisy[::2, 0] += 1e-16
    assert from_array(noisy).notes == ()
    assert from_array(noisy * 1e-300).notes[0].startswith("element 1, element 2, element 3 and 1")
