"""pythae's trainer under Optuna, on our data and from our first weights.

Shape letters: N samples, D elements, K latents.
"""

import subprocess
import sys
import time
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sweep_case import SPACE, Case, Done, Side, assembled
from vaestro.experiments.assemble import Assembly
from vaestro.foundation.randomness import Stream, generator
from vaestro.sweeps.default import default_of
from vaestro.sweeps.space import space_of

START = (
    "import optuna, torch; from pythae.models import VAE; from pythae.trainers import BaseTrainer"
)
"""What a script with pythae and Optuna loads before its first line of work."""


def start() -> float:
    """Seconds until Python has loaded pythae and Optuna, in a process of its own."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", START], check=True, capture_output=True)
    return time.perf_counter() - began


def with_optuna(case: Case, seed: int) -> Side:
    """pythae's trainer under Optuna's own loop with its default TPE: what such a script takes to
    start, and its work from then on; its data are in memory by then."""
    ready = start()
    import optuna

    from pythae_dense import Shape, model_of, silent, trained

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    assembly = assembled(case)
    material, recipe = assembly.material, assembly.recipe
    x = torch.cat([batch.x for batch in material.batches("train")()]).flatten(1)
    shape = Shape(x.shape[1], 400, assembly.vae.latent, recipe.training.batch_size)
    weights = first_weights(model_of(shape, 1.0), assembly)
    done: list[Done] = []
    clock, spent = time.perf_counter() - ready, time.process_time() - ready

    def objective(trial: optuna.Trial) -> float:
        began = time.perf_counter() - clock
        beta, rate = (trial.suggest_float(name, *ends, log=True) for name, ends in SPACE.items())
        model = model_of(shape, beta)
        model.load_state_dict(weights)
        trained(model, x.cpu(), shape, case.epochs, rate, case.device != "cpu")
        elbo = elbo_of(model, assembly)
        done.append(Done(began, time.perf_counter() - clock, elbo, 1.0))
        if case.ends(elbo):
            study.stop()
        return elbo

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    own = default_of(recipe, space_of([f"{n}=log({a},{b})" for n, (a, b) in SPACE.items()], None))
    if (
        case.default and own is not None
    ):  # our sweep begins with the recipe as it is, and so does this search
        study.enqueue_trial(own)
    with silent():  # once for all threads
        study.optimize(objective, n_trials=case.trials, n_jobs=case.workers)
    return Side(done, time.perf_counter() - clock, time.process_time() - spent)


def first_weights(model: Any, assembly: Assembly) -> dict[str, Tensor]:
    """The weights that our runs begin with, as pythae's model names them. Raises AssertionError
    unless both models have the same elbo under them."""
    vae = assembly.vae
    mean, log_variance = (part.detach() for part in vae.head.levels[0].last[0].weight.chunk(2))
    offsets = vae.head.levels[0].last[0].bias.detach().chunk(2)
    first, last = vae.encoder.body.blocks[0].layer[0], vae.decoder.head
    pairs = {
        model.encoder.body[0]: (first.weight, first.bias),
        model.encoder.mean: (mean, offsets[0]),
        model.encoder.log_variance: (log_variance, offsets[1]),
        model.decoder.body[0]: tuple(vae.decoder.body.blocks[0].layer[0].parameters()),
        model.decoder.body[2]: (last.weight, last.bias),
    }
    for layer, (weight, bias) in pairs.items():
        layer.weight.data.copy_(weight.detach())
        layer.bias.data.copy_(bias.detach())
    control = assembly.fresh_state().control
    ours = assembly.task.validate(assembly.material.batches("validation")(), control)
    both = (elbo_of(model, assembly), -ours["data_term"] - ours["prior_term"])
    assert abs(both[0] - both[1]) < 1e-4 * abs(both[1]), f"the same weights have elbos {both}"
    return dict(model.state_dict())


@torch.no_grad()
def elbo_of(model: Any, assembly: Assembly) -> float:
    """The elbo of pythae's model at beta 1 on our validation split, nats per sample, with the noise
    that our own validation draws."""
    model = model.to(assembly.plan.device).eval()
    total, count = 0.0, 0
    for number, batch in enumerate(assembly.material.batches("validation")()):
        code = model.encoder(batch.x)
        mean, log_variance = code.embedding, code.log_covariance
        random = generator(assembly.recipe.seed, Stream.VALIDATION, number, device=mean.device)
        noise = torch.randn(mean.shape, generator=random, device=mean.device)
        z = mean + noise * (log_variance / 2).exp()
        total -= float(_cost(model.decoder(z).reconstruction, batch.x, mean, log_variance))
        count += len(mean)
    return total / count


def _cost(probabilities: Tensor, x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Data term and KL of a batch, summed: x (N, D), mean and log_variance (N, K)."""
    data = functional.binary_cross_entropy(probabilities, x, reduction="sum")
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
    return data.double() + kl.double()
