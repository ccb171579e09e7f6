"""What every encoder and decoder must keep, as checks for the networks that users write.

    def test_my_encoder():
        check_encoder(lambda: MyEncoder(width=64), shape=(1, 28, 28))

Each check builds fresh modules and says in one sentence which promise is broken. Torch's global
random state is as before afterwards.

Shape letters: B batch, E condition width, K latents, P outputs per element, * the sample's axes.
"""

from collections.abc import Callable

from torch import Tensor, nn

from vaestro.networks.body import Conditioning, Shape
from vaestro.networks.drawing import own_randomness
from vaestro.networks.foreign import ForeignDecoder, ForeignEncoder
from vaestro.networks.promises import every_level_takes_part, require_kept
from vaestro.networks.trial import Case, noise, require_levels, require_shape


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
        require_levels(features, module)
        return features

    given = noise(1, shape) if samples is None else samples
    require_kept(Case("the encoder", built, call, (given, *_conditions(condition))))


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
        require_shape(given, (outputs, *shape), "its output")
        return (given,)

    drawn = tuple(noise(level, latent) for level, latent in enumerate(latents, start=1))
    case = Case("the decoder", built, call, (*drawn, *_conditions(condition)))
    require_kept(case)
    with own_randomness(0):
        every_level_takes_part(case, len(latents))


def _conditions(width: int) -> tuple[Tensor, ...]:
    return (noise(0, (width,)),) if width else ()


def _condition(inputs: tuple[Tensor, ...], width: int) -> Tensor | None:
    return inputs[-1] if width else None
