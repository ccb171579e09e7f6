"""Figures of codes: known Gaussians, a perfect code, noise, and codes in between."""

import math

import pytest
import torch
from sklearn.linear_model import LinearRegression
from torch import Tensor

from vaestro.metrics.aggregate import dimensions, gaussian_total_correlation, surgery
from vaestro.metrics.dci import importance
from vaestro.metrics.factor_score import factor_score
from vaestro.metrics.factors import Factor, concentration, entropy, mutual_information
from vaestro.metrics.mig import mutual_information_gap
from vaestro.metrics.probe import label_probe, value_probe
from vaestro.metrics.sap import separated_predictability


def normal(count: int, size: int, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, size, generator=random, dtype=torch.float64)


def design() -> list[Factor]:
    """Every combination of three factors: a label of 3, and quantities of 8 and of 60 values."""
    grid = torch.cartesian_prod(torch.arange(3), torch.arange(8), torch.arange(60))
    return [
        Factor("kind", grid[:, 0], ordered=False),
        Factor("size", grid[:, 1] / 7, ordered=True),
        Factor("turn", grid[:, 2].double(), ordered=True),
    ]


def perfect(factors: list[Factor]) -> Tensor:
    """One dimension for each factor, in another order and on other scales, and one that is idle."""
    columns = [factors[i].values.double() * scale for i, scale in ((2, -3.0), (0, 0.1), (1, 5.0))]
    return torch.stack([*columns, torch.zeros_like(columns[0])], 1)


def test_a_perfect_code_scores_one() -> None:
    factors = design()
    z = perfect(factors)
    assert mutual_information_gap(z, factors) == pytest.approx(1)
    assert separated_predictability(z, factors) == pytest.approx(1)
    found = importance(z, factors)
    assert found is not None
    assert found == pytest.approx((1, 1, 1), abs=0.01)
    votes = factor_score(z, factors, torch.Generator().manual_seed(0))
    assert votes is not None
    assert (votes.accuracy, votes.chance) == (1, pytest.approx(1 / 3))


def test_noise_scores_near_nothing() -> None:
    factors = design()
    z = normal(len(factors[0].values), 6, 1)
    gap, apart = mutual_information_gap(z, factors), separated_predictability(z, factors)
    found = importance(z, factors)
    votes = factor_score(z, factors, torch.Generator().manual_seed(0))
    assert gap is not None and gap < 0.02
    assert apart is not None and apart < 0.05
    assert found is not None and votes is not None
    assert found.disentanglement < 0.05
    assert found.completeness < 0.05
    assert found.informativeness < 0.15
    assert votes.accuracy < 0.45


