"""vaestro report"""

from pathlib import Path

from vaestro.cli.output import Json, finish
from vaestro.reports.page import write_report


def report(run: list[Path], /, *, json: Json = False) -> None:
    """Write report.html anew from what is in each run folder."""
    pages = [str(write_report(folder)) for folder in run]
    finish({"reports": pages}, "\n".join(f"report: {page}" for page in pages), json)
