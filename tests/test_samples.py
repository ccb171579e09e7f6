"""Which samples a step sees: splits, the batch stream, stores, augmentation."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from vaestro.data.arrays import from_array
from vaestro.data.augmentation import (
    AsTheyAreConfig,
    SymmetriesConfig,
    build_augmentation,
    symmetries_of,
)
from vaestro.data.dataset import DataSet, checked, require_learnable
from vaestro.data.images.digits import DigitsConfig, load_digits
from vaestro.data.samples import Samples
from vaestro.data.split import SplitConfig, split
from vaestro.data.store import OnDemand
from vaestro.data.stream import BatchStream
from vaestro.foundation.errors import DataError, RecipeError
from vaestro.foundation.samples import SampleSpec

RANDOM = np.random.default_rng(0)
DIGITS = load_digits(DigitsConfig())


class Slow:
    """Rows that are no array: read when asked for, another view in every epoch."""

    changes = True

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.asked: list[np.ndarray] = []

    shape = property(lambda self: self.values.shape)
    dtype = property(lambda self: self.values.dtype)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, numbers: Any) -> np.ndarray:
        return self.values[numbers]

    def at_epoch(self, numbers: np.ndarray, epoch: int) -> np.ndarray:
        self.asked.append(numbers)
        return self.values[numbers] + np.float32(epoch)


def samples() -> Samples:
    return Samples.of(DIGITS, "cpu", torch.float32)


def grouped(count: int, groups: np.ndarray) -> DataSet:
    return checked("grouped", RANDOM.random((count, 2)).astype(np.float32), "real", groups=groups)


def test_splits_share_no_sample_and_lose_none() -> None:
    parts = split(DIGITS, SplitConfig())
    every = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(every.tolist()) == list(range(1797))
    other = split(DIGITS, SplitConfig(seed=1))
    assert not np.array_equal(parts.test, other.test)
    assert np.array_equal(parts.test, split(DIGITS, SplitConfig()).test)


def test_splits_that_leave_nothing() -> None:
    two = from_array(RANDOM.random((2, 3)))
    with pytest.raises(DataError, match="leave 2 for training and 0 for validation"):
        split(two, SplitConfig(validation=0.1, test=0.0))
    with pytest.raises(DataError, match="no official test part"):
        split(DIGITS, SplitConfig(test="official"))
    with pytest.raises(DataError, match="no official validation part"):
        split(DIGITS, SplitConfig(validation="official"))


def test_official_parts_are_taken_as_they_are() -> None:
    x = RANDOM.random((10, 2)).astype(np.float32)
    test, validation = np.array([1, 4]), np.array([0, 9])
    data = checked("x", x, "real", official_test=test, official_validation=validation)
    parts = split(data, SplitConfig(test="official", validation="official"))
    assert parts.test.tolist() == [1, 4]
    assert parts.validation.tolist() == [0, 9]
    assert parts.train.tolist() == [2, 3, 5, 6, 7, 8]
    mixed = split(data, SplitConfig(test="official", validation=0.5))
    assert mixed.test.tolist() == [1, 4]
    assert len(mixed.validation) == 4


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_never_divided(seed: int) -> None:
    groups = RANDOM.integers(0, 12, 300)
    parts = split(grouped(300, groups), SplitConfig(seed=seed))
    seen = [set(groups[part].tolist()) for part in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, seen)) == 12
    assert len(parts.test) == pytest.approx(45, abs=30)
    divided = split(grouped(300, groups), SplitConfig(seed=seed, whole_groups=False))
    assert set(groups[divided.train]) & set(groups[divided.test])


def test_too_few_groups_to_divide() -> None:
    two = grouped(20, np.repeat([0, 1], 10))
    parts = split(two, SplitConfig(test=0.0))
    assert {len(parts.train), len(parts.validation)} == {10}
    one = grouped(20, np.zeros(20, int))
    with pytest.raises(DataError, match=r"1 groups that stay whole .* split.whole_groups=false"):
        split(one, SplitConfig())
    assert len(split(one, SplitConfig(whole_groups=False)).train) == 14


def test_data_that_no_model_learns_from() -> None:
    with pytest.raises(DataError, match="1 samples of 3 elements; at least 2"):
        require_learnable(from_array(np.ones((1, 3))))
    noted = replace(from_array(np.ones((1, 3))), notes=("2 rows were left out",))
    with pytest.raises(DataError, match=r"1 samples of 3 .* at least 2 .*; 2 rows were left"):
        require_learnable(noted)
    with pytest.raises(DataError, match="every one of the 5 samples is the same"):
        require_learnable(from_array(np.ones((5, 3))))
    require_learnable(DIGITS)


def test_the_data_live_once_in_memory() -> None:
    whole = samples()
    stored = whole.store.stored  # type: ignore[attr-defined]
    assert stored.dtype == torch.uint8
    assert stored.data_ptr() == DIGITS.values.ctypes.data  # type: ignore[attr-defined]
    assert whole.at(np.arange(5)).store is whole.store
    assert whole.seen_through(lambda x: 2 * x).store is whole.store


def test_the_batch_stream_is_a_function_of_seed_and_step() -> None:
    chosen = samples().at(np.arange(100, 400))
    stream = BatchStream(chosen, 64, seed=3)
    assert stream.steps_per_epoch == 4
    epoch = torch.cat([stream.batch(step).indices for step in range(4)])
    assert len(set(epoch.tolist())) == 256
    assert epoch.min() >= 100
    assert epoch.max() < 400
    later = BatchStream(chosen, 64, seed=3).batch(6)
    assert torch.equal(later.indices, stream.batch(6).indices)
    assert not torch.equal(stream.batch(0).indices, stream.batch(4).indices)
    assert not torch.equal(
        BatchStream(chosen, 64, seed=4).batch(0).indices, stream.batch(0).indices
    )
    expected = torch.from_numpy(DIGITS.natural(later.indices.numpy()))
    torch.testing.assert_close(later.x, expected)
    assert later.label is not None
    assert DIGITS.labels is not None
    assert later.label.tolist() == DIGITS.labels[later.indices.numpy()].tolist()


def test_reading_ahead_changes_nothing() -> None:
    rows = Slow(RANDOM.normal(size=(50, 3)).astype(np.float32))
    stream = BatchStream(Samples.of(checked("x", rows, "real"), "cpu", torch.float32), 8, seed=1)
    forward = [stream.batch(step).x for step in range(14)]
    assert len(rows.asked) <= 15  # at most one batch ahead, and none twice
    for step in (13, 2, 6):  # asked for out of order, as a resumed run does
        assert torch.equal(stream.batch(step).x, forward[step])
    assert forward[7].mean() - forward[0].mean() > 0.5  # epoch 1 adds 1 to every number
    stream.close()


def test_validation_sees_no_epoch() -> None:
    rows = Slow(RANDOM.normal(size=(9, 3)).astype(np.float32))
    whole = Samples.of(checked("x", rows, "real"), "cpu", torch.float32)
    assert isinstance(whole.store, OnDemand)
    torch.testing.assert_close(
        torch.cat([b.x for b in whole.in_order(4)]), torch.from_numpy(rows.values)
    )


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(DataError, match=r"500 is larger than the 300 .* give at most 300"):
        BatchStream(samples().at(np.arange(300)), 500, 0)


def test_in_order_gives_every_sample_once() -> None:
    chosen = samples().at(np.arange(7, 30))
    batches = list(chosen.in_order(10))
    assert [len(b.x) for b in batches] == [10, 10, 3]
    assert torch.cat([b.indices for b in batches]).tolist() == list(range(7, 30))
    assert list(samples().at(np.arange(0)).in_order(10)) == []


def test_natural_values_come_along_when_the_model_sees_others() -> None:
    halved = samples().at(np.arange(20)).transformed(lambda x: x.flatten(1)[:, ::2])
    batch = next(iter(halved.in_order(20)))
    assert batch.x.shape == (20, 32)
    assert torch.equal(batch.truth, torch.from_numpy(DIGITS.natural(np.arange(20))))
    assert halved.read(torch.arange(3), epoch=0).natural is None  # training asks for no more
    doubled = next(iter(samples().seen_through(lambda x: 2 * x).first(4).in_order(4)))
    assert torch.equal(doubled.x, 2 * doubled.truth)
    plain = next(iter(samples().first(4).in_order(4)))
    assert plain.natural is None
    assert plain.truth is plain.x


SQUARE = SampleSpec((1, 6, 6), "real")
CUBE = SampleSpec((2, 4, 4, 4), "real")


@pytest.mark.parametrize(
    ("spec", "config", "count"),
    [
        (SQUARE, SymmetriesConfig(), 4),
        (SQUARE, SymmetriesConfig(mirror=True), 8),
        (SQUARE, SymmetriesConfig(rotate=False, mirror=True), 2),
        (CUBE, SymmetriesConfig(), 24),
        (CUBE, SymmetriesConfig(mirror=True), 48),
    ],
)
def test_symmetries_are_all_different_and_all_used(
    spec: SampleSpec, config: SymmetriesConfig, count: int
) -> None:
    augmentation = build_augmentation(config, spec, seed=5)
    assert augmentation is not None
    x = torch.arange(float(spec.elements)).reshape(1, *spec.shape).repeat(600, 1, 1, 1, 1)
    x = x.reshape(600, *spec.shape)
    seen = augmentation.apply(x, torch.arange(600), epoch=0)
    assert len({one.numpy().tobytes() for one in seen}) == count
    assert torch.equal(seen.flatten(1).sort().values, x.flatten(1))
    if spec is CUBE:  # channels never mix
        assert (seen[:, 0] < 64).all()


def test_rotations_of_a_square_are_quarter_turns() -> None:
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    turned = {s.of(x).numpy().tobytes() for s in symmetries_of(2, True, False)}
    assert turned == {torch.rot90(x, k, (2, 3)).numpy().tobytes() for k in range(4)}


def test_augmentation_is_a_function_of_seed_number_and_epoch() -> None:
    augmentation = build_augmentation(SymmetriesConfig(), SQUARE, seed=5)
    assert augmentation is not None
    x = torch.from_numpy(RANDOM.random((40, 1, 6, 6)))
    numbers = torch.arange(100, 140)
    together = augmentation.apply(x, numbers, 3)
    order = torch.randperm(40)
    assert torch.equal(augmentation.apply(x[order], numbers[order], 3), together[order])
    alone = augmentation.apply(x[7:8], numbers[7:8], 3)
    assert torch.equal(alone, together[7:8])
    assert not torch.equal(augmentation.apply(x, numbers, 4), together)
    other = build_augmentation(SymmetriesConfig(), SQUARE, seed=6)
    assert other is not None
    assert not torch.equal(other.apply(x, numbers, 3), together)


def test_augmentation_that_does_not_fit_the_samples() -> None:
    assert build_augmentation(AsTheyAreConfig(), SQUARE, 0) is None
    with pytest.raises(RecipeError, match=r"needs images or volumes, and a sample is a vector"):
        build_augmentation(SymmetriesConfig(), SampleSpec((5,), "real"), 0)
    with pytest.raises(RecipeError, match=r"equal sides, and the samples have \(6, 5\)"):
        build_augmentation(SymmetriesConfig(), SampleSpec((1, 6, 5), "real"), 0)
    assert build_augmentation(
        SymmetriesConfig(rotate=False, mirror=True), SampleSpec((1, 6, 5), "real"), 0
    )
