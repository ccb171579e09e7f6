"""What samples are conditioned on, in parts and joined; and numbers as JSON has them."""

from itertools import pairwise

import pytest
import torch

from tests.conftest import random
from vaestro.foundation.plain import finite, plain
from vaestro.foundation.samples import Given

LABEL = torch.arange(7)
COVARIATES = torch.randn(7, 2, generator=random())
BOTH = Given(LABEL, COVARIATES)


@pytest.mark.parametrize("chosen", [slice(2, 5), torch.tensor([6, 0, 6]), torch.arange(7) % 2 == 0])
def test_a_part_has_the_same_rows_of_every_column(chosen: slice | torch.Tensor) -> None:
    part = BOTH.part(chosen)
    assert part.label is not None and torch.equal(part.label, LABEL[chosen])
    assert part.covariates is not None and torch.equal(part.covariates, COVARIATES[chosen])
    assert Given(None, COVARIATES).part(chosen).label is None


@pytest.mark.parametrize("given", [BOTH, Given(LABEL), Given(None, COVARIATES), Given()])
def test_parts_joined_are_the_whole(given: Given) -> None:
    joined = Given.joined([given.part(slice(a, b)) for a, b in pairwise((0, 1, 4, 7))])
    for whole, column in zip(given, joined, strict=True):
        assert (column is None) is (whole is None)
        assert whole is None or torch.equal(column, whole)


def test_numbers_that_are_not_finite_become_null() -> None:
    nan, infinite = float("nan"), float("inf")
    assert [finite(value) for value in (1.5, nan, infinite, -infinite)] == [1.5, None, None, None]
    found = plain({"a": (1, nan, [infinite, "x"]), "b": {"c": -infinite, "d": None, "e": True}})
    assert found == {"a": [1, None, [None, "x"]], "b": {"c": None, "d": None, "e": True}}
