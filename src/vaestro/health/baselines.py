"""What a model must beat: the best constant prediction under its own likelihood.

Shape letters: N samples, P outputs per element, * the sample's axes.
"""

import copy

import torch
from torch import Tensor, nn

from vaestro.models.vae import VAE

MOST_SAMPLES = 2048


def constant_data_term(vae: VAE, x: Tensor) -> float:
    """The data term (nats per sample, natural units) of the best constant decoder output.

    The outputs (P, *) and the likelihood's own parameters are fitted to model-space samples
    x: (N, *), at most MOST_SAMPLES of them, by L-BFGS in 64 bits from the data's mean. This is R0
    of the information budget beta * KL <= R0 - R.
    """
    x = x[:MOST_SAMPLES].double().cpu()
    likelihood = copy.deepcopy(vae.likelihood).double().cpu().train()
    start = likelihood.initial_outputs(x.mean(0))
    outputs = nn.Parameter(start.detach().clone())
    parameters = [outputs, *likelihood.parameters()]
    optimiser = torch.optim.LBFGS(
        parameters, max_iter=100, line_search_fn="strong_wolfe", tolerance_change=1e-10
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = -likelihood.log_prob(x, outputs.expand(len(x), *outputs.shape)).mean()
        value.backward()
        return value

    with torch.enable_grad():
        first = float(loss().detach())
        optimiser.step(loss)
        last = float(loss().detach())
    best = last if last <= first else first  # an unbounded density may overflow on the way
    return best - float(vae.transform.log_det.double())
