"""One pass forward and back through an untrained model on a real batch: are its numbers sane?

Shape letters: B batch, K latents, * the sample's axes.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from vaestro.foundation.randomness import Stream, generator, seed_layers
from vaestro.foundation.samples import Batch
from vaestro.health.remedies.chosen import Chosen
from vaestro.models.vae import VAE
from vaestro.networks.initialise import LAYERS
from vaestro.probability.beta import initial_state
from vaestro.probability.importance_objective import ImportanceConfig
from vaestro.probability.objective import Objective, ObjectiveConfig
from vaestro.probability.posterior import GaussianConfig
from vaestro.probability.scale import LogStd, LogVariance

MOST_SAMPLES = 32
"""So many samples tell sizes to a few percent; batch normalisation needs two."""


@dataclass
class InitialPass:
    """What one pass found. Sizes are root mean squares; `layers`: (input, output) of each layer
    with weights, in the order in which the data pass them; of the absolute log-variances before
    their bounds the largest and, as `usual`, the 99th percentile; `gradients`: by parameter."""

    data: float
    log_variance: float = 0.0
    usual: float = 0.0
    bounded: float = 0.0
    data_term: float = 0.0
    prior_term: float = 0.0
    layers: dict[str, tuple[float, float]] = field(default_factory=dict)
    gradients: dict[str, float] = field(default_factory=dict)


def initial_pass(vae: VAE, batch: Batch, setting: Chosen) -> InitialPass:
    """The pass, in training mode, with the noise of step 0; global generators stay as they are."""
    copied = copy.deepcopy(vae).train()
    x, given = batch.x[:MOST_SAMPLES], batch.given.part(slice(0, MOST_SAMPLES))
    seen = InitialPass(_size(x))
    handles = [
        module.register_forward_hook(_noting(seen, name))
        for name, module in copied.named_modules()
        if isinstance(module, LAYERS)
    ]
    random = generator(setting.seed, Stream.POSTERIOR, 0, device=x.device)
    noise = torch.randn(len(x), vae.latent, generator=random, device=x.device, dtype=x.dtype)
    with torch.random.fork_rng(), torch.enable_grad():
        seed_layers(setting.seed, 0, x.device)
        result = copied(x, noise, given)
        loss = _loss(copied, result.log_likelihood, result.kl, setting, seen)
        named = [(n, p) for n, p in copied.named_parameters() if p.requires_grad]
        gradients = torch.autograd.grad(loss, [p for _, p in named], allow_unused=True)
    for handle in handles:
        handle.remove()
    seen.gradients = {
        name: _size(gradient)
        for (name, _), gradient in zip(named, gradients, strict=True)
        if gradient is not None
    }
    _note_log_variance(seen, result.posterior.log_variance, setting)
    return seen


Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]


def _noting(seen: InitialPass, name: str) -> Hook:
    def look(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.layers[name] = (_size(inputs[0]), _size(output))

    return look


def _loss(
    vae: VAE, log_likelihood: Tensor, kl: Tensor, setting: Chosen, seen: InitialPass
) -> Tensor:
    """The loss at the full weight of the prior term, as the recipe's objective has it."""
    given = setting.objective
    config = ObjectiveConfig() if isinstance(given, ImportanceConfig) else given
    elements, size = math.prod(vae.shape), setting.training.batch_size
    objective = Objective(config, elements, vae.latent, size, setting.horizon)
    beta = objective.final_beta(initial_state(config.beta, log_likelihood.device))
    terms = objective.terms(log_likelihood, kl, beta, None)
    seen.data_term, seen.prior_term = (float(t.detach()) for t in terms[1:3])
    return terms.loss


def _note_log_variance(seen: InitialPass, given: Tensor | None, setting: Chosen) -> None:
    posterior = setting.model.posterior
    if given is None or not isinstance(posterior, GaussianConfig):
        return
    used = given.detach().double()
    seen.bounded = float(used.abs().max())
    scale = posterior.scale
    if isinstance(scale, LogVariance):
        used = _before(used, scale.low, scale.high)
    elif isinstance(scale, LogStd):
        used = 2.0 * _before(used / 2.0, scale.low, scale.high)
    seen.log_variance = float(used.abs().max())
    rank = max(1, round(0.99 * used.numel()))
    seen.usual = float(used.abs().flatten().kthvalue(rank).values)


def _before(value: Tensor, low: float, high: float) -> Tensor:
    """What `compress(value, low, high)` was given: its inverse, expm1 of the excess."""
    inside = value.clamp(low, high)
    excess = value - inside
    return inside + torch.sign(excess) * torch.expm1(excess.abs())


def _size(values: Tensor) -> float:
    """The root mean square, in 64 bits."""
    return float(values.detach().double().square().mean().sqrt())
