"""Which built-in recipe trains on data that come without one: the plain one of their domain."""

from pathlib import Path

from vaestro.data.dataset import DataSet
from vaestro.data.recognise import guess_source
from vaestro.data.source import Source, load_data
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


def recipe_for_path(path: Path) -> str:
    """The name of the recipe for what lies at `path`. Raises DataError when nothing reads it."""
    return RECIPES[domain_of(guess_source(path))]


def domain_of(source: Source) -> Domain:
    """The domain of a source's samples; of arrays, which may be anything, by reading them."""
    return _BY_KIND.get(source.kind) or load_data(source).spec.domain
