"""What every encoder and decoder must keep, as checks for the networks that users write.

    def test_my_encoder():
        check_encoder(lambda: MyEncoder(width=64), shape=(1, 28, 28))

Each check builds fresh modules and says in one sentence which promise is broken. Torch's global
random state is as before afterwards.

Shape letters: B batch, E condition width, K latents, P outputs per element, * the sample's axes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import VaestroError, one_line
from vaestro.networks.body import Conditioning, Shape
from vaestro.networks.foreign import ForeignDecoder, ForeignEncoder

ALIKE = 1e-5
"""A sample alone and in a batch: the largest difference, relative to outputs above 1."""

SAMPLES = 6


class ContractError(VaestroError, AssertionError):
    """An encoder or a decoder breaks a promise that the rest of the program builds on."""


class _Case(NamedTuple):
    """How to build the module under test and call it: inputs (6, ...) of each level -> outputs."""

    name: str
    build: Callable[[], nn.Module]
    call: Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]
    inputs: tuple[Tensor, ...]


def check_encoder(
    build: Callable[[], nn.Module],
    shape: Shape,
    condition: int = 0,
    samples: Tensor | None = None,
) -> None:
    """Raise ContractError for the first promise that the encoders of `build` break.

    A module of this package's interface (networks/body.py) is called as it is, any other as a
    `ForeignEncoder` of its features. `condition`: E, if it is told one. `samples` (6, *) stand for
    unit noise where the data need to look otherwise, as counts do.
    """

    def built() -> nn.Module:
        module = build()
        if hasattr(module, "out_shapes"):
            return module
        return ForeignEncoder(module, shape, Conditioning(condition))

    def call(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        features: tuple[Tensor, ...] = module(inputs[0], _condition(inputs, condition))
        _require_levels(features, module)
        return features

    given = _noise(1, shape) if samples is None else samples
    _check(_Case("the encoder", built, call, (given, *_conditions(condition))))


def check_decoder(
    build: Callable[[], nn.Module],
    latents: tuple[Shape, ...],
    shape: Shape,
    outputs: int = 1,
    condition: int = 0,
) -> None:
    """Raise ContractError for the first promise that the decoders of `build` break.

    `latents`: the shape of each level's; `outputs`: P, the numbers that the likelihood wants for
    each element. A module of this package's interface is called as it is, any other as a
    `ForeignDecoder`. `condition`: E, if it is told one.
    """

    def built() -> nn.Module:
        module = build()
        if hasattr(module, "start_at"):
            return module
        return ForeignDecoder(module, latents, shape, outputs, Conditioning(condition))

    def call(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        given: Tensor = module(inputs[: len(latents)], _condition(inputs, condition))
        _require_shape(given, (outputs, *shape), "its output")
        return (given,)

    noise = tuple(_noise(level, latent) for level, latent in enumerate(latents, start=1))
    case = _Case("the decoder", built, call, (*noise, *_conditions(condition)))
    _check(case)
    with _own_randomness(0):
        _every_level_takes_part(case, len(latents))


def _check(case: _Case) -> None:
    """Every promise that encoders and decoders share."""
    for promise in (
        _any_batch,
        _finite,
        _the_same_twice,
        _samples_apart,
        _survives_saving,
        _reached_by_gradients,
        _sixty_four_bits,
    ):
        with _own_randomness(0):
            promise(case)


def _any_batch(case: _Case) -> None:
    """Batches of 1, 2 and 6 in eval mode, and a training batch, have the promised shapes."""
    module = _built(case).eval()
    for count in (1, 2, SAMPLES):
        _outputs(case, module, _first(case.inputs, count), f"a batch of {count} in eval mode")
    _outputs(case, module.train(), case.inputs, f"a batch of {SAMPLES} in training mode")


def _finite(case: _Case) -> None:
    """Zeros and the samples give finite numbers, in eval mode."""
    module = _built(case).eval()
    zeros = tuple(torch.zeros_like(part) for part in case.inputs)
    for inputs, kind in ((zeros, "zeros"), (case.inputs, "unit noise or the samples given")):
        for output in _outputs(case, module, inputs, kind):
            _require(output.isfinite().all(), f"{case.name} is not finite on {kind}")


def _the_same_twice(case: _Case) -> None:
    """Eval mode is deterministic."""
    module = _built(case).eval()
    first = _outputs(case, module, case.inputs, "a batch in eval mode")
    again = _outputs(case, module, case.inputs, "the same batch again")
    _require(
        _equal(first, again),
        f"{case.name} gives the same batch other outputs the second time in eval mode; nothing may "
        "be random there",
    )


def _samples_apart(case: _Case) -> None:
    """A sample's outputs in eval mode do not depend on the others in its batch."""
    module = _disturbed(case).eval()
    together = _outputs(case, module, case.inputs, "a batch in eval mode")
    for place in range(SAMPLES):
        one = tuple(part[place : place + 1] for part in case.inputs)
        alone = _outputs(case, module, one, "a batch of 1 in eval mode")
        for a, b in zip(alone, together, strict=True):
            apart = (a[0] - b[place]).abs().max().item()
            _require(
                apart <= ALIKE * max(1.0, b[place].abs().max().item()),
                f"{case.name} mixes samples: in eval mode one alone and the same in a batch differ "
                f"by {apart:.2g}",
            )


