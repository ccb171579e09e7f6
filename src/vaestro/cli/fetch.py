"""vaestro data fetch"""

import shlex
import sys
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

from cyclopts import Parameter
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from vaestro.cli.output import Json, finish
from vaestro.data.fetch import Fetched
from vaestro.data.fetch import fetch as fetch_data

To = Annotated[
    Path | None,
    Parameter(name="--to", help="The folder for the files; without it, the cache is used."),
]
MEGABYTE = 1_000_000


def fetch(name: str, /, *, to: To = None, json: Json = False) -> None:
    """Fetch a public data set: mnist, fashion-mnist, smallnorb, fibercup or dsprites.

    What is there already is only verified, and an interrupted download is gone on with. Without a
    network it says what to fetch elsewhere and what to train on meanwhile.
    """
    with FetchDisplay() as display:
        fetched = fetch_data(name, to, display.show)
    finish(fetched.record(), _prose(fetched), json)


class FetchDisplay:
    """A bar for each file on a terminal; a line as each one starts where there is none."""

    def __init__(self) -> None:
        self.bars: dict[str, TaskID] = {}
        self.console = Console(stderr=True, highlight=False)
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            DownloadColumn(),
            TimeRemainingColumn(compact=True),
            console=self.console,
            transient=True,
        )

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()

    def show(self, name: str, size: int, total: int | None) -> None:
        """`size` of `total` bytes of the file `name` are there."""
        if name not in self.bars:
            self.bars[name] = self.progress.add_task(name, total=total)
            if not self.console.is_terminal:
                print(f"fetching {name}{_of(total)}", file=sys.stderr)
        self.progress.update(self.bars[name], completed=size, total=total)


def _of(total: int | None) -> str:
    return "" if total is None else f" ({total / MEGABYTE:,.1f} MB)"


def _prose(fetched: Fetched) -> str:
    files = f"{len(fetched.files)} {'file' if len(fetched.files) == 1 else 'files'}"
    state = f"{len(fetched.new)} fetched" if fetched.new else "all there already"
    use = " ".join(f"--set {shlex.quote(setting)}" for setting in fetched.settings)
    return (
        f"{fetched.name}: {files}, {fetched.bytes / MEGABYTE:,.1f} MB in {fetched.folder} "
        f"({state})\nuse it with {use}"
    )
