"""The data sources by kind, and how each is loaded."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from vaestro.data.arrays import ArraysConfig, load_arrays
from vaestro.data.dataset import DataSet
from vaestro.data.digits import DigitsConfig, load_digits
from vaestro.data.idx import IdxConfig, load_idx
from vaestro.foundation.config import ByKind

Source = DigitsConfig | IdxConfig | ArraysConfig
DataConfig = Annotated[Annotated[Source, Field(discriminator="kind")], ByKind]

_LOADERS: dict[type, Callable[[Any], DataSet]] = {
    DigitsConfig: load_digits,
    IdxConfig: load_idx,
    ArraysConfig: load_arrays,
}


def load_data(config: Source) -> DataSet:
    """The data set that `config` describes. Raises DataError in one line."""
    return _LOADERS[type(config)](config)
