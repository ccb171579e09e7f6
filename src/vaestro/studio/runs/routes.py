"""The addresses of the screens that show runs."""

from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from vaestro.foundation.errors import RunFolderError
from vaestro.studio.answers import NO_STORE, Refused, answering, asked
from vaestro.studio.runs.at_work import at_work, locks_held
from vaestro.studio.runs.compare import compare
from vaestro.studio.runs.curves import Histories, curves
from vaestro.studio.runs.guarded import require_file
from vaestro.studio.runs.index import Index
from vaestro.studio.runs.kl import kl_bars
from vaestro.studio.runs.run import run, sample_values
from vaestro.studio.runs.snapshots import FINAL, epochs, picture
from vaestro.studio.runs.stretch import stretch
from vaestro.studio.studio import Studio

HOUR = {"Cache-Control": "private, max-age=3600"}
"""A picture's address changes with its run."""
MOST_POINTS = 20_000
MOST_REPORT = 64 << 20
MOST_STEPS = 10**9
"""The largest whole number that a query may ask for."""


def _list(studio: Studio, request: Request) -> dict[str, Any]:
    listing = studio.kept(Index).listing(request.query_params.get("since", ""))
    return {"root": str(studio.root), **listing}


def _run(studio: Studio, request: Request) -> dict[str, Any]:
    identity = asked(request, "id")
    folder = studio.find(identity)
    return {"id": identity, **run(studio.root, folder, at_work(folder, locks_held()))}


def _history(studio: Studio, request: Request) -> dict[str, Any]:
    folder = studio.find(asked(request, "id"))
    require_file(studio.root, folder / "history.jsonl", None)
    history, points = folder / "history.jsonl", min(_whole(request, "points", 1200), MOST_POINTS)
    if not {"from", "to"} & set(request.query_params):
        return curves(studio.kept(Histories).read(history), points)
    first, last = _whole(request, "from", 0), _whole(request, "to", MOST_STEPS)
    return curves(stretch(history, first, last), points)


def _picture(studio: Studio, request: Request) -> Response:
    folder = studio.find(asked(request, "id"))
    known = epochs(folder)
    if not known:
        raise RunFolderError("the run has kept no snapshot yet")
    epoch = _whole(request, "epoch", known[-1])
    values = sample_values(studio.root, folder)
    made = picture(studio.root, folder, asked(request, "name"), epoch, values)
    return Response(made, 200, HOUR, "image/png")


def _kl(studio: Studio, request: Request) -> dict[str, Any]:
    return kl_bars(studio.root, studio.find(asked(request, "id")))


def _compare(studio: Studio, request: Request) -> dict[str, Any]:
    return compare(studio, request.query_params.getlist("id"))


def _report(studio: Studio, request: Request) -> Response:
    path = studio.find(asked(request, "id")) / "report.html"
    if not require_file(studio.root, path, MOST_REPORT):
        raise RunFolderError("the folder has no report.html; `vaestro report` writes it")
    return FileResponse(path, headers={**NO_STORE, "Content-Disposition": "attachment"})


def _whole(request: Request, name: str, default: int) -> int:
    """A whole number of the query. Raises Refused for anything else."""
    text = request.query_params.get(name, str(default))
    try:
        value = int(text)
    except ValueError:
        value = FINAL - 1
    if not FINAL <= value <= MOST_STEPS:
        raise Refused(f"{name}={text[:40]} is no whole number")
    return value


ROUTES = [
    Route("/api/runs", answering(_list)),
    Route("/api/run", answering(_run)),
    Route("/api/run/history", answering(_history)),
    Route("/api/run/picture", answering(_picture)),
    Route("/api/run/kl", answering(_kl)),
    Route("/api/run/report", answering(_report)),
    Route("/api/compare", answering(_compare)),
]
