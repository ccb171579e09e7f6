"""What a person asks a conditional model for, turned into the condition of every sample."""

from collections.abc import Mapping
from typing import NamedTuple

from vaestro.foundation.errors import DataError, nearest
from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Given, SampleSpec
from vaestro.generation.diffusion.prior import DiffusionPrior
from vaestro.generation.priors.fitted import FittedPrior
from vaestro.models.memory import Memory
from vaestro.models.vae import VAE


class Listener(NamedTuple):
    """Who hears a condition: what it remembers of its training data's, whether it is told labels,
    and the names of the covariates that it is told."""

    memory: Memory | None
    by_label: bool
    names: tuple[str, ...]


def listener(vae: VAE, fitted: FittedPrior | None = None) -> Listener:
    """The model, or the diffusion prior that is told something although the model is not."""
    if vae.memory is None and isinstance(fitted, DiffusionPrior):
        module = fitted.module
        return Listener(module.memory, module.by_label, module.told)
    by_label = vae.condition is not None and vae.condition.by_label
    return Listener(vae.memory, by_label, vae.told)


def asked(
    hears: Listener,
    spec: SampleSpec,
    count: int,
    seed: int,
    label: str | int | None,
    covariates: Mapping[str, float],
) -> Given | None:
    """`count` conditions of a label (name or number) and of covariates by name; what is not asked
    for is drawn as training samples like that have it. None when nothing is asked for.

    Raises DataError when the model is not told what is asked for, or knows no such value.
    """
    if label is None and not covariates:
        return None
    if hears.memory is None or (label is not None and not hears.by_label):
        raise DataError(
            f"a {'label' if label is not None else 'covariate'} was asked for, and this model is "
            f"told {_told(hears)}; leave it out, or train with model.condition"
        )
    number = None if label is None else label_number(str(label), spec)
    values = _columns(hears, covariates)
    drawn = hears.memory.draw(count, generator(seed, Stream.SAMPLING, 2), number, values)
    if drawn.covariates is not None:
        for column, value in values.items():
            drawn.covariates[:, column] = value
    return drawn


def _columns(hears: Listener, covariates: Mapping[str, float]) -> dict[int, float]:
    """The covariates that are asked for by their columns."""
    for name in covariates:
        if name not in hears.names:
            hint = nearest(name, list(hears.names)) if hears.names else f"it is told {_told(hears)}"
            raise DataError(f"the model is told no covariate {name!r}; {hint}")
    return {hears.names.index(name): float(value) for name, value in covariates.items()}


def _told(hears: Listener) -> str:
    return ", ".join([*(["labels"] if hears.by_label else []), *hears.names]) or "nothing"


def label_number(label: str, spec: SampleSpec) -> int:
    """The number of a label given by name or number. Raises DataError for an unknown one."""
    names = list(spec.label_names or ())
    if label in names:
        return names.index(label)
    count = spec.label_count or 0
    if label.isdecimal() and int(label) < count:
        return int(label)
    hint = nearest(label, names) if names else f"legal: 0 to {count - 1}"
    raise DataError(f"label {label}: the model knows no such label; {hint}")


def numbers_asked(texts: list[str], hears: Listener) -> dict[str, float]:
    """Covariates from the command line, "NAME=NUMBER" each, or a bare number for the only one.

    Raises DataError for text that is no finite number.
    """
    found = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        if not equals and len(hears.names) == 1:
            name = hears.names[0]
        found[name] = _number(text, value)
    return found


def _number(text: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise DataError(f"--covariate {text!r} is no finite number; give NAME=NUMBER")
    return number
