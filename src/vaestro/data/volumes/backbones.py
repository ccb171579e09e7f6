"""Backbones of small made-up proteins: layers of helices and of strands, joined by loops.

Globular proteins are layers, packed 10 angstrom apart, of helices 10 or strands 4.8 angstrom apart
(Chothia 1984); made so, a molecule has nearly the density of a real one without any search.

Shape letters: L residues; a backbone is (L, 4, 3): N, CA, C and O of each residue, in angstrom.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np

from vaestro.data.volumes.residues import placed

FOLDS = ("aaa", "aa", "bb", "aba", "bab", "abba")
"""Layers from the bottom up: a of helices, b of strands."""
SPACING = {"a": 9.8, "b": 4.8}
RISE = {"a": 1.5, "b": 3.3}
TORSIONS = {"a": (-57.8, -47.0), "b": (-120.0, 120.0)}
IDEAL = 30
"""Residues of an ideal helix or strand, of which pieces are cut."""
LAYER = 10.0
TWIST = np.radians(-12)
"""Between neighbouring strands."""
STEP = 3.8
"""Between neighbouring CA."""
TOO_NEAR = 3.0
"""Backbone atoms of a loop this near to another residue's are a clash."""


def fold(random: np.random.Generator) -> np.ndarray:
    """A backbone (L, 4, 3) around the origin."""
    layers = FOLDS[random.integers(len(FOLDS))]
    long, wide = random.uniform(20, 34), random.uniform(18, 36)
    pieces: list[np.ndarray] = []
    for number, kind in enumerate(layers):
        height = (number - (len(layers) - 1) / 2) * LAYER
        share = np.sqrt(1 - (height / (len(layers) * LAYER / 2 + 5)) ** 2)  # an ellipsoid
        pieces += _layer(kind, height, long * share, wide * share, random)
    whole = np.concatenate(pieces)
    for before, after in pairwise(pieces):
        loop = _loop(before[-1, 1], after[0, 1], random)
        whole = np.concatenate([whole, _apart(loop, whole)])
    centred: np.ndarray = whole - whole[:, 1].mean(0)
    return centred


def _layer(
    kind: str, height: float, long: float, wide: float, random: np.random.Generator
) -> list[np.ndarray]:
    """Helices or strands along y, side by side in x, in turns up and down, the layer turned."""
    count = max(2, round(wide / SPACING[kind]))
    tilt = random.uniform(-0.35, 0.35)
    pieces = []
    for i in range(count):
        place = i - (count - 1) / 2
        reach = long * np.sqrt(1 - (place / (count / 2 + 0.5)) ** 2 * 0.6)
        residues = max(4, round(reach * random.uniform(0.8, 1.0) / RISE[kind]))
        first = (len(ideal(kind)) - residues) // 2
        piece = ideal(kind)[first : first + residues]
        if kind == "a":
            piece = piece @ _turn(1, random.uniform(0, 2 * np.pi)).T
        else:
            piece = piece @ _turn(0, TWIST * place).T
        if i % 2:
            piece = piece @ _turn(2, np.pi).T
        shift = np.array([place * SPACING[kind], random.normal(0, 0.7), height])
        pieces.append((piece + shift) @ _turn(2, tilt).T)
    return pieces


@lru_cache(maxsize=2)
def ideal(kind: str) -> np.ndarray:
    """A straight helix or strand of IDEAL residues along y; a strand's peptide groups lie in the
    x-y plane."""
    phi, psi = TORSIONS[kind]
    n, ca = np.zeros(3), np.array([1.46, 0.0, 0.0])
    atoms = [n, ca, placed(np.array([0.0, 1.0, 0.0]), n, ca, 1.52, 111, -60)]
    for _ in range(IDEAL):
        for bond, angle, dihedral in ((1.33, 116, psi), (1.46, 122, 180), (1.52, 111, phi)):
            a, b, c = atoms[-3:]
            atoms.append(placed(a, b, c, bond, angle, dihedral))
    chain = np.array(atoms)
    ends = [
        placed(chain[i], chain[i + 1], chain[i + 2], 1.23, 120.5, psi + 180)
        for i in range(0, 3 * IDEAL, 3)
    ]
    backbone = np.concatenate(
        [chain[: 3 * IDEAL].reshape(IDEAL, 3, 3), np.array(ends)[:, None]], axis=1
    )
    backbone -= backbone[:, 1].mean(0)
    axes = np.linalg.svd(backbone[:, 1], full_matrices=False)[2]
    along = axes[0] * np.sign(axes[0] @ (backbone[-1, 1] - backbone[0, 1]))
    across = backbone[IDEAL // 2, 3] - backbone[IDEAL // 2, 2]
    across -= along * (across @ along)
    across /= np.linalg.norm(across)
    straight: np.ndarray = backbone @ np.stack([across, along, np.cross(across, along)]).T
    return straight


def _loop(start: np.ndarray, end: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Residues on an arc from one CA to another, both left out, that bulges away from the middle.

    Peptide groups are planar and trans, 3.8 angstrom from CA to CA.
    """
    chord = float(np.linalg.norm(end - start))
    outward = np.sign(start[1] + end[1]) * np.array([0.0, 1.0, 0.0])
    outward = outward + random.normal(0, 0.2, 3)
    count = max(2, int(np.hypot(chord, 8.0) / STEP))
    share = np.linspace(0, 1, 50)[:, None]
    arc = start + (end - start) * share + outward * 5.0 * np.sin(np.pi * share)
    walked = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(arc, axis=0), axis=1))])
    stops = np.linspace(0, walked[-1], count + 2)
    alpha = np.stack([np.interp(stops, walked, arc[:, axis]) for axis in range(3)], axis=1)
    ahead = np.diff(alpha, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    aside = np.cross(ahead, random.normal(size=3))
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    aside[::2] *= -1
    carbon = alpha[:-1] + 1.449 * ahead + 0.46 * aside
    nitrogen = alpha[1:] - 1.386 * ahead - 0.46 * aside
    oxygen = carbon + 1.23 * aside
    return np.stack([nitrogen[:-1], alpha[1:-1], carbon[1:], oxygen[1:]], axis=1)


def _apart(loop: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The residues of `loop` that keep their distance from what is there."""
    away = loop[:, :, None] - whole.reshape(-1, 3)
    near = (away**2).sum(-1).min(axis=(1, 2))
    kept: np.ndarray = loop[near > TOO_NEAR**2]
    return kept


def _turn(axis: int, angle: float) -> np.ndarray:
    """The rotation (3, 3) by `angle` around a coordinate axis."""
    matrix = np.eye(3)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[j, i] = np.sin(angle)
    matrix[i, j] = -matrix[j, i]
    return matrix
