"""The task of training a VAE: noise, forward pass and objective, joined.

Shape letters: B batch, K latents.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch
from vaestro.models.vae import VAE, Pass
from vaestro.probability import beta as weighting
from vaestro.probability.beta import BetaState
from vaestro.probability.objective import Objective, Terms
from vaestro.training.plan import Plan
from vaestro.training.record import figures_of


class ElboTask:
    """Minimise `objective` over `vae`. Noise is drawn from (seed, stream, step) alone."""

    def __init__(self, vae: VAE, objective: Objective, plan: Plan, seed: int) -> None:
        self.vae = vae
        self.objective = objective
        self.plan = plan
        self.seed = seed
        self._forward = torch.compile(vae) if plan.compile else vae

    @property
    def module(self) -> VAE:
        """The VAE."""
        return self.vae

    def initial_control(self, device: torch.device) -> BetaState:
        """The first state of the beta controller."""
        return weighting.initial_state(self.objective.config.beta, device)

    def weight(self, control: BetaState, step: int) -> float | Tensor:
        """beta at `step`."""
        return self.objective.beta_at(control, step)

    def terms(self, batch: Batch, control: BetaState, step: int) -> Terms:
        """One stochastic estimate of the objective on `batch`."""
        result = self._pass(batch, Stream.POSTERIOR, step)
        beta = self.weight(control, step)
        return self.objective.terms(result.log_likelihood, result.kl, beta, step)

    def advanced(self, control: BetaState, terms: Terms, step: int) -> BetaState:
        """The controller after seeing this step's data term."""
        return weighting.advanced(
            self.objective.config.beta, control, terms.data_term.detach(), step
        )

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch], control: BetaState) -> dict[str, Any]:
        """The objective over a split at full beta, with the same noise at every call.

        `mse` is the mean squared error per element, in natural units, through the posterior mean.
        """
        count, nats, squared = 0, torch.zeros((), dtype=torch.float64), 0.0
        kl = torch.zeros(self.vae.latent, dtype=torch.float64)
        for number, batch in enumerate(batches):
            result = self._pass(batch, Stream.VALIDATION, number)
            count += len(batch.x)
            nats = nats + result.log_likelihood.double().sum().cpu()
            kl = kl + result.kl.double().sum(0).cpu()
            squared += self._squared_error(batch.x, result)
        beta = self.objective.final_beta(control)
        beta = beta.cpu() if isinstance(beta, Tensor) else beta
        return figures_of(self.objective.combine(-nats / count, kl / count, beta, None)) | {
            "beta": float(beta),
            "mse": squared / count / self.objective.elements,
        }

    def _pass(self, batch: Batch, stream: Stream, counter: int) -> Pass:
        """Forward with the noise of (stream, counter), under the plan's precision."""
        x = batch.x
        random = generator(self.seed, stream, counter, device=x.device)
        noise = torch.randn(
            len(x), self.vae.latent, generator=random, device=x.device, dtype=x.dtype
        )
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.plan.precision == "bf16"):
            result: Pass = self._forward(x, noise)
        return result

    def _squared_error(self, x: Tensor, result: Pass) -> float:
        natural = self.vae.transform.invert(x)
        error = natural - self.vae.generate(result.posterior.mean)
        return float(error.double().square().sum())
