"""How a flow learns: maximum likelihood on fresh draws of q(z|x), stopped by latents set aside.

It is no run: a few thousand steps of a network of a few layers, done in seconds, that begin anew
when they are interrupted. Shape letters: B batch, N samples.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Given
from vaestro.generation.priors.config import FlowKind
from vaestro.generation.priors.flow import Flow, FlowNetwork, untrained
from vaestro.generation.priors.latents import Latents, Told

LOOK_STEPS = 100
CLIP = 10.0
"""The gradient's norm is cut here: a coupling met by a far z would throw the others off."""
LAST_RATE = 0.05
"""The learning rate falls linearly to this share of its start."""

Tick = Callable[[int, int, str], None]
"""Told the steps done, the most there can be, and a word on how it goes."""


def fit_flow(
    latents: Latents, told: Told, config: FlowKind, seed: int, tick: Tick
) -> tuple[Flow, int]:
    """The flow of the best look, and how many steps were done; the same for the same seed."""
    learnt, aside = latents.parted(seed)
    network = untrained(config, learnt, told, seed)
    held = aside.draw(seed, 2)
    optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    best = _mean(network, held, told.of(aside.given))
    kept, worse, step = copy.deepcopy(network.state_dict()), 0, 0
    while step < config.steps and worse < config.patience:
        _step(network, optimiser, learnt, config, seed, step)
        step += 1
        if step % LOOK_STEPS and step < config.steps:
            continue
        nats = _mean(network, held, told.of(aside.given))
        tick(step, config.steps, f"log density {nats:.3f} nats")
        worse = 0 if nats > best else worse + 1
        if nats > best:
            best, kept = nats, copy.deepcopy(network.state_dict())
    network.load_state_dict(kept)
    return Flow(network, latents.dimensions), step


def _step(
    network: FlowNetwork,
    optimiser: torch.optim.Optimizer,
    learnt: Latents,
    config: FlowKind,
    seed: int,
    step: int,
) -> None:
    random = generator(seed, Stream.PRIORS, 4, step)
    rows = torch.randint(len(learnt), (config.batch_size,), generator=random)
    batch = learnt.at(rows)
    loss = -network.log_density(batch.drawn(random), network.told.of(batch.given)).mean()
    for group in optimiser.param_groups:
        group["lr"] = config.learning_rate * (1 - (1 - LAST_RATE) * step / config.steps)
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP, error_if_nonfinite=True)
    optimiser.step()


@torch.no_grad()
def _mean(network: FlowNetwork, z: Tensor, given: Given) -> float:
    return float(network.log_density(z, given).double().mean())
