"""The mutual information gap: is each factor in one dimension of z alone? (Chen et al. 2018)

Shape letters: N samples, K latents, F factors.
"""

from collections.abc import Sequence

from torch import Tensor

from vaestro.metrics.factors import Factor, binned, entropy, mutual_information


def mutual_information_gap(z: Tensor, factors: Sequence[Factor]) -> float | None:
    """The mean over factors of (I(v; z_1) - I(v; z_2)) / H(v), z_1 and z_2 the two dimensions that
    know most of v: 1 for a perfect code, about 0 for noise (Chen et al. 2018, eq. 6).

    z: (N, K) posterior means, in 20 bins of equal width. Says nothing of dimensions that mix
    factors. None without a factor that varies.
    """
    codes = binned(z)
    gaps = [_gap(codes, factor.levels) for factor in factors if factor.varies]
    return sum(gaps) / len(gaps) if gaps else None


def _gap(codes: Tensor, levels: Tensor) -> float:
    known = sorted((mutual_information(column, levels) for column in codes.T), reverse=True)
    second = known[1] if len(known) > 1 else 0.0
    return (known[0] - second) / entropy(levels)
