"""Trains the whole gallery, asks the doctor, prints the table and writes it as Markdown.

python -m tests.gallery [--out benchmarks/results/doctor.md]
"""

import argparse
from pathlib import Path

import torch

from tests.gallery.bugs import BUGS
from tests.gallery.healthy import HEALTHY
from tests.gallery.table import as_markdown, as_text, examined


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/doctor.md"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    bugs, healthy = list(examined(BUGS)), list(examined(HEALTHY))
    print(as_text([*bugs, *healthy]))
    given.out.write_text(as_markdown(bugs, healthy))


if __name__ == "__main__":
    main()
