"""How the prior term is weighted from now to the end of a run."""

from vaestro.foundation.schedules import Constant, Horizon
from vaestro.probability.beta import Capacity, Geco
from vaestro.probability.objective import Objective

PLACES = 64
"""At so many steps the rest of a schedule is looked at; no schedule of ours turns faster."""

NEARLY = 0.999


def full(objective: Objective, step: int, horizon: Horizon) -> bool:
    """Whether the prior term has its final weight at `step`; a controller's weight always counts
    as that."""
    beta = objective.config.beta
    if isinstance(beta, Geco | Capacity):
        return True
    return beta.at(step, horizon) >= NEARLY * beta.final


def lasting(objective: Objective, step: int, horizon: Horizon) -> bool:
    """Whether the final weight is reached and never falls, so that only training can help a
    collapsed run.

    False for a controller, which may lower it, and with free bits, which leave room to grow.
    """
    beta = objective.config.beta
    if isinstance(beta, Geco | Capacity) or objective.config.free_bits > 0:
        return False
    if not full(objective, step, horizon):
        return False
    if isinstance(beta, Constant):
        return True
    ahead = range(step, horizon.steps + 1, max(1, (horizon.steps - step) // PLACES))
    return min(beta.at(at, horizon) for at in ahead) >= NEARLY * beta.at(step, horizon)
