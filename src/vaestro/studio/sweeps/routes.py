"""Where the page asks about sweeps, and steers them."""

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from vaestro.studio.answers import acting, answering, asked
from vaestro.studio.studio import Studio


def _sweep(studio: Studio, request: Request) -> dict[str, Any]:
    """The screen of the sweep ?id=..., or with importance=1 which fields matter."""
    from vaestro.studio.sweeps.matters import Estimates
    from vaestro.studio.sweeps.reading import read
    from vaestro.studio.sweeps.shown import shown

    reading = read(studio, asked(request, "id"))
    if request.query_params.get("importance"):
        return {"importance": studio.kept(Estimates).of(reading)}
    return shown(studio, reading)


def _stop(studio: Studio, body: dict[str, Any]) -> dict[str, Any]:
    from vaestro.studio.sweeps.steering import stop

    return stop(studio, body)


def _go_on(studio: Studio, body: dict[str, Any]) -> dict[str, Any]:
    from vaestro.studio.sweeps.steering import go_on

    return go_on(studio, body)


ROUTES = [
    Route("/api/sweep", answering(_sweep)),
    Route("/api/sweep/stop", acting(_stop), methods=["POST"]),
    Route("/api/sweep/go-on", acting(_go_on), methods=["POST"]),
]
"""Under /api/sweep; torch and the search are loaded when the first is asked."""
