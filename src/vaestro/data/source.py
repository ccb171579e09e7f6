"""The data sources: which there are, what each reads, and how it is loaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from vaestro.data.arrays import ENDINGS, ArraysConfig, load_arrays
from vaestro.data.dataset import DataSet
from vaestro.data.images.digits import DigitsConfig, load_digits
from vaestro.data.images.idx import IdxConfig, holds_idx, load_idx
from vaestro.data.images.matrix import is_matrix
from vaestro.data.images.norb import NorbConfig, is_norb_folder, load_norb
from vaestro.data.images.pictures import (
    PicturesConfig,
    is_picture_file,
    is_picture_folder,
    load_pictures,
)
from vaestro.data.images.sprites import SpritesConfig, load_sprites
from vaestro.data.images.toys import ToysConfig, load_toys
from vaestro.data.streamlines.bundles import BundlesConfig, load_bundles
from vaestro.data.streamlines.streamlines import StreamlinesConfig, is_tractogram, load_streamlines
from vaestro.data.volumes.atoms import AtomsConfig, is_structure, load_atoms
from vaestro.data.volumes.molecules import MoleculesConfig, load_molecules
from vaestro.data.volumes.volumes import VolumesConfig, is_volume, load_volumes
from vaestro.foundation.config import ByKind, Config

Source = (
    DigitsConfig
    | ToysConfig
    | SpritesConfig
    | MoleculesConfig
    | BundlesConfig
    | IdxConfig
    | NorbConfig
    | PicturesConfig
    | VolumesConfig
    | AtomsConfig
    | StreamlinesConfig
    | ArraysConfig
)
DataConfig = Annotated[Annotated[Source, Field(discriminator="kind")], ByKind]


class Entry(NamedTuple):
    """One source. `reads` tells whether a file or folder is its own (None: embedded, no file is
    needed); `files` names those in words; `shape` and `samples` are None where the file decides."""

    name: str
    config: type[Config]
    load: Callable[[Any], DataSet]
    about: str
    reads: Callable[[Path], bool] | None = None
    files: str = ""
    shape: tuple[int, ...] | None = None
    samples: int | None = None


def _is_array(path: Path) -> bool:
    return path.is_file() and path.name.lower().removesuffix(".gz").endswith(ENDINGS)


def _is_norb(path: Path) -> bool:
    return is_norb_folder(path) if path.is_dir() else is_matrix(path)


def _is_picture_set(path: Path) -> bool:
    return is_picture_folder(path) or is_picture_file(path)


SOURCES = (
    Entry(
        "digits",
        DigitsConfig,
        load_digits,
        "1,797 handwritten digits, 17 grey levels, with labels",
        shape=(1, 8, 8),
        samples=1797,
    ),
    Entry(
        "toys",
        ToysConfig,
        load_toys,
        "shaded toys on a turntable with the factors of small NORB, rendered once and cached",
        shape=(1, 96, 96),
        samples=97_200,
    ),
    Entry(
        "sprites",
        SpritesConfig,
        load_sprites,
        "squares, ellipses and hearts with the factors of dSprites",
        shape=(1, 64, 64),
        samples=23_040,
    ),
    Entry(
        "molecules",
        MoleculesConfig,
        load_molecules,
        "procedural proteins as voxel images, a channel an element",
    ),
    Entry(
        "bundles",
        BundlesConfig,
        load_bundles,
        "seven procedural streamline bundles like those of the FiberCup phantom, in millimetres",
    ),
    Entry(
        "idx",
        IdxConfig,
        load_idx,
        "the MNIST family (train-images-idx3-ubyte, ...)",
        holds_idx,
        "idx files",
    ),
    Entry(
        "norb",
        NorbConfig,
        load_norb,
        "small NORB's binary matrices: stereo pairs with six annotations",
        _is_norb,
        "small NORB's .mat files",
    ),
    Entry(
        "streamlines",
        StreamlinesConfig,
        load_streamlines,
        "tractograms, resampled by arc length to equal numbers of points",
        is_tractogram,
        ".trk, .tck, .trx",
    ),
    Entry(
        "atoms",
        AtomsConfig,
        load_atoms,
        "molecular structures, rendered as voxel images from random views",
        is_structure,
        ".pdb, .cif",
    ),
    Entry(
        "volumes",
        VolumesConfig,
        load_volumes,
        "volumes: whole, or random cubes of them",
        is_volume,
        ".mrc, .map, .nii",
    ),
    Entry(
        "pictures",
        PicturesConfig,
        load_pictures,
        "a folder or .zip of pictures, a folder a label",
        _is_picture_set,
        "folders and .zip of .png or .jpg",
    ),
    Entry(
        "arrays",
        ArraysConfig,
        load_arrays,
        "arrays and tables of numbers, bit-packed with packed_columns",
        _is_array,
        ", ".join(ENDINGS),
    ),
)
"""Embedded ones first; then those of files, the most particular first."""


def load_data(config: Source) -> DataSet:
    """The data set that `config` describes. Raises DataError in one line."""
    load = {entry.config: entry.load for entry in SOURCES}[type(config)]
    return load(config)


def listing() -> list[dict[str, Any]]:
    """The data sources: which are embedded, and which files the others read (all also gzipped)."""
    return [
        {
            "name": entry.name,
            "kind": entry.name,
            "embedded": entry.reads is None,
            "shape": None if entry.shape is None else list(entry.shape),
            "samples": entry.samples,
            "files": entry.files,
            "about": entry.about,
        }
        for entry in SOURCES
    ]
