"""A mixture of Gaussians on draws of the aggregate posterior, by expectation maximisation.

Shape letters: N samples, K latents, V covariates, D = V + K, C components.
"""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.errors import RecipeError
from vaestro.foundation.randomness import Stream, derive_seed
from vaestro.generation.priors.components import Components
from vaestro.generation.priors.config import MixtureConfig
from vaestro.generation.priors.groups import Fitted, Grouped, by_label
from vaestro.generation.priors.latents import Latents, Told

Covariance = Literal["full", "diagonal"]
FULL_UP_TO = 64
"""Beyond so many dimensions only diagonal covariances are tried: a full one has more numbers than
most training sets determine."""
NUMBERS = 4_000_000
"""A mixture keeps at most so many numbers of covariance factors; this bounds C."""
FLOOR = 1e-6
"""Added to every variance of the standardised latents."""


class Candidate(NamedTuple):
    """One mixture and the log density, in nats, of the latents that were set aside."""

    fitted: Fitted
    nats: float


def fit_mixture(latents: Latents, told: Told, config: MixtureConfig, seed: int) -> Grouped:
    """The mixture whose number of components and covariances give latents that were set aside the
    greatest log density, of each label apart where there are enough of them.

    EM (Dempster, Laird and Rubin 1977) from scikit-learn, started by k-means. The number of
    components is doubled until two steps in a row bring nothing. Raises RecipeError when more
    components are asked for than there are latents to fit them to.
    """

    def fit(some: Latents, covariates: Tensor) -> Fitted:
        return _chosen(some, covariates, config, seed)

    return by_label(latents, told, fit)


def _chosen(latents: Latents, covariates: Tensor, config: MixtureConfig, seed: int) -> Fitted:
    """The best candidate of both kinds of covariance."""
    whole = replace(latents, given=latents.given._replace(label=None, covariates=covariates))
    rows = torch.linspace(0, len(whole) - 1, min(config.rows, len(whole))).round().long()
    learnt, aside = whole.at(rows).parted(seed)
    _require_enough(learnt, whole, config)
    size = latents.dimensions + covariates.shape[1]
    kinds: tuple[Covariance, ...] = ("full", "diagonal") if size <= FULL_UP_TO else ("diagonal",)
    kinds = kinds if config.covariance is None else (config.covariance,)
    found = [one for kind in kinds for one in _ladder(learnt, aside, kind, config, seed)]
    return max(found, key=lambda one: one.nats).fitted


def _require_enough(learnt: Latents, whole: Latents, config: MixtureConfig) -> None:
    """Raise RecipeError for more components than there are latents to start them at."""
    if (config.components or 0) > len(learnt):
        raise RecipeError(
            f"components={config.components} needs as many latents, and of {len(whole):,} (of one "
            f"label, where labels are told) {len(learnt):,} are left to fit to once some are set "
            f"aside; give components={len(learnt)} or fewer"
        )


def _ladder(
    learnt: Latents, aside: Latents, kind: Covariance, config: MixtureConfig, seed: int
) -> Iterator[Candidate]:
    """Mixtures of 1, 2, 4, ... components, until two in a row are no better than the best."""
    best, worse, size = -float("inf"), 0, _joint(learnt, seed).shape[1]
    most = min(config.most, max(1, len(learnt) // 10), max(1, NUMBERS // size**2))
    counts = [2**power for power in range(most.bit_length())]
    for count in [config.components] if config.components else counts:
        if count > len(learnt) or worse == 2:
            return
        fitted = _expectation_maximisation(_joint(learnt, seed), count, kind, seed)
        candidate = Candidate(fitted, _log_density(fitted, aside, seed))
        worse = 0 if candidate.nats > best else worse + 1
        best = max(best, candidate.nats)
        yield candidate


def _joint(latents: Latents, seed: int) -> Tensor:
    """A draw of each sample beside its covariates, (N, D), in 64 bits."""
    covariates = latents.given.covariates
    assert covariates is not None
    return torch.cat([covariates, latents.draw(seed, 1)], 1).double()


def _expectation_maximisation(rows: Tensor, count: int, kind: Covariance, seed: int) -> Fitted:
    """Weights, means and factors of rows (N, D), which are standardised for the fit and back."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    mean, std = rows.mean(0), rows.std(0, correction=0).clamp(min=1e-12)
    model: Any = GaussianMixture(
        count,
        covariance_type="full" if kind == "full" else "diag",
        reg_covar=FLOOR,
        max_iter=200,
        random_state=derive_seed(seed, Stream.PRIORS, count) % 2**32,
    )
    with warnings.catch_warnings():  # 200 rounds are enough: what is chosen is chosen by density
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(((rows - mean) / std).numpy())
    covariances = torch.from_numpy(model.covariances_)
    lower = (
        torch.linalg.cholesky(covariances) if kind == "full" else covariances.sqrt().diag_embed()
    )
    return Fitted(
        torch.from_numpy(model.weights_),
        mean + std * torch.from_numpy(model.means_),
        std[:, None] * lower,
    )


def _log_density(fitted: Fitted, aside: Latents, seed: int) -> float:
    """The mean log p(z|c) of the latents that were set aside."""
    covariates = aside.given.covariates
    assert covariates is not None
    nothing = torch.zeros(covariates.shape[1])
    held = Components(
        fitted.weights.log()[None], fitted.means[None], fitted.factors[None], nothing, nothing + 1
    )
    return float(held.log_density(aside.draw(seed, 2), aside.given).mean())
