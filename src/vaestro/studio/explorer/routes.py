"""The explorer's addresses."""

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from vaestro.studio.answers import Refused, answering, asked
from vaestro.studio.studio import Studio


def _facts(studio: Studio, request: Request) -> dict[str, Any]:
    """?id=RUN: the screen of a run; with &sample=N the code of one held-out sample of its map."""
    from vaestro.studio.explorer.facts import facts, sample
    from vaestro.studio.explorer.shelf import Shelf

    run = asked(request, "id")
    subject = studio.kept(Shelf).at(run)
    number = request.query_params.get("sample")
    if number is None:
        return facts(subject, run)
    if not number.isdecimal() or len(number) > 9:
        raise Refused("sample must be the number of a point of the map")
    return sample(subject, int(number))


ROUTES = [Route("/api/explore", answering(_facts))]
"""Of the JSON interface; torch is loaded when the first is asked."""
