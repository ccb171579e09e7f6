"""One network of each family, its recipe and the arithmetic of its training step."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from vaestro.data.arrays import from_array
from vaestro.data.dataset import DataSet
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.recipe import Recipe
from vaestro.training.plan import choose


class Family(NamedTuple):
    """Samples of `shape`, a network for them, and how many of them are trained on at once; the
    decoder is the mirrored network unless it is given."""

    shape: tuple[int, ...]
    network: dict[str, Any]
    batch: int
    samples: int
    latent: int = 20
    likelihood: str = "bernoulli"
    decoder: dict[str, Any] | None = None


def mirrored(network: dict[str, Any]) -> dict[str, Any]:
    """The decoder that mirrors a convolutional encoder."""
    return network | {
        name: network[name][::-1] for name in ("channels", "dense") if name in network
    }


def _normed(channels: int, kernel: int, **fields: Any) -> dict[str, Any]:
    """A convolution of stride 2, batch normalisation, ReLU."""
    sizes = {"channels": channels, "kernel": kernel, "stride": 2, "padding": 1}
    return sizes | {"normalisation": "batch"} | fields


PYTHAE_ENCODER: dict[str, Any] = {
    "kind": "layers",
    "layers": [{"convolution": _normed(c, 4)} for c in (128, 256, 512, 1024)],
}
PYTHAE_DECODER: dict[str, Any] = {
    "kind": "layers",
    "layers": [
        {"dense": {"width": 1024 * 4 * 4, "activation": "none"}},
        {"grid": [1024, 4, 4]},
        {"transposed": _normed(512, 3)},
        {"transposed": _normed(256, 3, output_padding=1)},
        {"transposed": {"kernel": 3, "stride": 2, "padding": 1, "output_padding": 1}},
    ],
}


FAMILIES = {
    "dense": Family((1, 28, 28), {"kind": "dense", "widths": [400]}, 100, 20_000),
    "1-D": Family((3, 256), {"kind": "finta"}, 20, 1_000, 32, "gaussian"),
    "2-D": Family(
        (1, 28, 28), {"kind": "convolution", "channels": [32, 64], "dense": [256]}, 128, 4_096
    ),
    "3-D": Family(
        (4, 19, 19, 19),
        {"kind": "convolution", "channels": [32, 64], "blocks": 1, "residual": True},
        16,
        192,
        64,
        "gaussian",
    ),
    "pythae-2-D": Family((1, 28, 28), PYTHAE_ENCODER, 64, 576, 16, "bernoulli", PYTHAE_DECODER),
}
"""dense: 784-400-20. 1-D: FINTA on 256 points. 2-D: `mnist-conv`. 3-D: that of `voxel-sum-mse`.
pythae-2-D: pythae's own benchmark network for MNIST, layer by layer."""


def recipe(family: Family, precision: str, epochs: int) -> Recipe:
    """`epochs` over the family's samples, with nothing that is not training but one validation."""
    return Recipe.parse(
        {
            "name": "throughput",
            "data": "digits",
            "split": {"validation": 0.02, "test": 0.0},
            "model": {
                "latent": family.latent,
                "encoder": family.network,
                "decoder": family.decoder or mirrored(family.network),
                "likelihood": family.likelihood,
            },
            "training": {
                "epochs": epochs,
                "batch_size": family.batch,
                "precision": precision,
                "checkpoint_seconds": 600,
                "snapshot_epochs": 1000,
            },
        }
    )


def data(family: Family) -> DataSet:
    """Random bytes for a Bernoulli likelihood, standard normal numbers for a Gaussian one."""
    random, size = np.random.default_rng(0), (family.samples, *family.shape)
    if family.likelihood == "bernoulli":
        return from_array(random.integers(0, 256, size).astype(np.uint8), name="bytes")
    return from_array(random.standard_normal(size).astype(np.float32), name="noise")


def operations_per_sample(family: Family) -> float:
    """Floating-point operations of a step, counted as torch runs it: forward, and backward to
    every weight and every layer's input but the data, which need no gradient."""
    asked = recipe(family, "fp32", 1)
    assembly: Assembly = assemble(asked, choose(asked.training), data(family))
    batch = assembly.stream.batch(0)
    control = assembly.task.initial_control(torch.device("cpu"))
    with FlopCounterMode(display=False) as counter:
        assembly.task.terms(batch, control, 0).loss.backward()
    return counter.get_total_flops() / len(batch.x)


def bytes_per_sample(family: Family) -> float:
    """Bytes that a step cannot but move, by sample: each weight is read forward and backward; its
    gradient is written and read; weight and both averages of Adam are read and written; what the
    backward pass needs is written and read; the batch is read."""
    asked = recipe(family, "fp32", 1)
    assembly: Assembly = assemble(asked, choose(asked.training), data(family))
    batch = assembly.stream.batch(0)
    own = {p.untyped_storage().data_ptr() for p in assembly.vae.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    control = assembly.task.initial_control(torch.device("cpu"))
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        held = assembly.task.terms(batch, control, 0)  # alive: no storage is counted twice
    weights = sum(p.numel() * p.element_size() for p in assembly.vae.parameters())
    moved = 10 * weights + 2 * sum(kept.values()) + batch.x.numel() * batch.x.element_size()
    assert held.loss.requires_grad
    return moved / len(batch.x)
