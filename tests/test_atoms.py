"""Structures from coordinate files as views: every wart read, every view a pure function."""

import gzip
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from vaestro.data.rows import Renderer
from vaestro.data.split import SplitConfig, split
from vaestro.data.volumes.atoms import AtomsConfig, is_structure, load_atoms
from vaestro.data.volumes.structures import read_structure
from vaestro.data.volumes.views import Cloud, ViewConfig, Views, rotation, view
from vaestro.foundation.errors import DataError, RecipeError


def pdb_line(
    number: int,
    name: str,
    element: str,
    at: tuple[float, float, float],
    residue: str = "ALA",
    place: int = 1,
    alternative: str = " ",
    occupancy: float = 1.0,
) -> str:
    """One atom, columns after the PDB format 3.3."""
    x, y, z = at
    return (
        f"ATOM  {number:5d}  {name:<3}{alternative}{residue} A{place:4d}    "
        f"{x:8.3f}{y:8.3f}{z:8.3f}{occupancy:6.2f}{10:6.2f}          {element:>2}  \n"
    )


def small_pdb(path: Path, elements: str = "CNOC", spread: float = 6.0) -> Path:
    """A file of a few atoms, `spread` angstrom apart."""
    lines = [pdb_line(i + 1, e, e, (i * spread, 0, 0), place=i + 1) for i, e in enumerate(elements)]
    path.write_text("".join(lines) + "END\n")
    return path


CIF = """data_tiny
loop_
_atom_site.group_PDB
_atom_site.id
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_alt_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.label_seq_id
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
ATOM 1 N N . GLY A 1 1.0 2.0 3.0
ATOM 2 C CA . GLY A 1 2.0 3.0 4.5
HETATM 3 O O . HOH B . 9.0 9.0 9.0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Three small structures."""
    path = tmp_path_factory.mktemp("structures")
    for i in range(3):
        small_pdb(path / f"s{i}.pdb", "CNOC" * (i + 1), 3.0 + i)
    return path


def config(folder: Path, **fields) -> AtomsConfig:
    return AtomsConfig.parse({"path": str(folder), "size": 9, "crops": 12, **fields})


# Reading


def test_pdb_and_cif_and_gzip_by_content(tmp_path):
    pdb = read_structure(small_pdb(tmp_path / "a.pdb"))
    assert pdb.elements.tolist() == ["C", "N", "O", "C"]
    assert pdb.positions[:, 0].tolist() == [0, 6, 12, 18]
    (tmp_path / "b.cif").write_bytes(gzip.compress(CIF.encode()))  # gzip without .gz
    cif = read_structure(tmp_path / "b.cif")
    assert cif.elements.tolist() == ["N", "C"]
    assert cif.positions.tolist() == [[1, 2, 3], [2, 3, 4.5]]
    assert read_structure(tmp_path / "b.cif", waters=True).elements.tolist() == ["N", "C", "O"]


def test_hydrogens_are_an_option(tmp_path):
    path = small_pdb(tmp_path / "a.ent", "CHDN")
    assert read_structure(path).elements.tolist() == ["C", "N"]
    assert read_structure(path, hydrogens=True).elements.tolist() == ["C", "H", "D", "N"]


def test_first_model_of_an_ensemble(tmp_path):
    path = tmp_path / "nmr.pdb"
    models = [f"MODEL     {m:4d}\n{pdb_line(1, 'N', 'N', (m, 0, 0))}ENDMDL\n" for m in range(1, 4)]
    path.write_text("".join(models) + "END\n")
    assert read_structure(path).positions.tolist() == [[1, 0, 0]]


def test_alternatives_leave_the_most_occupied(tmp_path):
    """Whole residues, also where the alternative is another residue; between equals the first."""
    lines = [
        pdb_line(1, "CA", "C", (0, 0, 0)),
        pdb_line(2, "CB", "C", (1, 0, 0), alternative="A", occupancy=0.4),
        pdb_line(3, "CB", "C", (2, 0, 0), alternative="B", occupancy=0.6),
        pdb_line(4, "CB", "C", (3, 0, 0), "SER", 2, "A", 0.7),
        pdb_line(5, "OG", "O", (4, 0, 0), "SER", 2, "A", 0.7),
        pdb_line(6, "CB", "C", (5, 0, 0), "CYS", 2, "B", 0.3),
        pdb_line(7, "SG", "S", (6, 0, 0), "CYS", 2, "B", 0.3),
        pdb_line(8, "CB", "C", (7, 0, 0), "ALA", 3, "B", 0.5),
        pdb_line(9, "CB", "C", (8, 0, 0), "ALA", 3, "A", 0.5),
    ]
    path = tmp_path / "alt.pdb"
    path.write_text("".join(lines) + "END\n")
    assert read_structure(path).positions[:, 0].tolist() == [0, 2, 3, 4, 8]


