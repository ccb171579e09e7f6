"""The objective: reductions, free bits, controllers, and what never may change."""

import pytest
import torch

from vaestro.foundation.schedules import Constant, Horizon, Length
from vaestro.probability import beta as weighting
from vaestro.probability.beta import Capacity, Geco
from vaestro.probability.objective import Objective, ObjectiveConfig
from vaestro.probability.reduction import effective_beta, effective_variance, weights

HORIZON = Horizon(steps=100, steps_per_epoch=10)


def objective(**fields: object) -> Objective:
    config = ObjectiveConfig.parse(fields)
    return Objective(config, elements=6, latent=3, batch_size=4, horizon=HORIZON)


LOG_LIKELIHOOD = torch.tensor([-3.0, -5.0, -1.0, -7.0])
KL = torch.tensor([[0.5, 0.0, 2.0]] * 4)


def test_sum_reduction_is_the_negative_elbo() -> None:
    terms = objective().terms(LOG_LIKELIHOOD, KL, 1.0, 0)
    assert terms.data_term == 4.0
    assert terms.prior_term == 2.5
    assert terms.loss == 6.5


@pytest.mark.parametrize(
    ("reduction", "data", "prior"),
    [("sum", 1, 1), ("mean", 1 / 6, 1), ("mean-both", 1 / 6, 1 / 3), ("mean-batch-sum", 1 / 6, 4)],
)
def test_reductions_weight_the_terms_and_nothing_else(
    reduction: str, data: float, prior: float
) -> None:
    terms = objective(reduction=reduction, beta=2).terms(LOG_LIKELIHOOD, KL, 2.0, 0)
    assert terms.loss.item() == pytest.approx(data * 4.0 + prior * 2 * 2.5)
    assert (terms.data_term, terms.prior_term) == (4.0, 2.5)


@pytest.mark.parametrize("reduction", ["sum", "mean", "mean-both"])
def test_repeating_the_batch_changes_nothing(reduction: str) -> None:
    once = objective(reduction=reduction).terms(LOG_LIKELIHOOD, KL, 1.0, 0)
    twice = objective(reduction=reduction).terms(LOG_LIKELIHOOD.repeat(2), KL.repeat(2, 1), 1.0, 0)
    assert once.loss == twice.loss


def test_effective_numbers_of_the_logs() -> None:
    """Means over 35^3 voxels and 768 coordinates, a sum, x_var 0.01, log 000's batch sum."""
    voxels = 35**3

    def variance(reduction: str, elements: int, batch: int = 1) -> float | None:
        at = weights(reduction, elements, 4, batch)  # type: ignore[arg-type]
        return effective_variance(effective_beta(1.0, at), 0.5)

    assert variance("mean", voxels) == 21437.5
    assert variance("sum", voxels) == 0.5
    assert variance("mean", 768) == pytest.approx(384.0)
    assert variance("mean-batch-sum", voxels, batch=7) == pytest.approx(7 * 21437.5)
    assert variance("mean-both", 768) == pytest.approx(96.0)
    assert effective_variance(effective_beta(1.0, weights("sum", 784, 100, 1)), 0.01) == 0.01
    assert effective_variance(2.0, None) is None


def test_free_bits_cost_nothing_below_their_level() -> None:
    terms = objective(free_bits=1.0).terms(LOG_LIKELIHOOD, KL, 1.0, 0)
    assert terms.loss.item() == pytest.approx(4.0 + 1.0 + 1.0 + 2.0)
    assert terms.prior_term == 2.5  # what is reported is never clipped


def test_capacity_holds_the_rate_at_its_target() -> None:
    config = Capacity(start=0, end=10, gamma=5, length=Length(amount=50))
    built = Objective(ObjectiveConfig(beta=config), 6, 3, 4, HORIZON)
    at_half = built.terms(LOG_LIKELIHOOD, KL, 5.0, 25)
    assert at_half.loss.item() == pytest.approx(4.0 + 5 * abs(2.5 - 5.0))
    at_end = built.terms(LOG_LIKELIHOOD, KL, 5.0, None)
    assert at_end.loss.item() == pytest.approx(4.0 + 5 * abs(2.5 - 10.0))


def test_geco_weakens_the_prior_while_the_constraint_is_broken() -> None:
    config = Geco(target=10.0, rate=0.1)
    state = weighting.initial_state(config, torch.device("cpu"))
    for step in range(20):
        state = weighting.advanced(config, state, torch.tensor(15.0), step)
    weakened = float(state.beta)
    assert weakened == pytest.approx(float(torch.tensor(-0.1 * 0.5 * 20).exp()), rel=1e-6)
    for step in range(20, 200):
        state = weighting.advanced(config, state, torch.tensor(5.0), step)
    assert float(state.beta) > weakened
    assert config.minimum <= float(state.beta) <= config.maximum


def test_schedules_leave_the_controller_alone() -> None:
    config = Constant(value=3.0)
    state = weighting.initial_state(config, torch.device("cpu"))
    assert weighting.advanced(config, state, torch.tensor(1.0), 0) is state
    assert weighting.beta_at(config, state, 7, HORIZON) == 3.0


def test_gradients_of_x_var_and_beta_are_proportional() -> None:
    """rec / (2 v) + KL and rec / 2 + v KL have the same direction: x_var is a beta."""
    v = 0.01
    x = torch.randn(8, 6)
    parameter = torch.randn(6, requires_grad=True)

    def gradient(data_scale: float, beta: float) -> torch.Tensor:
        squared = (x - parameter).square().sum(1)
        kl = parameter.square().expand(8, 6)
        terms = objective().terms(-data_scale * squared, kl, beta, 0)
        return torch.autograd.grad(terms.loss, parameter)[0]

    left, right = gradient(1 / (2 * v), 1.0), gradient(0.5, v)
    torch.testing.assert_close(left * v, right, rtol=1e-5, atol=1e-6)
