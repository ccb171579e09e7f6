"""Time of one voxel image, 2,000 atoms into 4 channels of 35^3: vaestro against macromol_voxelize.

    python -m pip install macromol_voxelize==0.10.0
    python benchmarks/voxelise.py --json benchmarks/results/voxelise.json

Both draw the same atoms in turns (A B A B ...) in one process, on one core, so that a drift of the
machine's speed hits both, and the images are compared. Two sets of atoms are drawn: scattered at
random, and a piece of matter as dense as a protein. The other's table of atoms is made beforehand
and is not counted. macromol_voxelize is left out when it is not installed.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from spread import spread
from vaestro.data.volumes.molecules import molecule
from vaestro.data.volumes.voxelise import table_of, voxelise

ATOMS, CHANNELS, SIZE, REPEATS = 2000, 4, 35, 20
ABSENT = "macromol_voxelize is not installed; only vaestro is timed."


def scattered() -> tuple[np.ndarray, np.ndarray]:
    """Atoms anywhere in the box, some cut by its border."""
    random = np.random.default_rng(0)
    return random.uniform(0, SIZE, (ATOMS, 3)), random.integers(0, CHANNELS, ATOMS)


def dense() -> tuple[np.ndarray, np.ndarray]:
    """Made-up proteins side by side, the nearest 2,000 atoms to the middle of the box."""
    middle = np.full(3, SIZE / 2)
    shifts = [np.array([x, y, z]) * 20.0 for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    clouds = [molecule(0, i).positions + shift for i, shift in enumerate(shifts)]
    symbols = np.concatenate([molecule(0, i).elements for i in range(len(shifts))])
    positions = np.concatenate(clouds).astype(np.float64)
    positions += middle - positions.mean(0)
    near = ((positions - middle) ** 2).sum(1).argsort()[:ATOMS]
    return positions[near], np.searchsorted(np.array(["C", "N", "O", "S"]), symbols[near])


def theirs(positions: np.ndarray, channel: np.ndarray) -> Callable[[], np.ndarray] | None:
    """A call that draws these atoms with macromol_voxelize; None if it is not installed."""
    try:
        import macromol_voxelize as other
        import polars
    except ImportError:
        return None
    x, y, z = positions.T
    columns = {"x": x, "y": y, "z": z, "radius_A": np.full(len(x), 0.5)}
    atoms = polars.DataFrame(columns | {"channels": channel[:, None].tolist()})
    grid = other.Grid(length_voxels=SIZE, resolution_A=1.0, center_A=np.full(3, SIZE / 2))
    settings = other.ImageParams(channels=CHANNELS, grid=grid)

    def draw() -> np.ndarray:
        image: np.ndarray = other.image_from_atoms(atoms, settings)[0]
        return image

    return draw


def milliseconds(draw: Callable[[], np.ndarray]) -> float:
    """The time of one image, the mean of some in a row."""
    began = time.perf_counter()
    for _ in range(REPEATS):
        draw()
    return (time.perf_counter() - began) / REPEATS * 1e3


def compared(positions: np.ndarray, channel: np.ndarray, rounds: int) -> dict[str, Any]:
    """Times of both in turns, and the largest difference between their images."""

    def ours() -> np.ndarray:
        return voxelise(positions, channel, CHANNELS, SIZE)

    other = theirs(positions, channel)
    draws = {"vaestro": ours} | ({} if other is None else {"macromol_voxelize": other})
    images = {name: draw() for name, draw in draws.items()}
    times: dict[str, list[float]] = {name: [] for name in draws}
    for _ in range(rounds):
        for name, draw in draws.items():
            times[name].append(milliseconds(draw))
    result: dict[str, Any] = {"milliseconds": {name: spread(v) for name, v in times.items()}}
    if other is not None:
        pairs = zip(times["macromol_voxelize"], times["vaestro"], strict=True)
        result["macromol_voxelize / vaestro"] = spread([a / b for a, b in pairs])
        gap = np.abs(images["vaestro"] - images["macromol_voxelize"])
        result["largest_difference_of_a_voxel"] = float(gap.max())
        result["mean_difference_of_a_voxel"] = float(gap.mean())
    return result


def processor() -> str:
    """The model of the processor where the system tells, else its architecture."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def version(package: str) -> str | None:
    """The installed version of `package`."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def table(sets: dict[str, dict[str, Any]]) -> str:
    """The figures as lines of text."""
    lines = [f"{'atoms':<10} {'program':<18} {'min':>7} {'median':>7} {'max':>7}  ms an image"]
    for name, result in sets.items():
        for program, times in result["milliseconds"].items():
            figures = " ".join(f"{times[key]:7.3f}" for key in ("min", "median", "max"))
            lines.append(f"{name:<10} {program:<18} {figures}")
        if "largest_difference_of_a_voxel" in result:
            gap = result["largest_difference_of_a_voxel"]
            lines.append(f"{name:<10} largest difference of a voxel {gap:.1e} of an atom")
    return "\n".join(lines)


def main() -> None:
    """Time both sets of atoms and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    began = time.perf_counter()
    table_of(0.5)
    built = time.perf_counter() - began
    sets = {
        name: compared(*atoms(), options.rounds)
        for name, atoms in (("scattered", scattered), ("dense", dense))
    }
    if version("macromol_voxelize") is None:
        print(ABSENT)
    print(table(sets))
    result = {
        "machine": processor(),
        "cores_used": 1,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "vaestro": version("vaestro"),
        "macromol_voxelize": version("macromol_voxelize"),
        "task": f"{ATOMS} atoms of radius 0.5 into {CHANNELS} x {SIZE}^3 voxels of side 1",
        "rounds": options.rounds,
        "images_a_round": REPEATS,
        "seconds_to_build_the_table": built,
        **sets,
    }
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
