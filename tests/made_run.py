"""A run folder of a few files, made by hand: for tests that read folders and train nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np

RECIPE = """name: made
model:
  condition: {kind: none}
  latent: 3
objective:
  beta: 1.0
training: {epochs: 2}
"""
MANIFEST: dict[str, Any] = {
    "name": "made",
    "status": "finished",
    "created": "2026-01-01T00:00:00",
    "data": {"name": "made", "shape": [1, 4, 4], "elements": 16, "values": "unit", "samples": 20},
    "compression": 5.0,
    "effective_beta": 1.0,
}


def record(step: int, split: str = "train", **more: Any) -> dict[str, Any]:
    """A record of a history."""
    figures = {"data_term": 10.0 - step / 10, "prior_term": 1.5, "loss": 12.0, "live_dimensions": 2}
    return {"step": step, "epoch": step // 10, "split": split, **figures, "beta": 1.0, **more}


def made_run(folder: Path, **files: Any) -> Path:
    """Write a run; `files` replace its parts by their stem: text as it is, lists as lines of JSON,
    everything else as JSON, None leaves the file out."""
    history = [
        record(step, split) for step in range(0, 40, 10) for split in ("train", "validation")
    ]
    figures = {"data_term": 7.0, "prior_term": 1.5, "live_dimensions": 2}
    summary = {"status": "finished", "verdict": "healthy", "sentence": "It is well.", "steps": 30}
    known: dict[str, Any] = {
        "recipe.yaml": RECIPE,
        "manifest.json": MANIFEST,
        "history.jsonl": history,
        "summary.json": {**summary, "validation": figures, "baseline_constant": 11.0},
    }
    known |= {_named(name): value for name, value in files.items()}
    folder.mkdir(parents=True)
    for name, value in known.items():
        if value is not None:
            (folder / name).write_text(_text(name, value))
    return folder


def snapshot(run: Path, name: str, kl: list[float], seed: int = 0) -> None:
    """Write snapshots/NAME.npz with six samples of 4 x 4."""
    (run / "snapshots").mkdir(exist_ok=True)
    random = np.random.default_rng(seed)
    keys = ("original", "reconstruction")
    names = keys if name != "final" else tuple(f"validation_{key}" for key in keys)
    arrays = {key: random.random((6, 1, 4, 4), np.float32) for key in (*names, "samples")}
    np.savez(
        run / "snapshots" / f"{name}.npz",
        allow_pickle=False,
        **arrays,
        kl_per_dimension=np.array(kl, np.float32),
    )


def _named(stem: str) -> str:
    ending = {"recipe": "yaml", "history": "jsonl", "events": "jsonl"}.get(stem, "json")
    return f"{stem}.{ending}"


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if name.endswith(".jsonl"):
        return "".join(json.dumps(one) + "\n" for one in value)
    return json.dumps(value)
