"""Principal components: against dense algebra, scikit-learn, scipy and the closed form of pPCA."""

import gzip
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from torch import Tensor

from vaestro.foundation.errors import DataError, RecipeError, UserError
from vaestro.foundation.samples import SampleSpec, ValueKind
from vaestro.metrics import ppca
from vaestro.transforms import pca_fit
from vaestro.transforms.kinds import fit, model_spec
from vaestro.transforms.moments import Batches, measure
from vaestro.transforms.pca import Pca, PcaConfig
from vaestro.transforms.range_finder import randomised
from vaestro.transforms.spectrum import Spectrum, from_covariance, from_inner_products, needed

SAMPLES, SHAPE, ELEMENTS = 400, (2, 3, 5), 30
SPEC = SampleSpec(SHAPE, "real")


def correlated(samples: int, elements: int, decay: float = 1.0, seed: int = 0) -> Tensor:
    """Samples whose eigenvalues fall about as i^(-2 decay), mixed over all elements, off centre."""
    random = torch.Generator().manual_seed(seed)
    stds = torch.arange(1, elements + 1, dtype=torch.float64) ** -decay
    mixing = torch.linalg.qr(
        torch.randn(elements, elements, generator=random, dtype=torch.float64)
    ).Q
    drawn = torch.randn(samples, elements, generator=random, dtype=torch.float64)
    return (drawn * stds) @ mixing + 0.5


X = correlated(SAMPLES, ELEMENTS).view(SAMPLES, *SHAPE)


def parts(x: Tensor, size: int = 64) -> Callable[[], Iterator[Tensor]]:
    return lambda: iter(x.split(size))


def fitted(x: Tensor = X, spec: SampleSpec = SPEC, size: int = 64, **fields: Any) -> Pca:
    transform = fit(PcaConfig.parse(fields), parts(x, size), spec)
    assert isinstance(transform, Pca)
    return transform


def covariance(x: Tensor) -> Tensor:
    """The covariance (1/N) of flattened samples."""
    return torch.from_numpy(np.cov(x.double().flatten(1).T.numpy(), ddof=0))


def by(way: Callable[..., Spectrum], x: Tensor, wanted: int | float) -> Spectrum:
    batches: Batches = parts(x)
    return way(batches, measure(batches), wanted)


WAYS = [from_covariance, from_inner_products, randomised]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("samples, elements", [(300, 60), (40, 90)])
def test_every_way_finds_the_components_of_scikit_learn(
    way: Callable[..., Spectrum], samples: int, elements: int
) -> None:
    x = correlated(samples, elements)
    found = by(way, x, 12)
    oracle = PCA(12, svd_solver="full").fit(x.numpy())
    values = oracle.explained_variance_ * (samples - 1) / samples
    np.testing.assert_allclose(found.values.numpy(), values, rtol=1e-3)
    alike = np.abs((found.vectors.numpy().T * oracle.components_).sum(1))
    np.testing.assert_allclose(alike[:6], 1, atol=1e-3)
    if way is not randomised:
        np.testing.assert_allclose(found.values.numpy(), values, rtol=1e-10)
        np.testing.assert_allclose(alike, 1, atol=1e-10)


@pytest.mark.parametrize("way", WAYS)
def test_vectors_are_orthonormal_ordered_and_of_one_sign(way: Callable[..., Spectrum]) -> None:
    values, vectors = by(way, correlated(100, 150), 20)
    assert vectors.shape == (150, 20)
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(20).double(), rtol=0, atol=1e-10)
    assert (values[1:] <= values[:-1]).all()
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    assert (largest > 0).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("share", [0.5, 0.9, 0.9999])
def test_a_share_takes_the_smallest_number_that_reaches_it(
    way: Callable[..., Spectrum], share: float
) -> None:
    x = correlated(500, 400, decay=0.6)
    spectrum = torch.linalg.eigvalsh(covariance(x)).flip(0)
    wanted = int((spectrum.cumsum(0) / spectrum.sum() < share).sum()) + 1
    assert abs(len(by(way, x, share).values) - wanted) <= (2 if way is randomised else 0)


def test_the_range_finder_grows_until_the_share_is_reached() -> None:
    x = correlated(700, 600, decay=0.1)
    found = by(randomised, x, 0.9)
    assert len(found.values) > 256
    total = float(covariance(x).trace())
    assert float(found.values.sum()) >= 0.9 * total
    assert float(found.values[:-1].sum()) < 0.9 * total


