"""Two samples of one number each: how far apart, and is it chance?

Shape letters: N numbers of one sample, M of the other.
"""

from typing import NamedTuple

from torch import Tensor


class Apart(NamedTuple):
    """mean, mean_other: of both; wasserstein: W1 in the numbers' own unit; ks: the greatest
    distance of the two distribution functions, in [0, 1]; p_value: how often chance gives as
    much for equal distributions."""

    mean: float
    mean_other: float
    wasserstein: float
    ks: float
    p_value: float


def apart(one: Tensor, other: Tensor) -> Apart:
    """Kolmogorov-Smirnov's test and the Wasserstein distance of (N,) and (M,), by SciPy.

    W1 = integral |F - F'|; the p-value is SciPy's, exact for small samples, asymptotic for large.
    """
    # scipy.stats takes a second to import
    from scipy.stats import ks_2samp, wasserstein_distance

    a, b = (values.double().numpy() for values in (one, other))
    test = ks_2samp(a, b)
    distance = float(wasserstein_distance(a, b))
    return Apart(
        float(a.mean()), float(b.mean()), distance, float(test.statistic), float(test.pvalue)
    )
