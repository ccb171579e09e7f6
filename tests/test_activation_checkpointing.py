"""Layers that are computed again for the gradient: the same bits, less memory."""

import ctypes
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tests.conftest import Silent, small_recipe, updated
from vaestro.experiments import train as training
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.recipe import Recipe
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.randomness import seed_layers
from vaestro.health.forecast.cost import expected_cost
from vaestro.models.build import NOBODY, Guests
from vaestro.networks.layers import Chain
from vaestro.networks.recomputing import Recomputing, stretches
from vaestro.training import plan as planning
from vaestro.training.accumulation import Parts

NORMED: dict[str, Any] = {
    "encoder": {"kind": "convolution", "channels": [4, 8], "normalisation": "batch", "blocks": 1},
    "decoder": {
        "kind": "convolution",
        "channels": [8, 4],
        "normalisation": "batch",
        "dropout": 0.2,
    },
}
RESIDUAL = {"blocks": 2, "residual": True, "activation": "silu"}
UNET = {"kind": "unet", "channels": [4, 8], "blocks": 1, "normalisation": "batch"}
CASES: list[dict[str, Any]] = [
    {"model": {"encoder": {"widths": [16, 16, 16], "dropout": 0.3}}},
    {"model": NORMED},
    {"model": {side: NORMED[side] | RESIDUAL for side in NORMED}},
    {"model": {"encoder": UNET, "decoder": UNET}},
    {
        "model": {
            "encoder": {
                "kind": "layers",
                "layers": [{"convolution": 4}, "normalise", {"dense": 9}],
            },
            "decoder": {"kind": "layers", "layers": [{"dense": 9}, {"dense": 12}, "dense"]},
        }
    },
    {"model": {**NORMED, "condition": {"kind": "labels", "how": "film"}}},
    {"model": {"encoder": {"dropout": 0.3}}, "objective": {"kind": "iwae", "samples": 3}},
    {"model": NORMED, "training": {"precision": "bf16"}},
]


def built(case: dict[str, Any], on: bool, guests: Guests = NOBODY, **fields: Any) -> Assembly:
    changes = {"training": {"activation_checkpointing": on, **fields}}
    recipe = small_recipe(**updated(case, changes))
    return assemble(recipe, planning.choose(recipe.training), guests=guests)


def step_of(parts: Assembly, count: int = 1) -> dict[str, Tensor]:
    """The gradients and the buffers after a forward and a backward pass of the first batch."""
    parts.vae.train()
    seed_layers(0, 0, torch.device("cpu"))
    control = parts.task.initial_control(torch.device("cpu"))
    Parts(parts.task, count).backward(parts.stream.batch(0), control, 0)
    gradients = {n: p.grad for n, p in parts.vae.named_parameters() if p.grad is not None}
    assert gradients
    return gradients | dict(parts.vae.named_buffers())


@pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case)[:60])
def test_gradients_and_statistics_are_the_same_bit_by_bit(case: dict[str, Any]) -> None:
    held, again = (step_of(built(case, on)) for on in (False, True))
    assert held.keys() == again.keys()
    assert [name for name in held if not torch.equal(held[name], again[name])] == []


def test_a_batch_normalisation_counts_a_batch_once() -> None:
    parts = built(CASES[1], True)
    step_of(parts)
    counted = [m.num_batches_tracked for m in parts.vae.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(counted) == 5
    assert all(count == 1 for count in counted)


def test_layers_are_computed_twice_in_training_and_once_in_validation() -> None:
    parts = built({}, True)
    calls = []
    body = next(part for part in parts.vae.encoder.modules() if isinstance(part, Chain))
    body.blocks[0].register_forward_pre_hook(lambda *_: calls.append(1))
    step_of(parts)
    assert len(calls) == 2
    calls.clear()
    parts.vae.eval()
    parts.task.validate(
        parts.material.batches("validation")(), parts.task.initial_control(torch.device("cpu"))
    )
    assert len(calls) == 1


def test_in_parts_too() -> None:
    case = {"model": {side: NORMED[side] | {"normalisation": "group"} for side in NORMED}}
    held, again = (step_of(built(case, on, accumulate=3), 3) for on in (False, True))
    assert [name for name in held if not torch.equal(held[name], again[name])] == []


def test_a_run_is_the_same(tmp_path: Path) -> None:
    for on in (False, True):
        recipe = small_recipe(model=NORMED, training={"activation_checkpointing": on})
        training.start(recipe, tmp_path / str(on), Silent())
    ours, theirs = (tmp_path / str(on) for on in (True, False))
    assert (ours / "history.jsonl").read_bytes() == (theirs / "history.jsonl").read_bytes()
    left, right = (load_file(run / "model" / "model.safetensors") for run in (ours, theirs))
    assert [name for name in left if not torch.equal(left[name], right[name])] == []


def large(accumulate: int, on: bool) -> Recipe:
    """A recipe whose activations are by far the most of what it holds."""
    side = {"kind": "convolution", "normalisation": "group", "blocks": 6, "activation": "silu"}
    return small_recipe(
        data={"kind": "bundles", "streamlines": 200, "points": 1024},
        model={
            "encoder": side | {"channels": [8]},
            "decoder": side | {"channels": [8]},
            "likelihood": "gaussian",
        },
        training={"batch_size": 128, "accumulate": accumulate, "activation_checkpointing": on},
    )


def forecast_memory(accumulate: int, on: bool) -> int:
    """The bytes that the forecast promises."""
    recipe = large(accumulate, on)
    parts = assemble(recipe, planning.choose(recipe.training))
    some = [parts.stream.batch(0).rows(0, 4)]
    if sys.platform == "linux":  # memory that was freed does not count
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    cost = expected_cost(
        parts.task, parts.stream, some, 4, recipe.training, parts.horizon, 0, allowed=0.0
    )
    assert cost.memory is not None
    return cost.memory


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a process's peak")
def test_the_forecast_knows_what_both_fields_save() -> None:
    """The peak of real steps: 4 parts, or layers computed again, need less; both need least."""
    cases = [(4, True), (4, False), (1, True), (1, False)]
    both, parts, again, plain = (forecast_memory(*case) / 2**20 for case in cases)
    assert both + 2 < parts
    assert both + 10 < again
    assert again + 30 < plain
    assert parts + 30 < plain


class Own(nn.Module):
    """A network of the user's, with no layer of ours."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.layer(x.flatten(1))
        return made


def test_a_model_without_layers_of_ours_is_refused() -> None:
    given = {"model": {"encoder": {"kind": "given"}, "decoder": {"kind": "given"}}}
    with pytest.raises(RecipeError, match=r"hidden layers.*activation_checkpointing=false"):
        built(given, True, Guests(Own(64, 8), Own(4, 64)))
    linear: dict[str, Any] = {"model": {"encoder": {"widths": []}, "decoder": {"widths": []}}}
    with pytest.raises(RecipeError, match="hidden layers"):
        built(linear, True)


def test_compiled_models_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"compile=true.*one of them"):
        small_recipe(training={"activation_checkpointing": True, "compile": True})


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (2, [1, 1]), (4, [2, 2]), (5, [2, 2, 1]), (10, [3, 3, 3, 1])]
)
def test_n_layers_make_about_sqrt_n_stretches(count: int, sizes: list[int]) -> None:
    assert [len(some) for some in stretches([lambda x, _: x] * count)] == sizes


def test_every_family_of_ours_can_recompute() -> None:
    for case in CASES:
        parts = built(case, True)
        for side in (parts.vae.encoder, parts.vae.decoder):
            assert any(isinstance(part, Recomputing) and part.recomputes for part in side.modules())
