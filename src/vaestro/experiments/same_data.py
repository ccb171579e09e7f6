"""A run goes on with the data that it began with, and is measured on their splits: its manifest
keeps by what they are known."""

from typing import Any

from vaestro.data.source import SOURCES
from vaestro.experiments.material import Material
from vaestro.experiments.recipe import Recipe
from vaestro.foundation.errors import DataError
from vaestro.runs.folder import RunFolder

DRAWN = tuple(entry.config for entry in SOURCES if entry.reads is None)
"""Data that the recipe alone decides. Their last digits may differ on another machine, where such
a run may well go on."""


def known_by(recipe: Recipe, material: Material) -> dict[str, Any]:
    """What the manifest keeps beside number and shape; nothing of data that a recipe decides."""
    return {} if isinstance(recipe.data, DRAWN) else {"digest": material.digest}


RESUMED = "a resumed run keeps its data: restore them, or start a new run"
MEASURED = "its splits are those of its own data: restore them, or give these as --data FILE"
"""What to do about other data."""


def require_same_data(
    folder: RunFolder, recipe: Recipe, material: Material, cure: str = RESUMED
) -> None:
    """Raise DataError, with `cure`, unless the run in `folder` was trained on these data. Manifests
    of earlier versions keep no digest, and let any data pass."""
    had = folder.read_manifest().get("data", {})
    if "digest" not in had or known_by(recipe, material).get("digest", "") == had["digest"]:
        return
    was = _words(had["samples"], had["shape"])
    now = _words(len(material.data.values), material.data.spec.shape)
    differ = f"{now} now" if was != now else "as many now, with other numbers, labels or columns"
    raise DataError(
        f"{folder.root} was trained on {was}, and {material.data.name} holds {differ}; {cure}"
    )


def _words(samples: int, shape: Any) -> str:
    return f"{samples:,} samples of shape {tuple(shape)}"
