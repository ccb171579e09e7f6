"""The procedural bundles: what they look like, and that a seed fixes them."""

from pathlib import Path

import numpy as np
import pytest

from vaestro.data.streamlines.bundles import (
    BUNDLES,
    SHARES,
    BundlesConfig,
    bundle_lines,
    load_bundles,
)
from vaestro.data.streamlines.streamline_files import read_tractogram, write_tractogram
from vaestro.foundation.errors import RecipeError

SMALL = BundlesConfig(streamlines=300, points=32)


def test_seven_bundles_in_the_phantoms_plane() -> None:
    data = load_bundles(BundlesConfig())
    assert data.values.shape == (2000, 3, 256)
    assert data.spec.label_names == tuple(sorted(BUNDLES))
    assert len(SHARES) == len(BUNDLES) == 7
    counts = np.bincount(data.labels)
    assert np.abs(counts / 2000 - np.array(SHARES) / sum(SHARES)).max() < 1e-3
    low, high = data.values[:].min((0, 2)), data.values[:].max((0, 2))
    assert (high - low)[:2].min() > 130 and (high - low)[:2].max() < 200
    assert low[2] > -8 and high[2] < 8 and high[2] - low[2] > 4
    inside = data.spec.frame.matrix[:3, :3] @ np.array(data.spec.frame.dimensions)
    assert (np.abs([low, high]).max(0) < inside / 2).all()
    assert data.notes[0].startswith("resampled to 256 points")


def test_lengths_vary_within_and_across() -> None:
    data = load_bundles(BundlesConfig())
    lengths = data.covariates["length"]
    means = np.array([lengths[data.labels == label].mean() for label in range(7)])
    spreads = np.array([lengths[data.labels == label].std() for label in range(7)])
    assert means.max() > 2 * means.min()
    assert (spreads > 0.07 * means).all()
    names = data.spec.label_names
    curvature = {
        n: data.covariates["mean_curvature"][data.labels == i].mean() for i, n in enumerate(names)
    }
    assert max(curvature, key=curvature.get) in ("hook", "s_curve")
    assert min(curvature, key=curvature.get) == "crossing"


def test_drawn_in_either_direction_and_oriented_on_request() -> None:
    def runs_alike(orient: bool) -> list[float]:
        data = load_bundles(SMALL.model_copy(update={"orient": orient}))
        ends = data.values[:, :, -1] - data.values[:, :, 0]
        units = ends / np.linalg.norm(ends, axis=1, keepdims=True)
        return [float(np.linalg.norm(units[data.labels == b].mean(0))) for b in range(7)]

    assert min(runs_alike(True)) > 0.85
    assert max(runs_alike(False)) < 0.6


def test_each_field_changes_something() -> None:
    first = bundle_lines(SMALL)[0].points
    assert np.array_equal(first, bundle_lines(SMALL)[0].points)
    assert not np.array_equal(first, bundle_lines(SMALL.model_copy(update={"seed": 1}))[0].points)
    wide = load_bundles(SMALL.model_copy(update={"spread": 6.0})).values
    thin = load_bundles(SMALL.model_copy(update={"spread": 1.0})).values
    assert np.ptp(wide[:, 2]) > 2 * np.ptp(thin[:, 2])
    assert load_bundles(SMALL.model_copy(update={"points": 9})).values.shape == (300, 3, 9)


@pytest.mark.parametrize("wrong", [{"streamlines": 5}, {"points": 1}, {"spread": 0}, {"seed": -1}])
def test_illegal_settings(wrong: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match=next(iter(wrong))):
        BundlesConfig.parse({"kind": "bundles"} | wrong)


@pytest.mark.parametrize("ending", [".trk", ".tck", ".trx"])
def test_bundles_are_written_and_read(tmp_path: Path, ending: str) -> None:
    data = load_bundles(SMALL)
    path = tmp_path / f"bundles{ending}"
    write_tractogram(path, data.values[:].transpose(0, 2, 1), data.spec.frame)
    read = read_tractogram(path)
    back = read.lines.points.reshape(300, 32, 3).transpose(0, 2, 1)
    assert np.abs(back - data.values[:]).max() < 1e-4
    assert ending == ".tck" or read.frame == data.spec.frame
