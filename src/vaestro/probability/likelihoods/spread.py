"""How a recipe says a family's spread: fixed, shared, optimal or fitted per element.

Its *quantity* is the Gaussian's variance, the scale of Laplace, Student-t and logistic, or the
negative binomial's inverse dispersion. spread_parts.py makes it.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from vaestro.foundation.config import ByKind, Config

Quantity = Annotated[float, Field(ge=1e-12, le=1e12)]


class Fixed(Config):
    """The quantity is `value`."""

    kind: Literal["fixed"] = "fixed"
    value: Quantity = 1.0


class Shared(Config):
    """One learned quantity for all elements, from `initial`, always above `floor`."""

    kind: Literal["shared"] = "shared"
    initial: Quantity = 1.0
    floor: Quantity = 1e-8

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _require_above(self.initial, self.floor)
        return self


class Optimal(Config):
    """One quantity for all elements: the batch's maximum-likelihood value, at least `floor`.

    Training uses the batch's own value, as a function of the outputs; evaluation and sampling a
    running average: the geometric mean over batches until 1 / count falls below `momentum`, then
    exponential (sigma-VAE: Rybkin, Daniilidis and Levine 2021). Before any batch it is 1.
    """

    kind: Literal["optimal"] = "optimal"
    floor: Quantity = 1e-8
    momentum: float = Field(default=0.01, gt=0, le=1)


class Fitted(Config):
    """A quantity per element, from a second decoder output, always above `floor`.

    Without a floor the density is unbounded. `floor: null` ties it to the data: the variance of
    uniform quantisation noise, resolution^2 / 12, else 1e-4 where the resolution is unknown (each
    family says what that makes of its own quantity). Training starts at `initial`, or at twice
    such a tied floor if that is larger.
    """

    kind: Literal["fitted"] = "fitted"
    floor: Quantity | None = None
    initial: Quantity = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.floor is not None:
            _require_above(self.initial, self.floor)
        return self


def _number(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"kind": "fixed", "value": value}
    return value


SpreadConfig = Annotated[
    Annotated[Fixed | Shared | Optimal | Fitted, Field(discriminator="kind")],
    ByKind,
    BeforeValidator(_number),
]
"""Any spread; a bare number is a fixed one, a bare word a kind."""

SpreadConfigWithoutOptimal = Annotated[
    Annotated[Fixed | Shared | Fitted, Field(discriminator="kind")],
    ByKind,
    BeforeValidator(_number),
]
"""Any spread of a family whose maximum-likelihood spread has no closed form."""


def _require_above(initial: float, floor: float) -> None:
    if initial <= floor:
        raise ValueError(f"initial={initial} must be above floor={floor}; raise initial")
