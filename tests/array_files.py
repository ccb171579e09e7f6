"""Files of arrays as a recipe's data read them."""

from pathlib import Path
from typing import Any

import pytest

from vaestro.data.arrays import ArraysConfig, load_arrays
from vaestro.data.dataset import DataSet
from vaestro.foundation.errors import DataError


def load(path: Path, **fields: Any) -> DataSet:
    return load_arrays(ArraysConfig(path=str(path), **fields))


def refused(path: Path, **fields: Any) -> str:
    """The one line with which the file is refused."""
    with pytest.raises(DataError) as caught:
        load(path, **fields)
    assert "\n" not in str(caught.value)
    return str(caught.value)