def _survives_saving(case: _Case) -> None:
    """A fresh module with the state dict of a used one gives bit-identical outputs."""
    module = _disturbed(case)
    _outputs(case, module.train(), case.inputs, "a batch in training mode")  # moves batch norms
    kept = deepcopy(module.state_dict())
    before = _outputs(case, module.eval(), case.inputs, "a batch in eval mode")
    with _own_randomness(1):
        fresh = _built(case)
    try:
        fresh.load_state_dict(kept)
    except Exception as fault:
        raise ContractError(
            f"{case.name} built anew cannot load its own state_dict: {_reason(fault)}"
        ) from fault
    after = _outputs(case, fresh.eval(), case.inputs, "a batch after loading")
    _require(
        _equal(before, after),
        f"{case.name} built anew and filled from its own state_dict gives other outputs; some of "
        "its numbers are neither a registered parameter nor a buffer",
    )


def _reached_by_gradients(case: _Case) -> None:
    """Every trainable parameter has a gradient: some of it in eval mode, finite in training."""
    for mode in (False, True):
        module = _disturbed(case).train(mode)
        loss = _weighted(_outputs(case, module, case.inputs, "a batch with gradients", True))
        if any(parameter.requires_grad for parameter in module.parameters()):
            _require(loss.requires_grad, f"no gradient reaches any parameter of {case.name}")
            loss.backward()
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            name, gradient = name.removeprefix("guest.module."), parameter.grad
            reached = gradient is not None and (mode or bool(gradient.any()))
            _require(reached, f"no gradient reaches the parameter {name} of {case.name}")
            assert gradient is not None
            _require(
                gradient.isfinite().all(),
                f"the gradient of {name} of {case.name} is not finite",
            )


def _sixty_four_bits(case: _Case) -> None:
    """It works in float64."""
    module = _built(case).double().eval()
    inputs = tuple(part.double() for part in case.inputs)
    for output in _outputs(case, module, inputs, "float64"):
        _require(
            output.dtype == torch.float64,
            f"{case.name} gives {output.dtype} for float64; some tensor has a fixed number type",
        )
        _require(output.isfinite().all(), f"{case.name} is not finite in float64")


def _every_level_takes_part(case: _Case, levels: int) -> None:
    """The outputs depend on the latents of every level."""
    module = _disturbed(case).eval()
    latents = [part.clone().requires_grad_() for part in case.inputs[:levels]]
    inputs = (*latents, *case.inputs[levels:])
    loss = _weighted(_outputs(case, module, inputs, "a batch with gradients", True))
    _require(loss.requires_grad, f"the outputs of {case.name} do not depend on the latents")
    gradients = torch.autograd.grad(loss, latents, allow_unused=True)
    for level, gradient in enumerate(gradients):
        _require(
            gradient is not None and bool(gradient.any()),
            f"the outputs of {case.name} do not depend on the latents of level {level}",
        )


def _built(case: _Case) -> nn.Module:
    try:
        return case.build()
    except VaestroError as fault:
        raise ContractError(f"{case.name} cannot be built: {fault}") from fault


def _disturbed(case: _Case) -> nn.Module:
    """A fresh module whose weights have moved a little, as after a step: no gate is still 0."""
    module = _built(case)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return module


def _outputs(
    case: _Case,
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    what: str,
    gradients: bool = False,
) -> tuple[Tensor, ...]:
    try:
        with torch.set_grad_enabled(gradients):
            return case.call(module, inputs)
    except ContractError as fault:
        raise ContractError(f"{case.name} on {what}: {fault}") from None
    except Exception as fault:  # the user's own code: anything can come out of it
        raise ContractError(f"{case.name} fails on {what}: {_reason(fault)}") from fault


def _require_levels(features: tuple[Tensor, ...], module: nn.Module) -> None:
    shapes = module.out_shapes
    assert isinstance(shapes, tuple)
    _require(
        isinstance(features, tuple) and len(features) == len(shapes),
        f"an encoder gives a tuple of features, one tensor for each of {len(shapes)} levels",
    )
    for level, shape in zip(features, shapes, strict=True):
        _require_shape(level, shape, "a level of its features")


def _require_shape(given: Tensor, shape: Shape, what: str) -> None:
    came = tuple(given.shape[1:])
    _require(came == shape, f"{what} has shape {came} a sample, and {shape} is promised")


def _weighted(outputs: tuple[Tensor, ...]) -> Tensor:
    """A loss in which every output counts differently, so that nothing cancels."""
    return torch.stack([(torch.randn_like(output) * output).sum() for output in outputs]).sum()


def _equal(one: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def _first(inputs: tuple[Tensor, ...], count: int) -> tuple[Tensor, ...]:
    return tuple(part[:count] for part in inputs)


def _noise(seed: int, shape: Shape) -> Tensor:
    return torch.randn(SAMPLES, *shape, generator=torch.Generator().manual_seed(seed))


def _conditions(width: int) -> tuple[Tensor, ...]:
    return (_noise(0, (width,)),) if width else ()


def _condition(inputs: tuple[Tensor, ...], width: int) -> Tensor | None:
    return inputs[-1] if width else None


def _require(kept: Tensor | bool, complaint: str) -> None:
    if not kept:
        raise ContractError(complaint)


def _reason(fault: Exception) -> str:
    return one_line(f"{type(fault).__name__}: {fault}")[:200]


@contextmanager
def _own_randomness(seed: int) -> Iterator[None]:
    """Torch's random numbers from `seed` inside, and from where they were afterwards."""
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(seed)
        yield
