"""Atoms as voxels: exact parts, conserved mass, every ratio of radius and voxel."""

import time

import numpy as np
import pytest

from vaestro.data.volumes.voxelise import ball_below, disc_below, table_of, voxelise
from vaestro.foundation.errors import DataError


def exact(positions: np.ndarray, size: int, radius: float, fine: int = 400) -> np.ndarray:
    """One channel by brute force: discs cut by the lattice in closed form, summed over x slices."""
    image = np.zeros((size,) * 3)
    for x, y, z in positions:
        heights = (np.arange(size * fine) + 0.5) / fine - x
        for i, h in enumerate(heights):
            if abs(h) >= radius:
                continue
            rho = np.sqrt(radius**2 - h**2)
            cuts = np.concatenate([np.arange(size + 1) - y, np.arange(size + 1) - z])
            order = np.argsort(cuts)
            below = np.empty((len(cuts),) * 2)
            below[np.ix_(order, order)] = disc_below(cuts[order], np.array([rho]))[..., 0]
            area = below[: size + 1, size + 1 :]
            image[i // fine] += np.diff(np.diff(area, axis=0), axis=1) / fine
    image /= 4 / 3 * np.pi * radius**3
    return image


def test_disc_matches_counting():
    """The closed form against a fine lattice of points."""
    line = (np.arange(2000) + 0.5) / 1000 - 1
    x, y = np.meshgrid(line, line, indexing="ij")
    inside = x**2 + y**2 < 0.81
    cuts = np.array([-0.95, -0.6, -0.2, 0.0, 0.3, 0.7, 0.95])
    areas = disc_below(cuts, np.array([0.9]))[..., 0]
    for i, a in enumerate(cuts):
        for j, b in enumerate(cuts):
            counted = (inside & (x < a) & (y < b)).sum() / 1e6
            assert areas[i, j] == pytest.approx(counted, abs=2e-3)


def test_ball_matches_caps_and_symmetry():
    """Marginals are spherical caps, (2 + 3a - a^3) / 4; an octant is an eighth; axes are alike."""
    cuts = np.linspace(-1, 1, 33)
    below = ball_below(cuts)
    assert below[:, -1, -1] == pytest.approx((2 + 3 * cuts - cuts**3) / 4, abs=2e-5)
    assert below[-1, -1, :] == pytest.approx((2 + 3 * cuts - cuts**3) / 4, abs=2e-5)
    assert below[16, 16, 16] == pytest.approx(1 / 8, abs=1e-5)
    assert np.abs(below - below.transpose(2, 0, 1)).max() < 3e-5


@pytest.mark.parametrize("radius", [0.5, 0.3, 0.8, 1.0, 1.7])
def test_image_is_exact_to_a_thousandth(radius):
    """Against brute force, atoms that overlap each other and the border included."""
    random = np.random.default_rng(7)
    positions = random.uniform(-0.3, 5.3, (12, 3))
    image = voxelise(positions, np.zeros(12, int), 1, 5, 1.0, radius)[0]
    assert np.abs(image - exact(positions, 5, radius)).max() < 1e-3


def test_image_matches_random_points():
    """Against counting random points in spheres, a method that shares nothing with ours."""
    random = np.random.default_rng(3)
    positions = random.uniform(1, 4, (20, 3))
    points = random.uniform(-0.5, 0.5, (400_000, 3))
    points = points[(points**2).sum(1) < 0.25]
    counted = np.zeros((5, 5, 5))
    for position in positions:
        where = np.floor(points + position).astype(int)
        np.add.at(counted, tuple(where.T), 1 / len(points))
    image = voxelise(positions, np.zeros(20, int), 1, 5)[0]
    assert np.abs(image - counted).max() < 6e-3  # 4 standard errors of two atoms in a voxel


def test_sum_is_the_number_of_atoms_inside():
    """Each atom adds 1 to its own channel; overlapping atoms add up."""
    random = np.random.default_rng(0)
    positions, channel = random.uniform(0.5, 9.5, (300, 3)), random.integers(0, 3, 300)
    image = voxelise(positions, channel, 3, 10)
    assert image.shape == (3, 10, 10, 10) and image.dtype == np.float32
    assert image.sum((1, 2, 3)) == pytest.approx(np.bincount(channel), rel=1e-5)
    twice = voxelise(np.repeat(positions[:1], 2, 0), np.zeros(2, int), 1, 10)
    once = voxelise(positions[:1], np.zeros(1, int), 1, 10)
    assert np.array_equal(twice, 2 * once)


def test_atoms_at_known_places():
    """In the middle of a voxel all of it; on a face, an edge, a corner, equal parts."""
    for shift, parts in (
        ((0.5, 0.5, 0.5), 1),
        ((0, 0.5, 0.5), 2),
        ((0, 0, 0.5), 4),
        ((0, 0, 0), 8),
    ):
        image = voxelise(np.array([shift]) + 2, np.zeros(1, int), 1, 5)
        assert (image > 1e-6).sum() == parts
        assert image.max() == pytest.approx(1 / parts, abs=1e-6)


def test_a_cut_atom_gives_what_is_inside():
    """On the border half of it, at a corner an eighth, outside nothing."""
    for position, part in (
        ((0, 2, 2), 1 / 2),
        ((0, 5, 0), 1 / 8),
        ((-0.5, 2, 2), 0),
        ((5, 2, 2), 0.5),
    ):
        image = voxelise(np.array([position], float), np.zeros(1, int), 1, 5)
        assert image.sum() == pytest.approx(part, abs=1e-6)


def test_whole_voxels_move_the_image_exactly():
    """Positions that binary fractions hold exactly, shifted by (1, 2, 3) voxels."""
    positions = np.random.default_rng(1).integers(128, 256, (40, 3)) / 64
    image = voxelise(positions, np.zeros(40, int), 1, 9)
    moved = voxelise(positions + np.array([1, 2, 3]), np.zeros(40, int), 1, 9)
    assert np.array_equal(moved[0, 1:, 2:, 3:], image[0, :-1, :-2, :-3])
    assert image.sum() == moved.sum() > 0


def test_axes_are_x_y_z():
    image = voxelise(np.array([[1.5, 2.5, 3.5]]), np.array([1]), 2, 5)
    assert np.argwhere(image > 0.5).tolist() == [[1, 1, 2, 3]]


def test_resolution_scales_radius_and_box():
    """The radius follows the voxel; a stated one does not."""
    positions = np.random.default_rng(2).uniform(0, 10, (30, 3))
    channel = np.zeros(30, int)
    coarse = voxelise(positions, channel, 1, 5, resolution=2.0)
    assert np.allclose(coarse, voxelise(positions / 2, channel, 1, 5), atol=1e-6)
    small = voxelise(positions, channel, 1, 5, resolution=2.0, radius=0.5)
    assert np.allclose(small, voxelise(positions / 2, channel, 1, 5, radius=0.25), atol=1e-6)
    assert np.abs(small - coarse).max() > 0.05


@pytest.mark.parametrize("radius", [0.1, 0.5, 0.75, 1.5, 4.0])
def test_parts_of_a_place_sum_to_one(radius):
    table = table_of(radius)
    assert table.parts.sum(1) == pytest.approx(1, abs=1e-5)
    assert table.parts.min() > -1e-6


def test_no_atoms_and_illegal_radius():
    assert voxelise(np.empty((0, 3)), np.empty(0, int), 2, 4).sum() == 0
    for radius in (0.0, -1.0, 4.1):
        with pytest.raises(DataError, match="radius"):
            voxelise(np.ones((1, 3)), np.zeros(1, int), 1, 4, radius=radius)


def test_fast_enough():
    """2,000 atoms into 4 x 35^3: the aim is 3 ms (benchmarks/voxelise.py); atom by atom in Python
    it takes hundreds, on any machine."""
    random = np.random.default_rng(0)
    positions, channel = random.uniform(0, 35, (2000, 3)), random.integers(0, 4, 2000)
    voxelise(positions, channel, 4, 35)
    seconds = []
    for _ in range(10):
        began = time.perf_counter()
        voxelise(positions, channel, 4, 35)
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.15
