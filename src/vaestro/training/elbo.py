"""The task of training a VAE: noise, forward pass and objective, joined.

Shape letters: B batch, K latents.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch, Given
from vaestro.models.levels import skip_nats
from vaestro.models.vae import VAE, Pass
from vaestro.probability import beta as weighting
from vaestro.probability.beta import BetaState
from vaestro.probability.objective import Balance, Objective, Terms, combined
from vaestro.training.kept_features import Features, KeptFeatures
from vaestro.training.plan import Plan
from vaestro.training.record import figures_of
from vaestro.training.tally import Tally


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

    def terms(
        self, batch: Batch, control: BetaState, step: int, rows: slice | None = None
    ) -> Terms:
        """One stochastic estimate of the objective on `batch`, or on some of its `rows` with the
        noise that they have in the whole."""
        result = self._pass(batch, Stream.POSTERIOR, step, rows)
        return self._terms(result, self.balance(control, step))

    @property
    def additive(self) -> bool:
        """Whether a batch's loss is the mean of its samples' losses."""
        return self.objective.additive

    def whole(self, means: Terms, control: BetaState, step: int) -> Terms:
        """The terms of a batch, from the means over it of the terms of its parts."""
        if self.additive:
            return means  # its loss is one too, that of a prior's critic included
        at = self.balance(control, step)
        terms = combined(means.data_term, means.kl_per_dimension, at)
        label = means.label_term
        return terms if label is None else self._labelled(terms, label, at)

    def balance(self, control: BetaState, step: int) -> Balance:
        """What combines the terms at `step`."""
        return self.objective.balance(self.weight(control, step), step)

    def noise(self, x: Tensor, stream: Stream, counter: int) -> Tensor:
        """The noise (B, K) for the samples x: (B, *) of (stream, counter)."""
        random = generator(self.seed, stream, counter, device=x.device)
        size = (len(x), self.vae.latent)
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
        """The terms that `vae` has on x: (B, *) with `noise`; `terms` of a model in the place of
        the task's own, for a population's. `features` of x spare the encoder."""
        return self._terms(vae(x, noise, given, features), at)

    def _terms(self, result: Pass, at: Balance) -> Terms:
        terms = combined(-result.log_likelihood.mean(), result.kl.mean(0), at)
        if result.lesson is not None:
            terms = terms.with_lesson(result.lesson.mean())
        nats = result.label_nats
        return terms if nats is None else self._labelled(terms, nats.mean(), at)

    def _labelled(self, terms: Terms, label_term: Tensor, at: Balance) -> Terms:
        """Scaled like the data term, so that every reduction keeps one meaning."""
        predictor = self.vae.predictor
        assert predictor is not None, "label nats come from a predictor"
        return terms.with_label(label_term, at.data * predictor.weight)

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
        tally = Tally()
        for number, batch in enumerate(batches):
            result = self._pass(batch, Stream.VALIDATION, number)
            tally = tally.plus(self.counted(self.vae, batch, result), len(batch.x))
        return self.figures(tally, control)

    def counted(self, vae: VAE, batch: Batch, result: Pass) -> tuple[Tensor, ...]:
        """What a batch adds to a tally, in 64 bits: nats (), squared error per element in natural
        units and in model space, model-space log-likelihood (3,), KL (K,), and label nats () where
        a covariate is read. `result` is a pass of `vae`, which may be another in the task's place.
        """
        log_likelihood = result.log_likelihood + vae.beside(batch)
        mean = vae.likelihood.mean(vae.decode(result.posterior.mean, batch.given))
        sums = [_squared_error(batch.truth, vae.transform.invert(mean))]
        same = vae.transform.is_identity  # natural units are those of model space
        sums.append(sums[0] if same else _squared_error(batch.x, mean))
        inside = (result.log_likelihood - vae.transform.log_det).double().sum()
        label = () if result.label_nats is None else (result.label_nats.double().sum(),)
        other = torch.stack([*sums, inside])
        return (log_likelihood.double().sum(), other, result.kl.double().sum(0), *label)

    def figures(self, tally: Tally, control: BetaState) -> dict[str, Any]:
        """The figures of a split from its tally."""
        nats, other, kl, *label = tally.means
        beta = self.objective.final_beta(control)
        beta = beta.cpu() if isinstance(beta, Tensor) else beta
        at = self.objective.balance(beta, None)
        terms = combined(-nats, kl, at)
        if self.vae.predictor is not None:
            terms = self._labelled(terms, label[0], at)
        figures = figures_of(terms)
        figures |= {"beta": float(beta), "mse": float(other[0])}
        around = skip_nats(self.vae.head.latents, kl)
        if around is not None:
            figures["skip_term"] = around
        if self.vae.transform.reduces:
            figures["model_space_mse"] = float(other[1])
            figures["model_space_data_term"] = -float(other[2])
        return figures

    def _pass(self, batch: Batch, stream: Stream, counter: int, rows: slice | None = None) -> Pass:
        """Forward with the noise of (stream, counter), under the plan's precision."""
        noise = self.noise(batch.x, stream, counter)
        if rows is not None:
            batch, noise = batch.rows(rows.start, rows.stop), noise[rows]
        half = self.plan.precision == "bf16"
        with torch.autocast(batch.x.device.type, torch.bfloat16, enabled=half):
            kept = self.kept.get(stream)
            features = None if kept is None else kept.of(self.vae, batch)
            result: Pass = self._forward(batch.x, noise, batch.given, features)
        return result


def _squared_error(x: Tensor, mean: Tensor) -> Tensor:
    """The squared error per element of x: (B, *), summed over the batch, in 64 bits."""
    error = x - mean
    return error.double().square().mean() * len(error)
