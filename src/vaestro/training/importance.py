"""The task of training a VAE by the importance-weighted bound.

Shape letters: S samples of z for each x, B batch, K latents.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch, Given
from vaestro.models.importance import ImportancePass, importance_pass
from vaestro.models.vae import VAE
from vaestro.probability.beta import BetaState
from vaestro.probability.importance_objective import importance_bound, importance_terms
from vaestro.probability.objective import Balance, Objective, Terms
from vaestro.training.elbo import ElboTask
from vaestro.training.kept_features import Features


class ImportanceTask:
    """Maximise the bound from `samples` draws. `elbo`: the same model's task with an unweighted
    objective, whose figures stand beside the bound. Noise is drawn from (seed, stream, step)."""

    def __init__(self, elbo: ElboTask, samples: int) -> None:
        self.elbo = elbo
        self.samples = samples
        self._forward = torch.compile(importance_pass) if elbo.plan.compile else importance_pass

    @property
    def module(self) -> VAE:
        """The VAE."""
        return self.elbo.vae

    @property
    def objective(self) -> Objective:
        """The unweighted ELBO: beta 1."""
        return self.elbo.objective

    def initial_control(self, device: torch.device) -> BetaState:
        """The state of a controller that never acts."""
        return self.elbo.initial_control(device)

    def weight(self, control: BetaState, step: int) -> float | Tensor:
        """1"""
        return self.elbo.weight(control, step)

    def terms(
        self, batch: Batch, control: BetaState, step: int, rows: slice | None = None
    ) -> Terms:
        """One stochastic estimate of the bound on `batch`, and of the terms of the ELBO; or on some
        of its `rows` with the noise that they have in the whole."""
        return importance_terms(*self._pass(batch, Stream.POSTERIOR, step, rows))

    @property
    def additive(self) -> bool:
        """Yes: a batch's bound is the mean of its samples' bounds."""
        return True

    def whole(self, means: Terms, control: BetaState, step: int) -> Terms:
        """The terms of a batch: the means over it of the terms of its parts."""
        return means

    def balance(self, control: BetaState, step: int) -> Balance:
        """The unweighted one."""
        return self.elbo.balance(control, step)

    def noise(self, x: Tensor, stream: Stream, counter: int) -> Tensor:
        """The noise (S, B, K) for the samples x: (B, *) of (stream, counter)."""
        random = generator(self.elbo.seed, stream, counter, device=x.device)
        size = (self.samples, len(x), self.elbo.vae.latent)
        return torch.randn(size, generator=random, device=x.device, dtype=x.dtype)

    def estimate(
        self,
        vae: VAE,
        x: Tensor,
        noise: Tensor,
        given: Given,
        at: Balance,
        features: Features | None = None,
    ) -> Terms:
        """The terms that `vae` has on x: (B, *); nothing is weighted, whatever `at` says, and no
        `features` are kept for it."""
        return importance_terms(*importance_pass(vae, x, noise, given))

    def advanced(self, control: BetaState, terms: Terms, step: int) -> BetaState:
        """`control` as it is: nothing is weighted."""
        return control

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch], control: BetaState) -> dict[str, Any]:
        """The figures of the ELBO from one draw, but `loss`, which is minus the mean bound; with
        the same noise at every call."""
        bounds: list[Tensor] = []
        figures = self.elbo.validate(self._bounded(batches, bounds), control)
        return figures | {"loss": -float(torch.cat(bounds).mean())}

    def _bounded(self, batches: Iterable[Batch], bounds: list[Tensor]) -> Iterator[Batch]:
        """The batches one by one, each one's bounds (B,) in 64 bits put into `bounds` on the way:
        a split is read once."""
        for number, batch in enumerate(batches):
            result = self._pass(batch, Stream.VALIDATION, number)
            bound = importance_bound(result.log_likelihood + result.log_ratio)
            bounds.append((bound + self.elbo.vae.beside(batch)).double().cpu())
            yield batch

    def _pass(
        self, batch: Batch, stream: Stream, counter: int, rows: slice | None = None
    ) -> ImportancePass:
        """S draws for each sample with the noise of (stream, counter), in the plan's precision."""
        noise = self.noise(batch.x, stream, counter)
        if rows is not None:
            batch, noise = batch.rows(rows.start, rows.stop), noise[:, rows]
        x, vae = batch.x, self.elbo.vae
        half = self.elbo.plan.precision == "bf16"
        with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
            return self._forward(vae, x, noise, batch.given)
