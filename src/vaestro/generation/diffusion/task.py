"""The task of training a denoiser on a model's latents, for the same engine that trains a VAE.

Shape letters: B batch, * the latent's axes.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch, Given
from vaestro.foundation.schedules import Constant
from vaestro.generation.diffusion.condition import UntoldConfig
from vaestro.generation.diffusion.draws import Draws, Posed
from vaestro.generation.diffusion.model import LatentDiffusion
from vaestro.generation.diffusion.noise_levels import noised
from vaestro.probability import beta as weighting
from vaestro.probability.beta import BetaState
from vaestro.probability.objective import Balance, Terms
from vaestro.training.kept_features import Features
from vaestro.training.plan import Plan
from vaestro.training.record import figures_of
from vaestro.training.tally import Tally

LEVELS = 16
"""Validation goes through so many times, each sample at one of them, always the same."""


class DiffusionTask:
    """Minimise the squared error of the predicted target, a mean over the latent's elements.

    Each batch is (B, 2, *): posterior means and standard deviations; z ~ q(z|x) is drawn anew at
    every step. Every draw is a function of (seed, stream, step). The loss is the data term: there
    is no prior term and no latent dimension of which to tell a KL, and no weight between them. It
    is no bound in nats.
    """

    def __init__(self, diffusion: LatentDiffusion, plan: Plan, seed: int) -> None:
        self.diffusion = diffusion
        self.plan = plan
        self.seed = seed
        self._forward = torch.compile(diffusion) if plan.compile else diffusion

    @property
    def module(self) -> LatentDiffusion:
        """The denoiser with its standardisation."""
        return self.diffusion

    def initial_control(self, device: torch.device) -> BetaState:
        """The state of a controller that never acts."""
        return weighting.initial_state(Constant(value=0.0), device)

    def weight(self, control: BetaState, step: int) -> float | Tensor:
        """0: there is no prior term."""
        return 0.0

    def terms(
        self, batch: Batch, control: BetaState, step: int, rows: slice | None = None
    ) -> Terms:
        """One stochastic estimate of the loss on `batch`, or on some of its `rows` with the draws
        that they have in the whole."""
        draws = self.draws(batch, step)
        if rows is not None:
            batch, draws = batch.rows(rows.start, rows.stop), draws.rows(rows)
        return _terms(self.errors(self.posed(batch.x, draws), batch.given, draws).mean())

    def noise(self, x: Tensor, stream: Stream, counter: int) -> Draws:
        """What is random about the samples x: (B, 2, *) of the training step `counter`; all of it
        is of one stream of its own, whatever `stream` says.

        The times of a batch are evenly spread from a random start (Kingma et al. 2021,
        appendix I.1): each is uniform by itself, and together they vary less.
        """
        like = x[:, 0]
        random = generator(self.seed, Stream.DIFFUSION, counter, device=like.device)
        posterior, noise = (_normal(like, random) for _ in range(2))
        size = (len(like),)
        start = torch.rand((), generator=random, device=like.device, dtype=like.dtype)
        even = torch.arange(len(like), device=like.device, dtype=like.dtype) / len(like)
        t = self.diffusion.config.path.trained((start + even) % 1)
        untold = torch.rand(size, generator=random, device=like.device) < self._dropout
        return Draws(posterior, noise, t, untold)

    def balance(self, control: BetaState, step: int) -> Balance:
        """Nothing is weighed: all is data term."""
        return Balance(1.0, 1.0, 0.0)

    def estimate(
        self,
        diffusion: LatentDiffusion,
        x: Tensor,
        noise: Draws,
        given: Given,
        at: Balance,
        features: Features | None = None,
    ) -> Terms:
        """The terms that `diffusion` has on x: (B, 2, *) with `noise`; `terms` of a denoiser in the
        place of the task's own, for a population's, on the same path and standardisation. No
        `features` are kept for it."""
        posed = self.posed(x, noise)
        predicted = diffusion(posed.x, noise.t, given, noise.dropped)
        return _terms(_squared(predicted - posed.target).mean())

    @property
    def additive(self) -> bool:
        """Yes: a batch's loss is the mean of its samples' losses."""
        return True

    def whole(self, means: Terms, control: BetaState, step: int) -> Terms:
        """The terms of a batch: the means over it of the terms of its parts."""
        return means

    def advanced(self, control: BetaState, terms: Terms, step: int) -> BetaState:
        """`control` as it is."""
        return control

    def draws(self, batch: Batch, step: int) -> Draws:
        """What is random about the training batch of `step`."""
        return self.noise(batch.x, Stream.DIFFUSION, step)

    @property
    def _dropout(self) -> float:
        told = self.diffusion.config.condition
        return 0.0 if isinstance(told, UntoldConfig) else told.dropout

    def posed(self, x: Tensor, draws: Draws) -> Posed:
        """What the denoiser is asked about the samples x: (B, 2, *)."""
        mean, spread = x.unbind(1)
        z = self.diffusion.standard.apply(mean + spread * draws.posterior)
        t = draws.t.reshape(-1, *(1,) * (z.dim() - 1))
        path = self.diffusion.config.path
        return Posed(noised(path, z, draws.noise, t), path.target(z, draws.noise, t))

    def errors(self, posed: Posed, given: Given, draws: Draws) -> Tensor:
        """The squared error of each sample's prediction, a mean over its elements, (B,)."""
        half = self.plan.precision == "bf16"
        with torch.autocast(posed.x.device.type, torch.bfloat16, enabled=half):
            predicted = self._forward(posed.x, draws.t, given, draws.dropped)
        return _squared(predicted - posed.target)

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch], control: BetaState) -> dict[str, Any]:
        """The loss over a split, with the same z, noise and times at every call, every sample told
        its condition. `gaussian_loss` is what the best denoiser of a Gaussian with the latents'
        means and standard deviations loses on the same: without less, nothing more was learnt."""
        tally, seen = Tally(), 0
        for number, batch in enumerate(batches):
            draws = self._fixed(batch, number, seen)
            posed = self.posed(batch.x, draws)
            gaussian = _squared(self.diffusion.gaussian(posed.x, draws.t) - posed.target)
            sums = (self.errors(posed, batch.given, draws), gaussian)
            loss, other = (values.double().sum() for values in sums)
            tally = tally.plus((loss, other), len(batch.x))
            seen += len(batch.x)
        loss, gaussian = tally.means
        figures = figures_of(_terms(loss))
        return figures | {"mse": float(loss), "gaussian_loss": float(gaussian)}

    def _fixed(self, batch: Batch, number: int, seen: int) -> Draws:
        """What validation uses for its batch `number`, before which it saw `seen` samples."""
        like = batch.x[:, 0]
        random = generator(self.seed, Stream.VALIDATION, number, device=like.device)
        posterior, noise = (_normal(like, random) for _ in range(2))
        place = (torch.arange(len(like), device=like.device) + seen) % LEVELS
        t = self.diffusion.config.path.trained((place.to(like.dtype) + 0.5) / LEVELS)
        return Draws(posterior, noise, t, torch.zeros_like(place, dtype=torch.bool))


def _terms(loss: Tensor) -> Terms:
    """A loss that is all data term."""
    return Terms(loss, loss, torch.zeros_like(loss), loss.new_zeros(0))


def _squared(error: Tensor) -> Tensor:
    """The mean over the elements of each sample, (B, *) -> (B,)."""
    squared: Tensor = error.square().flatten(1)
    return squared.mean(1)


def _normal(like: Tensor, random: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=random, device=like.device, dtype=like.dtype)
