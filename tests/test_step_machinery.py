"""What a step does beside arithmetic: the optimiser's kernel, and memory that is kept."""

import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from vaestro.training import allocator
from vaestro.training.config import TrainingConfig
from vaestro.training.optimiser import apply_gradients, build_optimiser, restore_slots, slots

OPTIMISERS: list[dict[str, Any]] = [
    {"kind": "adam"},
    {"kind": "adam", "betas": [0.5, 0.9], "epsilon": 1e-3},
    {"kind": "adamw"},
    {"kind": "rmsprop", "momentum": 0.9},
]
TURNS = 4


def network(dtype: torch.dtype = torch.float32) -> nn.Module:
    """Layers of which the second never has a gradient."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.Linear(3, 3), nn.Linear(5, 2)).to(dtype)


def give_gradients(module: nn.Module, turn: int) -> None:
    """The same ones to every copy of the module, in each turn others."""
    random = torch.Generator().manual_seed(turn)
    for name, p in module.named_parameters():
        if not name.startswith("1."):
            p.grad = torch.randn(p.shape, generator=random, dtype=p.dtype)


def optimiser_of(module: nn.Module, asked: dict[str, Any]) -> torch.optim.Optimizer:
    return with_rates(build_optimiser(TrainingConfig.parse({"optimiser": asked}), module))


def torchs_of(module: nn.Module, asked: dict[str, Any]) -> torch.optim.Optimizer:
    """torch's own, with the settings of ours."""
    (settings,) = build_optimiser(TrainingConfig.parse({"optimiser": asked}), module).param_groups
    parameters = list(module.parameters())
    if asked["kind"] == "rmsprop":
        names = ("alpha", "momentum", "eps")
        made: torch.optim.Optimizer = torch.optim.RMSprop(
            parameters, **{name: settings[name] for name in names}
        )
    else:
        kind = torch.optim.AdamW if asked["kind"] == "adamw" else torch.optim.Adam
        made = kind(parameters, betas=settings["betas"], eps=settings["eps"], fused=True)
    return with_rates(made)


def with_rates(made: torch.optim.Optimizer) -> torch.optim.Optimizer:
    for group in made.param_groups:
        group["lr"], group["weight_decay"] = 0.03, 0.1
    return made


def assert_same(ours: nn.Module, theirs: nn.Module) -> None:
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("asked", OPTIMISERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_kernel_takes_the_step_of_the_optimiser(
    asked: dict[str, Any], dtype: torch.dtype
) -> None:
    ours = network(dtype)
    theirs = deepcopy(ours)
    mine, torchs = optimiser_of(ours, asked), torchs_of(theirs, asked)
    for turn in range(TURNS):
        give_gradients(ours, turn)
        give_gradients(theirs, turn)
        apply_gradients(mine)
        torchs.step()
    assert_same(ours, theirs)
    kept, wanted = slots(mine, ours), slots(torchs, theirs)
    assert kept.keys() >= wanted.keys()
    assert not any(kept[name].any() for name in kept.keys() - wanted.keys())  # had no gradient
    assert all(torch.equal(kept[name], wanted[name]) for name in wanted)
    assert kept["0.weight/step" if asked["kind"] != "rmsprop" else "0.weight/square_avg"].any()


def test_the_kernel_alone_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    module = network()
    mine = optimiser_of(module, {"kind": "adam"})
    apply_gradients(mine)  # nothing has a gradient: nothing happens
    give_gradients(module, 0)
    before = deepcopy(module)
    monkeypatch.setattr(mine, "step", lambda: pytest.fail("torch's own step was called"))
    apply_gradients(mine)
    moved = zip(before.parameters(), module.parameters(), strict=True)
    assert [not torch.equal(a, b) for a, b in moved] == [True, True, False, False, True, True]


def test_a_run_imports_no_compiler(tmp_path: Path) -> None:
    """torch's, which building one of its optimisers imports, for longer than small runs take."""
    program = (
        "import sys, vaestro\n"
        "vaestro.train('digits', set=['training.epochs=1'], run=sys.argv[1])\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "run")], check=True, capture_output=True
    )
    assert (tmp_path / "run" / "summary.json").is_file()


def test_restored_averages_go_on_where_they_were() -> None:
    straight = network()
    mine = optimiser_of(straight, {"kind": "adamw"})
    for turn in range(TURNS):
        if turn == 2:
            resumed = deepcopy(straight)
            other = optimiser_of(resumed, {"kind": "adamw"})
            restore_slots(other, resumed, deepcopy(slots(mine, straight)).items())
        give_gradients(straight, turn)
        apply_gradients(mine)
    for turn in range(2, TURNS):
        give_gradients(resumed, turn)
        apply_gradients(other)
    assert_same(straight, resumed)


PROBE = """
import ctypes
import resource
from vaestro.training.allocator import freed_memory_kept

c = ctypes.CDLL(None)
c.malloc.restype, c.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
c.free.argtypes = [ctypes.c_void_p]
c.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

def step(blocks=3, size=20 * 2**20):
    held = [c.malloc(size) for _ in range(blocks)]
    for block in held:
        c.memset(block, 1, size)
    for block in held:
        c.free(block)

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

outside = faults()
with freed_memory_kept():
    step()
    inside = faults()
    kept = resident()
print(outside, inside, kept - resident())
"""


@pytest.mark.skipif(allocator._glibc() is None, reason="for glibc only")
def test_freed_memory_is_kept_inside_and_given_back_after() -> None:
    run = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    outside, inside, returned = map(int, run.stdout.split())
    assert outside > 10_000 > 100 > inside  # 9 x 20 MiB are 46,080 pages of 4 KiB
    assert returned > 50 * 2**20
