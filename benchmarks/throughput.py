"""Training throughput of a dense, a 1-D, a 2-D and a 3-D network, and beside pythae's trainer.

    python -m pip install --no-deps pythae==0.1.2 && python -m pip install imageio tqdm cloudpickle
    python benchmarks/throughput.py --out benchmarks/results/throughput.json

784-400-20 (Bernoulli, batch 100) and pythae's own convolutional benchmark network for MNIST (17
million parameters, batch 64) are trained by both on the same bytes through their own public
training entry points, in turns (A B A B ...), so that a drift of the machine's speed hits both,
and each time in a new process, since what either sets up there (the memory that ours keeps) would
serve the other; pythae is left out when it is not installed. The share of peak compares the
arithmetic that the step needs (the gradient to the input is not counted) with the rate of a large
float32 matrix product measured in the same round; the floor is the larger of that and of the bytes
that a step has to move over the measured bandwidth. A bare loop (`hand_written.py`) shows what is
left when everything but the arithmetic of the dense network is left out.
"""

import argparse
import json
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from apart import apart
from hand_written import BATCH, ELEMENTS, LATENT, WIDTH
from hand_written import rate as by_hand
from machine import measured_here
from networks import FAMILIES, bytes_per_sample, data, operations_per_sample, recipe
from spread import spread
from vaestro.experiments import train as training
from vaestro.experiments.watch import Quiet

BESIDE = ("dense", "pythae-2-D")
"""The families that pythae trains too."""


def peak(seconds: float = 1.5) -> float:
    """The float32 matrix-product rate of this machine, FLOP/s, best of several sizes."""
    best = 0.0
    for size in (512, 1024, 2048):
        a, b = torch.randn(size, size), torch.randn(size, size)
        a @ b
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds / 3:
            a @ b
            count += 1
        best = max(best, 2 * size**3 * count / (time.perf_counter() - began))
    return best


def bandwidth(seconds: float = 0.5) -> float:
    """Bytes a second that this machine copies, read and written ones counted; 256 MiB at a time."""
    a = torch.zeros(2**26)
    b = torch.empty_like(a)
    b.copy_(a)
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        b.copy_(a)
        count += 1
    return 2 * a.numel() * a.element_size() * count / (time.perf_counter() - began)


def ours(name: str, precision: str, epochs: int) -> float:
    """Samples per second of `vaestro.train`: its own figure, validation and history included."""
    family = FAMILIES[name]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        summary = training.start(recipe(family, precision, epochs), run, Quiet(), data(family))
    return float(summary["samples_per_second"])


def theirs(
    x: np.ndarray, epochs: int, width: int = WIDTH, latent: int = LATENT, batch: int = BATCH
) -> float | None:
    """Samples per second of pythae's trainer on bytes x: (N, elements), with a layer of `width` on
    both sides; None if it is not installed."""
    try:
        from pythae_dense import Shape, model_of, trained
    except ImportError:
        return None
    shape = Shape(x.shape[1], width, latent, batch)
    samples = torch.from_numpy(x).float() / 255
    return len(x) * epochs / trained(model_of(shape), samples, shape, epochs, 1e-3)


def theirs_dense(epochs: int) -> float | None:
    """Samples per second of pythae's trainer on 784-400-20; None if it is not installed."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (FAMILIES["dense"].samples, ELEMENTS)).astype(np.uint8)
    return theirs(x, epochs)


def theirs_convolution(epochs: int) -> float | None:
    """Samples per second of pythae's trainer on its own network; None if it is not installed."""
    try:
        from pythae_convolution import rate
    except ImportError:
        return None
    samples = data(FAMILIES["pythae-2-D"]).values[:]
    return rate(torch.from_numpy(samples).flatten(1).float() / 255, epochs)


def main() -> None:
    """Run every variant in turns and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rounds = [measured(options.families, options.epochs) for _ in range(options.rounds)]
    result = table(options.families, rounds)
    print(json.dumps(result, indent=2))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=2) + "\n")


class Round(NamedTuple):
    """One turn of everything: the machine's FLOP/s and bytes/s, and samples a second by name."""

    peak: float
    width: float
    rates: dict[str, float]


def measured(families: list[str], epochs: int) -> Round:
    """One round over `families`."""
    machine = apart(peak), apart(bandwidth)
    rates = {f"vaestro {name} fp32": apart(ours, name, "fp32", epochs) for name in families}
    for name in (name for name in BESIDE if name in families):
        rates[f"vaestro {name} bf16"] = apart(ours, name, "bf16", epochs)
        other = apart(theirs_dense if name == "dense" else theirs_convolution, epochs)
        if other is not None:
            rates[f"pythae {name} fp32"] = other
    if "dense" in families:
        rates["by hand dense fp32"] = apart(by_hand, FAMILIES["dense"].samples, epochs)
    return Round(*machine, rates)


def table(families: list[str], rounds: list[Round]) -> dict[str, Any]:
    """Spreads over the rounds, of ratios and shares taken round by round. The floor is the larger
    of the times that the arithmetic and the bytes of a step take at the measured rates."""
    result: dict[str, Any] = measured_here() | {
        "fp32_matrix_peak_gflops": spread([r.peak / 1e9 for r in rounds]),
        "bandwidth_gbytes": spread([r.width / 1e9 for r in rounds]),
        "samples_per_second": {
            name: spread([r.rates[name] for r in rounds]) for name in rounds[0].rates
        },
    }
    rates = rounds[0].rates
    for name in families:
        ours_here = f"vaestro {name} fp32"
        needed, moved = operations_per_sample(FAMILIES[name]), bytes_per_sample(FAMILIES[name])
        shares = [r.rates[ours_here] * needed / r.peak for r in rounds]
        result[f"share of peak, {name}"] = spread(shares)
        floors = [1 / max(needed / r.peak, moved / r.width) for r in rounds]
        for side in (s for s in ("vaestro", "by hand", "pythae") if f"{s} {name} fp32" in rates):
            shares = [
                r.rates[f"{side} {name} fp32"] / f for r, f in zip(rounds, floors, strict=True)
            ]
            result[f"share of the floor's rate, {side} {name}"] = spread(shares)
        result[f"operations a sample, {name}"] = needed
        result[f"bytes a sample, {name}"] = moved
    for name, precision in product(BESIDE, ("fp32", "bf16")):
        over, under = f"vaestro {name} {precision}", f"pythae {name} fp32"
        if under in rates:
            result[f"{over} / pythae"] = spread([r.rates[over] / r.rates[under] for r in rounds])
    return result


if __name__ == "__main__":
    main()
