"""Samples a second of the batch stream, against torch's DataLoader with two workers, in one run.

    python benchmarks/data.py --out benchmarks/results/data.json

Four kinds of data: bytes in memory, 32-bit numbers in memory, the same numbers memory-mapped from
an .npy file, and cubes of procedural molecules rendered when asked for. Both sides read the same
`DataSet` in shuffled batches, scaled to float32 tensors; they take turns, so that a drift of the
machine's speed hits both. Memory is measured in fresh processes: the largest resident size while an
epoch is read, and what is the process's own afterwards, less the same before the data were opened.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from spread import spread
from vaestro.data.arrays import ArraysConfig
from vaestro.data.dataset import DataSet
from vaestro.data.samples import Samples
from vaestro.data.source import load_data
from vaestro.data.stream import BatchStream
from vaestro.data.volumes.molecules import MoleculesConfig

BATCH, IMAGES, ELEMENTS, CUBES = 128, 60_000, 784, 1_024
MEGABYTE = 1_000_000


class Items(Dataset[torch.Tensor]):
    """The same data set as torch's DataLoader wants it: one sample at a time."""

    def __init__(self, data: DataSet) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data.values)

    def __getitem__(self, number: int) -> torch.Tensor:
        return torch.from_numpy(self.data.natural(np.array([number]))[0])


def ours(data: DataSet) -> float:
    """Samples a second over one epoch of the batch stream."""
    stream = BatchStream(Samples.of(data, "cpu", torch.float32), BATCH, seed=0)
    began = time.perf_counter()
    for step in range(stream.steps_per_epoch):
        stream.batch(step)
    rate = stream.steps_per_epoch * BATCH / (time.perf_counter() - began)
    stream.close()
    return rate


def loader(data: DataSet) -> float:
    """Samples a second over one epoch of a DataLoader with two workers, their start included."""
    batches = DataLoader(Items(data), BATCH, shuffle=True, num_workers=2, drop_last=True)
    began = time.perf_counter()
    count = sum(len(batch) for batch in batches)
    return count / (time.perf_counter() - began)


def image_files(folder: Path) -> tuple[Path, Path]:
    """Bytes and 32-bit numbers, (IMAGES, ELEMENTS) each."""
    random = np.random.default_rng(0)
    greys = random.integers(0, 256, (IMAGES, ELEMENTS)).astype(np.uint8)
    np.save(folder / "bytes.npy", greys)
    np.save(folder / "floats.npy", greys.astype(np.float32) / 7 - 3)
    return folder / "bytes.npy", folder / "floats.npy"


def sources(folder: Path) -> dict[str, Any]:
    """The four kinds of data by name."""
    greys, floats = image_files(folder)
    return {
        "bytes in memory": ArraysConfig(path=str(greys), memory="resident"),
        "floats in memory": ArraysConfig(path=str(floats), memory="resident"),
        "floats memory-mapped": ArraysConfig(path=str(floats), memory="mapped"),
        "molecules rendered": MoleculesConfig(samples=CUBES),
    }


def memory(config: Any) -> dict[str, float]:
    """Megabytes that opening `config` and reading an epoch add, in a process of its own."""
    command = [sys.executable, __file__, "--memory-of", json.dumps(config.plain())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def memory_here(plain: dict[str, Any]) -> dict[str, float]:
    """The same in this process, whose imports are warmed up by a little data first."""
    warm = ArraysConfig.parse({"path": str(_little()), "memory": "resident"})
    ours(load_data(warm))
    kind = ArraysConfig if plain["kind"] == "arrays" else MoleculesConfig
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from what is held now
    before = [held(name) for name in ("VmHWM", "RssAnon")]
    data = load_data(kind.parse(plain))
    ours(data)
    after = [held(name) for name in ("VmHWM", "RssAnon")]
    peak, own = (b - a for a, b in zip(before, after, strict=True))
    return {"peak": peak, "own": own}


def held(name: str) -> float:
    """Megabytes of this process (Linux): VmHWM, the largest resident size since it was reset, which
    counts pages of mapped files too; RssAnon, what is its own now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(name))
    return float(line.split()[1]) * 1024 / MEGABYTE


def _little() -> Path:
    path = Path(tempfile.mkdtemp()) / "little.npy"
    np.save(path, np.random.default_rng(1).random((200, ELEMENTS)))
    return path


def compared(data: DataSet, rounds: int) -> dict[str, Any]:
    """Both sides in turns, and their ratio round by round."""
    sides: dict[str, Callable[[DataSet], float]] = {"vaestro": ours, "DataLoader": loader}
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            rates[name].append(side(data))
    ratios = [a / b for a, b in zip(rates["vaestro"], rates["DataLoader"], strict=True)]
    return {**{name: spread(rate) for name, rate in rates.items()}, "ratio": spread(ratios)}


def main() -> None:
    """Run every kind of data and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        print(json.dumps(memory_here(json.loads(options.memory_of))))
        return
    result: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "batch": BATCH,
        "samples_per_second": {},
        "megabytes": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, config in sources(Path(folder)).items():
            data = load_data(config)
            result["samples_per_second"][name] = compared(data, options.rounds)
            size = data.values.nbytes if isinstance(data.values, np.ndarray) else 0
            batch = BATCH * data.spec.elements * 4
            result["megabytes"][name] = {
                "data": size / MEGABYTE,
                "batch": batch / MEGABYTE,
                "held": memory(config),
            }
    print(json.dumps(result, indent=2))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
