"""The web application: the rooms' routes behind one guard."""

from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from vaestro.studio.answers import failed
from vaestro.studio.explorer.routes import ROUTES as EXPLORER
from vaestro.studio.frames import Asked
from vaestro.studio.live import Live
from vaestro.studio.runs.routes import ROUTES as RUNS
from vaestro.studio.security import Guard, Hosts
from vaestro.studio.starting.routes import ROUTES as STARTING
from vaestro.studio.studio import Studio
from vaestro.studio.sweeps.routes import ROUTES as SWEEPS

WEEK = {"Cache-Control": "private, max-age=604800"}


def create(root: Path, token: str, port: int, hosts: Hosts | None = None) -> Starlette:
    """The studio over the folder `root`, for `port`; `app.state.studio` is its `Studio`.

    `hosts`: the names under which it may be reached; those of this machine alone when left out.
    """
    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(Guard, token=token, port=port, hosts=hosts or Hosts())],
        exception_handlers={HTTPException: failed},
    )
    app.state.studio = Studio(root.resolve(), token, port)
    return app


def _routes() -> list[BaseRoute]:
    page = resources.files("vaestro.studio") / "page"
    return [
        *RUNS,
        *EXPLORER,
        *SWEEPS,
        *STARTING,
        Route("/plotly.min.js", _plotly),
        WebSocketRoute("/live", _live),
        Mount("/", StaticFiles(directory=str(page), html=True)),
    ]


def _decode(studio: Studio, asked: Asked) -> tuple[dict[str, Any], bytes]:
    from vaestro.studio.explorer.decoding import decode  # loads torch, which lists need not

    return decode(studio, asked)


async def _live(socket: WebSocket) -> None:
    await Live(socket, _decode).talk()


async def _plotly(request: Request) -> FileResponse:
    """The library of interactive figures, from the installed plotly: nothing comes from outside."""
    spec = find_spec("plotly")  # imported it would take longer than all the rest
    places = spec.submodule_search_locations if spec else None
    if not places:
        raise HTTPException(404, "plotly is not installed, so there are no interactive figures")
    return FileResponse(Path(places[0]) / "package_data" / "plotly.min.js", headers=WEEK)
