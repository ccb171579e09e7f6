"""How far can a number of live dimensions be told at all? The runs that lived, with another seed.

    python benchmarks/forecast_again.py --data FOLDER --runs runs.jsonl --out benchmarks/results

`--runs` is the file that `forecast.py` fills. Each of its runs that was to live and did is trained
again on the same samples: only weights, batches and noise are drawn anew. How often the two counts
are within 1 or 20 % of each other tells how much of a count is chance. Runs are appended to
`--again`; a stopped measurement goes on where it was.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from forecast import HELD_OUT, Point, run
from forecast_data import data_sets
from forecast_tables import Judged, group, judged, near_enough, share
from machine import measured_here
from vaestro.data.dataset import DataSet

ANOTHER = 1_000_000
"""Added to the seed of a point."""


def lived(runs: list[dict[str, Any]]) -> Iterator[Judged]:
    """The runs that were to live and did."""
    for one in runs:
        for warm in (False, True):
            case = judged(one, warm)
            if case.verdict == "ok" and case.live > 0:
                yield case


def again(case: Judged, data: DataSet) -> dict[str, Any]:
    """One line: which run, and both its counts."""
    asked = {name: case.run[name] for name in Point._fields}
    point = Point(**asked | {"widths": tuple(asked["widths"])})
    other = point._replace(seed=point.seed + ANOTHER)
    began = time.process_time()
    marks = run(other, data, case.run["beta"], case.warm)
    found = {"number": point.number, "warm": case.warm, "group": group(case.run)}
    counts = {"live": case.live, "live_again": marks[-1].live}
    seconds = round(time.process_time() - began, 2)
    return found | {"held_out": point.data in HELD_OUT} | counts | {"cpu_seconds": seconds}


def fill(file: Path, cases: Iterator[Judged], sets: dict[str, Any], seconds: float) -> None:
    """Append the runs that `file` lacks, until `seconds` of processor time are used."""
    lines = file.read_text().splitlines() if file.exists() else []
    done = {(known["number"], known["warm"]) for known in map(json.loads, lines)}
    loaded: dict[str, DataSet] = {}
    for case in cases:
        if time.process_time() > seconds:
            return
        name = case.run["data"]
        if (case.run["number"], case.warm) in done or name not in sets:
            continue
        if name not in loaded:
            loaded[name] = sets[name]()
        line = json.dumps(again(case, loaded[name]))
        with file.open("a") as opened:
            opened.write(line + "\n")


def table(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """For each group how many pairs there are and agree, and how far they lie apart."""
    found = {}
    for name in ("young", "trained", "far"):
        own = [(pair["live"], pair["live_again"]) for pair in pairs if pair["group"] == name]
        apart = [abs(a - b) for a, b in own]
        found[name] = {
            "pairs": len(own),
            "within_1_or_20_percent": share(
                [near_enough(e, max(pair)) for e, pair in zip(apart, own, strict=True)]
            ),
            "mean_difference": round(sum(apart) / len(own), 3) if own else None,
        }
    return found


def main() -> None:
    """Train the runs again, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of real data")
    parser.add_argument("--runs", type=Path, default=Path("forecast-runs.jsonl"))
    parser.add_argument("--again", type=Path, default=Path("forecast-again.jsonl"))
    parser.add_argument("--out", type=Path, help="folder for forecast-again.json")
    parser.add_argument("--seconds", type=float, default=math.inf, help="of processor time")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    runs = [json.loads(line) for line in asked.runs.read_text().splitlines()]
    fill(asked.again, lived(runs), data_sets(asked.data), asked.seconds)
    pairs = [json.loads(line) for line in asked.again.read_text().splitlines()]
    result = measured_here() | {
        "calibration": table([pair for pair in pairs if not pair["held_out"]]),
        "held_out": table([pair for pair in pairs if pair["held_out"]]),
        "cpu_minutes": round(sum(pair["cpu_seconds"] for pair in pairs) / 60, 1),
    }
    print(json.dumps(result, indent=1))
    if asked.out:
        (asked.out / "forecast-again.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
