"""What an evaluation is asked to measure."""

from dataclasses import dataclass
from typing import Any

from vaestro.foundation.errors import RecipeError

SECTIONS = ("likelihood", "latent", "samples")
"""What is measured beyond the quick figures, each when it is named."""


@dataclass(frozen=True)
class Settings:
    """`samples`: importance samples for the NLL; `sections`: which of SECTIONS; `ais`: intermediate
    distributions of annealed importance sampling, 0 for none; `conditioning`: whether judges look
    at a conditional model.

    Raises RecipeError for fewer than one sample, a section that does not exist, a negative `ais`.
    """

    samples: int = 64
    seed: int = 0
    sections: tuple[str, ...] = ()
    ais: int = 0
    conditioning: bool = True

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise RecipeError(f"samples={self.samples}; legal: 1 importance sample or more")
        if self.ais < 0:
            raise RecipeError(
                f"ais={self.ais}; legal: 0 for none, or how many intermediate distributions"
            )
        unknown = [name for name in self.sections if name not in SECTIONS]
        if unknown:
            raise RecipeError(f"there is no section {unknown[0]!r}; legal: {', '.join(SECTIONS)}")

    def plain(self) -> dict[str, Any]:
        """As a record keeps it; conditions speak for themselves there."""
        return {
            "samples": self.samples,
            "seed": self.seed,
            "sections": [name for name in SECTIONS if name in self.sections],
            "ais": self.ais,
        }
