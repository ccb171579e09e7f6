"""What a recipe chose, as far as a finding may blame it."""

from dataclasses import dataclass

from vaestro.foundation.schedules import Horizon
from vaestro.models.config import ModelConfig
from vaestro.probability.importance_objective import ImportanceConfig
from vaestro.probability.objective import ObjectiveConfig
from vaestro.training.config import TrainingConfig
from vaestro.transforms.kinds import Kind as TransformKind


@dataclass(frozen=True)
class Chosen:
    """The parts of a recipe, and how long its run is. Remedies are edits of these fields."""

    model: ModelConfig
    objective: ObjectiveConfig | ImportanceConfig
    training: TrainingConfig
    horizon: Horizon
    transform: TransformKind
    seed: int = 0
