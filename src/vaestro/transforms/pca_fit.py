"""Fit principal components on the training split, whatever its size.

The way is chosen by size: the covariance where a sample has few elements, the inner products of the
samples where those are few, else a randomised range finder. Each is a few passes over the batches.

Shape letters: N samples, B batch, D elements, k components.
"""

from vaestro.foundation.errors import DataError, RecipeError
from vaestro.foundation.samples import SampleSpec
from vaestro.transforms.moments import Batches, Moments, measure, where_64_bits_are
from vaestro.transforms.pca import Pca, PcaConfig
from vaestro.transforms.range_finder import randomised
from vaestro.transforms.spectrum import Spectrum, Wanted, from_covariance, from_inner_products

MOST_FOR_COVARIANCE = 3000
"""Elements up to which the covariance is formed: 72 MB, and seconds for its eigenvectors."""

MOST_FOR_INNER_PRODUCTS = 3000
MOST_HELD = 100_000_000
"""Samples up to which their inner products are formed, and how many numbers these may hold."""


def fitted_pca(config: PcaConfig, batches: Batches, spec: SampleSpec) -> Pca:
    """The principal components of natural training samples (B, *), and their training error.

    Raises RecipeError when there are too few samples or elements for the components, DataError when
    the samples do not vary.
    """
    moments = measure(batches)
    _require_directions(config.components, moments)
    found = principal(batches, moments, config.components)
    pca = Pca(config, spec, len(found.values))
    pca.set(moments.mean, found.values, found.vectors, float(moments.variance.sum()))
    pca.training_error.fill_(_training_error(pca, batches, moments.samples))
    return pca


def principal(batches: Batches, moments: Moments, wanted: Wanted) -> Spectrum:
    """The leading eigenvalues and eigenvectors of the covariance: k of them, or a share's worth."""
    elements = moments.mean.numel()
    if elements <= MOST_FOR_COVARIANCE:
        return from_covariance(batches, moments, wanted)
    few = moments.samples <= MOST_FOR_INNER_PRODUCTS
    if few and moments.samples * elements <= MOST_HELD:
        return from_inner_products(batches, moments, wanted)
    return randomised(batches, moments, wanted)


def _require_directions(wanted: Wanted, moments: Moments) -> None:
    """At most min(N - 1, D) directions vary: more components would be drawn from nothing."""
    elements = moments.mean.numel()
    least = wanted if isinstance(wanted, int) else 1
    given = f"transform.components={wanted}"
    if least > elements:
        raise RecipeError(
            f"{given} is more than the {elements} elements of a sample; give at most {elements}"
        )
    most = moments.samples - 1
    if least > most:
        remedy = f"give at most {most} components" if most else "give transform.kind=none"
        raise RecipeError(
            f"{given} needs at least {least + 1} training samples, and the number of them is "
            f"{moments.samples}; {remedy}"
        )
    if not float(moments.variance.sum()) > 0:
        raise DataError(
            f"the {moments.samples} training samples are all equal, so they have no principal "
            "components; give transform.kind=none"
        )


def _training_error(pca: Pca, batches: Batches, count: int) -> float:
    """The squared error per sample of going there and back, summed over the elements."""
    return sum(float(pca.residual(where_64_bits_are(x)).sum()) for x in batches()) / count
