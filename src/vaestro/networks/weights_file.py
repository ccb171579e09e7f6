"""Weights from a file: a state dict, whose names are made to fit the module.

A file is data: nothing in it is ever run.
"""

import pickle
import warnings
from pathlib import Path
from typing import Any

from torch import Tensor, load, nn
from torch.nn.parameter import is_lazy

from vaestro.foundation.errors import CheckpointError

PREFIXES = ("encoder.", "decoder.", "module.", "model.", "_orig_mod.")
"""What whole models and torch's wrappers put before the names of a part's weights."""


def load_weights(module: nn.Module, path: Path | str) -> None:
    """Fill `module` from a state dict: .safetensors, or torch's .pt or .pth of tensors alone.

    The names must be the module's, or become so when prefixes (PREFIXES) are taken off; of a whole
    model's file the part under one prefix may serve. Raises CheckpointError with one line when the
    file is missing, damaged or of another kind, and when names or shapes differ.
    """
    path = Path(path)
    wanted = module.state_dict()
    if any(map(is_lazy, wanted.values())):
        raise CheckpointError(
            f"{type(module).__name__} has lazy layers of unknown shapes; pass a sample "
            f"through it before loading {path}"
        )
    weights = _fitting(_read(path), wanted, f"{path} does not fit {type(module).__name__}")
    for name, value in weights.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise CheckpointError(f"{path}: {name} holds numbers that are not finite")
    module.load_state_dict(weights)


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name."""
    if not path.is_file():
        raise CheckpointError(
            f"{path} is {'a folder' if path.is_dir() else 'missing'}; give a file"
        )
    if path.suffix not in (".safetensors", ".pt", ".pth"):
        raise CheckpointError(f"{path} ends in {path.suffix!r}; legal: .safetensors, .pt, .pth")
    try:
        values = _opened(path)
    except Exception as fault:
        if isinstance(fault, pickle.UnpicklingError) and "global " in str(fault).lower():
            raise CheckpointError(
                f"{path} holds pickled objects, which can run code when they are opened; save the "
                "module's state_dict() instead"
            ) from None
        raise CheckpointError(
            f"{path} is damaged or no file of its kind ({type(fault).__name__})"
        ) from None
    if isinstance(values, dict) and isinstance(values.get("state_dict"), dict):
        values = values["state_dict"]  # a training checkpoint around the weights
    if not isinstance(values, dict) or not all(isinstance(v, Tensor) for v in values.values()):
        raise CheckpointError(f"{path} holds no state dict: names with tensors, and nothing else")
    return values


def _opened(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    with warnings.catch_warnings():  # about pickles of another age: what matters is an error
        warnings.simplefilter("ignore")
        return load(path, map_location="cpu", weights_only=True)


def _fitting(
    weights: dict[str, Tensor], wanted: dict[str, Tensor], complaint: str
) -> dict[str, Tensor]:
    """`weights` under the wanted names. Raises CheckpointError when no prefix makes them fit."""
    found = [w for w in _without_prefixes(weights) if w.keys() == wanted.keys()]
    alike = [w for w in found if not _misshapen(w, wanted)]
    if len(alike) > 1 and weights.keys() != wanted.keys():
        raise CheckpointError(
            f"{complaint} in one way only: more than one part of it has these names; save the part "
            "that is meant alone"
        )
    if alike:
        return alike[0]
    if found:
        raise CheckpointError(f"{complaint}: {_few(_misshapen(found[0], wanted))}")
    nearest = max(_without_prefixes(weights), key=lambda w: len(w.keys() & wanted.keys()))
    missing = [name for name in wanted if name not in nearest]
    unexpected = [name for name in nearest if name not in wanted]
    faults = [f"missing {_few(missing)}"] * bool(missing)
    faults += [f"unexpected {_few(unexpected)}"] * bool(unexpected)
    raise CheckpointError(f"{complaint}: {'; '.join(faults)}")


def _without_prefixes(weights: dict[str, Tensor], depth: int = 3) -> list[dict[str, Tensor]]:
    """The weights as they are, then each part of them under up to `depth` prefixes."""
    found = [weights]
    for prefix in PREFIXES if depth else ():
        part = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
        found += _without_prefixes(part, depth - 1) if part else []
    return found


def _misshapen(weights: dict[str, Tensor], wanted: dict[str, Tensor]) -> list[str]:
    return [
        f"{name} is {tuple(weights[name].shape)} in the file and {tuple(value.shape)} in the module"
        for name, value in wanted.items()
        if weights[name].shape != value.shape
    ]


def _few(names: list[str]) -> str:
    """The first three, and how many more there are."""
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")
