"""How many samples a frozen encoder is asked for where gradients are wanted, as in training."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from vaestro.foundation.files import read_json, write_json
from vaestro.models.whole_encoder import WholeEncoder


@dataclass
class Count:
    """`samples`: so many were asked for while gradients were wanted."""

    samples: int


@contextmanager
def counted(path: Path) -> Iterator[Count]:
    """Count what every whole encoder is asked for inside; a study that goes on counts on from what
    `path` holds, where the sum is kept."""
    count = Count(int(read_json(path)["samples"]) if path.is_file() else 0)

    def note(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if isinstance(module, WholeEncoder) and torch.is_grad_enabled():
            count.samples += len(inputs[0])

    handle = register_module_forward_pre_hook(note)
    try:
        yield count
    finally:
        handle.remove()
        write_json(path, {"samples": count.samples})