def test_a_turned_code_is_informative_and_not_disentangled() -> None:
    factors = design()[1:]
    straight = torch.stack([f.values.double() for f in factors], 1)
    straight = (straight - straight.mean(0)) / straight.std(0)
    turn = torch.tensor([[1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64) / math.sqrt(2)
    found, before = importance(straight @ turn, factors), importance(straight, factors)
    assert found is not None and before is not None
    assert found.informativeness > 0.9
    assert found.disentanglement < 0.2 < 0.99 < before.disentanglement
    assert mutual_information_gap(straight @ turn, factors) < 0.1  # type: ignore[operator]
    assert separated_predictability(straight @ turn, factors) < 0.05  # type: ignore[operator]


def test_a_factor_twice_in_the_code_is_no_gap() -> None:
    factors = design()
    z = perfect(factors)
    twice = torch.cat([z, z[:, :3] * 2], 1)
    assert mutual_information_gap(twice, factors) == pytest.approx(0)
    assert separated_predictability(twice, factors) == pytest.approx(0)
    found = importance(twice, factors)
    assert found is not None
    assert found.disentanglement > 0.98
    assert found.completeness < 0.9


def test_without_factors_there_is_no_score() -> None:
    same = Factor("same", torch.ones(50), ordered=True)
    z = normal(50, 3, 0)
    assert mutual_information_gap(z, [same]) is None
    assert separated_predictability(z, [same]) is None
    assert importance(z, [same, same]) is None
    assert factor_score(z, [same, same], torch.Generator()) is None


def test_information_of_whole_numbers() -> None:
    one = torch.tensor([0, 0, 1, 1])
    assert mutual_information(one, one) == pytest.approx(math.log(2))
    assert mutual_information(one, torch.tensor([0, 1, 0, 1])) == pytest.approx(0)
    assert entropy(torch.tensor([0, 1, 2, 3])) == pytest.approx(math.log(4))
    assert concentration(torch.tensor([1.0, 0.0, 0.0])) == pytest.approx(1)
    assert concentration(torch.tensor([0.5, 0.5])) == pytest.approx(0, abs=1e-6)


def channel(turn: Tensor, count: int = 2000) -> tuple[Tensor, Tensor, Tensor]:
    """Posteriors of N(0, I) data seen through noise of variance 1/4, turned: q(z) = N(0, A A^T)."""
    size = len(turn)
    mean = (normal(count, size, 1) * math.sqrt(0.75)) @ turn.T
    variance = torch.full((count, size), 0.25, dtype=torch.float64)
    return mean, variance.log(), mean + 0.5 * normal(count, size, 2)


def test_surgery_dimension_by_dimension() -> None:
    """I(x; z_k) = 1/2 ln(1 / (1/4)) in each of three, no total correlation, no mismatch."""
    mean, log_variance, z = channel(torch.eye(3, dtype=torch.float64))
    found = dimensions(mean, log_variance, z)
    torch.testing.assert_close(
        found.mutual_information, torch.full((3,), math.log(2)).double(), rtol=0, atol=0.03
    )
    assert float(found.marginal_kl.abs().max()) < 0.02
    assert abs(found.total_correlation) < 0.03
    gaussian = gaussian_total_correlation(mean, log_variance)
    assert gaussian == pytest.approx(0, abs=0.002)


def test_the_parts_of_the_mismatch_add_up() -> None:
    mean, log_variance, z = channel(torch.tensor([[1.0, 0.5], [0.0, 1.2]], dtype=torch.float64))
    log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
    whole, parts = surgery(mean, log_variance, z, log_prior), dimensions(mean, log_variance, z)
    assert whole.prior_mismatch == pytest.approx(
        parts.total_correlation + float(parts.marginal_kl.sum())
    )


def test_total_correlation_of_known_gaussians() -> None:
    """-1/2 ln(1 - r^2), r the correlation of A A^T 3/4 + I/4."""
    turn = torch.tensor([[1.0, 0.8], [0.0, 1.0]], dtype=torch.float64)
    covariance = 0.75 * turn @ turn.T + 0.25 * torch.eye(2)
    r = float(covariance[0, 1] / (covariance[0, 0] * covariance[1, 1]).sqrt())
    wanted = -0.5 * math.log(1 - r**2)
    mean, log_variance, z = channel(turn)
    assert dimensions(mean, log_variance, z).total_correlation == pytest.approx(wanted, abs=0.03)
    assert gaussian_total_correlation(mean, log_variance) == pytest.approx(wanted, abs=0.02)


def test_a_label_probe_reads_what_is_there() -> None:
    labels = torch.arange(600) % 3
    z = normal(600, 4, 1)
    z[:, 2] += 6.0 * labels
    found = label_probe(z[:300], labels[:300], z[300:], labels[300:])
    assert found is not None
    assert found.score > 0.97
    assert found.chance == pytest.approx(1 / 3)
    blind = label_probe(normal(300, 4, 5), labels[:300], normal(300, 4, 6), labels[300:])
    assert blind is not None and blind.standard_error is not None
    assert blind.score == pytest.approx(1 / 3, abs=4 * blind.standard_error)
    assert blind.standard_error == pytest.approx(math.sqrt(2 / 9 / 300), rel=0.1)
    assert label_probe(z[:9], torch.zeros(9).long(), z[9:], labels[9:]) is None


def test_a_value_probe_is_linear_regression_and_knows_its_error() -> None:
    z = normal(4000, 3, 1)
    values = z @ torch.tensor([1.0, -2.0, 0.0]).double() + normal(4000, 1, 2)[:, 0]
    found = value_probe(z[:2000], values[:2000], z[2000:], values[2000:])
    plain = LinearRegression().fit(z[:2000], values[:2000]).score(z[2000:], values[2000:])
    assert found is not None and found.standard_error is not None
    assert found.score == pytest.approx(plain, abs=1e-3)
    assert found.score == pytest.approx(5 / 6, abs=4 * found.standard_error)
    tried = [
        value_probe(z[:2000], values[:2000], z[i : i + 100], values[i : i + 100]).score  # type: ignore[union-attr]
        for i in range(2000, 4000, 100)
    ]
    spread = float(torch.tensor(tried).std()) / math.sqrt(20)
    assert found.standard_error == pytest.approx(spread, rel=0.5)
    assert value_probe(z[:50], torch.ones(50), z[50:], torch.ones(len(z) - 50)) is None
