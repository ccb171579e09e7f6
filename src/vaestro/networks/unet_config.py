"""What a U-net is told: its stages, and which of its grids have a skip."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from vaestro.foundation.config import WholeNumbers, Widths
from vaestro.networks.stages import StageConfig


def _numbered(value: Any) -> Any:
    """`1,2` on the command line is the list of 1 and 2."""
    if isinstance(value, str) and value != "all":
        return [part.strip() for part in value.split(",")]
    return value


class UnetConfig(StageConfig):
    """Stages of stride-2 convolutions with `channels`, in the order in which the data pass them.

    `skips`: the grids that have one, each named by how often the encoder has halved it, 1 being the
    finest; `all` of them lie between the sample and the bottleneck. Encoder and decoder name the
    same ones. A skip has `skip_channels` latents at each place of its grid. `kernel`, `blocks` and
    `dense` as in a convolution.
    """

    kind: Literal["unet"] = "unet"
    channels: Widths = (32, 64, 128)
    kernel: Annotated[int, Field(ge=3)] = 3
    skips: Annotated[Literal["all"] | WholeNumbers, BeforeValidator(_numbered)] = "all"
    skip_channels: Annotated[int, Field(ge=1)] = 2

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.channels:
            raise ValueError("a unet needs channels, for example channels=[32,64,128]")
        if self.kernel % 2 == 0:
            raise ValueError(
                f"kernel={self.kernel}: a skip is joined by a convolution that keeps the size, "
                f"which needs an odd kernel; give kernel={self.kernel + 1}"
            )
        last = len(self.channels) - 1
        given = () if self.skips == "all" else self.skips
        if len(set(given)) < len(given) or any(not 1 <= skip <= last for skip in given):
            legal = f"distinct numbers from 1 to {last}, or all" if last else "[] or all"
            raise ValueError(
                f"skips={list(given)} with {last + 1} stages; legal: {legal} (the last stage is "
                "the bottleneck)"
            )
        return self

    @property
    def levels(self) -> tuple[int, ...]:
        """The skips from the smallest grid to the largest, each by its number of halvings."""
        given = range(1, len(self.channels)) if self.skips == "all" else self.skips
        return tuple(sorted(given, reverse=True))
