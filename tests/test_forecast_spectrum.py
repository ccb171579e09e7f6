"""The spectrum of M: three ways that agree, held out, and the proxy that bounds a second state."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from vaestro.health.forecast.covariance import from_covariances
from vaestro.health.forecast.inner import from_gram
from vaestro.health.forecast.proxy import sub_gaussian_proxy
from vaestro.health.forecast.rows import HalvedRows
from vaestro.health.forecast.sketch import from_sketch
from vaestro.health.forecast.spectrum import falling, spectrum

ENGINES = [from_covariances, from_gram, from_sketch]


def rows_of(x: torch.Tensor) -> HalvedRows:
    return HalvedRows(lambda places: x[places], len(x), x.shape[1], len(x) // 2)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def ragged() -> torch.Tensor:
    """Rows with a falling spectrum and a mean far from 0."""
    return (random(301, 40).double() @ torch.diag(torch.linspace(3, 0.1, 40).double())) + 5


@pytest.mark.parametrize("engine", ENGINES)
def test_every_way_gives_the_eigenvalues_of_numpy(engine, ragged) -> None:  # type: ignore[no-untyped-def]
    raw = engine(rows_of(ragged), 12)
    covariance = np.cov(ragged.numpy().T, bias=True)
    expected = np.linalg.eigvalsh(covariance)[::-1]
    np.testing.assert_allclose(raw.values[:12].numpy(), expected[:12], rtol=1e-6)
    assert raw.total == pytest.approx(np.trace(covariance), rel=1e-9)
    assert float(raw.along.square().mean()) == pytest.approx(expected[0], rel=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_way_holds_out_the_same(engine, ragged) -> None:  # type: ignore[no-untyped-def]
    first, second = ragged[:150].numpy(), ragged[150:].numpy()
    _, directions = np.linalg.eigh(np.cov(first.T, bias=True))
    along = (second - second.mean(0)) @ directions[:, ::-1]
    crossed = engine(rows_of(ragged), 12).crossed[1]
    found = crossed - crossed.mean(0)
    np.testing.assert_allclose(found.square().mean(0)[:3], along.var(0)[:3], rtol=1e-3)


def test_digits_have_the_published_eigenvalues() -> None:
    x = torch.from_numpy(load_digits().data / 16)
    found = spectrum(rows_of(x), 10)
    expected = [0.698857, 0.639167, 0.553553, 0.394704, 0.271385]
    np.testing.assert_allclose(found.values[:5].numpy(), expected, atol=1e-6)
    whole = np.linalg.eigvalsh(np.cov(x.numpy().T, bias=True))[::-1]
    np.testing.assert_allclose(found.values.numpy(), whole.clip(0), atol=1e-9)
    assert found.total == pytest.approx(4.693276317823, abs=1e-9)
    low, high = found.interval()[0]
    assert low < float(found.held_out[0]) < high


@pytest.mark.parametrize("samples", [300, 500])
def test_white_noise_has_no_large_eigenvalue_held_out(samples: int) -> None:
    """The sample's largest is about (1 + sqrt 171)^2 = 198 where 1 is true."""
    found = spectrum(rows_of(random(samples, 171 * samples, seed=samples)), 16)
    assert float(found.values[0]) > 190
    assert float(found.held_out.max()) < 1.2
    assert float(found.held_out.min()) > 0.7
    assert len(found.held_out) == 64


def test_a_true_direction_is_found_held_out() -> None:
    x = random(400, 4000)
    x[:, 0] *= 12
    found = spectrum(rows_of(x), 4)
    true, seen = 144.0, float(found.held_out[0])
    assert 0.6 * true < seen < 1.2 * true
    assert float(found.held_out[1]) < 1.3


def test_too_few_samples_hold_nothing_out() -> None:
    found = spectrum(rows_of(random(3, 5)), 2)
    assert len(found.held_out) == 0
    assert found.samples == 3


def test_falling_is_the_nearest_falling_sequence() -> None:
    assert falling(torch.tensor([3.0, 1.0, 2.0, 4.0, 0.5])).tolist() == pytest.approx(
        [3.0, 7 / 3, 7 / 3, 7 / 3, 0.5]
    )


def test_the_proxy_of_rare_events_is_exact() -> None:
    """x in {0, 1} with P(1) = p has (1 - 2p) / (2 log((1 - p) / p)), above its variance."""
    x = torch.zeros(1000)
    x[:10] = 1
    exact = 0.98 / (2 * math.log(99))
    assert exact == pytest.approx(0.106635, abs=1e-6)
    assert sub_gaussian_proxy(x) == pytest.approx(exact, abs=1e-6)
    assert float(x.double().var(correction=0)) == pytest.approx(0.0099, abs=1e-9)


def test_the_proxy_of_a_coin_is_its_variance() -> None:
    assert sub_gaussian_proxy(torch.tensor([0.0, 1.0] * 50)) == pytest.approx(0.25, abs=1e-6)
