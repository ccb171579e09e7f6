"""Distances of sets of samples, against closed forms, scipy and definitions written out."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor

from vaestro.foundation.errors import DataError
from vaestro.metrics.frechet import frechet_distance, frechet_of_gaussians
from vaestro.metrics.kid import kernel_distance
from vaestro.metrics.manifold import manifold
from vaestro.metrics.mmd import mmd_test


def normal(count: int, size: int, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, size, generator=random, dtype=torch.float64)


def test_frechet_of_known_gaussians() -> None:
    mean, other = torch.tensor([0.0, 1.0]), torch.tensor([3.0, 1.0])
    cov, wide = torch.diag(torch.tensor([1.0, 4.0])), torch.diag(torch.tensor([9.0, 4.0]))
    assert frechet_of_gaussians(mean, cov, other, wide) == pytest.approx(9 + (3 - 1) ** 2)
    assert frechet_of_gaussians(mean, cov, mean, cov) == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize(("count", "more", "size"), [(200, 300, 6), (12, 9, 30), (40, 8, 20)])
def test_frechet_is_scipys(count: int, more: int, size: int) -> None:
    """Whichever of D and N is smaller, and for covariances without an inverse."""
    turn = normal(size, size, 5)
    one, other = normal(count, size, 1), normal(more, size, 2) @ turn / 3 + 0.5
    a, b = one.numpy(), other.numpy()
    left, right = np.cov(a.T), np.cov(b.T)
    root = sqrtm(left @ right).real
    wanted = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(left + right - 2 * root)
    assert frechet_distance(one, other) == pytest.approx(wanted, rel=1e-4)
    gaussians = frechet_of_gaussians(one.mean(0), one.T.cov(), other.mean(0), other.T.cov())
    assert frechet_distance(one, other) == pytest.approx(gaussians, rel=1e-6)


def test_frechet_finds_the_distance_of_what_was_drawn() -> None:
    one, other = normal(20000, 3, 1), 2 * normal(20000, 3, 2) + torch.tensor([1.0, 0.0, 0.0])
    assert frechet_distance(one, other) == pytest.approx(1 + 3 * (2 - 1) ** 2, rel=0.03)


def test_frechet_is_too_large_by_a_share_of_one_over_n() -> None:
    sizes = (100, 400)
    few, many = (
        np.mean([frechet_distance(normal(n, 8, s), normal(n, 8, 99 + s)) for s in range(8)])
        for n in sizes
    )
    assert few / many == pytest.approx(4, rel=0.25)


def test_kernel_distance_by_definition_and_without_bias() -> None:
    one, other = normal(15, 4, 1), normal(11, 4, 2) + 0.3

    def kernel(x: Tensor, y: Tensor) -> float:
        return float((x @ y / 4 + 1) ** 3)

    own = np.mean([kernel(x, y) for x, y in permutations(one, 2)])
    theirs = np.mean([kernel(x, y) for x, y in permutations(other, 2)])
    both = np.mean([kernel(x, y) for x in one for y in other])
    assert kernel_distance(one, other).distance == pytest.approx(own + theirs - 2 * both)


def test_kernel_distance_has_no_bias_and_knows_its_error() -> None:
    for apart, most in ((0.0, 1.6), (1.0, 1.25)):
        runs = [
            kernel_distance(normal(60, 3, s), normal(60, 3, 500 + s) + apart) for s in range(200)
        ]
        found = np.array([run.distance for run in runs])
        far = kernel_distance(normal(2000, 3, 1), normal(2000, 3, 2) + apart).distance
        assert abs(found.mean() - far) < 4 * found.std() * math.sqrt(1 / 200 + 60 / 2000)
        said = np.mean([run.standard_error for run in runs if run.standard_error is not None])
        assert 0.8 * found.std() < said < most * found.std()


def test_kernel_distance_is_torchmetrics_poly_mmd() -> None:
    from torchmetrics.image.kid import poly_mmd

    one, other = normal(50, 7, 1), normal(50, 7, 2) + 0.2
    theirs = float(poly_mmd(one, other))
    assert kernel_distance(one, other).distance == pytest.approx(theirs, rel=1e-9)


def test_mmd_by_definition() -> None:
    one, other = normal(9, 2, 1), normal(7, 2, 2) + 1
    found = mmd_test(one, other, torch.Generator().manual_seed(0))

    def kernel(x: Tensor, y: Tensor) -> float:
        return math.exp(-float((x - y).square().sum()) / (2 * found.bandwidth**2))

    own = np.mean([kernel(x, y) for x, y in permutations(one, 2)])
    theirs = np.mean([kernel(x, y) for x, y in permutations(other, 2)])
    both = np.mean([kernel(x, y) for x in one for y in other])
    assert found.squared == pytest.approx(own + theirs - 2 * both)
    distances = torch.nn.functional.pdist(torch.cat([one, other]))
    assert found.bandwidth == pytest.approx(float(distances.median()))


def test_mmd_of_known_gaussians() -> None:
    """E k(a, b) of N(0, 1) and N(m, 1) in one dimension: w/sqrt(w^2+2) exp(-m^2/(2(w^2+2)))."""
    one, other = normal(3000, 1, 1), normal(3000, 1, 2) + 1.5
    found = mmd_test(one, other, torch.Generator().manual_seed(0), permutations=19)
    spread = found.bandwidth**2 + 2
    scale = found.bandwidth / math.sqrt(spread)
    wanted = 2 * scale * (1 - math.exp(-(1.5**2) / (2 * spread)))
    assert found.squared == pytest.approx(wanted, rel=0.08)
    assert found.p_value == pytest.approx(1 / 20)


def test_mmd_rejects_equal_distributions_at_its_nominal_rate() -> None:
    """At 5 % five of a hundred, over a thousand trials: 2 % are three standard errors."""
    random = torch.Generator().manual_seed(3)
    rejected = 0
    for _ in range(1000):
        both = torch.randn(60, 2, generator=random, dtype=torch.float64)
        rejected += mmd_test(both[:30], both[30:], random, permutations=99).p_value <= 0.05
    assert rejected / 1000 == pytest.approx(0.05, abs=0.02)


def test_manifold_by_hand() -> None:
    real = torch.tensor([[0.0], [1.0], [2.0], [10.0]])
    made = torch.tensor([[0.5], [1.5], [30.0], [30.1]])
    # To the nearest neighbour real balls reach 1, 1, 1, 8; those of samples 1, 1, .1, .1.
    found = manifold(real, made, neighbours=1)
    assert found.precision == pytest.approx(2 / 4)
    assert found.recall == pytest.approx(3 / 4)
    assert found.density == pytest.approx((2 + 2 + 0 + 0) / 4)
    assert found.coverage == pytest.approx(3 / 4)


def test_manifold_of_equal_distributions() -> None:
    runs = [manifold(normal(400, 5, s), normal(400, 5, 100 + s)) for s in range(6)]
    missed = math.prod((400 - i) / (800 - i) for i in range(1, 6))
    assert np.mean([run.density for run in runs]) == pytest.approx(1, abs=0.05)
    assert np.mean([run.coverage for run in runs]) == pytest.approx(1 - missed, abs=0.02)
    precision, recall = (np.mean([run[i] for run in runs]) for i in (0, 1))
    assert precision == pytest.approx(recall, abs=0.05)


def test_manifold_tells_missing_variety_from_missing_fidelity() -> None:
    real = torch.cat([normal(300, 2, 1), normal(300, 2, 2) + 20])
    narrow = normal(600, 2, 3)
    wide = torch.cat([real + 0.1 * normal(600, 2, 4), normal(600, 2, 5) * 3 + 60])
    half, spoiled = manifold(real, narrow), manifold(real, wide)
    assert half.precision > 0.95
    assert half.recall < 0.55
    assert half.coverage < 0.55
    assert spoiled.recall > 0.9
    assert spoiled.precision == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance, manifold])
def test_too_few_are_refused(measure: object) -> None:
    with pytest.raises(DataError, match="give"):
        measure(torch.zeros(1, 3), torch.zeros(9, 3))  # type: ignore[operator]
