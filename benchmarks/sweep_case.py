"""What the sides of the sweep benchmark train, and what each of them gives."""

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vaestro.data.images.idx import read_idx
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.recipe import Recipe, apply, read_recipe
from vaestro.training import plan as planning

RECIPE = "mnist-dense"
BETA, RATE = "objective.beta", "training.learning_rate"
SPACE = {BETA: (0.25, 16.0), RATE: (1e-4, 1e-2)}
"""Both axes are logarithmic."""


class Case(NamedTuple):
    """What every side trains: `edits` of the recipe, `epochs` long; how many trials a search has,
    and how many points an axis of the grid. `workers` of `threads` each share a search or the grid;
    our search lets one trial in `halving` go on at a rung where that is given. `default`: both
    searches begin with the recipe's own setting. `until`: a search is ended once a trial has this
    elbo."""

    edits: tuple[str, ...]
    epochs: int
    trials: int
    points: int
    threads: int
    workers: int
    device: str
    search: str
    halving: int | None
    default: bool
    until: float | None = None

    def ends(self, elbo: float | None) -> bool:
        """Whether a search is ended by a trial of this elbo."""
        return self.until is not None and elbo is not None and elbo >= self.until


class Done(NamedTuple):
    """A trial: when its training began and when its result was known, seconds since the side
    began; its elbo on the validation split, None where it has none; the share of its steps that
    were taken."""

    began: float
    ended: float
    elbo: float | None
    trained: float


class Side(NamedTuple):
    """The trials of one side in the order of their ends, and the seconds until all was done: of the
    clock, and of the processor, which other work on the machine does not lengthen."""

    trials: list[Done]
    seconds: float
    processor_seconds: float


def subset(mnist: Path, images: int, folder: Path) -> Path:
    """An idx file of the first `images` training images in the folder `mnist`."""
    names = ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz")
    source = next(path for name in names if (path := mnist / name).is_file())
    taken = np.ascontiguousarray(read_idx(source)[:images])
    made = folder / "images-idx3-ubyte"
    made.write_bytes(struct.pack(">4i", 0x00000803, *taken.shape) + taken.tobytes())
    return made


def base_of(case: Case) -> Recipe:
    """The recipe that every side searches."""
    return apply(read_recipe(RECIPE), case.edits)


def assembled(case: Case) -> Assembly:
    """The parts of a run, whatever its setting: data, first weights, validation."""
    recipe = base_of(case)
    plan = planning.choose(recipe.training)
    with planning.in_force(plan):
        return assemble(recipe, plan)
