"""What tells codes from draws of the prior, and when samples are bad."""

import math

import pytest
import torch
from torch import Tensor

from vaestro.health.diagnosis.density_ratio import by_logistic, by_neighbours
from vaestro.health.diagnosis.diagnose import diagnose
from vaestro.health.diagnosis.diagnosis import Diagnosis
from vaestro.health.diagnosis.prior import AXES, _leading_axes


def normal(count: int, latent: int, seed: int) -> Tensor:
    return torch.randn(count, latent, generator=torch.Generator().manual_seed(seed)).double()


STEPS = torch.tensor([-1.1503, -0.3186, 0.3186, 1.1503]).double() / 0.8441
"""Quartiles' middles of the standard normal, made to have variance 1."""


def islands(count: int, width: float) -> Tensor:
    """Codes (count, 2) on sixteen islands, of about the prior's mean, covariance and shape."""
    centres = torch.cartesian_prod(STEPS, STEPS)[torch.arange(count) % 16]
    return (1 - width**2) ** 0.5 * centres + width * normal(count, 2, 3)


@pytest.mark.parametrize("judge", [by_logistic, by_neighbours])
def test_equal_distributions_are_not_told_apart(judge: object) -> None:
    told = judge(normal(800, 4, 0), normal(800, 4, 1))  # type: ignore[operator]
    assert told.accuracy == pytest.approx(0.5, abs=0.04)
    assert told.density_ratio == pytest.approx(0.0, abs=0.12)


def test_the_density_ratio_is_the_divergence_of_two_gaussians() -> None:
    """KL(N(0, s^2 I) || N(0, I)) = K (s^2 - 1 - 2 ln s) / 2, for s = 1/2 and K = 2: 0.636 nats."""
    true = 2 * 0.5 * (0.25 - 1 - 2 * math.log(0.5))
    narrow, prior = 0.5 * normal(1000, 2, 0), normal(1000, 2, 1)
    assert by_neighbours(narrow, prior).density_ratio == pytest.approx(true, abs=0.12)
    assert by_logistic(narrow, prior).density_ratio == pytest.approx(true, abs=0.12)


def test_neighbours_see_islands_that_squares_do_not() -> None:
    codes, prior = islands(1000, 0.05), normal(1000, 2, 1)
    assert by_logistic(codes, prior).accuracy < 0.7
    seen = by_neighbours(codes, prior)
    assert seen.accuracy > 0.85
    # the entropy of sixteen narrow Gaussians, and -E log p
    entropy = math.log(16) + math.log(2 * math.pi * math.e * 0.05**2)
    true = math.log(2 * math.pi) + 0.5 * float(codes.square().sum(1).mean()) - entropy
    assert seen.density_ratio == pytest.approx(true, abs=0.4)


def test_codes_that_fall_together_give_a_finite_ratio() -> None:
    same = torch.zeros(60, 3).double()
    assert math.isfinite(by_neighbours(same, normal(60, 3, 0)).density_ratio)


@pytest.mark.parametrize(("count", "wide"), [(200, 40), (60, 300)])
def test_leading_axes_are_those_of_the_rows_themselves(count: int, wide: int) -> None:
    rows = normal(count, wide, 0) * torch.linspace(3, 0.1, wide).double()
    rows = rows - rows.mean(0)
    axes = _leading_axes(rows)
    exact = torch.linalg.svd(rows, full_matrices=False).Vh[:AXES]
    torch.testing.assert_close(axes.T @ axes, torch.eye(AXES).double(), atol=1e-8, rtol=0)
    torch.testing.assert_close(axes @ axes.T, exact.T @ exact, atol=1e-6, rtol=0)


def test_rows_of_few_dimensions_have_finite_axes() -> None:
    rows = normal(50, 2, 0) @ normal(2, 200, 1)
    assert _leading_axes(rows).isfinite().all()
    assert _leading_axes(torch.zeros(50, 200).double()).isfinite().all()


def of_islands(decode_between: bool) -> Diagnosis:
    """A decoder that only turns z, and one that sends every z to the nearest island."""
    x = islands(800, 0.02).float()
    centres = islands(16, 0.0).float()

    def decode(z: Tensor) -> Tensor:
        return z if decode_between else centres[torch.cdist(z, centres).argmin(1)]

    return diagnose(lambda x: (x, torch.full_like(x, -9.0)), decode, x, variance=1e-3)


def test_islands_are_no_mismatch_if_the_decoder_leaves_nothing_between_them() -> None:
    found = of_islands(decode_between=True)
    assert [one.kind for one in found.findings] == ["prior_mismatch"]
    numbers = found.findings[0].evidence
    assert numbers["accuracy_from_mean_and_spread"] < 0.7 < 0.85 < numbers["classifier_accuracy"]
    assert numbers["samples_off_the_reconstructions"] > 0.5
    assert "fitted to the codes" in found.findings[0].remedies[0]
    assert of_islands(decode_between=False).verdict == "healthy"


def of_wide_codes(scale: float) -> Diagnosis:
    """Codes with a standard deviation of `scale`, so that what the prior draws is shrunk by it."""
    x = normal(800, 12, 0).float()
    return diagnose(
        lambda x: (scale * x, torch.full_like(x, -5.0)), lambda z: z / scale, x, variance=1e-2
    )


def test_samples_that_lie_between_the_copies_are_told_from_them() -> None:
    """MNIST at an x_var of 0.01: blurred samples are nearer to every copy than copies are."""
    found = of_wide_codes(3.0)
    assert [one.kind for one in found.findings] == ["prior_mismatch"]
    numbers = found.findings[0].evidence
    assert numbers["samples_off_the_reconstructions"] < 0.05
    assert numbers["samples_told_from_reconstructions"] > 0.9
    assert of_wide_codes(1.0).verdict == "healthy"


def test_codes_that_nothing_is_made_of_are_not_healthy() -> None:
    """Seven nats of code for a twentieth of one: the decoder gives nearly the mean sample."""
    x = normal(500, 6, 0).float()
    x = x - x.mean(0)
    found = diagnose(
        lambda x: (x[:, :3], torch.full_like(x[:, :3], -5.0)),
        lambda z: torch.cat([0.02 * z, torch.zeros_like(z)], 1),
        x,
    )
    assert found.verdict == "undertrained"
    assert "no optimum of the loss allows" in found.sentence
