"""The twenty residues of proteins as atoms in space, from ideal internal coordinates.

Bond lengths and angles after Engh and Huber (1991), rounded; rotamers at the staggered angles.

Shape letters: L residues, K rotamers, S side-chain atoms.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

ROTAMERS, SIDE_ATOMS = 9, 10
STAGGERED = (-65.0, 180.0, 62.0)
HYDROPHOBIC = "AVILMFWC"

PERCENT = {
    "A": 8.25, "R": 5.53, "N": 4.06, "D": 5.46, "C": 1.38, "Q": 3.93, "E": 6.72, "G": 7.07,
    "H": 2.27, "I": 5.91, "L": 9.65, "K": 5.80, "M": 2.41, "F": 3.86, "P": 4.74, "S": 6.64,
    "T": 5.36, "W": 1.10, "Y": 2.92, "V": 6.86,
}  # fmt: skip
"""How often each residue occurs (UniProtKB/Swiss-Prot)."""

# Beyond CB: element, parent (3 is CB, 4 the next, ...), bond, angle, dihedral; x is chi 1, y chi 2.
_SIDE = {
    "A": "",
    "R": "C 3 1.52 114 x|C 4 1.52 111 y|N 5 1.46 112 180|C 6 1.33 124 180|N 7 1.33 120 0"
    "|N 7 1.33 120 180",
    "N": "C 3 1.52 113 x|O 4 1.23 121 -20|N 4 1.33 117 160",
    "D": "C 3 1.52 113 x|O 4 1.25 118 -20|O 4 1.25 118 160",
    "C": "S 3 1.81 114 x",
    "Q": "C 3 1.52 114 x|C 4 1.52 113 y|O 5 1.23 121 0|N 5 1.33 117 180",
    "E": "C 3 1.52 114 x|C 4 1.52 113 y|O 5 1.25 118 0|O 5 1.25 118 180",
    "H": "C 3 1.50 114 x|N 4 1.38 123 90|C 4 1.36 131 -90|C 5 1.32 109 180|N 6 1.37 107 180",
    "I": "C 3 1.53 110 x|C 3 1.53 110 x-122|C 4 1.52 114 y",
    "L": "C 3 1.53 116 x|C 4 1.52 110 y|C 4 1.52 110 y+122",
    "K": "C 3 1.52 114 x|C 4 1.52 111 y|C 5 1.52 111 180|N 6 1.49 112 180",
    "M": "C 3 1.52 114 x|S 4 1.81 113 y|C 5 1.79 101 180",
    "F": "C 3 1.50 114 x|C 4 1.39 121 90|C 4 1.39 121 -90|C 5 1.39 121 180|C 6 1.39 121 180"
    "|C 7 1.39 120 0",
    "P": "C 3 1.49 104 28|C 4 1.50 105 -35",
    "S": "O 3 1.42 111 x",
    "T": "O 3 1.43 109 x|C 3 1.52 111 x-120",
    "W": "C 3 1.50 114 x|C 4 1.37 127 90|C 4 1.43 127 -90|N 5 1.37 110 180|C 6 1.41 107 180"
    "|C 6 1.40 134 0|C 8 1.40 122 180|C 9 1.39 119 180|C 10 1.37 117 0",
    "Y": "C 3 1.50 114 x|C 4 1.39 121 90|C 4 1.39 121 -90|C 5 1.39 121 180|C 6 1.39 121 180"
    "|C 7 1.39 120 0|O 9 1.38 120 180",
    "V": "C 3 1.52 111 x|C 3 1.52 111 x+122",
}


class Library(NamedTuple):
    """Side chains in the frame of their backbone; the letters stand in the order of `PERCENT`.

    sites: (20, K, S, 3) angstrom; elements: (20, S), "" where the residue has no atom; rotamers:
    (20,) how many of the K differ.
    """

    sites: np.ndarray
    elements: np.ndarray
    rotamers: np.ndarray


@lru_cache(maxsize=1)
def library() -> Library:
    """All side chains, made once."""
    kinds = len(PERCENT)
    sites = np.zeros((kinds, ROTAMERS, SIDE_ATOMS, 3))
    elements = np.full((kinds, SIDE_ATOMS), "", dtype="U2")
    rotamers = np.ones(kinds, dtype=np.int64)
    for kind, letter in enumerate(PERCENT):
        if letter == "G":
            continue
        rows = [row.split() for row in _SIDE[letter].split("|") if row]
        elements[kind, : len(rows) + 1] = ["C", *(row[0] for row in rows)]
        free = [chi for chi in "xy" if any(chi in row[4] for row in rows)]
        rotamers[kind] = len(STAGGERED) ** len(free)
        for k in range(rotamers[kind]):
            chis = {"x": STAGGERED[k % 3], "y": STAGGERED[(k // 3 + 1) % 3]}
            sites[kind, k, : len(rows) + 1] = _side_chain(rows, chis)
    return Library(sites, elements, rotamers)


def _side_chain(rows: list[list[str]], chis: dict[str, float]) -> np.ndarray:
    """CB and the atoms of `rows`, in the frame of N, CA and C."""
    n = np.array([1.46 * np.cos(np.radians(111)), 1.46 * np.sin(np.radians(111)), 0.0])
    atoms = [n, np.zeros(3), np.array([1.52, 0.0, 0.0])]
    parents = [2, 0, 1, 1]
    atoms.append(placed(atoms[2], atoms[0], atoms[1], 1.53, 110.5, -122.6))
    for _, parent, bond, angle, dihedral in rows:
        p = int(parent)
        q = parents[p]
        chain = atoms[parents[q]], atoms[q], atoms[p]
        atoms.append(placed(*chain, float(bond), float(angle), _degrees(dihedral, chis)))
        parents.append(p)
    return np.array(atoms[3:])


def _degrees(text: str, chis: dict[str, float]) -> float:
    """A dihedral: a number, or a chi with or without an offset, such as x-122."""
    return chis[text[0]] + float(text[1:] or 0) if text[0] in chis else float(text)


def placed(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, bond: float, angle: float, dihedral: float
) -> np.ndarray:
    """The atom d with a bond c-d (angstrom), an angle b-c-d and a dihedral a-b-c-d (degrees)."""
    turn, twist = np.radians([angle, dihedral])
    along = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, along)
    normal /= np.linalg.norm(normal)
    local = np.array([-np.cos(turn), np.cos(twist) * np.sin(turn), np.sin(twist) * np.sin(turn)])
    atom: np.ndarray = c + bond * (
        local[0] * along + local[1] * np.cross(normal, along) + local[2] * normal
    )
    return atom


def frames(backbone: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Origins (L, 3) and axes (L, 3, 3) of residues (L, 4, 3): N, CA, C and O of each.

    The origin is CA, the first axis points to C, and N lies in the plane of the first two.
    """
    origin = backbone[:, 1]
    first = _unit(backbone[:, 2] - origin)
    third = _unit(np.cross(first, backbone[:, 0] - origin))
    return origin, np.stack([first, np.cross(third, first), third], axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