def test_damaged_files_give_one_line(tmp_path):
    good = small_pdb(tmp_path / "good.pdb").read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8).tobytes()
    bad = {
        "empty.pdb": b"",
        "empty.cif": b"",
        "noise.pdb": noise,
        "noise.cif": noise,
        "head.pdb": b"HEADER    NOTHING\nEND\n",
        "cut.pdb": good[:40],
        "cut.cif": CIF[:-30].encode(),
        "bare.cif": b"data_x\n_cell.length_a 3\n",
        "cut.pdb.gz": gzip.compress(good)[:-9],
        "only_hydrogen.pdb": pdb_line(1, "H", "H", (0, 0, 0)).encode(),
        "nan.cif": CIF.replace("4.5", "?").encode(),
        "far.cif": CIF.replace("4.5", "1e30").encode(),
        "text.txt": good,
        "none": good,
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_structure(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value)
    for missing in (tmp_path / "no.pdb", tmp_path):
        with pytest.raises(DataError):
            read_structure(missing)


@pytest.mark.parametrize("name", ["good.pdb", "good.cif"])
def test_any_cut_or_flipped_byte_is_read_or_refused(tmp_path, name):
    """Whatever happens to a file, no other error than ours."""
    path = tmp_path / name
    whole = CIF.encode() if name.endswith("cif") else small_pdb(path).read_bytes()
    random = np.random.default_rng(1)
    refused = 0
    for _ in range(150):
        broken = np.frombuffer(whole, np.uint8)[: random.integers(1, len(whole))].copy()
        hit = random.integers(0, len(broken), 3)
        broken[hit] = random.integers(0, 256, 3)
        path.write_bytes(broken.tobytes())
        try:
            assert np.isfinite(read_structure(path).positions).all()
        except DataError as fault:
            refused += 1
            assert "\n" not in str(fault)
    assert refused > 20


# The source


def test_what_is_a_structure(tmp_path, folder):
    assert is_structure(folder / "s0.pdb") and is_structure(folder)
    for name in ("a.PDB", "a.cif.gz", "a.mmcif", "a.ent"):
        (tmp_path / name).touch()
        assert is_structure(tmp_path / name)
    assert not is_structure(tmp_path / "no.pdb")
    (tmp_path / "sub").mkdir()
    assert not is_structure(tmp_path / "sub")


def test_the_data_set(folder):
    data = load_atoms(config(folder, resolution=2.0))
    assert data.values.shape == (12, 4, 9, 9, 9) and data.spec.shape == (4, 9, 9, 9)
    assert data.spec.values == "real" and data.spec.names == ("C", "N", "O", "*")
    assert data.groups is not None and data.groups.tolist() == [0, 1, 2] * 4
    frame = data.spec.frame
    assert frame is not None and frame.unit == "angstrom"
    assert frame.voxel_sizes == (2, 2, 2) and frame.dimensions == (9, 9, 9)
    assert (frame.matrix @ [4, 4, 4, 1]).tolist() == [0, 0, 0, 1]  # the middle voxel


def test_a_structure_is_never_divided(folder):
    data = load_atoms(config(folder))
    parts = split(data, SplitConfig(validation=0.3, test=0.3))
    seen = [set(data.groups[part].tolist()) for part in (parts.train, parts.validation)]
    assert not seen[0] & seen[1] and all(seen)


def test_views_are_pure_functions(folder):
    """The same bytes alone, in any batch, in any order, from a slice, and from threads."""
    rows = load_atoms(config(folder)).values
    assert isinstance(rows, Renderer)
    whole = rows.at_epoch(np.arange(12), 3)
    for i in (0, 5, 11):
        assert np.array_equal(rows.at_epoch(np.array([i]), 3)[0], whole[i])
    assert np.array_equal(rows.at_epoch(np.array([7, 2, 2]), 3), whole[[7, 2, 2]])
    assert np.array_equal(rows[2:9:3], rows[np.array([2, 5, 8])])
    with ThreadPoolExecutor(4) as pool:
        for i, image in enumerate(pool.map(lambda i: rows.at_epoch(np.array([i]), 3), range(12))):
            assert np.array_equal(image[0], whole[i])
    again = load_atoms(config(folder)).values
    assert np.array_equal(again.at_epoch(np.arange(12), 3), whole)


def test_epochs_differ_only_when_fresh(folder):
    rows = load_atoms(config(folder)).values
    first, second = (rows.at_epoch(np.arange(12), epoch) for epoch in (0, 1))
    assert np.array_equal(rows[:], first)
    assert all((a != b).any() for a, b in zip(first, second, strict=True))
    still = load_atoms(config(folder, fresh=False)).values
    assert isinstance(still, Renderer) and not still.changes
    assert np.array_equal(still.at_epoch(np.arange(len(still)), 3), first)
    assert np.array_equal(still[:], first)


def test_std_divides_and_seed_changes(folder):
    one = load_atoms(config(folder, std=1.0)).values[:]
    fine = load_atoms(config(folder, std=0.05)).values[:]
    assert np.allclose(fine, one * 20, rtol=1e-6) and one.max() <= 1.001
    other = load_atoms(config(folder, std=1.0, seed=1)).values[:]
    assert (other != one).any()


def test_rotation_keeps_the_total(tmp_path):
    """Where every atom stays in the box, each channel sums to its atoms."""
    small_pdb(tmp_path / "a.pdb", "CCNOS", 1.5)
    data = load_atoms(config(tmp_path, size=25, translate=4.0, std=1.0))
    totals = data.values[:].sum((2, 3, 4))
    assert np.allclose(totals, [[2, 1, 1, 1]] * 12, atol=1e-4)


def test_rotations_are_uniform():
    """Proper rotations; each entry has mean 0 and mean square 1/3, the trace has mean 0."""
    random = np.random.default_rng(0)
    turns = np.array([rotation(random.normal(size=4)) for _ in range(20_000)])
    assert np.allclose(np.einsum("nij,nkj->nik", turns, turns), np.eye(3), atol=1e-12)
    assert np.allclose(np.linalg.det(turns), 1)
    assert np.abs(turns.mean(0)).max() < 0.02
    assert np.abs((turns**2).mean(0) - 1 / 3).max() < 0.01


def test_without_motion_the_box_sits_on_an_atom(tmp_path):
    """No rotation and no shift: one atom in the middle of the middle voxel."""
    small_pdb(tmp_path / "a.pdb", "CN", 30.0)
    still = {"rotate": False, "translate": 0.0, "std": 1.0}
    images = load_atoms(config(tmp_path, **still)).values[:]
    assert np.allclose(images[:, :, 4, 4, 4].sum(1), 1, atol=1e-5)
    turned = config(tmp_path, **still | {"rotate": True})
    assert np.allclose(load_atoms(turned).values[:], images, atol=1e-5)
    moved = load_atoms(config(tmp_path, **still | {"translate": 2.0})).values[:]
    assert np.abs(moved - images).max() > 0.1


def test_no_box_is_empty():
    """Even where shifts are far larger than the molecule."""
    far = ViewConfig(size=3, translate=500.0, channels=("*",))
    cloud = Cloud(np.zeros((1, 3), np.float32), np.zeros(1, int))
    for seed in range(50):
        assert view(far, cloud, np.random.default_rng(seed)).sum() > 0


def test_channels_take_their_elements(tmp_path):
    small_pdb(tmp_path / "a.pdb", "CNOSP", 1.5)
    wide = {"size": 25, "std": 1.0, "translate": 0.0}
    grouped = load_atoms(config(tmp_path, channels=["S,P", "*"], **wide)).values[:]
    assert np.allclose(grouped.sum((2, 3, 4)), [[2, 3]] * 12, atol=1e-4)


def test_elements_without_a_channel(tmp_path):
    small_pdb(tmp_path / "a.pdb", "CNOSP")
    with pytest.raises(DataError, match=r"a\.pdb has the elements P, S .*\"\*\""):
        load_atoms(config(tmp_path, channels=["C", "N", "O"]))


def test_channels_as_one_text():
    """As the command line gives them."""
    assert AtomsConfig.parse({"channels": "C N S+P *"}).channels == ("C", "N", "S+P", "*")
    assert AtomsConfig.parse({"channels": ["c", "S,P"]}).channels == ("c", "S,P")


@pytest.mark.parametrize(
    "channels", ["", "C,N C", [], ["C", "C"], ["C", "Q"], ["*", "*"], ["C,*"], [""]]
)
def test_illegal_channels(channels):
    with pytest.raises(RecipeError, match="channels"):
        AtomsConfig.parse({"channels": channels})


def test_more_structures_than_crops_are_told(folder):
    data = load_atoms(config(folder, crops=2))
    assert len(data.values) == 2 and "2 of the 3 structures" in data.notes[0]


def test_paths_that_lead_nowhere(tmp_path):
    for path in (None, str(tmp_path), str(tmp_path / "no.pdb"), str(tmp_path / "no")):
        with pytest.raises(DataError):
            load_atoms(AtomsConfig(path=path))


def test_real_structures_all_render(real_data):
    """All 39: every box holds atoms; proteins are two thirds carbon."""
    path = real_data / "structures"
    data = load_atoms(AtomsConfig(path=str(path), crops=39, size=19, std=1.0))
    rows = data.values
    assert isinstance(rows, Views) and len(rows.clouds) == 39
    totals = rows[:].sum((2, 3, 4))
    assert (totals.sum(1) > 0.4).all()
    assert 0.55 < totals[:, 0].sum() / totals.sum() < 0.7
    assert sum(len(cloud.positions) for cloud in rows.clouds) == 77910