def test_the_range_finder_takes_every_direction_when_asked() -> None:
    x = correlated(50, 80)
    found = by(randomised, x, 49)
    exact = by(from_covariance, x, 49)
    torch.testing.assert_close(found.values, exact.values, rtol=1e-9, atol=1e-14)


def test_numbers_in_32_bits_lose_little() -> None:
    x = correlated(2000, 300, decay=0.8)
    exact = by(from_covariance, x, 40)
    for way in WAYS:
        found = by(way, x.float(), 40)
        assert found.vectors.dtype == torch.float64
        torch.testing.assert_close(found.values, exact.values, rtol=2e-3, atol=0)
        assert float(found.values.sum()) == pytest.approx(float(exact.values.sum()), rel=1e-4)


def test_the_way_is_chosen_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []
    for way in WAYS:
        monkeypatch.setattr(
            pca_fit, way.__name__, lambda *given, w=way: (used.append(w.__name__), w(*given))[1]
        )
    fitted(components=3)
    monkeypatch.setattr(pca_fit, "MOST_FOR_COVARIANCE", ELEMENTS - 1)
    fitted(components=3)
    monkeypatch.setattr(pca_fit, "MOST_HELD", SAMPLES * ELEMENTS - 1)
    fitted(components=3)
    monkeypatch.setattr(pca_fit, "MOST_HELD", SAMPLES * ELEMENTS)
    monkeypatch.setattr(pca_fit, "MOST_FOR_INNER_PRODUCTS", SAMPLES - 1)
    fitted(components=3)
    assert used == ["from_covariance", "from_inner_products", "randomised", "randomised"]


def test_streaming_equals_all_at_once() -> None:
    whole, streamed = fitted(components=7, size=SAMPLES), fitted(components=7, size=1)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(streamed.state_dict()[name], value, rtol=1e-9, atol=1e-12)


def test_the_training_error_is_the_sum_of_the_dropped_eigenvalues() -> None:
    spectrum = torch.linalg.eigvalsh(covariance(X)).flip(0)
    errors = []
    for components in (1, 5, 20, 29):
        pca = fitted(components=components)
        facts = pca.facts()
        measured = float((pca.invert(pca.apply(X)) - X).square().flatten(1).sum(1).mean())
        assert facts["training_error"] == pytest.approx(measured, rel=1e-10)
        assert facts["dropped_variance"] == pytest.approx(measured, rel=1e-10)
        assert measured == pytest.approx(float(spectrum[components:].sum()), rel=1e-8)
        assert facts["training_error_per_element"] == pytest.approx(measured / ELEMENTS)
        errors.append(measured)
    assert errors == sorted(errors, reverse=True)


