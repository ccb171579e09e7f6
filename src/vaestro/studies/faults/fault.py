"""A fault: one thing that a log's program did wrong."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from vaestro.experiments.change import Change
from vaestro.models.vae import VAE


@dataclass(frozen=True)
class Fault:
    """`name`: clip-after-exp. `log`: whose program had it. `sentence`: what it does. `plant`
    changes a model in place and draws from the generator that it is given. `stacks`: whether models
    that have it can train as one program."""

    name: str
    log: str
    sentence: str
    plant: Callable[[VAE, torch.Generator], None]
    stacks: bool = True

    @property
    def change(self) -> Change:
        """The fault as a run's circumstances have it."""
        return Change(self.name, self.plant, self.stacks)
