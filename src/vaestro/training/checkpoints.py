"""Checkpoints: directories that are wholly there or not at all, newest two kept.

step-00000042/state.safetensors   every tensor
step-00000042/state.json          every number, the names and the SHA-256 of the tensors' file
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from vaestro.foundation.errors import CheckpointError, StorageError
from vaestro.foundation.files import new_directory
from vaestro.training.state import TrainState

KEPT = 2


def save(folder: Path, state: TrainState, plan: dict[str, Any]) -> Path:
    """Write the checkpoint of `state.step` and drop all but the newest two.

    Raises StorageError when the disk refuses; the older checkpoints are untouched then.
    """
    path = folder / f"step-{state.step:08d}"
    tensors = {name: t.detach().cpu().contiguous() for name, t in state.tensors().items()}
    try:
        with new_directory(path) as staging:
            save_file(_unshared(tensors), staging / "state.safetensors")
            body = {"numbers": state.numbers(), "plan": plan, "names": sorted(tensors)}
            body["sha256"] = _digest(staging / "state.safetensors")
            (staging / "state.json").write_text(json.dumps({"body": body, "sha256": _seal(body)}))
        for old in sorted(folder.glob("step-????????"))[:-KEPT]:
            shutil.rmtree(old)
    except Exception as fault:  # safetensors wraps the operating system's error in its own
        if not isinstance(fault, OSError) and "SafetensorError" not in type(fault).__name__:
            raise
        raise StorageError(
            f"could not write the checkpoint {path} ({fault}); older checkpoints stand: "
            "free some space and go on with --resume"
        ) from None
    return path


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(tensors, body) of one checkpoint. Raises CheckpointError when a single bit is wrong."""
    try:
        sealed = json.loads((path / "state.json").read_bytes())
        body = sealed["body"]
        if _seal(body) != sealed["sha256"]:
            raise CheckpointError(f"{path}/state.json is damaged (its SHA-256 does not match)")
        if _digest(path / "state.safetensors") != body["sha256"]:
            raise CheckpointError(
                f"{path}/state.safetensors is damaged (its SHA-256 does not match)"
            )
    except (OSError, ValueError, KeyError, TypeError) as fault:
        if isinstance(fault, CheckpointError):
            raise
        raise CheckpointError(f"{path} is damaged ({type(fault).__name__})") from None
    tensors = load_file(path / "state.safetensors")
    for name in body["names"]:
        if name not in tensors:
            raise MissingParameterError(f"{path} lacks {name}; it cannot be resumed")
    return tensors, body


class MissingParameterError(CheckpointError):
    """An intact checkpoint that lacks a parameter: refused, never passed over."""


def newest(
    folder: Path, warn: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The newest undamaged checkpoint, or None when there is none at all.

    Each damaged one is named to `warn` and passed over. Raises CheckpointError when every one
    there is damaged.
    """
    paths = sorted(folder.glob("step-????????"), reverse=True)
    for path in paths:
        try:
            return read(path)
        except MissingParameterError:
            raise
        except CheckpointError as fault:
            warn(f"{fault}; falling back to the one before it")
    if paths:
        raise CheckpointError(f"every checkpoint in {folder} is damaged; start a new run")
    return None


def _unshared(tensors: dict[str, Any]) -> dict[str, Any]:
    """Copies of tensors that share memory with another (safetensors refuses them)."""
    seen: set[int] = set()
    result = {}
    for name, tensor in tensors.items():
        result[name] = tensor.clone() if tensor.data_ptr() in seen else tensor
        seen.add(tensor.data_ptr())
    return result


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
