"""Every fault by its name."""

from collections.abc import Mapping, Sequence

from vaestro.experiments.change import Change
from vaestro.foundation.errors import RecipeError, nearest
from vaestro.studies.faults.data_terms import plant_broadcast, plant_one_axis
from vaestro.studies.faults.fault import Fault
from vaestro.studies.faults.initialisers import plant_keras_start, plant_wrong_fan_in
from vaestro.studies.faults.outputs import (
    plant_dead_relu,
    plant_relu_variance,
    plant_unregistered_head,
)
from vaestro.studies.faults.prior_terms import (
    plant_missing_minus,
    plant_std_for_variance,
    plant_without_d,
)
from vaestro.studies.faults.recreated import plant_recreated_decoder
from vaestro.studies.faults.scales import (
    plant_clip_after_exp,
    plant_linear_epsilon,
    plant_norm_scale,
    plant_unbounded_exp,
)

_EVERY = (
    Fault(
        "std-for-variance",
        "log-000",
        "The prior term has the standard deviation where the variance belongs.",
        plant_std_for_variance,
    ),
    Fault(
        "norm-scale",
        "log-000",
        "The posterior's scale is read from a norm, so that no standard deviation is below 0.69.",
        plant_norm_scale,
    ),
    Fault(
        "wrong-fan-in",
        "log-001",
        "Every convolution of the encoder is drawn as if it had the channels of the data.",
        plant_wrong_fan_in,
    ),
    Fault(
        "unbounded-exp",
        "log-001",
        "exp takes the log-variance as it comes from the layer, and overflows at 88.7.",
        plant_unbounded_exp,
    ),
    Fault(
        "clip-after-exp",
        "log-001",
        "exp of an unbounded log-variance is clipped behind the exp, where it no longer helps.",
        plant_clip_after_exp,
    ),
    Fault(
        "missing-minus",
        "log-001",
        "The prior term has the wrong sign and falls without end.",
        plant_missing_minus,
    ),
    Fault(
        "kl-without-d",
        "log-002",
        "The prior term lacks -1 in each dimension: half a nat too many, the gradient right.",
        plant_without_d,
    ),
    Fault(
        "dead-relu-output",
        "log-002",
        "A ReLU stands behind the decoder's last layer, which torch has drawn.",
        plant_dead_relu,
    ),
    Fault(
        "broadcast-over-batch",
        "log-002",
        "Every sample is compared with the outputs of its whole batch.",
        plant_broadcast,
        stacks=False,
    ),
    Fault(
        "unregistered-head",
        "log-003",
        "The head of the fitted variance is no part of the model: not trained, not saved.",
        plant_unregistered_head,
        stacks=False,
    ),
    Fault(
        "keras-start",
        "log-003",
        "Heads are drawn as large as other layers, and nothing starts at the data's mean.",
        plant_keras_start,
    ),
    Fault(
        "relu-variance",
        "log-003",
        "The fitted variance is a ReLU plus 0.001.",
        plant_relu_variance,
    ),
    Fault(
        "recreated-decoder",
        "log-003",
        "Samples are drawn through hidden layers that were built anew and never trained.",
        plant_recreated_decoder,
        stacks=False,
    ),
    Fault(
        "linear-variance-epsilon",
        "log-003",
        "The prior term reads the scale as a variance plus epsilon, the draw as a log-variance.",
        plant_linear_epsilon,
    ),
    Fault(
        "one-image-axis",
        "log-003",
        "The data term is summed over one axis of the image and averaged over the other.",
        plant_one_axis,
    ),
)

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _EVERY}
"""What `Bench.train` and `Bench.population` plant, by name."""


def changes_of(names: Sequence[str]) -> tuple[Change, ...]:
    """The faults of these names as a run's circumstances have them. Raises RecipeError in one line
    for a name that is none."""
    for name in names:
        if name not in FAULTS:
            raise RecipeError(f"there is no fault {name!r}: {nearest(name, list(FAULTS))}")
    return tuple(FAULTS[name].change for name in names)
