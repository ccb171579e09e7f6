"""The task of training a VAE: noise, forward pass and objective, joined.

Shape letters: B batch, K latents.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch
from vaestro.models.levels import skip_nats
from vaestro.models.vae import VAE, Pass
from vaestro.probability import beta as weighting
from vaestro.probability.beta import BetaState
from vaestro.probability.objective import Objective, Terms
from vaestro.training.kept_features import KeptFeatures
from vaestro.training.plan import Plan
from vaestro.training.record import figures_of


class ElboTask:
    """Minimise `objective` over `vae`. Noise is drawn from (seed, stream, step) alone.

    `kept`: a frozen encoder's features for training (Stream.POSTERIOR) and for validation.
    """

    def __init__(
        self,
        vae: VAE,
        objective: Objective,
        plan: Plan,
        seed: int,
        kept: Mapping[Stream, KeptFeatures] | None = None,
    ) -> None:
        self.vae = vae
        self.objective = objective
        self.plan = plan
        self.seed = seed
        self.kept = {} if kept is None else kept
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
        terms = self.objective.terms(result.log_likelihood, result.kl, beta, step)
        if result.lesson is not None:
            terms = terms.with_lesson(result.lesson.mean())
        return (
            terms if result.label_nats is None else self._labelled(terms, result.label_nats.mean())
        )

    def _labelled(self, terms: Terms, label_term: Tensor) -> Terms:
        """Scaled like the data term, so that every reduction keeps one meaning."""
        predictor = self.vae.predictor
        assert predictor is not None, "label nats come from a predictor"
        return terms.with_label(label_term, self.objective.weights.data * predictor.weight)

    def advanced(self, control: BetaState, terms: Terms, step: int) -> BetaState:
        """The controller after seeing this step's data term."""
        return weighting.advanced(
            self.objective.config.beta, control, terms.data_term.detach(), step
        )

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch], control: BetaState) -> dict[str, Any]:
        """The objective over a split at full beta, with the same noise at every call.

        `mse` is the mean squared error per element, in natural units, through the posterior mean;
        `skip_term` the part of the prior term that goes around the bottleneck, of a network with
        skips; where the transform reduces, `model_space_mse` and `model_space_data_term` tell what
        the model was given to do.
        """
        count = 0
        nats, label, other, kl = (
            torch.zeros(size, dtype=torch.float64) for size in ((), (), (3,), (self.vae.latent,))
        )
        for number, batch in enumerate(batches):
            result = self._pass(batch, Stream.VALIDATION, number)
            count += len(batch.x)
            log_likelihood = result.log_likelihood + self.vae.beside(batch)
            nats = nats + log_likelihood.double().sum().cpu()
            kl = kl + result.kl.double().sum(0).cpu()
            other = other + self._beside_objective(batch, result)
            if result.label_nats is not None:
                label = label + result.label_nats.double().sum().cpu()
        beta = self.objective.final_beta(control)
        beta = beta.cpu() if isinstance(beta, Tensor) else beta
        terms = self.objective.combine(-nats / count, kl / count, beta, None)
        if self.vae.predictor is not None:
            terms = self._labelled(terms, label / count)
        figures = figures_of(terms)
        figures |= {"beta": float(beta), "mse": float(other[0] / count)}
        around = skip_nats(self.vae.head.latents, kl / count)
        if around is not None:
            figures["skip_term"] = around
        if self.vae.transform.reduces:
            figures["model_space_mse"] = float(other[1] / count)
            figures["model_space_data_term"] = -float(other[2] / count)
        return figures

    def _pass(self, batch: Batch, stream: Stream, counter: int) -> Pass:
        """Forward with the noise of (stream, counter), under the plan's precision."""
        x = batch.x
        random = generator(self.seed, stream, counter, device=x.device)
        noise = torch.randn(
            len(x), self.vae.latent, generator=random, device=x.device, dtype=x.dtype
        )
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.plan.precision == "bf16"):
            kept = self.kept.get(stream)
            features = None if kept is None else kept.of(self.vae, batch)
            result: Pass = self._forward(x, noise, batch.given, features)
        return result

    def _beside_objective(self, batch: Batch, result: Pass) -> Tensor:
        """Sums over the batch, (3,) in 64 bits: squared error per element through the posterior
        mean, of natural samples and of those in model space, and the model-space log-likelihood.
        """
        mean = self.vae.likelihood.mean(self.vae.decode(result.posterior.mean, batch.given))
        errors = (batch.truth - self.vae.transform.invert(mean), batch.x - mean)
        sums = [error.double().square().mean() * len(error) for error in errors]
        inside = (result.log_likelihood - self.vae.transform.log_det).double().sum()
        return torch.stack([*sums, inside]).cpu()
