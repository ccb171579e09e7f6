"""Which built-in recipe trains on data that come without one: the plain one of their domain."""

from collections.abc import Sequence
from pathlib import Path

from vaestro.data.dataset import DataSet
from vaestro.data.recognise import guess_source
from vaestro.data.source import Source, load_data
from vaestro.experiments.recipe import Recipe, apply
from vaestro.foundation.samples import Domain

RECIPES: dict[Domain, str] = {
    "vector": "vectors",
    "streamline": "streamlines",
    "image": "images",
    "volume": "volumes",
}
_BY_KIND: dict[str, Domain] = {
    "idx": "image",
    "norb": "image",
    "pictures": "image",
    "atoms": "volume",
    "volumes": "volume",
    "streamlines": "streamline",
}


def recipe_for(data: DataSet) -> str:
    """The name of the recipe for samples like those of `data`."""
    return RECIPES[data.spec.domain]


def recipe_for_path(path: Path, edits: Sequence[str] = ()) -> str:
    """The name of the recipe for what lies at `path`, read as those of the recipe's `edits` that
    are of its data say: they may be what tells one array of a file from the others.

    Raises DataError when nothing reads it, and RecipeError for an edit that its source refuses.
    """
    guessed = Recipe.parse({"data": guess_source(path).plain()})
    own = [edit for edit in edits if _field(edit) == "data" or _field(edit).startswith("data.")]
    return RECIPES[domain_of(apply(guessed, own).data)]


def domain_of(source: Source) -> Domain:
    """The domain of a source's samples; of arrays, which may be anything, by reading them."""
    return _BY_KIND.get(source.kind) or load_data(source).spec.domain


def _field(edit: str) -> str:
    """The field that `field.path=value` is about."""
    return edit.partition("=")[0].strip()
