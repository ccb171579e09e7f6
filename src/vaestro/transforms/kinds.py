"""The transforms by kind, and how each is fitted."""

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from vaestro.foundation.config import ByKind
from vaestro.foundation.errors import CheckpointError, one_line
from vaestro.foundation.samples import SampleSpec
from vaestro.transforms.affine import Affine
from vaestro.transforms.identity import Identity, NoneConfig
from vaestro.transforms.moments import Batches
from vaestro.transforms.pca import Pca, PcaConfig
from vaestro.transforms.pca_fit import fitted_pca
from vaestro.transforms.scale import ScaleConfig, scaling
from vaestro.transforms.standardise import StandardiseConfig, standardised
from vaestro.transforms.transform import Transform

Kind = NoneConfig | ScaleConfig | StandardiseConfig | PcaConfig
TransformConfig = Annotated[Annotated[Kind, Field(discriminator="kind")], ByKind]


def fit(config: Kind, batches: Batches, spec: SampleSpec) -> Transform:
    """The transform of `config`, fitted on natural training samples (B, *) of `spec`.

    `batches` is called once for each pass over them. Its numbers are 64-bit and lie where the
    batches lie: move it to the device and type it is to work in. Raises UserError in one line when
    the samples cannot bear it.
    """
    match config:
        case NoneConfig():
            return Identity()
        case ScaleConfig():
            return scaling(config, spec.shape)
        case StandardiseConfig():
            return standardised(config, batches)
        case PcaConfig():
            return fitted_pca(config, batches, spec)


def model_spec(transform: Transform, spec: SampleSpec) -> SampleSpec:
    """The spec of samples after a fitted `transform`: real numbers, unless it is the identity."""
    return transform.model_spec(spec)


def restored(config: Kind, spec: SampleSpec, kept: Mapping[str, Tensor]) -> Transform:
    """The fitted transform whose buffers are `kept`: what a fit on another machine, whose last
    digits differ, cannot give again. Raises CheckpointError when they are not its own."""
    components = kept["directions"].shape[1] if "directions" in kept else 1
    transform = unfitted(config, spec, SampleSpec((components,), "real"))
    try:
        transform.load_state_dict(dict(kept))
    except RuntimeError as fault:
        raise CheckpointError(
            f"the kept transform does not fit samples of shape {spec.shape}; where the data were "
            f"changed, restore them, or start a new run ({one_line(str(fault))})"
        ) from None
    return transform


def unfitted(config: Kind, spec: SampleSpec, inner: SampleSpec) -> Transform:
    """A transform of the right shapes whose buffers are about to be loaded.

    `inner` is what `model_spec` said of the fitted one: it alone knows how many components reach a
    share of the variance.
    """
    match config:
        case NoneConfig():
            return Identity()
        case ScaleConfig():
            return scaling(config, spec.shape)
        case StandardiseConfig():
            return Affine(torch.zeros(spec.shape), torch.ones(spec.shape))
        case PcaConfig():
            return Pca(config, spec, inner.elements)
