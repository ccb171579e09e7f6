"""A model that has learnt goes on under the averaged loss: was it stuck, or is it led there?"""

from typing import NamedTuple

from vaestro.experiments.assemble import assemble
from vaestro.experiments.recipe import Recipe
from vaestro.experiments.run import Run
from vaestro.training import plan as planning
from vaestro.training.step import Stepper

STEPS = 200


class Relapse(NamedTuple):
    """Held-out error and KL (nats a sample) of the learnt model, and after `steps` more of them."""

    steps: int
    errors: tuple[float, float]
    nats: tuple[float, float]


def relapse(learnt: Run, recipe: Recipe) -> Relapse:
    """Take some steps of `recipe` from the weights of `learnt`, whose model has the same parts."""
    plan = planning.choose(recipe.training)
    with planning.in_force(plan):
        parts = assemble(recipe, plan)
        parts.vae.load_state_dict(learnt.vae.state_dict())
        state = parts.fresh_state()
        stepper = Stepper(parts.task, recipe.training, parts.horizon, recipe.seed)
        parts.vae.train()
        for _ in range(STEPS):
            stepper.take(state, parts.stream.batch(state.step))
        parts.vae.eval()
        batches = parts.material.batches("validation")
        after = parts.task.validate(batches(), state.control)
    before = learnt.summary["validation"]
    errors, nats = ((before[name], after[name]) for name in ("mse", "prior_term"))
    return Relapse(STEPS, errors, nats)
