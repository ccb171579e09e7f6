"""What a split is evaluated against: training samples, held-out ones, and what is known of them."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from vaestro.foundation.samples import Batch, SampleSpec

Some = Callable[[int], Iterable[Batch]]
"""At most so many samples, evenly spread, in batches."""


class References(NamedTuple):
    """spec: that of natural samples; learn: training samples; held: those of the evaluated split,
    or None where that is the training split itself, of which a fifth is then held out; covariates:
    by name, (N,) for the numbers that batches carry; kept: a folder of the run in which what was
    learned from its data may be kept, or None."""

    spec: SampleSpec
    learn: Some
    held: Some | None
    covariates: Mapping[str, Tensor]
    kept: Path | None = None
