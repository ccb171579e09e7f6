"""`training.threads: auto`, settled once the parts of a run are there."""

from collections.abc import Callable
from dataclasses import replace

import torch

from vaestro.experiments.assemble import Assembly, under
from vaestro.health.task_copy import task_copy
from vaestro.training.threads import fastest


def threads_settled(assembly: Assembly, say: Callable[[str], object]) -> Assembly:
    """The parts under the number of threads that is fastest here, which is in force from now on;
    the same parts where the recipe gives a number or none, where the device is no CPU, where
    several processes share the batch, and for a run that is too short to measure."""
    plan, config = assembly.plan, assembly.recipe.training
    if config.threads != "auto" or plan.device != "cpu" or plan.ranks > 1:
        return assembly
    found = fastest(
        task_copy(assembly.task),
        assembly.stream,
        config,
        assembly.horizon,
        assembly.recipe.seed,
    )
    if found is None:
        return assembly
    say(found.sentence)
    torch.set_num_threads(found.threads)
    return under(assembly, replace(plan, threads=found.threads))
