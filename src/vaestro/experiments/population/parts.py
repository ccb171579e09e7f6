"""What the members of populations share: data that are loaded once, looks that are taken once, and
widths that are measured once.
"""

import json
from collections.abc import Mapping
from typing import Any

from vaestro.experiments.assemble import Assembly, assemble_on
from vaestro.experiments.forecasting.forecast import look_at
from vaestro.experiments.material import Material, prepare
from vaestro.experiments.population.alike import data_of, kind_of, look_of
from vaestro.experiments.recipe import Recipe
from vaestro.foundation.randomness import Stream
from vaestro.health.forecast.look import Look
from vaestro.training.elbo import ElboTask
from vaestro.training.kept_features import KeptFeatures
from vaestro.training.plan import Plan
from vaestro.training.population.trial import Choice

MATERIALS = 2
"""So many prepared data sets are kept; those used longest ago go first."""

Kept = Mapping[Stream, KeptFeatures]
"""A frozen encoder's features, for training and for validation."""


class SharedParts:
    """Prepared data, looks at them and choices of a width, for as long as someone may ask again.

    One holder serves one plan's device and number type.
    """

    def __init__(self) -> None:
        self._materials: dict[str, Material] = {}
        self._features: dict[str, dict[str, Kept]] = {}
        self._looks: dict[str, Look] = {}
        self._choices: dict[str, tuple[int, Choice]] = {}

    def assembly(self, recipe: Recipe, plan: Plan, kept: Any = None) -> Assembly:
        """The parts of a run; `kept` are the buffers of the transform that it has, if any."""
        key = f"{plan.device} {plan.dtype} {data_of(recipe)}"
        material = self._materials.pop(key, None)
        if material is None:
            while len(self._materials) >= MATERIALS:
                gone = next(iter(self._materials))
                self._materials.pop(gone)
                self._features.pop(gone, None)
            material = prepare(recipe, plan, kept=kept)
        self._materials[key] = material  # now the one used last
        assembly = assemble_on(material, recipe, plan)
        self._share_features(assembly, key)
        return assembly

    def _share_features(self, assembly: Assembly, material: str) -> None:
        """Runs with one frozen encoder, data and batch size ask it once for each sample together;
        of one set of data those of the encoder used last are held."""
        task, recipe = assembly.task, assembly.recipe
        if not isinstance(task, ElboTask) or not task.kept:
            return
        asked = [recipe.model.encoder.plain(), recipe.training.batch_size, assembly.plan.precision]
        encoder = json.dumps(asked, sort_keys=True)
        known = self._features.get(material, {}).get(encoder, task.kept)
        self._features[material] = {encoder: known}
        task.kept = known

    def look(self, assembly: Assembly) -> Look:
        """What the training samples of an assembled run say."""
        key = look_of(assembly.recipe, assembly.vae.latent)
        if key not in self._looks:
            self._looks[key] = look_at(assembly)
        return self._looks[key]

    def choice(self, recipe: Recipe, count: int) -> Choice | None:
        """The width for `count` members like this one, if it was measured for as many or more."""
        measured, known = self._choices.get(kind_of(recipe), (0, None))
        return None if known is None or count > measured else known.for_fewer(count)

    def keep_choice(self, recipe: Recipe, count: int, choice: Choice) -> None:
        """Remember a width that was measured for so many members."""
        self._choices[kind_of(recipe)] = (count, choice)
