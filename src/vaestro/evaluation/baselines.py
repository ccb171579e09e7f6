"""What models without learning reach on the same samples: a constant, a line, a look-up.

Shape letters: N samples, T training samples, D elements.
"""

from typing import Any

import torch
from torch import Tensor

from vaestro.evaluation.judge_data import Seen, rows_for
from vaestro.evaluation.linear import Linear, linear_code
from vaestro.evaluation.references import References
from vaestro.health.baselines import best_constant, dropped_nats, mean_data_term
from vaestro.metrics.copying import nearest
from vaestro.models.vae import VAE
from vaestro.probability.likelihoods.bernoulli import Bernoulli
from vaestro.transforms.moments import measure

MOST_LOOKED_UP = 2000
"""Samples whose nearest training sample is looked for."""


def baselines(vae: VAE, references: References, learn: Seen, held: Seen) -> dict[str, Any]:
    """{"constant": {"mse", "nll"}, "linear": {"mse", "nll"}, "nearest": {"mse"}, "n", "trained_on"}
    on held-out samples, learned from training samples; nats in natural units.

    constant   the training mean, and the NLL of the best constant under the model's own likelihood
    linear     principal components, as many as the model has latents; its NLL is probabilistic
               PCA's and null unless the model's likelihood is a density
    nearest    the nearest training sample, of those learned from: the mse of a look-up
    """
    x, truth = (seen.x.flatten(1).double() for seen in (learn, held))
    line = linear_code(x, vae.latent)
    few = truth[:: max(1, -(-len(truth) // MOST_LOOKED_UP))]
    copied = nearest(few, x).distance.square() / x.shape[1]
    return {
        "constant": {
            "mse": float((truth - x.mean(0)).square().mean()),
            "nll": _constant_nll(vae, references),
        },
        "linear": {
            "mse": None if line is None else float(line.squared_error(truth).mean()),
            "nll": _line_nll(vae, line, truth),
        },
        "nearest": {"mse": float(copied.mean()), "n": len(few)},
        "n": len(truth),
        "trained_on": len(x),
    }


def _line_nll(vae: VAE, line: Linear | None, truth: Tensor) -> float | None:
    density = not (vae.likelihood.discrete or isinstance(vae.likelihood, Bernoulli))
    if line is None or not density:
        return None
    return -float(line.log_prob(truth).mean())


def _constant_nll(vae: VAE, references: References) -> float:
    """Of held-out samples, or of training samples where those are evaluated."""
    most = rows_for(references.spec.elements)
    learn = [batch.x.cpu() for batch in references.learn(most)]
    tried = list((references.held or references.learn)(most))
    constant = best_constant(vae.likelihood, lambda: learn, measure(lambda: learn))
    nats = mean_data_term(constant.likelihood, constant.outputs, lambda: [b.x for b in tried])
    with torch.no_grad():
        return nats - float(vae.transform.log_det.double()) + dropped_nats(vae, tried)
