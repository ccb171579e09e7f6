"""Shared by the tests: one thread each, where real data lie, a small recipe, a silent display."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.postgres import postgres, url  # noqa: F401  (fixtures)
from vaestro.cli.main import main
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.recipe import Recipe
from vaestro.training import plan as planning

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data beside the project (or VAESTRO_DATA); skipped where it is absent."""
    default = Path(__file__).parents[1] / ".." / "shared" / "data"
    folder = Path(os.environ.get("VAESTRO_DATA", default)).resolve()
    if not folder.is_dir():
        if os.environ.get("VAESTRO_CI") == "1":
            pytest.fail(f"CI needs the real data in {folder}")
        pytest.skip(f"no real data in {folder}; set VAESTRO_DATA to their folder")
    return folder


class Silent:
    """A display that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.records: list[dict[str, Any]] = []
        self.steps: list[int] = []

    def started(self, assembly: object, step: int) -> None:
        self.steps.append(step)

    def stepped(self, step: int) -> None:
        self.steps.append(step)

    def recorded(self, record: dict[str, Any]) -> None:
        self.records.append(record)

    def say(self, text: str) -> None:
        self.said.append(text)


def arrays_in(path: Path) -> dict[str, np.ndarray]:
    """Every array of an .npz, its file closed again."""
    with np.load(path) as held:
        return dict(held)


@pytest.fixture
def display() -> Silent:
    return Silent()


def small_recipe(**changes: Any) -> Recipe:
    """A recipe that trains in a fraction of a second; `changes` are deep updates of its fields."""
    values: dict[str, Any] = {
        "name": "small",
        "data": {"kind": "digits"},
        "split": {"validation": 0.2, "test": 0.15},
        "model": {
            "latent": 4,
            "encoder": {"kind": "dense", "widths": [16]},
            "decoder": {"kind": "dense", "widths": [16]},
            "likelihood": {"kind": "bernoulli"},
        },
        "training": {"epochs": 2, "batch_size": 200, "threads": 1},
    }
    return Recipe.parse(updated(Recipe.parse(values).plain(), changes))


def assembled(**changes: Any) -> Assembly:
    """The parts of that recipe."""
    recipe = small_recipe(**changes)
    return assemble(recipe, planning.choose(recipe.training))


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def updated(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`values` with `changes` merged in; a mapping with another kind replaces the old one."""
    result = dict(values)
    for key, change in changes.items():
        old = result.get(key)
        same = isinstance(old, dict) and isinstance(change, dict)
        if same and change.get("kind", old.get("kind")) == old.get("kind"):  # type: ignore[union-attr]
            result[key] = updated(old, change)  # type: ignore[arg-type]
        else:
            result[key] = change
    return result


@pytest.fixture
def recipe() -> Callable[..., Recipe]:
    return small_recipe


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What a command prints with --json."""
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--json"])
    shown = capsys.readouterr()
    assert ended.value.code == 0, shown.err
    found: dict[str, Any] = json.loads(shown.out)
    return found
