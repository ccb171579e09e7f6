"""vaestro report"""

from pathlib import Path

from vaestro.cli.output import Json, finish
from vaestro.reports.page import write_report
from vaestro.runs.folder import RunFolder
from vaestro.sweeps.folder import SweepFolder


def report(run: list[Path], /, *, json: Json = False) -> None:
    """Write report.html anew from what is in each folder: of a run, a sweep or a study."""
    pages = [str(_written(folder)) for folder in run]
    finish({"reports": pages}, "\n".join(f"report: {page}" for page in pages), json)


def _completed(folder: Path) -> None:
    """Make what the end of a trial left out; a page needs no torch otherwise."""
    if (RunFolder(folder).read_summary() or {}).get("brief"):
        from vaestro.experiments.complete import complete

        complete(folder)


def _written(folder: Path) -> Path:
    if not SweepFolder(folder).exists:
        _completed(folder)
        return write_report(folder)
    # a run's page needs neither a database nor a search
    from vaestro.studies.keeping import holds_study
    from vaestro.studies.study import rewrite
    from vaestro.sweeps.page import write_page
    from vaestro.sweeps.stored import read_sweep
    from vaestro.sweeps.summary import summary_of, write_outcome

    if holds_study(folder):
        return rewrite(folder)
    place, definition, sweep, trials, _ = found = read_sweep(folder)
    summary = summary_of(place.root, definition, trials, found.status, 0.0)
    write_outcome(place, definition, trials, summary)  # the page speaks of these files
    return write_page(place, definition, trials, found.status, sweep.trials)
