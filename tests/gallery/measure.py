"""What is true of a model of the gallery, measured here and not by the doctor.

B batch, D elements, K latents. Nats per sample.
"""

import inspect
from typing import Any

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from tests.gallery.entry import Case, Facts


def measured(case: Case) -> Facts:
    """Facts of a case, on at most 1,500 training samples and all held-out ones."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        here = terms(case, case["x"][:1500], "labels")
        away = terms(case, case["held_out"], "held_out_labels") if "held_out" in case else here
        z, kl, data, log_variance = here
        live = kl.mean(dim=0) > 0.01
        beta = case.get("beta", 1.0)
        loss, held = (part[2].mean() + beta * part[1].sum(dim=1).mean() for part in (here, away))
        spread = z[:, live].var(dim=0) if live.any() else torch.ones(1)
        return Facts(
            prior=float(kl.sum(dim=1).mean()),
            data=float(data.mean()),
            constant=constant(case, isinstance(output(case, z), tuple)),
            held_data=float(away[2].mean()),
            gap=float(held - loss),
            live=int(live.sum()),
            two_sample=two_sample(z[:, live]),
            falling=falling(case.get("history", [])),
            largest=float(log_variance.max()),
            spread=(float(spread.min()), float(spread.max())),
        )


def terms(case: Case, x: Tensor, labels: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Codes z (B, K), KL (B, K), data term (B,) and log-variances (B, K) of samples x.

    The codes are drawn as the posterior says, whatever the code's own draw does.
    """
    given = (case[labels][: len(x)],) if labels in case else ()
    posterior = called(case["encode"], x, *given)
    if isinstance(posterior, torch.distributions.Normal):
        mean, log_variance = posterior.mean, 2 * posterior.stddev.log()
    else:
        mean, log_variance = posterior
    z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    kl = 0.5 * (log_variance.exp() + mean**2 - 1 - log_variance)
    return z, kl, data_term(case, x, called(case["decode"], z, *given)), log_variance


def output(case: Case, z: Tensor) -> Any:
    """What the decoder gives for codes of the first training samples."""
    given = (case["labels"][: len(z)],) if "labels" in case else ()
    return called(case["decode"], z, *given)


def called(function: Any, value: Tensor, *labels: Tensor) -> Any:
    """The function with the labels if it takes them."""
    takes = len(inspect.signature(function).parameters)
    return function(value, *labels[: takes - 1])


def data_term(case: Case, x: Tensor, out: Any) -> Tensor:
    """Negative log-likelihood summed over the elements, constants included, (B,)."""
    mean, variance = out if isinstance(out, tuple) else (out, torch.tensor(case["variance"]))
    if case.get("likelihood", "gaussian") == "bernoulli":
        mean = mean.clamp(1e-6, 1 - 1e-6)
        per = -(x * mean.log() + (1 - x) * (1 - mean).log())
    else:
        per = 0.5 * ((x - mean) ** 2 / variance + (2 * torch.pi * variance).log())
    return per.flatten(1).sum(dim=1)


def constant(case: Case, learned: bool) -> float:
    """The data term of the best constant output; a learned variance is one number for all here."""
    x = case["x"]
    best = x.mean(dim=0, keepdim=True).expand_as(x)
    variance = float(((x - best) ** 2).mean()) if learned else case["variance"]
    return float(data_term(case | {"variance": variance}, x, best).mean())


def two_sample(z: Tensor) -> float:
    """Accuracy of 15 nearest neighbours, codes against as many draws of the standard normal."""
    if z.shape[1] == 0 or not torch.isfinite(z).all():
        return float("nan")
    points = torch.cat([z, torch.randn_like(z)]).numpy()
    names = np.repeat([0, 1], len(z))
    here, away = np.split(np.random.default_rng(0).permutation(len(points)), 2)
    judge = KNeighborsClassifier(15).fit(points[here], names[here])
    return float(judge.score(points[away], names[away]))


def falling(history: list[float]) -> float:
    """The mean loss of the tenth before the last minus that of the last tenth of the epochs."""
    tenth = max(1, len(history) // 10)
    if len(history) < 2 * tenth:
        return float("nan")
    return float(np.mean(history[-2 * tenth : -tenth]) - np.mean(history[-tenth:]))
