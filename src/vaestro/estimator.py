"""The scikit-learn face: fit, transform, inverse_transform, sample, score.

Shape letters: N samples, D features, K latents.
"""

import tempfile
from collections.abc import Sequence
from math import prod
from numbers import Real
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from vaestro.data.from_python import as_array, columns_called
from vaestro.experiments.face import train
from vaestro.experiments.recipe import Recipe, apply
from vaestro.experiments.run import Run
from vaestro.foundation.edits import listed


class VAE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A dense variational autoencoder as a scikit-learn transformer.

    `latent` dimensions, one hidden layer of `width` units, a likelihood by kind, `beta` on the
    prior term. `settings` are further recipe edits, such as ("training.clip_norm=1",). The run
    folder is kept at `run` if given, else it is temporary.
    """

    def __init__(
        self,
        latent: int = 16,
        likelihood: str = "gaussian",
        beta: float = 1.0,
        width: int = 256,
        epochs: int = 100,
        batch_size: int = 64,
        learning_rate: float = 1e-3,
        seed: int = 0,
        settings: Sequence[str] | None = (),
        run: str | None = None,
    ) -> None:
        self.latent = latent
        self.likelihood = likelihood
        self.beta = beta
        self.width = width
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed
        self.settings = settings
        self.run = run

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Train on X (N, D) or (N, *shape); y is ignored. Raises UserError for bad input."""
        shape = as_array(X, "X").shape
        with tempfile.TemporaryDirectory() as folder:
            root = self.run or str(Path(folder) / "run")
            recipe = self._recipe(shape[0] if shape else 0)
            self.run_: Run = train(recipe, data=X, run=root, report=self.run is not None)
        self.n_features_in_ = prod(shape[1:])
        self._keep_names(X)
        return self

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Posterior means (N, K). Columns with names are taken by those of `feature_names_in_`.
        Raises UserError for bad input."""
        check_is_fitted(self)
        means: np.ndarray = self.run_.encode(x=X).mean.numpy()
        return means

    def inverse_transform(self, Z: Any) -> np.ndarray:  # noqa: N803
        """The samples (N, *) that latents Z (N, K) stand for, in the units of `sample`."""
        check_is_fitted(self)
        return self.run_.decode(Z)

    def sample(self, count: int = 1, seed: int = 0) -> np.ndarray:
        """`count` samples from the prior, in the units of the training data; of bytes
        (uint8), 0 to 1."""
        check_is_fitted(self)
        return self.run_.sample(count, seed)

    def score(self, X: Any, y: Any = None) -> float:  # noqa: N803
        """The mean ELBO of X at beta 1, in nats per sample (higher is better)."""
        check_is_fitted(self)
        return float(self.run_.evaluate(x=X, samples=1)["elbo"])

    def _keep_names(self, X: Any) -> None:  # noqa: N803
        """Set `feature_names_in_` where the columns of X have names, as scikit-learn has it."""
        names = columns_called(X)
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_  # of an earlier fit

    @property
    def _n_features_out(self) -> int:
        """What scikit-learn makes the names vae0, vae1, ... from."""
        return self.latent

    def _recipe(self, samples: int) -> Recipe:
        network = {"kind": "dense", "widths": [self.width]}
        base = Recipe.parse(
            {
                "name": "estimator",
                "seed": self.seed,
                "data": "digits",
                "split": {"validation": 0.1, "test": 0.0},
                "model": {
                    "latent": self.latent,
                    "encoder": network,
                    "decoder": network,
                    "likelihood": self.likelihood,
                },
                "objective": {"beta": self.beta},
                "training": {
                    "epochs": self.epochs,
                    "batch_size": self._batch_size(samples),
                    "learning_rate": self.learning_rate,
                },
            }
        )
        return apply(base, listed(self.settings, "settings"))

    def _batch_size(self, samples: int) -> Any:
        """No more than the samples there are to train on; what is no number, the recipe refuses."""
        most = max(1, int(samples * 0.9) - 1)
        return min(self.batch_size, most) if isinstance(self.batch_size, Real) else self.batch_size
