"""The house plan: a room imports only from the floors below it, and nothing imports in a loop."""

import ast
from pathlib import Path

import pytest

import vaestro

ROOT = Path(vaestro.__file__).parent
FLOORS = [
    {"foundation"},
    {"runs", "data", "transforms", "networks", "probability", "metrics"},
    {"models"},
    {"training"},
    {"health"},
    {"generation"},
    {"evaluation"},
    {"reports"},
    {"experiments"},
    {"sweeps"},
    {"studies"},
    {"studio"},
    {"cli"},
    {"estimator"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(ROOT.rglob("*.py"))


def room(module: str) -> str:
    return module.split(".")[1]


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Every module of ours that the file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module and node.module.split(".")[0] == "vaestro":
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                modules = {
                    m
                    for m in inner
                    if (ROOT.parent / m.replace(".", "/")).with_suffix(".py").is_file()
                }
                found |= modules or {node.module}
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.split(".")[0] == "vaestro"}
    return found


INSIDE = [p for p in FILES if p.parent != ROOT]


@pytest.mark.parametrize("path", INSIDE, ids=lambda p: str(p.relative_to(ROOT)))
def test_room_imports_only_from_below(path: Path) -> None:
    here = room(module_of(path))
    for target in imports(path):
        assert target != "vaestro", f"{path} imports the package's own face"
        there = room(target)
        assert there == here or FLOOR[there] < FLOOR[here], f"{here} must not import {target}"


def test_every_room_has_a_floor() -> None:
    rooms = {p.name for p in ROOT.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert rooms <= FLOOR.keys()


def test_no_import_loops() -> None:
    graph = {module_of(p): imports(p) for p in FILES if p.name != "__init__.py"}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"import loop: {' -> '.join((*path, module))}"
        if module in done or module not in graph:
            return
        for target in graph[module]:
            visit(target, (*path, module))
        done.add(module)

    for module in graph:
        visit(module, ())


def test_no_junk_drawers() -> None:
    assert not [p for p in FILES if p.stem in {"utils", "util", "helpers", "misc", "common"}]
