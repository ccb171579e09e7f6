"""Coordinate files of macromolecules, PDB and mmCIF, gzipped or not: what element lies where.

One model, one conformation: of an ensemble (NMR) the first model is taken, and where a residue is
modelled in several ways, the one with the highest occupancy. Formats: wwPDB 3.3 and PDBx/mmCIF,
parsed by gemmi. Shape letters: A atoms.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from vaestro.data.folder_files import is_broken_link
from vaestro.data.opening import read_bytes
from vaestro.foundation.errors import DataError, one_line

PDB_ENDINGS = (".pdb", ".ent")
CIF_ENDINGS = (".cif", ".mmcif")
LEGAL = ", ".join((*PDB_ENDINGS, *CIF_ENDINGS))
FARTHEST = 1e5
"""No molecule lies farther (angstrom) from its origin; a PDB file has no room for such numbers."""


@dataclass(frozen=True)
class Structure:
    """positions: (A, 3) float32 in angstrom; elements: (A,) symbols, "X" where none is known."""

    name: str
    positions: np.ndarray
    elements: np.ndarray


def is_coordinate_file(path: Path) -> bool:
    """Whether `path` is a file with the ending of coordinates, .gz set aside."""
    named = _ending(path) in PDB_ENDINGS + CIF_ENDINGS
    return named and (path.is_file() or is_broken_link(path))


def structure_files(path: Path) -> list[Path]:
    """The coordinate file `path` itself, or all those in the folder `path` and below, by name.

    Raises DataError when there is none.
    """
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if is_coordinate_file(file))
    if not found:
        raise DataError(
            f"{path} holds no coordinate file; legal: files ending in {LEGAL}, each also .gz"
        )
    return found


def read_structure(path: Path, hydrogens: bool = False, waters: bool = False) -> Structure:
    """The atoms of one file, by default without hydrogens and waters.

    Raises DataError in one line for a missing, damaged or empty file, one of another format, and
    coordinates that are missing or absurd.
    """
    if _ending(path) not in PDB_ENDINGS + CIF_ENDINGS and not path.is_dir():
        raise DataError(
            f"{path} ends in {_ending(path) or 'nothing'}; structures are read from files ending "
            f"in {LEGAL}, each also .gz"
        )
    atoms = list(_kept(_first_model(path), hydrogens, waters))
    if not atoms:
        left_out = [name for name, in_ in (("hydrogens", hydrogens), ("waters", waters)) if not in_]
        beside = f" beside {' and '.join(left_out)}" if left_out else ""
        raise DataError(f"{path} holds no atoms{beside}; is it a coordinate file, and whole?")
    positions = np.array([atom.pos.tolist() for atom in atoms])
    broken = ~(np.abs(positions) < FARTHEST).all(1)  # NaN is not smaller either
    if broken.any():
        raise DataError(
            f"{path}: {int(broken.sum())} of {len(atoms)} atoms have no coordinates or some "
            f"beyond {FARTHEST:g} angstrom, the first is {atoms[int(broken.argmax())].name}; "
            "repair the file"
        )
    elements = np.array([atom.element.name for atom in atoms])
    return Structure(path.name, positions.astype(np.float32), elements)


def _ending(path: Path) -> str:
    name = path.name.lower()
    return Path(name.removesuffix(".gz")).suffix


def _first_model(path: Path) -> Any:
    """gemmi's model, or an empty list where the file has none."""
    import gemmi

    content = read_bytes(path).decode("latin-1").encode("ascii", "replace")  # columns stay
    try:
        if _ending(path) in PDB_ENDINGS:
            structure = gemmi.read_pdb_string(content)
        else:
            blocks = gemmi.cif.read_string(content)
            held = (block for block in blocks if len(block.find_values("_atom_site.Cartn_x")))
            structure = gemmi.make_structure_from_block(next(held, blocks[0]))
    except (RuntimeError, ValueError, IndexError, OverflowError) as fault:
        kind = "a PDB" if _ending(path) in PDB_ENDINGS else "an mmCIF"
        reason = one_line(str(fault))[:120] or "it has no data block"
        raise DataError(
            f"{path} cannot be read as {kind} file ({reason}); it is damaged, cut off or of "
            "another format"
        ) from None
    return structure[0] if len(structure) else []


def _kept(model: Any, hydrogens: bool, waters: bool) -> Iterator[Any]:
    """The atoms of one conformation."""
    for chain in model:
        for _, residues in groupby(chain, key=lambda residue: str(residue.seqid)):
            wanted = [residue for residue in residues if waters or not residue.is_water()]
            atoms = [atom for residue in wanted for atom in residue]
            yield from (a for a in _one_way(atoms) if hydrogens or not a.is_hydrogen())


def _one_way(atoms: list[Any]) -> list[Any]:
    """The atoms of a residue without the alternatives that are less occupied in all.

    Other residues at the same place in the chain (a mutation in part of the crystal) are
    alternatives too, with labels of their own. Between equals the first label counts.
    """
    occupancies: dict[str, float] = {}
    for atom in atoms:
        if atom.has_altloc():
            occupancies[atom.altloc] = occupancies.get(atom.altloc, 0.0) + atom.occ
    if len(occupancies) < 2:
        return atoms
    best = max(sorted(occupancies), key=lambda label: occupancies[label])
    return [atom for atom in atoms if not atom.has_altloc() or atom.altloc == best]
