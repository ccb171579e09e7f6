"""From what a person gives to a patient: everything checked once, with an error of one line.

Shape letters: N samples, M held-out samples, K latents, * the sample's axes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import DataError, one_line
from vaestro.foundation.samples import NOTHING, Given
from vaestro.health.diagnosis.foreign import (
    Decoder,
    Encoder,
    Place,
    batch_loss,
    in_shape,
    latent_shape,
    told_of,
)
from vaestro.health.diagnosis.observation import BernoulliObservation, GaussianObservation
from vaestro.health.diagnosis.patient import Observation, Patient
from vaestro.health.reachable import modules_of


class Meant(NamedTuple):
    """What the loss is meant to minimise: likelihood, its variance, beta; summed nats."""

    likelihood: str
    variance: float
    beta: float


class Pieces(NamedTuple):
    """The optional pieces, as `diagnose` describes them."""

    held_out: Any
    labels: Any
    held_out_labels: Any
    loss: Callable[..., Any] | None
    prior_term: Callable[..., Any] | None
    sampler: Callable[..., Any] | None
    module: nn.Module | None
    optimiser: torch.optim.Optimizer | None
    initial: Mapping[str, Tensor] | None
    saved: Mapping[str, Any] | None
    generator: Callable[..., Any] | None
    history: Sequence[float] | None


def require_functions(encode: Any, decode: Any, given: Pieces) -> None:
    """Raise DataError for a piece that is to be called and cannot be."""
    optional = ("loss", "prior_term", "sampler", "generator")
    pieces = {name: getattr(given, name) for name in optional if getattr(given, name) is not None}
    for name, piece in {"encode": encode, "decode": decode, **pieces}.items():
        if not callable(piece):
            raise DataError(
                f"{name} is {one_line(repr(piece))[:120]} and cannot be called; give a function of "
                "tensors, or a module"
            )


def admit(
    encode: Callable[..., Any],
    decode: Callable[..., Any],
    samples: Tensor,
    meant: Meant,
    given: Pieces,
    place: Place,
    broken: bool,
) -> Patient:
    """The patient. `broken`: its weights are not finite, so that its loss may refuse an answer.

    Raises DataError in one line for samples or answers of the wrong kind.
    """
    told, labelled = place.given(given.labels, len(samples), "labels"), given.labels is not None
    encoder = Encoder(encode, told_of(encode, labelled))
    latent = latent_shape(encoder, samples[:2], told.part(torch.arange(2)))
    shape = tuple(samples.shape[1:])
    decoder = Decoder(decode, told_of(decode, labelled), latent, shape)
    held, held_told = _held_out(place, given.held_out, given.held_out_labels, labelled)
    if held is not None and held.shape[1:] != samples.shape[1:]:
        raise DataError(
            f"held_out has samples of shape {tuple(held.shape[1:])} and x of {shape}; give others "
            "of the same kind"
        )
    return Patient(
        encode=encoder,
        decode=decoder,
        x=samples,
        observation=_observation(meant, decoder, encoder, samples, told),
        given=told,
        held_out=held,
        held_out_given=held_told,
        beta=_weight(meant.beta),
        told=encoder.told or decoder.told,
        decoder_told=decoder.told,
        loss=_asked(given.loss, labelled, samples, told, broken),
        prior_term=in_shape(given.prior_term, latent),
        sampler=in_shape(given.sampler, latent),
        modules=modules_of(encode, decode),
        module=given.module,
        optimiser=given.optimiser,
        initial=given.initial,
        saved=given.saved,
        generator=_generator(given.generator, labelled, latent, shape),
        history=_losses(given.history),
    )


def _losses(history: Any) -> tuple[float, ...]:
    """One loss an epoch; none where they are not told. Raises DataError for what is no number."""
    try:
        return () if history is None else tuple(float(value) for value in history)
    except (TypeError, ValueError, RuntimeError):
        raise DataError(
            f"history is {one_line(repr(history))[:120]}; give one training loss an epoch, as "
            "numbers: history=[412.5, 398.1]"
        ) from None


def _held_out(place: Place, x: Any, labels: Any, labelled: bool) -> tuple[Tensor | None, Given]:
    """Held-out samples and their conditions; none where labels are needed and missing."""
    if x is None or (labelled and labels is None):
        return None, NOTHING
    samples = place.samples(x, "held_out")
    return samples, place.given(labels, len(samples), "held_out_labels")


def _observation(
    meant: Meant,
    decoder: Decoder,
    encoder: Encoder,
    x: Tensor,
    given: Given,
) -> Observation:
    """The likelihood that the model means. Raises DataError for one that does not fit."""
    likelihood = meant.likelihood
    variance = _number("variance", meant.variance, "that of the Gaussian decoder, above 0")
    if likelihood not in ("gaussian", "bernoulli"):
        raise DataError(f"likelihood={likelihood!r}; legal: gaussian, bernoulli")
    if not variance > 0:
        raise DataError(f"variance={variance} must be above 0; give that of the Gaussian decoder")
    few = torch.arange(2)
    with torch.no_grad():
        decoded = decoder(encoder(x[:2], given.part(few)).mean, given.part(few))
    if likelihood == "gaussian":
        return GaussianObservation(None if decoded.variance is not None else variance)
    if float(x.min()) < 0 or float(x.max()) > 1:
        raise DataError("x has values outside [0, 1]; give likelihood='gaussian'")
    if float(decoded.mean.min()) < 0:
        raise DataError(
            "decode(z) gave negative numbers for a Bernoulli; return probabilities: "
            "torch.sigmoid of the logits"
        )
    return BernoulliObservation()


def _asked(
    loss: Callable[..., Any] | None, labelled: bool, x: Tensor, given: Given, broken: bool
) -> Callable[[Tensor, Given], Tensor] | None:
    """The loss, called once. Raises DataError when it cannot be, though the weights are finite."""
    if loss is None:
        return None
    if not broken:
        few = torch.arange(min(4, len(x)))
        told = told_of(loss, labelled)
        try:
            with torch.no_grad():
                loss(x[few], given.part(few).label) if told else loss(x[few])
        except (RuntimeError, ValueError, TypeError) as fault:
            raise DataError(
                f"loss(x{', labels' if told else ''}) failed on {len(few)} samples "
                f"({' '.join(str(fault).split())[:200]}); it must give the loss of a batch"
            ) from fault
    return batch_loss(loss, labelled)


def _weight(given: Any) -> float:
    beta = _number("beta", given, "the weight of the prior term, 0 or above")
    if not beta >= 0:
        raise DataError(f"beta={beta} must be 0 or above; give the weight of the prior term")
    return beta


def _number(name: str, given: Any, wanted: str) -> float:
    """Raises DataError for what is no number."""
    try:
        return float(given)
    except (TypeError, ValueError, RuntimeError):
        shown = one_line(repr(given))[:120]
        raise DataError(f"{name}={shown} is no number; give {wanted}") from None


def _generator(
    function: Callable[..., Any] | None,
    labelled: bool,
    latent: tuple[int, ...],
    shape: tuple[int, ...],
) -> Decoder | None:
    if function is None:
        return None
    return Decoder(function, told_of(function, labelled), latent, shape, "generator")
