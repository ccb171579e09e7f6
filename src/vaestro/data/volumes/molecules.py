"""Made-up proteins seen as voxel images: the embedded stand-in for structures from files.

Each is a backbone of packed layers (`folds`) with side chains (`residues`) that do not clash, and
has nearly the density and the composition of real proteins (0.036 atoms a cubic angstrom inside;
ubiquitin has 0.042).

Shape letters: L residues, K rotamers, S side-chain atoms, A atoms.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from vaestro.data.dataset import DataSet, checked
from vaestro.data.volumes.backbones import fold
from vaestro.data.volumes.channels import channel_numbers
from vaestro.data.volumes.residues import HYDROPHOBIC, PERCENT, ROTAMERS, frames, library
from vaestro.data.volumes.structures import Structure
from vaestro.data.volumes.views import Cloud, ViewConfig, Views
from vaestro.foundation.randomness import Stream, derive_seed

SWEEPS = 6
"""How often side chains that clash are given another rotamer before they are cut short."""
CLASH = 2.5
"""Atoms of different residues nearer than this (angstrom) clash."""
FAVOUR = 3.0
"""How much likelier a residue that avoids water is where its side chain points inward."""


class MoleculesConfig(ViewConfig):
    """`molecules` different made-up proteins of 40 to 250 residues; `samples` in an epoch, dealt
    to the molecules in turn. The rest tells how each is seen; `seed` is that of the molecules too.
    """

    kind: Literal["molecules"] = "molecules"
    samples: Annotated[int, Field(ge=2)] = 2000
    molecules: Annotated[int, Field(ge=1)] = 200
    size: Annotated[int, Field(ge=1, le=256)] = 19


def load_molecules(config: MoleculesConfig) -> DataSet:
    """Views of made-up proteins, grouped by molecule, in units of `std`.

    Raises DataError where the channels leave out an element of proteins (C, N, O, S).
    """
    count = min(config.molecules, config.samples)
    clouds = [_cloud(number, config) for number in range(count)]
    views = Views(config, clouds, config.samples)
    return checked(
        "molecules",
        views,
        "real",
        groups=views.groups,
        names=config.channels,
        frame=config.frame,
        atom=config.atom,
    )


def _cloud(number: int, config: MoleculesConfig) -> Cloud:
    made = molecule(config.seed, number)
    channel = channel_numbers(made.elements, config.channels, "a made-up protein")
    return Cloud(made.positions, channel)


def molecule(seed: int, number: int) -> Structure:
    """The made-up protein `number` of `seed`."""
    random = np.random.default_rng(derive_seed(seed, Stream.DATA, number))
    backbone = fold(random)
    kinds = _sequence(backbone, random)
    side = _packed(backbone, kinds, random)
    elements = library().elements[kinds]
    present = (elements != "") & np.isfinite(side[..., 0])
    positions = np.concatenate([backbone.reshape(-1, 3), side[present]])
    symbols = np.concatenate([np.tile(["N", "C", "C", "O"], len(backbone)), elements[present]])
    return Structure(f"molecule {number}", positions.astype(np.float32), symbols)


def _sequence(backbone: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """For each residue its kind (L,): as often as in nature, those that avoid water inside."""
    frequency = np.array(list(PERCENT.values()))
    dry = np.array([letter in HYDROPHOBIC for letter in PERCENT])
    inner, outer = frequency * np.where(dry, FAVOUR, 1), frequency * np.where(dry, 1, FAVOUR)
    origin, axes = frames(backbone)
    beta = library().sites[0, 0, 0]  # of alanine
    outward = np.einsum("lij,i->lj", axes, beta)
    buried = np.einsum("lj,lj->l", outward, origin - origin.mean(0)) < 0
    chances = np.cumsum(np.where(buried[:, None], inner, outer), axis=1)
    drawn = random.uniform(size=(len(backbone), 1)) * chances[:, -1:]
    kinds: np.ndarray = (chances < drawn).sum(1)
    return kinds


def _packed(backbone: np.ndarray, kinds: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Side chains (L, S, 3): what still clashes after all sweeps, and what follows it, is NaN."""
    sites, elements, rotamers = library()
    origin, axes = frames(backbone)
    absent = np.where(elements[kinds] == "", np.nan, 0.0)[..., None]
    offered = random.integers(0, ROTAMERS, len(kinds))
    moved = np.arange(len(kinds))
    side = np.empty((len(kinds), *sites.shape[2:]))
    for _ in range(SWEEPS):
        local = sites[kinds[moved], offered[moved] % rotamers[kinds[moved]]]
        turned = np.einsum("lsi,lij->lsj", local, axes[moved])
        side[moved] = origin[moved, None] + turned + absent[moved]
        clashing = _clashes(backbone, side, moved)
        moved = moved[clashing.any(1)]
        offered[moved] += random.integers(0, 2, len(moved))  # of two that clash one may stay
    broken = np.logical_or.accumulate(_clashes(backbone, side, np.arange(len(kinds))), axis=1)
    side[broken] = np.nan
    return side


def _clashes(backbone: np.ndarray, side: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Which side-chain atoms (M, S) of the residues `asked` (M,) are too near to other residues'.

    Those at the CB are bound to be near to the neighbours in the chain and may be a little nearer.
    """
    everything = np.concatenate([backbone, side], axis=1).astype(np.float32)
    known = np.isfinite(everything[..., 0])
    atoms, owner = everything[known], known.nonzero()[0]
    there = np.isfinite(side[asked, :, 0])
    tips, whose = side[asked][there].astype(np.float32), asked[there.nonzero()[0]]
    squared = np.zeros((len(tips), len(atoms)), dtype=np.float32)
    for axis in range(3):
        apart = tips[:, None, axis] - atoms[:, axis]
        squared += np.multiply(apart, apart, out=apart)
    limit = np.where(there.nonzero()[1] == 0, CLASH - 0.3, CLASH).astype(np.float32)[:, None]
    found = np.zeros(there.shape, dtype=bool)
    found[there] = ((squared < limit**2) & (whose[:, None] != owner)).any(1)
    return found
