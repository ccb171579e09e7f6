"""Made-up proteins: geometry, composition and density like real ones, fixed by the seed."""

from collections import Counter

import numpy as np
import pytest

from vaestro.data.rows import Renderer
from vaestro.data.volumes.backbones import fold, ideal
from vaestro.data.volumes.molecules import MoleculesConfig, load_molecules, molecule
from vaestro.data.volumes.residues import PERCENT, library
from vaestro.foundation.errors import DataError


def config(**fields) -> MoleculesConfig:
    return MoleculesConfig.parse({"samples": 40, "molecules": 20, "size": 19, **fields})


@pytest.fixture(scope="module")
def made():
    return [molecule(0, number) for number in range(30)]


def test_deterministic_by_seed(made):
    again = molecule(0, 3)
    assert np.array_equal(again.positions, made[3].positions)
    assert np.array_equal(again.elements, made[3].elements)
    assert len({one.positions.tobytes() for one in made}) == len(made)
    assert molecule(1, 3).positions.tobytes() != made[3].positions.tobytes()


def test_helix_and_strand_are_ideal():
    """3.8 angstrom from CA to CA; 1.5 a residue up a helix, 3.3 along a strand; hydrogen bonds."""
    for kind, rise in (("a", 1.5), ("b", 3.3)):
        backbone = ideal(kind)
        steps = np.linalg.norm(np.diff(backbone[:, 1], axis=0), axis=1)
        assert steps == pytest.approx(3.8, abs=0.05)
        assert np.diff(backbone[:, 1, 1]).mean() == pytest.approx(rise, abs=0.1)
    helix = ideal("a")
    bonds = np.linalg.norm(helix[:-4, 3] - helix[4:, 0], axis=1)
    assert bonds == pytest.approx(2.9, abs=0.2)


def test_rings_close():
    """Phenylalanine's six bonds and tryptophan's nine, though built as trees."""
    for letter, closing in (("F", (5, 6)), ("H", (4, 5)), ("W", (4, 5))):
        atoms = library().sites[list(PERCENT).index(letter), 0]
        assert np.linalg.norm(atoms[closing[0]] - atoms[closing[1]]) == pytest.approx(
            1.36, abs=0.06
        )


def test_side_chains_are_left_handed():
    """CB of the L form: seen from H to CA, CO, R and N go clockwise (the CORN rule)."""
    beta = library().sites[0, 0, 0]
    nitrogen, carbon = np.array([-0.52, 1.36, 0.0]), np.array([1.52, 0.0, 0.0])
    assert np.dot(np.cross(nitrogen, carbon), beta) > 0


def test_composition_is_that_of_proteins(made):
    """Against 39 structures of the PDB: 63 % C, 17 % N, 19 % O, 0.6 % S."""
    counted = Counter(np.concatenate([one.elements for one in made]).tolist())
    share = {element: count / sum(counted.values()) for element, count in counted.items()}
    assert set(share) == {"C", "N", "O", "S"}
    assert share["C"] == pytest.approx(0.63, abs=0.03)
    assert share["N"] == pytest.approx(0.17, abs=0.02)
    assert share["O"] == pytest.approx(0.19, abs=0.02)
    assert 0.001 < share["S"] < 0.012


def test_atoms_pack_without_lying_on_each_other(made):
    """Bonds are no shorter than 1.15 angstrom but for a few, and no atom is alone."""
    for one in made:
        away = np.linalg.norm(one.positions[:, None] - one.positions, axis=-1)
        nearest = (away + 9 * np.eye(len(away))).min(1)
        assert (nearest < 1.15).mean() < 0.03
        assert np.median(nearest) == pytest.approx(1.37, abs=0.06)
        around = np.median((away < 6).sum(1)) / (4 / 3 * np.pi * 6**3)
        assert 0.028 < around < 0.055  # ubiquitin: 0.042 atoms a cubic angstrom


def test_backbones_are_compact():
    sizes = [len(fold(np.random.default_rng(number))) for number in range(40)]
    assert min(sizes) >= 25 and max(sizes) <= 300 and len(set(sizes)) > 20


def test_the_data_set():
    data = load_molecules(config())
    assert data.values.shape == (40, 4, 19, 19, 19) and data.spec.values == "real"
    assert data.groups is not None and data.groups.tolist() == [*range(20), *range(20)]
    assert data.spec.names == ("C", "N", "O", "*")
    assert isinstance(data.values, Renderer)
    still = load_molecules(config(fresh=False)).values
    assert isinstance(still, Renderer) and not still.changes
    assert np.array_equal(still[:], data.values[:])


def test_occupancy_is_that_of_log_000():
    """Its images at 1 angstrom have mean 0.0062 and standard deviation 0.050."""
    images = load_molecules(config(std=1.0, samples=200)).values[:]
    assert images.mean() == pytest.approx(0.0055, abs=0.0015)
    assert images.std() == pytest.approx(0.047, abs=0.006)


def test_fields_matter():
    base = load_molecules(config()).values[:]
    for change in (
        {"seed": 1},
        {"molecules": 10},
        {"resolution": 1.5},
        {"translate": 0.0},
        {"rotate": False},
        {"std": 0.1},
    ):
        assert (load_molecules(config(**change)).values[:] != base).any(), change


def test_channels_must_take_every_element():
    with pytest.raises(DataError, match="made-up protein has the elements"):
        load_molecules(config(channels=["C", "N"]))
