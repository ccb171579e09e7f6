"""What the studio costs whoever looks at it: sliders, five hundred runs, a million steps.

    python benchmarks/studio.py --out benchmarks/results/studio.json --chromium /usr/bin/chromium

A slider's wait is measured for convolutions on images of 28 x 28 and 64 x 64 pixels, through
`vaestro studio` in a process of its own and one WebSocket, 30 moves a second: while nothing else
runs, and while `vaestro train` trains on the same cores. With `--chromium` the same is measured in
the page, from the slider's event to the frame in which the picture is drawn. Five hundred runs
are listed cold (the first time) and warm; a history of a million steps likewise, and with
`--chromium` from the choice of the run in the list to the frame in which its curves are drawn.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from studio_case import Server, long_run, many_runs, serving, train, training
from studio_curves import drawn_in_a_browser
from studio_slider import in_a_browser, over_the_socket

SIZES = (28, 64)
GOAL = {"median": 50.0, "p95": 100.0}
"""Milliseconds from slider to picture while a training runs."""


def sliders(root: Path, moves: int, chromium: str | None) -> dict[str, Any]:
    """The wait for each size, alone and beside a training."""
    for size in SIZES:
        train(root / f"images-{size}", size)
    with serving(root) as server:
        alone = {str(size): _slider(server, size, moves, chromium) for size in SIZES}
        with training(root / "going-on", SIZES[0]):
            beside = {str(size): _slider(server, size, moves, chromium) for size in SIZES}
    kept = [one["socket"]["milliseconds"] for one in beside.values()]
    held = all(wait[name] < goal for wait in kept for name, goal in GOAL.items())
    return {"alone": alone, "while_training": beside, "goal_ms": GOAL, "goal_met": held}


def _slider(server: Server, size: int, moves: int, chromium: str | None) -> dict[str, Any]:
    run = f"images-{size}"
    found: dict[str, Any] = {"socket": over_the_socket(server, run, moves)}
    found["load"] = round(os.getloadavg()[0], 2)
    if chromium is not None:
        found["browser"] = in_a_browser(server, run, moves, chromium)
    return found


def listing(root: Path, run: Path, count: int) -> dict[str, Any]:
    """The list of `count` runs, cold and warm."""
    many_runs(root, run, count)
    with serving(root) as server:
        found, cold, size = server.get("runs")
        _, warm, _ = server.get("runs")
    assert len(found["rows"]) == count, len(found["rows"])
    return {"runs": count, "cold_s": round(cold, 3), "warm_s": round(warm, 3), "bytes": size}


def curves(root: Path, run: Path, steps: int, chromium: str | None) -> dict[str, Any]:
    """The curves of a history of `steps` records, cold and warm; in a browser too."""
    folder = long_run(root, run, steps)
    with serving(root) as server:
        server.get("runs")
        _, cold, size = server.get("run/history", id="long")
        _, warm, _ = server.get("run/history", id="long")
    length = (folder / "history.jsonl").stat().st_size
    kept = {"cold_s": round(cold, 3), "warm_s": round(warm, 3), "bytes": size}
    if chromium:
        kept["drawn_s"] = drawn_in_a_browser(root, "long", chromium)
    return {"steps": steps, "file_mib": round(length / 2**20, 1), **kept}


def main() -> None:
    """Measure all three and print one object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=300)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--chromium")
    parser.add_argument("--note", default="", help="what else the machine did")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        roots = {name: Path(folder) / name for name in ("sliders", "many", "long")}
        for root in roots.values():
            root.mkdir()
        run = roots["sliders"] / f"images-{SIZES[0]}"
        result: dict[str, Any] = {
            "machine": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "torch": torch.__version__,
            "note": options.note,
            "load_before": round(os.getloadavg()[0], 2),
        }
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "slider_to_picture": lambda: sliders(roots["sliders"], options.moves, options.chromium),
            "list": lambda: listing(roots["many"], run, options.runs),
            "history": lambda: curves(roots["long"], run, options.steps, options.chromium),
        }
        for name, measure in parts.items():
            result[name] = measure()
            if options.out:  # as it comes: the whole takes minutes
                options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
