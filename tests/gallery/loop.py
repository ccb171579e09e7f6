"""The training loop that everybody writes, and what is kept of it for the doctor."""

from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from tests.gallery.data import Split
from tests.gallery.entry import Case

Loss = Callable[..., Tensor]


def fit(
    loss: Loss,
    optimiser: torch.optim.Optimizer,
    data: Split,
    epochs: int,
    batch: int = 128,
    labelled: bool = False,
    decay: bool = True,
) -> list[float]:
    """Shuffled batches of `data` for `epochs`; the mean loss of every epoch.

    With `decay` the learning rate falls to zero along a cosine, so that the run ends settled.
    """
    history: list[float] = []
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs) if decay else None
    for _ in range(epochs):
        total, parts = 0.0, torch.randperm(len(data.x)).split(batch)
        for part in parts:
            given = (data.x[part], data.labels[part]) if labelled else (data.x[part],)
            value = loss(*given)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            total += value.item()
        history.append(total / len(parts))
        if rates is not None:
            rates.step()
    return history


def trained(
    model: Any,
    data: Split,
    epochs: int,
    *,
    rate: float = 3e-3,
    batch: int = 128,
    labelled: bool = False,
    optimiser: torch.optim.Optimizer | None = None,
    decay: bool = True,
    **changes: Any,
) -> Case:
    """Trains a model of the gallery and hands over everything that its author has.

    `changes` replace arguments of `diagnose`; None leaves one out.
    """
    initial = deepcopy(model.state_dict())
    optimiser = optimiser or torch.optim.Adam(model.parameters(), lr=rate)
    model.train()
    history = fit(model.loss, optimiser, data, epochs, batch, labelled, decay)
    model.eval()
    case: Case = {
        "encode": model.encode,
        "decode": model.decode,
        "x": data.x,
        "held_out": data.held_out,
        "labels": data.labels if labelled else None,
        "held_out_labels": data.held_out_labels if labelled else None,
        "likelihood": model.likelihood,
        "variance": model.variance,
        "beta": model.beta,
        "loss": model.loss,
        "prior_term": model.prior_term,
        "sampler": model.sample,
        "module": model,
        "optimiser": optimiser,
        "initial": initial,
        "saved": deepcopy(model.state_dict()),
        "history": history,
    }
    return {name: value for name, value in (case | changes).items() if value is not None}


def only(case: Case, *names: str) -> Case:
    """The author has no more than these arguments, or did not care to hand over the others."""
    return {name: case[name] for name in names}


def stack(*widths: int, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Dense layers of these widths with the activation between them (none after the last)."""
    layers: list[nn.Module] = []
    for inner, outer in pairwise(widths[:-1]):
        layers += [nn.Linear(inner, outer), activation()]
    return nn.Sequential(*layers, nn.Linear(*widths[-2:]))
