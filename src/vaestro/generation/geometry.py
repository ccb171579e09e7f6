"""What can be measured of any sample by looking at it, so that a change of it has a name.

Shape letters: N samples, C channels, D depth, H height, W width, L points, F features.
"""

import numpy as np

from vaestro.data.streamlines.covariates import measured
from vaestro.data.streamlines.lines import Lines
from vaestro.foundation.samples import SampleSpec

MOST_NAMED = 32
"""A vector of more numbers has no name for each."""

Measures = dict[str, np.ndarray]


def geometry(samples: np.ndarray, spec: SampleSpec) -> Measures:
    """Quantities of natural samples (N, *) by name, each (N,) in 64 bits.

    Images: brightness, area, width, height, slant. Streamlines: length, straightness, curvature,
    centroid and end point. Volumes: mass, radius of gyration. Vectors: their own numbers.
    """
    x = np.asarray(samples, np.float64)
    match spec.domain:
        case "image":
            return _of_images(x)
        case "streamline":
            return _of_streamlines(x) if spec.shape[0] == 3 else {}
        case "volume":
            return _of_volumes(x, spec)
        case _:
            return _of_vectors(x, spec)


def _of_images(x: np.ndarray) -> Measures:
    """x: (N, C, H, W). Width and height are standard deviations of the mass in pixels; slant is how
    far it leans to the right over one pixel of height; area is the share of pixels above half of
    the image's own greatest value."""
    grey = np.clip(x.mean(1), 0, None)
    rows, columns = (np.arange(size, dtype=np.float64) for size in grey.shape[1:])
    mass = np.maximum(grey.sum((1, 2)), 1e-12)

    def mean(weights: np.ndarray) -> np.ndarray:
        averaged: np.ndarray = (grey * weights).sum((1, 2)) / mass
        return averaged

    up, right = -rows[None, :, None], columns[None, None, :]
    centred_up = up - mean(up)[:, None, None]
    centred_right = right - mean(right)[:, None, None]
    tall, wide = mean(centred_up**2), mean(centred_right**2)
    return {
        "brightness": x.mean((1, 2, 3)),
        "area": (grey > grey.max((1, 2), keepdims=True) / 2).mean((1, 2)),
        "width": np.sqrt(wide),
        "height": np.sqrt(tall),
        "slant": mean(centred_up * centred_right) / np.maximum(tall, 1e-12),
    }


def _of_streamlines(x: np.ndarray) -> Measures:
    """x: (N, 3, L), millimetres; a line that is a single point has length 0 and no shape."""
    line = np.moveaxis(x, 1, 2).astype(np.float32)
    point = np.ptp(line, axis=1).max(1) == 0
    line[point, -1, 0] += 1e-6  # lengths above 0 are needed, and nothing here sees a nanometre
    found = measured(Lines.of(line))
    ends = {f"end_{axis}": x[:, place, -1] for place, axis in enumerate("xyz")}
    return {**found, **ends}


def _of_volumes(x: np.ndarray, spec: SampleSpec) -> Measures:
    """x: (N, C, D, H, W). The radius of gyration is that of the mass above 0, in world units where
    the volume's frame is known, else in voxels."""
    density = np.clip(x.sum(1), 0, None)
    sizes = spec.frame.voxel_sizes[::-1] if spec.frame is not None else (1.0, 1.0, 1.0)
    mass = np.maximum(density.sum((1, 2, 3)), 1e-12)
    squared = np.zeros(len(x))
    for axis, size in enumerate(sizes, start=1):
        others = tuple(a for a in (1, 2, 3) if a != axis)
        along = density.sum(others)
        place = size * np.arange(along.shape[1])
        centre = (along * place).sum(1) / mass
        squared += (along * (place - centre[:, None]) ** 2).sum(1) / mass
    return {"mass": x.sum((1, 2, 3, 4)), "radius_of_gyration": np.sqrt(squared)}


def _of_vectors(x: np.ndarray, spec: SampleSpec) -> Measures:
    """x: (N, F); nothing of vectors with many numbers."""
    if spec.elements > MOST_NAMED:
        return {}
    names = spec.names or tuple(f"x{i}" for i in range(spec.elements))
    return dict(zip(names, x.T, strict=True))
