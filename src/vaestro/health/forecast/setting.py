"""What of a recipe decides whether the prior term wins: the objective, the model's ends, the run.

Letters: K latents, M the whitened score covariance (score.py).
"""

from dataclasses import dataclass
from functools import cached_property

from vaestro.foundation.schedules import Horizon
from vaestro.probability.beta import Capacity, Geco
from vaestro.probability.objective import ObjectiveConfig
from vaestro.probability.posterior import DeterministicConfig, GaussianConfig
from vaestro.probability.reduction import Weights, effective_beta, effective_variance, weights
from vaestro.training.config import TrainingConfig

TOLD_STEPS = 400
"""Schedules are summed over so many evenly spread steps."""


@dataclass(frozen=True)
class Setting:
    """`elements` and `latent` are N and K of the weights; `prior` is the prior's kind;
    `fixed_variance` that of a fixed Gaussian, else None; `importance`: the IWAE bound;
    `hidden_layers`: those of the decoder, on which a cold start depends; `learned_variance`: one
    variance for all elements, learned with the model."""

    objective: ObjectiveConfig
    elements: int
    latent: int
    horizon: Horizon
    training: TrainingConfig
    posterior: GaussianConfig | DeterministicConfig
    prior: str = "standard-normal"
    fixed_variance: float | None = None
    importance: bool = False
    hidden_layers: int = 1
    learned_variance: bool = False

    @cached_property
    def weights(self) -> Weights:
        """What the reduction multiplies both terms by."""
        return weights(
            self.objective.reduction, self.elements, self.latent, self.training.batch_size
        )

    @property
    def noise(self) -> float:
        """The variance of the sampler's noise: 1 unless model.posterior.epsilon_std says else."""
        posterior = self.posterior
        return posterior.epsilon_std**2 if isinstance(posterior, GaussianConfig) else 0.0

    @property
    def controlled(self) -> bool:
        """Whether beta is set by a controller that watches the terms."""
        return isinstance(self.objective.beta, Capacity | Geco)

    @property
    def final_beta(self) -> float:
        """The schedule's last weight; a capacity target's gamma, GECO's first weight."""
        match self.objective.beta:
            case Capacity() as capacity:
                return capacity.gamma
            case Geco() as geco:
                return geco.initial
            case schedule:
                return schedule.final

    def effective(self, beta: float) -> float:
        """beta * w_p / w_d."""
        return effective_beta(beta, self.weights)

    def as_recipe(self, effective: float) -> float:
        """The recipe's beta that has this effective one."""
        return effective / effective_beta(1.0, self.weights)

    def variance(self, effective: float) -> float | None:
        """The effective observation variance at this effective beta, of a fixed Gaussian."""
        return effective_variance(effective, self.fixed_variance)

    @property
    def full_at(self) -> int:
        """The step from which beta is what it ends at, within a hundredth; a controller's is 0."""
        schedule, steps = self.objective.beta, self.horizon.steps
        if isinstance(schedule, Capacity | Geco):
            return 0
        count = max(1, min(TOLD_STEPS, steps))
        for i in reversed(range(count)):
            step = int(i * steps / count)
            if abs(schedule.at(step, self.horizon) - schedule.final) > 0.01 * schedule.final:
                return min(steps, int((i + 1) * steps / count))
        return 0

    def path(self) -> list[tuple[float, float]]:
        """(beta over its final value, learning rate) at TOLD_STEPS evenly spread steps; of a
        controller, whose betas nobody knows, 1."""
        final = self.effective(self.final_beta)
        return [
            (1.0 if self.controlled or final == 0 else beta / final, rate)
            for beta, rate in self.pressures()
        ]

    def pressures(self) -> list[tuple[float, float]]:
        """(effective beta, learning rate) at TOLD_STEPS evenly spread steps of the run, of a
        schedule; a controller's are constant at `final_beta`."""
        schedule, horizon = self.objective.beta, self.horizon
        count = max(1, min(TOLD_STEPS, horizon.steps))
        steps = [int((i + 0.5) * horizon.steps / count) for i in range(count)]
        rates = [self.training.learning_rate.at(step, horizon) for step in steps]
        if isinstance(schedule, Capacity | Geco):
            return [(self.effective(self.final_beta), rate) for rate in rates]
        betas = [self.effective(schedule.at(step, horizon)) for step in steps]
        return list(zip(betas, rates, strict=True))
