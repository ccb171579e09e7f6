"""How many atoms volumes show: exact by hand, and in the record of a run on molecules."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import Silent
from vaestro.data.arrays import from_array
from vaestro.data.volumes.molecules import MoleculesConfig, load_molecules
from vaestro.data.volumes.voxelise import voxelise
from vaestro.evaluation.shape import shape_of_samples
from vaestro.experiments import train as training
from vaestro.experiments.recipe import Recipe
from vaestro.experiments.run import Run, load
from vaestro.foundation.samples import SampleSpec
from vaestro.metrics.atoms import atom_counts
from vaestro.reports.evaluation_text import printed

MOLECULES = {"kind": "molecules", "size": 9, "samples": 120, "molecules": 30, "fresh": False}


def drawn(counts: list[tuple[int, int]], std: float) -> torch.Tensor:
    """Volumes (N, 2, 12, 12, 12) with so many atoms of two elements, none at the edge."""
    random = np.random.default_rng(0)
    images = []
    for each in counts:
        channel = np.repeat([0, 1], each)
        positions = random.uniform(2, 10, (len(channel), 3))
        images.append(voxelise(positions, channel, 2, 12) / std)
    return torch.from_numpy(np.stack(images))


def test_every_atom_is_counted_once_in_its_channel() -> None:
    counts = [(3, 0), (7, 20), (0, 1)]
    found = atom_counts(drawn(counts, std=0.05), atom=1 / 0.05)
    np.testing.assert_allclose(found, counts, atol=0.01)


def test_molecules_say_what_an_atom_adds() -> None:
    data = load_molecules(MoleculesConfig.parse({**MOLECULES, "std": 0.2}))
    assert data.spec.atom == pytest.approx(5)
    assert SampleSpec.from_plain(data.spec.plain()) == data.spec
    other = load_molecules(MoleculesConfig.parse({**MOLECULES, "std": 0.1}))
    counts = [atom_counts(torch.from_numpy(d.values[:4]), d.spec.atom or 0) for d in (data, other)]
    torch.testing.assert_close(*counts, rtol=1e-5, atol=1e-5)
    assert counts[0].sum(1).min() > 5


def test_the_error_of_samples_is_in_atoms() -> None:
    """Samples with two atoms of the second element too many, and one of the first too few."""
    spec = SampleSpec((2, 12, 12, 12), "real", names=("C", "N"), atom=4.0)
    real = drawn([(5, 4), (6, 5)] * 10, std=0.25)
    made = drawn([(4, 6), (5, 7)] * 10, std=0.25)
    found = shape_of_samples(spec, made, real, real, torch.Generator())
    assert found is not None
    assert found["atoms"]["mean"] == pytest.approx(11, abs=0.01)
    assert found["atoms"]["mean_other"] == pytest.approx(10, abs=0.01)
    assert found["atoms_C"]["wasserstein"] == pytest.approx(1, abs=0.01)
    assert found["atoms_N"]["wasserstein"] == pytest.approx(2, abs=0.01)
    assert found["atoms_N"]["floor"] == pytest.approx(0, abs=0.01)


def trained(root: Path, **changes: Any) -> Run:
    recipe = Recipe.parse(
        {
            "data": MOLECULES,
            "split": {"validation": 0.2, "test": 0.3},
            "transform": "standardise",
            "model": {"latent": 3, "likelihood": {"kind": "gaussian", "variance": "optimal"}},
            "training": {"epochs": 1, "batch_size": 20, "threads": 1},
            **changes,
        }
    )
    training.start(recipe, root, Silent())
    return load(root)


def test_a_run_on_molecules_counts_atoms(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    record = run.evaluate("test", samples=1, sections=("samples",))
    truth, copies = (torch.from_numpy(x) for x in run.reconstruct("test"))
    sums = [x.double().sum((2, 3, 4)) * 0.05 for x in (copies, truth)]
    expected = float((sums[0] - sums[1]).abs().sum(1).mean())
    assert record["atom_count_error"] == pytest.approx(expected, rel=1e-5)
    assert expected > 1
    shape = record["samples"]["sources"]["prior"]["shape"]
    assert {"atoms", "atoms_C", "atoms_N", "atoms_O", "atoms_*"} <= shape.keys()
    assert shape["atoms"]["mean_other"] == pytest.approx(float(sums[1].sum(1).mean()), rel=1e-5)
    prose = printed(record)
    assert "by element, atoms" in prose
    assert "atoms C wasserstein" in prose


def test_other_volumes_have_no_atoms(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((40, 1, 7, 7, 7)).astype(np.float32)
    recipe = Recipe.parse(
        {
            "data": "digits",
            "split": {"validation": 0.2, "test": 0.3},
            "model": {"likelihood": {"kind": "gaussian"}},
            "training": {"epochs": 1, "batch_size": 10, "threads": 1},
        }
    )
    training.start(recipe, tmp_path / "run", Silent(), from_array(x))
    record = load(tmp_path / "run").evaluate("test", samples=1, sections=("samples",))
    assert record["atom_count_error"] is None
    assert "atoms" not in record["samples"]["sources"]["prior"]["shape"]
