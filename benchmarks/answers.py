"""The open questions of the five logs, answered by measuring: docs/answers.md quotes these numbers.

    python benchmarks/answers.py --out benchmarks/results/answers.json --mnist FOLDER

Each answer is written when it is done, and one that is there is left: a stopped run goes on where
it was. `--only NAME` measures these anew; `--tables` measures nothing and prints the page's tables.
Without `--mnist` what needs handwriting is left out; views of toys, sprites and streamlines are
drawn here. Forecasts where those answer, else short trainings; one thread.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import torch

from answers_pca import capacity, components, fitted, tanh
from answers_tables import tables
from answers_weight import deaths, handwriting, streamlines, x_var

Answer = Callable[[Path, Path | None], dict[str, Any]]

ANSWERS: dict[str, Answer] = {
    "components": components,
    "tanh": tanh,
    "fitted": fitted,
    "capacity": capacity,
    "x_var": x_var,
    "deaths": deaths,
    "streamlines": streamlines,
    "handwriting": handwriting,
}
"""By name: (folder for runs, folder of MNIST or None) to numbers."""


def kept(path: Path) -> dict[str, Any]:
    """What was measured before."""
    return json.loads(path.read_text()) if path.is_file() else {"answers": {}}


def main() -> None:
    """Measure what is missing, one answer after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--mnist", type=Path)
    parser.add_argument("--only", nargs="*", choices=ANSWERS, default=[])
    parser.add_argument("--tables", action="store_true")
    options = parser.parse_args()
    if options.tables:
        print("\n".join(tables(kept(options.out)["answers"])))
        return
    torch.set_num_threads(1)
    for name in options.only or ANSWERS:
        record = kept(options.out)
        if name in record["answers"] and not options.only:
            continue
        if name == "handwriting" and options.mnist is None:
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = ANSWERS[name](Path(folder), options.mnist)
        found |= {"seconds": round(time.monotonic() - began, 1), "date": str(date.today())}
        record["machine"] = platform.processor() or platform.machine()
        record["torch"] = torch.__version__
        record["answers"][name] = found
        options.out.write_text(json.dumps(record, indent=1) + "\n")
        print(json.dumps({name: found}), flush=True)


if __name__ == "__main__":
    main()
