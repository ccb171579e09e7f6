"""The pictures of log 003 and the recipes on them: small NORB where the user has it, else toys.

The full form has the log's widths, its 96 x 96 pixels under its 500 components, and toys in the
place of its 48,600 pictures; it is to be done within hours on two cores, so that networks that see
toys see 48 x 48 pixels, and all are trained for fewer epochs. Those of NORB's own pictures see all
96 x 96 of them.
"""

from collections.abc import Sequence

import numpy as np

from vaestro.experiments.recipe import Recipe, quoted
from vaestro.foundation.edits import as_text
from vaestro.studies.logs.bench import Bench

GREYS = 255
SIZE, SIZE_FOR_PCA = (32, 48), (48, 96)
"""Pixels along an edge of what networks see and of what PCA alone sees, quick and full; 2,000
components need 2,000 pixels and as many views."""
NORB_SIZE = 96
QUICK = {"instances": 10, "elevations": 3, "azimuths": 9, "lightings": 3}
FULL = {"elevations": 3, "azimuths": 18, "lightings": 2}
"""How many objects of a kind, and from how many sides they are seen."""
RMSPROP = {"kind": "rmsprop", "smoothing": 0.9}
"""Keras' default, which the log used."""
MOST_EPOCHS = 15
"""In the quick study."""
KEPT_COMPONENTS = (200, 500)
"""Of 1,024 pixels in the quick study, of 9,216 in the full one, which is the log's."""


def source(bench: Bench, size: tuple[int, int] = SIZE) -> str:
    """The edit that names the data: toys of `size`, quick and full, unless the user has NORB."""
    if bench.data is not None:
        return f"data={{kind: norb, stereo: left, path: {quoted(bench.data)}}}"
    lamps = min(QUICK["lightings"], 3 if size == SIZE_FOR_PCA else 2)
    views = {**bench.pick({**QUICK, "lightings": lamps}, FULL), "size": bench.pick(*size)}
    return f"data={as_text({'kind': 'toys', 'stereo': 'left', **views})}"


def edge(bench: Bench, size: tuple[int, int] = SIZE) -> int:
    """Pixels along an edge of pictures that are asked for in that size."""
    return bench.pick(*size) if bench.data is None else NORB_SIZE


def components(bench: Bench) -> int:
    """How many principal components the models of this study are given."""
    return bench.pick(*KEPT_COMPONENTS)


def on_components(bench: Bench, *edits: str) -> Recipe:
    """A model of principal components, trained as the log did but for the warm-up of beta."""
    kept = f"transform.components={components(bench)}"
    size = (SIZE[0], SIZE_FOR_PCA[1])
    made = (source(bench, size), kept, training(bench, MOST_EPOCHS, 20), *edits)
    return bench.recipe("norb-pca-small", made)


def on_pixels(bench: Bench, *edits: str, size: tuple[int, int] = SIZE) -> Recipe:
    """A model of the pictures themselves."""
    batch = f"training.batch_size={bench.pick(25, 50)}"  # many steps in little time
    made = (source(bench, size), training(bench, 6, 6), batch, *edits)
    return bench.recipe("norb-conv", made)


def training(bench: Bench, quick: int, full: int) -> str:
    """So many epochs in batches of 100 with the log's optimiser."""
    epochs = bench.pick(min(quick, MOST_EPOCHS), full)
    asked = {"epochs": epochs, "batch_size": 100, "optimiser": RMSPROP}
    return f"training={as_text(asked)}"


def widths(bench: Bench, full: Sequence[int]) -> tuple[int, ...]:
    """The log's widths, a quarter of each in the quick study."""
    return tuple(bench.pick(width // 4, width) for width in full)


def one_of_each(count: int, shown: int = 5) -> np.ndarray:
    """The places of `shown` of `count` views, which stand in the order of the five kinds."""
    places: np.ndarray = ((np.arange(shown) + 0.5) * count / shown).astype(int)
    return places