def test_components_are_uncorrelated_with_the_variances_told() -> None:
    pca = fitted(components=6)
    plain = covariance(pca.apply(X))
    torch.testing.assert_close(plain, torch.diag(pca.eigenvalues), rtol=1e-9, atol=1e-12)
    white = covariance(fitted(components=6, whiten=True).apply(X))
    torch.testing.assert_close(white, torch.eye(6).double(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("components", [1, 8, 29])
def test_the_completed_density_is_a_normal_one_in_natural_units(
    components: int, whiten: bool
) -> None:
    pca = fitted(components=components, whiten=whiten)
    variances = torch.ones(components) if whiten else pca.eigenvalues
    y = pca.apply(X[:50])
    inside = torch.distributions.Normal(0, variances.double().sqrt()).log_prob(y).sum(1)
    vectors, values = pca.directions, pca.eigenvalues
    mean_dropped = torch.linalg.eigvalsh(covariance(X))[: ELEMENTS - components].mean()
    outside = torch.eye(ELEMENTS).double() - vectors @ vectors.T
    natural = multivariate_normal(
        pca.mean.flatten().numpy(), (vectors * values @ vectors.T + mean_dropped * outside).numpy()
    )
    np.testing.assert_allclose(
        (inside + pca.log_det + pca.excess(X[:50])).numpy(),
        natural.logpdf(X[:50].flatten(1).numpy()),
        rtol=0,
        atol=1e-8,
    )


@pytest.mark.parametrize("whiten", [False, True])
def test_the_linear_model_has_the_likelihood_of_probabilistic_pca(whiten: bool) -> None:
    pca = fitted(components=8, whiten=whiten)
    variances = torch.ones(8).double() if whiten else pca.eigenvalues
    inside = torch.distributions.Normal(0, variances.sqrt()).log_prob(pca.apply(X)).sum(1).mean()
    values = ppca.eigenvalues(X.flatten(1))
    assert float(inside + pca.log_det) == pytest.approx(ppca.log_likelihood(values, 8), abs=1e-8)
    assert float(pca.excess(X).mean()) == pytest.approx(0, abs=1e-9)


def test_the_excess_of_other_samples_is_the_completion_less_its_training_mean() -> None:
    pca = fitted(components=8)
    other = correlated(20, ELEMENTS, seed=5).view(20, *SHAPE)
    lost = other - pca.invert(pca.apply(other))
    spread = pca.facts()["completion_variance"]
    density = -0.5 * (lost.square() / spread).flatten(1).sum(1) - 11 * math.log(
        2 * math.pi * spread
    )
    training_mean = -11 * (1 + math.log(2 * math.pi * spread))
    torch.testing.assert_close(pca.excess(other), density - training_mean, rtol=0, atol=1e-9)
    assert pca.excess(other).abs().max() > 1


def test_all_components_are_a_rotation() -> None:
    pca = fitted(components=ELEMENTS)
    assert not pca.reduces
    assert float(pca.log_det) == 0
    assert pca.facts()["completion_variance"] is None
    assert pca.facts()["share"] == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(pca.invert(pca.apply(X)), X, rtol=0, atol=1e-12)


def test_elements_that_never_vary_stay_what_they_are() -> None:
    x = X.clone()
    x[:, 0] = 0.25
    spec = SampleSpec(SHAPE, "real", 0.01, 1000)
    for components, whiten in ((10, False), (20, True), (ELEMENTS, True)):
        pca = fitted(x, spec, components=components, whiten=whiten)
        assert all(value.isfinite().all() for value in pca.state_dict().values())
        back = pca.invert(pca.apply(x))
        torch.testing.assert_close(back[:, 0], x[:, 0], rtol=0, atol=1e-12)
        assert pca.apply(x).isfinite().all()


def test_directions_without_variance_count_as_quantisation_noise() -> None:
    flat = torch.zeros(100, 6, dtype=torch.float64)
    flat[:, :2] = correlated(100, 2).round(decimals=2)
    pca = fitted(flat, SampleSpec((6,), "real", 0.01, 500), components=2)
    facts = pca.facts()
    assert facts["mean_dropped_eigenvalue"] == pytest.approx(0, abs=1e-12)
    assert facts["completion_variance"] == pytest.approx(0.01**2 / 12)
    expected = -2 * math.log(2 * math.pi * 0.01**2 / 12)
    assert float(pca.log_det) == pytest.approx(expected, abs=1e-6)
    unknown = fitted(flat, SampleSpec((6,), "real"), components=2).facts()
    assert unknown["completion_variance"] == pytest.approx(1e-8 * unknown["total_variance"] / 6)
    full = fitted(flat, SampleSpec((6,), "real", 0.01, 500), components=6, whiten=True)
    torch.testing.assert_close(full.std[2:], torch.full((4,), 0.01 / 12**0.5).double())


@pytest.mark.parametrize(
    "values, low, high",
    [("unit", 0, 1), ("binary", 0, 1), ("counts", 0, None), ("real", None, None)],
)
def test_what_comes_back_is_clipped_to_the_legal_range(
    values: ValueKind, low: float | None, high: float | None
) -> None:
    spec = SampleSpec(SHAPE, values)
    y = fitted(spec=spec, components=4).apply(X) * 10
    clipped = fitted(spec=spec, components=4).invert(y)
    free = fitted(spec=spec, components=4, clip=False).invert(y)
    assert free.min() < -0.1
    assert free.max() > 1.1
    expected = free if low is None and high is None else free.clamp(low, high)
    assert torch.equal(clipped, expected)


def test_only_what_is_given_is_fitted() -> None:
    pca = fitted(X[:100], components=5)
    changed = X.clone()
    changed[100:] = 99
    again = fitted(changed[:100], components=5)
    assert torch.equal(pca.directions, again.directions)
    torch.testing.assert_close(pca.mean, X[:100].mean(0), rtol=0, atol=1e-14)


def test_32_bits_serve() -> None:
    wide, narrow = fitted(components=8, whiten=True), fitted(components=8, whiten=True).float()
    x = X.float()
    torch.testing.assert_close(narrow.apply(x).double(), wide.apply(X), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(narrow.excess(x).double(), wide.excess(X), rtol=1e-4, atol=1e-4)
    assert narrow.facts()["training_error"] == pytest.approx(wide.facts()["training_error"])
    assert narrow.invert(narrow.apply(x)).dtype == torch.float32


def test_the_resolution_is_that_of_the_finest_component() -> None:
    spec = SampleSpec(SHAPE, "real", 0.01, 1000)
    assert model_spec(fitted(spec=spec, components=4), spec) == SampleSpec((4,), "real", 0.01, 1000)
    white = fitted(spec=spec, components=4, whiten=True)
    expected = 0.01 / float(white.eigenvalues[0].sqrt())
    assert model_spec(white, spec).resolution == pytest.approx(expected)
    assert model_spec(fitted(components=4), SPEC) == SampleSpec((4,), "real")


def test_facts_tell_the_spectrum_in_short() -> None:
    x = correlated(600, 450, decay=0.3)
    facts = fitted(x, SampleSpec((450,), "real"), components=400).facts()
    spectrum = torch.linalg.eigvalsh(covariance(x)).flip(0)
    assert (facts["elements"], facts["components"]) == (450, 400)
    assert facts["eigenvalues"] == pytest.approx(spectrum[:400].tolist(), rel=1e-8)
    assert facts["total_variance"] == pytest.approx(float(spectrum.sum()), rel=1e-10)
    assert facts["share"] == pytest.approx(float(spectrum[:400].sum() / spectrum.sum()), rel=1e-10)
    assert facts["mean_dropped_eigenvalue"] == pytest.approx(float(spectrum[400:].mean()), rel=1e-8)
    curve = facts["cumulative_share"]
    assert len(curve) == 200
    assert (curve[0][0], curve[-1][0]) == (1, 400)
    shares = spectrum.cumsum(0) / spectrum.sum()
    assert [share for _, share in curve] == pytest.approx([float(shares[n - 1]) for n, _ in curve])
    assert fitted(components=1).facts()["cumulative_share"][0][0] == 1


@pytest.mark.parametrize("given", [0, -3, 1.0, 2.5, 0.0, True, "many", None, [3], math.inf])
def test_components_are_a_number_or_a_share(given: Any) -> None:
    with pytest.raises(RecipeError, match="components"):
        PcaConfig.parse({"components": given})


@pytest.mark.parametrize(
    "x, components, told",
    [
        (X, 31, ["31", "30 elements"]),
        (X[:10], 10, ["10", "at least 11", "at most 9"]),
        (X[:1], 1, ["1", "at least 2", "transform.kind=none"]),
        (X[:1], 0.5, ["0.5", "at least 2", "transform.kind=none"]),
        (torch.full((9, *SHAPE), 0.3), 2, ["9 training samples", "all equal"]),
        (torch.full((9, *SHAPE), 0.3), 0.9, ["9 training samples", "all equal"]),
    ],
)
def test_too_little_data_is_one_clear_line(
    x: Tensor, components: int | float, told: list[str]
) -> None:
    with pytest.raises(UserError) as caught:
        fitted(x, components=components)
    assert isinstance(caught.value, (RecipeError, DataError))
    assert "\n" not in str(caught.value)
    assert all(text in str(caught.value) for text in told)


def test_as_many_components_as_samples_allow_keep_everything() -> None:
    pca = fitted(X[:10], components=9)
    assert pca.facts()["share"] == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(pca.invert(pca.apply(X[:10])), X[:10], rtol=0, atol=1e-10)


def test_needed_counts_the_leading_values() -> None:
    values = torch.tensor([4.0, 3.0, 2.0, 1.0])
    assert [needed(values, 10.0, wanted) for wanted in (0.4, 0.41, 0.7, 0.95, 2, 5)] == [
        1, 2, 2, 4, 2, None,
    ]  # fmt: skip
    assert needed(values[:2], 10.0, 0.8) is None


def test_real_digits(real_data: Path) -> None:
    found = sorted((real_data / "mnist").rglob("t10k-images*"))
    assert found, f"no MNIST in {real_data}"
    stored = found[0].read_bytes()
    stored = gzip.decompress(stored) if found[0].suffix == ".gz" else stored
    x = torch.from_numpy(np.frombuffer(stored, np.uint8, offset=16).copy()).view(-1, 1, 28, 28)
    x = x[:3000].float() / 255
    pca = fitted(x, SampleSpec((1, 28, 28), "unit", 1 / 255, 256), size=500, components=0.9)
    oracle = PCA(0.9, svd_solver="full").fit(x.flatten(1).double().numpy())
    assert pca.components == oracle.n_components_
    np.testing.assert_allclose(
        pca.eigenvalues.numpy(), oracle.explained_variance_ * 2999 / 3000, rtol=1e-6
    )
    back = pca.invert(pca.apply(x))
    assert (float(back.min()), float(back.max())) == (0, 1)
    assert float((back - x).square().flatten(1).sum(1).mean()) < pca.facts()["dropped_variance"]
