"""A task over a copy of its model, so that trying steps changes nothing of the run."""

import copy
from dataclasses import replace

from vaestro.training.elbo import ElboTask
from vaestro.training.importance import ImportanceTask

AnyTask = ElboTask | ImportanceTask


def task_copy(task: AnyTask, double: bool = False) -> AnyTask:
    """The same task over a copy of its VAE; with `double` in 64 bits and without compilation."""
    if isinstance(task, ImportanceTask):
        elbo = task_copy(task.elbo, double)
        assert isinstance(elbo, ElboTask), "the copy of a task is one of its own kind"
        return ImportanceTask(elbo, task.samples)
    vae = copy.deepcopy(task.vae)
    plan = replace(task.plan, precision="fp64", compile=False) if double else task.plan
    return ElboTask(vae.double() if double else vae, task.objective, plan, task.seed)
