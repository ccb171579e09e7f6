"""docs/architecture.md speaks of the house that stands."""

import re
from pathlib import Path

import pytest

from tests.test_layers import FLOORS, ROOT

PAGE = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text()
PLAN = re.findall(r"^\| (\d+) \| (.+?) \| (.+) \|$", PAGE, re.M)
FILES = sorted(set(re.findall(r"`((?!tests/)[a-z_0-9/]+/[a-z_0-9]+\.py)`", PAGE)))


def rooms(cell: str) -> set[str]:
    return set(re.findall(r"`([a-z]+)/`", cell))


def test_the_floors_are_those_that_imports_are_held_to() -> None:
    told = {int(floor): rooms(cell) for floor, cell, _ in PLAN}
    assert told == dict(enumerate(FLOORS[:-2]))


@pytest.mark.parametrize(("cell", "text"), [(cell, text) for _, cell, text in PLAN])
def test_every_folder_that_a_floor_names_is_in_its_room(cell: str, text: str) -> None:
    for name in re.findall(r"`([a-z_]+)/`", text):
        assert any((ROOT / room / name).is_dir() for room in rooms(cell)), name


@pytest.mark.parametrize("name", FILES)
def test_every_file_that_is_named_is_there(name: str) -> None:
    assert (ROOT / name).is_file()


def test_the_walks_name_files() -> None:
    assert len(FILES) > 20
