"""Transforms: exact inverses, exact log|det|, fitted values against double precision."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from vaestro.foundation.errors import DataError, RecipeError
from vaestro.foundation.samples import SampleSpec
from vaestro.probability.likelihoods.gaussian import Gaussian, GaussianConfig
from vaestro.probability.likelihoods.kinds import build_likelihood
from vaestro.probability.likelihoods.spread import Fitted
from vaestro.transforms.identity import Identity, NoneConfig
from vaestro.transforms.kinds import Kind, fit, model_spec, unfitted
from vaestro.transforms.pca import PcaConfig
from vaestro.transforms.scale import ScaleConfig
from vaestro.transforms.standardise import StandardiseConfig
from vaestro.transforms.transform import Transform

SPEC = SampleSpec((2, 3), "unit", 1 / 255, 256)
REAL = SampleSpec((2, 3), "real")
SCALES = torch.tensor([[0.1, 2.0, 30.0], [1.0, 0.5, 7.0]])
X = torch.randn(500, 2, 3, generator=torch.Generator().manual_seed(0)) * SCALES + 5
BIJECTIVE: list[Kind] = [
    NoneConfig(),
    ScaleConfig(mean=0.5, std=1.25),
    StandardiseConfig(),
    StandardiseConfig(per="channel"),
    StandardiseConfig(per="channel", scale="one"),
    StandardiseConfig(per="element"),
    StandardiseConfig(per="element", scale="one"),
    PcaConfig(components=6),
    PcaConfig(components=6, whiten=True),
]
KINDS: list[Kind] = [*BIJECTIVE, PcaConfig(components=2), PcaConfig(components=0.5, whiten=True)]


def parts(x: Tensor = X) -> Callable[[], Iterator[Tensor]]:
    return lambda: iter(x.split(128))


def fitted(config: Kind, x: Tensor = X, spec: SampleSpec = REAL) -> Transform:
    return fit(config, parts(x), spec)


@pytest.mark.parametrize("config", BIJECTIVE, ids=str)
def test_the_way_back_undoes_the_way_there(config: Kind) -> None:
    transform = fitted(config).double()
    wide = X.double()
    y = transform.apply(wide)
    torch.testing.assert_close(transform.invert(y), wide, rtol=0, atol=1e-13)
    torch.testing.assert_close(transform.apply(transform.invert(y)), y, rtol=0, atol=1e-11)


@pytest.mark.parametrize("config", BIJECTIVE, ids=str)
def test_log_det_is_the_determinant_of_the_jacobian(config: Kind) -> None:
    transform = fitted(config).double()
    jacobian = torch.autograd.functional.jacobian(
        lambda flat: transform.apply(flat.view(1, 2, 3)).flatten(), X[0].double().flatten()
    )
    torch.testing.assert_close(
        transform.log_det, torch.linalg.slogdet(jacobian).logabsdet, rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("config", BIJECTIVE, ids=str)
def test_densities_compare_across_scalings(config: Kind) -> None:
    transform = fitted(config).double()
    x = X[:9].double()
    origin, *corners = transform.apply(
        torch.cat([torch.zeros(1, 6), torch.eye(6)]).view(7, 2, 3).double()
    )
    linear = torch.stack([(corner - origin).flatten() for corner in corners], 1)
    natural = torch.distributions.MultivariateNormal(
        torch.full((6,), 4.0).double(), 9 * torch.eye(6).double()
    )
    there = torch.distributions.MultivariateNormal(
        origin.flatten() + linear @ natural.mean, 9 * linear @ linear.T
    )
    y = transform.apply(x).flatten(1)
    torch.testing.assert_close(
        there.log_prob(y) + transform.log_det, natural.log_prob(x.flatten(1)), rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("config", BIJECTIVE, ids=str)
def test_what_drops_nothing_has_nothing_to_complete(config: Kind) -> None:
    transform = fitted(config)
    assert not transform.reduces
    assert torch.equal(transform.excess(X).double(), torch.zeros(500).double())


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


@pytest.mark.parametrize("per", ["all", "channel", "element"])
def test_a_large_offset_costs_no_digits(per: str) -> None:
    shifted = X.double() + 1e9
    transform = fitted(StandardiseConfig.parse({"per": per}), shifted)
    plain = fitted(StandardiseConfig.parse({"per": per}))
    torch.testing.assert_close(transform.std, plain.std, rtol=1e-6, atol=0)


def test_the_batches_do_not_change_the_fit() -> None:
    config = StandardiseConfig(per="element")
    whole = fit(config, lambda: iter([X]), SPEC)
    ones = fit(config, lambda: iter(X.split(1)), SPEC)
    torch.testing.assert_close(whole.std, ones.std, rtol=1e-6, atol=0)
    torch.testing.assert_close(whole.mean, ones.mean, rtol=1e-6, atol=0)


def test_a_constant_element_is_centred_and_not_blown_up() -> None:
    x = X.clone()
    x[:, 0, 1] = 0.1
    x[:, 1, 2] = torch.randn(500, generator=torch.Generator().manual_seed(1)) * 1e-9
    transform = fitted(StandardiseConfig(per="element"), x)
    y = transform.apply(x)
    assert transform.std[0, 1] == 1
    assert transform.std[1, 2] == 1
    assert (y[:, 0, 1] == 0).all()
    assert y[:, 1, 2].abs().max() < 1e-8
    others = transform.std.flatten()[[0, 2, 3, 4]].double()
    assert float(transform.log_det) == pytest.approx(-float(others.log().sum()), rel=1e-6)
    low = fitted(StandardiseConfig(per="element", floor=1e-12), x)
    assert float(low.std[1, 2]) == pytest.approx(1e-9, rel=0.1)


@pytest.mark.parametrize("config", KINDS, ids=str)
def test_the_fit_travels_in_the_state_dict(config: Kind) -> None:
    transform = fitted(config)
    inner = SampleSpec.from_plain(model_spec(transform, REAL).plain())
    other = unfitted(config, REAL, inner)
    other.load_state_dict(transform.state_dict())
    assert torch.equal(other.apply(X), transform.apply(X))
    assert torch.equal(other.excess(X), transform.excess(X))
    assert torch.equal(other.invert(other.apply(X)), transform.invert(transform.apply(X)))
    assert other.facts() == transform.facts()
    assert other.reduces == transform.reduces
    assert model_spec(other, REAL) == inner
    assert torch.equal(other.log_det, transform.log_det)
    assert "log_det" in transform.state_dict()
    assert list(transform.parameters()) == []


@pytest.mark.parametrize("config", KINDS, ids=str)
def test_the_spec_tells_the_shape_of_what_comes_out(config: Kind) -> None:
    transform = fitted(config)
    inner = model_spec(transform, REAL)
    assert transform.apply(X).shape == (500, *inner.shape)
    assert transform.invert(transform.apply(X)).shape == X.shape
    assert inner.values == "real"
    assert transform.reduces == (inner.elements < 6)


def test_one_sample_at_a_time_and_in_32_bits() -> None:
    for config in KINDS:
        transform = fitted(config).float()
        one = transform.apply(X[:1])
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, transform.apply(X)[:1], rtol=1e-4, atol=1e-5)
        assert transform.invert(one).dtype == torch.float32
        assert transform.excess(X).dtype == torch.float32


def test_each_channel_gets_its_own_mean_and_std() -> None:
    y = fitted(StandardiseConfig(per="channel")).apply(X.double()).transpose(0, 1).flatten(1)
    torch.testing.assert_close(y.mean(1), torch.zeros(2).double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(y.std(1, correction=0), torch.ones(2).double(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("per", ["channel", "element"])
def test_one_scale_keeps_the_proportions(per: str) -> None:
    transform = fitted(StandardiseConfig.parse({"per": per, "scale": "one"}))
    y = transform.apply(X.double())
    centres = y.transpose(0, 1).flatten(1).mean(1) if per == "channel" else y.mean(0)
    torch.testing.assert_close(centres, torch.zeros_like(centres), rtol=0, atol=1e-12)
    assert len(set(transform.std.flatten().tolist())) == 1
    assert float(y.square().mean()) == pytest.approx(1, abs=1e-12)
    before, after = (X.double()[0] - X.double()[1]), y[0] - y[1]
    torch.testing.assert_close(after * transform.std, before, rtol=1e-12, atol=0)


def test_vectors_have_their_elements_as_channels() -> None:
    x, spec = X[:, 0], SampleSpec((3,), "real")
    channel = fitted(StandardiseConfig(per="channel"), x, spec)
    element = fitted(StandardiseConfig(per="element"), x, spec)
    assert torch.equal(channel.apply(x), element.apply(x))


def test_streamlines_come_back_within_a_ten_thousandth_of_a_millimetre() -> None:
    random = torch.Generator().manual_seed(3)
    x = torch.rand(4000, 3, 32, generator=random) * 1000 - 500
    x[100:] = x[100:] * 0.004 - torch.tensor([480.0, 0.0, -300.0]).view(3, 1)
    spec = SampleSpec((3, 32), "real")
    for per in ("all", "channel", "element"):
        config = StandardiseConfig.parse({"per": per, "scale": "one"})
        transform = fitted(config, x, spec).float()
        assert float((transform.invert(transform.apply(x)) - x).abs().max()) < 1e-4


def test_stated_numbers_are_used_as_they_are() -> None:
    transform = fitted(ScaleConfig(mean=0.5, std=4.0))
    torch.testing.assert_close(transform.apply(X), (X.double() - 0.5) / 4, rtol=0, atol=1e-14)
    assert transform.facts() == {"mean": [0.5, 0.5], "std": [4.0, 4.0]}
    assert float(ScaleConfig.parse({}).std) == 1
    with pytest.raises(RecipeError, match="std"):
        ScaleConfig.parse({"std": 0})


def test_facts_tell_the_range_of_what_was_measured() -> None:
    facts = fitted(StandardiseConfig(per="element")).facts()
    wide = X.double()
    assert facts["mean"] == pytest.approx([float(wide.mean(0).min()), float(wide.mean(0).max())])
    std = wide.std(0, correction=0)
    assert facts["std"] == pytest.approx([float(std.min()), float(std.max())])
    assert fitted(NoneConfig()).facts() == {}


def test_quantised_samples_keep_their_resolution() -> None:
    x = (X.clamp(0, 10) / 10 * 255).round() / 255
    assert model_spec(Identity(), SPEC) == SPEC
    for per in ("all", "channel", "element"):
        transform = fitted(StandardiseConfig.parse({"per": per}), x, SPEC)
        inner = model_spec(transform, SPEC)
        assert (inner.shape, inner.values, inner.levels) == ((2, 3), "real", 256)
        steps = transform.apply(x + 1 / 255) - transform.apply(x)
        assert inner.resolution == pytest.approx(float(steps.min()), rel=1e-5)
    assert model_spec(fitted(StandardiseConfig()), REAL) == REAL


def test_a_fitted_variance_gets_its_floor_from_the_data_in_model_space() -> None:
    inner = model_spec(fitted(ScaleConfig(std=0.3081), spec=SPEC), SPEC)
    likelihood = build_likelihood(GaussianConfig(variance=Fitted()), inner)
    assert isinstance(likelihood, Gaussian)
    x = torch.zeros(1, 2, 3)
    deep = torch.stack([x, torch.full_like(x, -1e6)], 1)
    floor = (1 / 255 / 0.3081) ** 2 / 12
    assert float(likelihood.std(deep).square().max()) == pytest.approx(floor, rel=1e-3)


def test_no_samples_is_one_clear_line() -> None:
    for config in (StandardiseConfig(), PcaConfig(components=1)):
        with pytest.raises(DataError, match="no samples"):
            fit(config, lambda: iter(()), SPEC)


def test_a_floor_must_be_positive() -> None:
    with pytest.raises(RecipeError, match="floor"):
        StandardiseConfig.parse({"floor": 0})
