"""Network kinds for modules of the user's own: registered by name, or given from Python.

Shape letters: B batch, K latents, L latents at a place, P outputs per element, * the sample's axes.
"""

import inspect
from typing import Any, Literal

import torch
from pydantic import Field, JsonValue
from torch import nn

from vaestro.foundation.config import Config
from vaestro.foundation.errors import RecipeError, nearest, one_line
from vaestro.networks.body import Conditioning, Shape, require_one_level
from vaestro.networks.drawing import own_randomness
from vaestro.networks.foreign import ForeignDecoder, ForeignEncoder, Gives
from vaestro.networks.guest import can_be_told
from vaestro.networks.registry import Builder, builder_of
from vaestro.networks.weights_file import load_weights


class _ForeignConfig(Config):
    """`frozen`: its weights stay, in eval mode. `gives`: whether an encoder gives features or the
    posterior's mean and raw scale themselves."""

    frozen: bool = False
    gives: Gives = "features"


class PartConfig(_ForeignConfig):
    """The part registered as `name`, built with `options`; `weights`: a .safetensors, .pt or .pth
    file with the state dict that it starts from, else its own start."""

    kind: Literal["part"] = "part"
    name: str = Field(min_length=1)
    options: dict[str, JsonValue] = Field(default_factory=dict)
    weights: str | None = None


class GivenConfig(_ForeignConfig):
    """A module that Python gives for one run: `vaestro.train(recipe, encoder=module)`. `module` is
    the name of its class, by which `vaestro.load` asks for it. The last bias of a decoder that is
    not frozen starts at the data's mean where nothing follows it."""

    kind: Literal["given"] = "given"
    module: str = "Module"


ForeignKind = PartConfig | GivenConfig


def foreign_encoder(
    config: ForeignKind,
    shape: Shape,
    conditioning: Conditioning,
    generator: torch.Generator,
    given: nn.Module | None = None,
) -> ForeignEncoder:
    """The encoder of `config`; `given` is Python's module for a GivenConfig. Raises UserError."""
    if isinstance(config, GivenConfig):
        module = _handed(config, "encoder", given)
        return ForeignEncoder(module, shape, conditioning, config.gives, config.frozen)
    module = _built(config, _seed(generator), conditioning, shape=shape)
    encoder = ForeignEncoder(module, shape, conditioning, config.gives, config.frozen)
    _fill(module, config)  # lazy layers have their shapes by now
    return encoder


def foreign_decoder(
    config: ForeignKind,
    latents: tuple[Shape, ...],
    shape: Shape,
    outputs: int,
    conditioning: Conditioning,
    generator: torch.Generator,
    given: nn.Module | None = None,
) -> ForeignDecoder:
    """The decoder of `config`. A part whose forward takes no condition is built for latents that a
    condition has joined. Raises UserError."""
    if config.gives != "features":
        raise RecipeError(f"model.decoder.gives={config.gives} is for encoders; leave it out")
    if isinstance(config, GivenConfig):
        module = _handed(config, "decoder", given)
        return ForeignDecoder(module, latents, shape, outputs, conditioning, config.frozen)
    latent, seed = require_one_level(latents), _seed(generator)
    module = _built(config, seed, conditioning, latent=latent, shape=shape, outputs=outputs)
    if conditioning.joined and not can_be_told(module):
        latent = (latent[0] + conditioning.joined, *latent[1:])
        module = _built(config, seed, conditioning, latent=latent, shape=shape, outputs=outputs)
    untrained = config.weights is None
    decoder = ForeignDecoder(
        module, latents, shape, outputs, conditioning, config.frozen, starts_at_mean=untrained
    )
    _fill(module, config)
    return decoder


def _fill(module: nn.Module, config: PartConfig) -> None:
    if config.weights is not None:
        load_weights(module, config.weights)


def _handed(config: GivenConfig, side: str, given: nn.Module | None) -> nn.Module:
    if given is None:
        raise RecipeError(
            f"the {side} of this run is a module from Python, {config.module}, which no file "
            f"holds; give one of the same shape: {side}=... of vaestro.train or vaestro.load"
        )
    return given


def _seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**62, (), generator=generator))


def _built(config: PartConfig, seed: int, conditioning: Conditioning, **facts: Any) -> nn.Module:
    """What the builder makes of `facts` and the options, its random weights drawn from `seed`."""
    builder = builder_of(config.name)
    arguments = _arguments(config, builder, facts, conditioning)
    try:
        with own_randomness(seed):
            module = builder(**arguments)
    except Exception as fault:  # the user's own code: anything can come out of it
        reason = one_line(f"{type(fault).__name__}: {fault}")[:200]
        raise RecipeError(f"the part {config.name!r} cannot be built: {reason}") from fault
    if not isinstance(module, nn.Module):
        raise RecipeError(
            f"the part {config.name!r} gives {one_line(repr(module))[:80]}; its builder must "
            "return a torch module"
        )
    return module


def _arguments(
    config: PartConfig, builder: Builder, facts: dict[str, Any], conditioning: Conditioning
) -> dict[str, Any]:
    """What the builder is called with. Raises RecipeError when it does not take that."""
    name, options = config.name, config.options
    parameters = inspect.signature(builder).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    told = {"condition": conditioning.width} if "condition" in parameters else {}
    supplied = facts | told
    lacking = [fact for fact in facts if fact not in parameters and not takes_any]
    if lacking:
        raise RecipeError(
            f"the part {name!r} takes no {' and no '.join(lacking)}; it must take "
            f"{', '.join(facts)}, as every {'decoder' if 'latent' in facts else 'encoder'} does"
        )
    free = [p for p in parameters.values() if p.name not in supplied]
    names = [p.name for p in free if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for option in options:
        if option in supplied or (option not in names and not takes_any):
            raise RecipeError(
                f"the part {name!r} takes no option {option!r}; {nearest(option, names)}"
            )
    missing = [p.name for p in free if p.name in names and p.default is p.empty]
    for option in missing:
        if option not in options:
            raise RecipeError(f"the part {name!r} needs the option {option!r}; give it in options")
    return supplied | options
