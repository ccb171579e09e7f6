"""diagnose: what is wrong with any torch VAE, from its functions, its data and its loss."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vaestro.foundation.samples import Given
from vaestro.health.diagnosis.admission import Meant, Pieces, admit, require_functions
from vaestro.health.diagnosis.checks import run_checks, summary, unchecked, verdict_of
from vaestro.health.diagnosis.diagnosis import Diagnosis
from vaestro.health.diagnosis.evidence import gather
from vaestro.health.diagnosis.foreign import Encoder, Place, as_module, told_of
from vaestro.health.diagnosis.jitter import evaluating, own_randomness
from vaestro.health.diagnosis.patient import Patient
from vaestro.health.finding import Finding
from vaestro.health.reachable import modules_of, number_type


def diagnose(
    encode: Callable[..., Any],
    decode: Callable[..., Any],
    x: Any,
    *,
    held_out: Any = None,
    labels: Any = None,
    held_out_labels: Any = None,
    likelihood: Literal["gaussian", "bernoulli"] = "gaussian",
    variance: float = 1.0,
    beta: float = 1.0,
    loss: Callable[..., Any] | None = None,
    prior_term: Callable[..., Any] | None = None,
    sampler: Callable[..., Any] | None = None,
    module: nn.Module | None = None,
    optimiser: torch.optim.Optimizer | None = None,
    initial: Mapping[str, Tensor] | None = None,
    saved: Mapping[str, Any] | None = None,
    generator: Callable[..., Any] | None = None,
    history: Sequence[float] | None = None,
) -> Diagnosis:
    """Examine a trained VAE of any library. Nothing is trained; weights and modes are restored.

    encode(x) gives (mean, log_variance), both (B, K), or a torch.distributions.Normal; decode(z)
    the reconstruction (B, *) in the units of x (probabilities for Bernoulli), or (mean, variance)
    where the variance is fitted. x: (N, *) training samples, at most 1000 of which are examined.
    `labels` make both be called with two arguments if they take two. `likelihood`, `variance` and
    `beta` are what the loss is meant to minimise, in summed nats.

    Each optional piece adds checks: `held_out` overfitting; `loss(x[, labels])`, the training loss
    of a batch, the reduction, the scales and the flow of the gradient; `prior_term` and
    `sampler(mean, log_variance)` their scales; `module`, `optimiser`, `initial` (its state_dict
    before training) and `saved` (that written to disk) the parameters; `generator(z)` the
    stand-alone decoder; `history`, one training loss an epoch, the progress.

    Raises DataError in one line for pieces, samples or answers of the wrong kind.
    """
    pieces = Pieces(
        held_out,
        labels,
        held_out_labels,
        loss,
        prior_term,
        sampler,
        as_module(module),
        optimiser,
        initial,
        saved,
        generator,
        history,
    )
    return _diagnosis(encode, decode, x, Meant(likelihood, variance, beta), pieces)


def _diagnosis(
    encode: Callable[..., Any], decode: Callable[..., Any], x: Any, meant: Meant, given: Pieces
) -> Diagnosis:
    require_functions(encode, decode, given)
    functions = (encode, decode, given.loss, given.prior_term, given.sampler, given.generator)
    everywhere = modules_of(*functions, given.module)
    place = Place(*number_type((*([given.module] if given.module else []), *everywhere)))
    samples, broken = place.samples(x, "x"), _not_finite(everywhere)
    with evaluating(everywhere), own_randomness(0):
        labels = place.given(given.labels, len(samples), "labels")
        if broken and not _answers(encode, samples[:2], labels, given.labels is not None):
            return _beyond_asking(broken)
        return judge(admit(encode, decode, samples, meant, given, place, bool(broken)))


def judge(patient: Patient) -> Diagnosis:
    """Gather the evidence on a patient and run every check."""
    evidence = gather(patient)
    findings = run_checks(evidence)
    return Diagnosis(
        verdict_of(findings), findings, unchecked(evidence), summary(findings, evidence)
    )


def _not_finite(modules: tuple[nn.Module, ...]) -> list[str]:
    """The names of parameters with numbers that are not finite."""
    named = (pair for module in modules for pair in module.named_parameters())
    return [name for name, parameter in named if not bool(torch.isfinite(parameter).all())]


def _answers(encode: Callable[..., Any], x: Tensor, given: Given, labelled: bool) -> bool:
    """Whether encode answers at all: torch's distributions refuse what is not finite."""
    try:
        with torch.no_grad():
            Encoder(encode, told_of(encode, labelled)).raw(x, given.part(torch.arange(2)))
    except (RuntimeError, ValueError):
        return False
    return True


def _beyond_asking(broken: list[str]) -> Diagnosis:
    """The diagnosis of a model that refuses every sample because its weights are not finite."""
    found = Finding(
        "exploding",
        f"The weights are not finite ({', '.join(broken[:3])}), and encode refuses every sample.",
        {"not_finite": broken},
        ("go back to the last finite weights, lower the learning rate, and clip the gradient",),
    )
    return Diagnosis(
        "exploding", (found,), ("everything else (give finite weights)",), found.sentence
    )
