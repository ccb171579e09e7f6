"""Macromolecules from coordinate files, seen as voxel images of random boxes.

After log 000: images are divided by their stated standard deviation and the mean stays in, so that
empty space is 0 and the mean squared error of an image of zeros is mean(x^2): 1.0 in that log, 0.94
for boxes of 19 voxels around atoms of 39 structures of the PDB, and 0.53 for boxes of 35, which
reach farther out of the molecules.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from vaestro.data.dataset import DataSet, checked
from vaestro.data.volumes.channels import channel_numbers
from vaestro.data.volumes.structures import (
    LEGAL,
    is_coordinate_file,
    read_structure,
    structure_files,
)
from vaestro.data.volumes.views import Cloud, ViewConfig, Views
from vaestro.foundation.errors import DataError


class AtomsConfig(ViewConfig):
    """`path`: a coordinate file or a folder of them; `crops`: samples in an epoch, dealt to the
    structures in turn; `hydrogens`, `waters`: whether these atoms are drawn. The rest tells how
    each is seen.
    """

    kind: Literal["atoms"] = "atoms"
    path: str | None = None
    crops: Annotated[int, Field(ge=2)] = 2000
    hydrogens: bool = False
    waters: bool = False


def load_atoms(config: AtomsConfig) -> DataSet:
    """Views of the structures, grouped by structure, in units of `std`.

    Raises DataError in one line for a missing path, a damaged or empty file, and elements that no
    channel takes.
    """
    if config.path is None:
        raise DataError(
            "this recipe needs data.path: a folder of coordinate files, or one, ending in "
            f"{LEGAL}, gzipped or not; give --set data.path=FOLDER"
        )
    path = Path(config.path)
    files = structure_files(path)
    clouds = [_cloud(file, config) for file in files[: config.crops]]
    views = Views(config, clouds, config.crops)
    notes: tuple[str, ...] = ()
    if len(clouds) < len(files):
        notes = (f"data.crops={config.crops} shows {len(clouds)} of the {len(files)} structures.",)
    return checked(
        path.resolve().name,
        views,
        "real",
        groups=views.groups,
        names=config.channels,
        frame=config.frame,
        atom=config.atom,
        notes=notes,
    )


def is_structure(path: Path) -> bool:
    """Whether `path` is a coordinate file, or a folder that holds one."""
    if path.is_dir():
        return any(is_coordinate_file(file) for file in path.iterdir())
    return is_coordinate_file(path)


def _cloud(file: Path, config: AtomsConfig) -> Cloud:
    structure = read_structure(file, config.hydrogens, config.waters)
    return Cloud(structure.positions, channel_numbers(structure.elements, config.channels, file))
