"""The transforms by kind, and how each is fitted."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field
from torch import Tensor

from vaestro.foundation.config import ByKind
from vaestro.foundation.samples import SampleSpec
from vaestro.transforms.identity import Identity, NoneConfig
from vaestro.transforms.standardise import Standardise, StandardiseConfig
from vaestro.transforms.transform import Transform

Kind = NoneConfig | StandardiseConfig
TransformConfig = Annotated[Annotated[Kind, Field(discriminator="kind")], ByKind]


def unfitted(config: Kind, spec: SampleSpec) -> Transform:
    """The transform of `config` before fitting: its buffers are about to be loaded or fitted."""
    return Standardise(spec.shape) if isinstance(config, StandardiseConfig) else Identity()


def fit(config: Kind, batches: Iterable[Tensor], spec: SampleSpec) -> Transform:
    """The transform of `config`, fitted on natural training samples (B, *)."""
    transform = unfitted(config, spec)
    if isinstance(config, StandardiseConfig) and isinstance(transform, Standardise):
        transform.fit(config, batches)
    return transform


def model_spec(transform: Transform, spec: SampleSpec) -> SampleSpec:
    """The spec of transformed samples: real numbers, unless nothing was transformed."""
    return spec if transform.is_identity else SampleSpec(spec.shape, "real")
