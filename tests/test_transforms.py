"""Transforms: exact inverses, exact log|det|, fitted values against double precision."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from vaestro.foundation.errors import RecipeError
from vaestro.foundation.samples import SampleSpec
from vaestro.transforms.identity import Identity, NoneConfig
from vaestro.transforms.kinds import Kind, fit, model_spec, unfitted
from vaestro.transforms.standardise import StandardiseConfig
from vaestro.transforms.transform import Transform

SPEC = SampleSpec((2, 3), "unit", 1 / 255, 256)
SCALES = torch.tensor([[0.1, 2.0, 30.0], [1.0, 0.5, 7.0]])
X = torch.randn(500, 2, 3, generator=torch.Generator().manual_seed(0)) * SCALES + 5
KINDS: list[Kind] = [NoneConfig(), StandardiseConfig(), StandardiseConfig(per="element")]


def parts(x: Tensor = X) -> Iterator[Tensor]:
    yield from x.split(128)


def fitted(config: Kind) -> Transform:
    return fit(config, parts(), SPEC)


@pytest.mark.parametrize("config", KINDS, ids=str)
def test_the_way_back_undoes_the_way_there(config: Kind) -> None:
    transform = fitted(config).double()
    wide = X.double()
    torch.testing.assert_close(transform.invert(transform.apply(wide)), wide, rtol=0, atol=1e-13)
    torch.testing.assert_close(transform.apply(transform.invert(wide)), wide, rtol=0, atol=1e-11)


@pytest.mark.parametrize("config", KINDS, ids=str)
def test_log_det_is_the_determinant_of_the_jacobian(config: Kind) -> None:
    transform = fitted(config).double()
    jacobian = torch.autograd.functional.jacobian(
        lambda flat: transform.apply(flat.view(1, 2, 3)).flatten(), X[0].double().flatten()
    )
    torch.testing.assert_close(
        transform.log_det, torch.linalg.slogdet(jacobian).logabsdet, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("config", KINDS, ids=str)
def test_densities_compare_across_scalings(config: Kind) -> None:
    transform = fitted(config).double()
    std = torch.full((2, 3), 3.0, dtype=torch.float64)
    natural = torch.distributions.Normal(torch.tensor(4.0, dtype=torch.float64), std)
    y = transform.apply(X[:9].double())
    slope = transform.apply(torch.ones_like(y)) - transform.apply(torch.zeros_like(y))
    there = torch.distributions.Normal(transform.apply(natural.mean.expand(1, 2, 3)), slope * std)
    torch.testing.assert_close(
        there.log_prob(y).sum((1, 2)) + transform.log_det,
        natural.log_prob(X[:9].double()).sum((1, 2)),
        rtol=0,
        atol=1e-6,
    )


def test_each_element_gets_its_own_mean_and_std() -> None:
    transform = fitted(StandardiseConfig(per="element")).double()
    y = transform.apply(X.double())
    torch.testing.assert_close(y.mean(0), torch.zeros(2, 3).double(), rtol=0, atol=1e-5)
    torch.testing.assert_close(y.std(0, correction=0), torch.ones(2, 3).double(), rtol=1e-6, atol=0)


def test_one_mean_and_one_std_for_all() -> None:
    transform = fitted(StandardiseConfig())
    wide = X.double()
    torch.testing.assert_close(transform.mean.double(), wide.mean().expand(2, 3), rtol=1e-6, atol=0)
    std = wide.std(correction=0)
    torch.testing.assert_close(transform.std.double(), std.expand(2, 3), rtol=1e-6, atol=0)
    assert float(transform.log_det) == pytest.approx(-6 * float(std.log()), rel=1e-6)


@pytest.mark.parametrize("per", ["all", "element"])
def test_a_large_offset_costs_no_digits(per: str) -> None:
    shifted = X.double() + 1e9
    transform = fit(StandardiseConfig.parse({"per": per}), parts(shifted), SPEC)
    plain = fit(StandardiseConfig.parse({"per": per}), parts(), SPEC)
    torch.testing.assert_close(transform.std, plain.std, rtol=1e-6, atol=0)


def test_the_batches_do_not_change_the_fit() -> None:
    config = StandardiseConfig(per="element")
    whole = fit(config, iter([X]), SPEC)
    ones = fit(config, iter(X.split(1)), SPEC)
    torch.testing.assert_close(whole.std, ones.std, rtol=1e-6, atol=0)
    torch.testing.assert_close(whole.mean, ones.mean, rtol=1e-6, atol=0)


def test_a_constant_element_is_centred_and_not_blown_up() -> None:
    x = X.clone()
    x[:, 0, 1] = 0.1
    x[:, 1, 2] = torch.randn(500, generator=torch.Generator().manual_seed(1)) * 1e-9
    transform = fit(StandardiseConfig(per="element"), parts(x), SPEC)
    y = transform.apply(x)
    assert transform.std[0, 1] == 1
    assert transform.std[1, 2] == 1
    assert (y[:, 0, 1] == 0).all()
    assert y[:, 1, 2].abs().max() < 1e-8
    others = transform.std.flatten()[[0, 2, 3, 4]].double()
    assert float(transform.log_det) == pytest.approx(-float(others.log().sum()), rel=1e-6)
    low = fit(StandardiseConfig(per="element", floor=1e-12), parts(x), SPEC)
    assert float(low.std[1, 2]) == pytest.approx(1e-9, rel=0.1)


@pytest.mark.parametrize("config", KINDS, ids=str)
def test_the_fit_travels_in_the_state_dict(config: Kind) -> None:
    transform = fitted(config)
    other = unfitted(config, SPEC)
    other.load_state_dict(transform.state_dict())
    assert torch.equal(other.apply(X), transform.apply(X))
    assert torch.equal(other.log_det, transform.log_det)
    assert "log_det" in transform.state_dict()
    assert list(transform.parameters()) == []


def test_transformed_samples_are_real_numbers() -> None:
    assert model_spec(Identity(), SPEC) == SPEC
    assert model_spec(fitted(StandardiseConfig()), SPEC) == SampleSpec((2, 3), "real")


def test_a_floor_must_be_positive() -> None:
    with pytest.raises(RecipeError, match="floor"):
        StandardiseConfig.parse({"floor": 0})
