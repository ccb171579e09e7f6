"""How a handler answers: JSON without NaN, and one line for what went wrong."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from vaestro.foundation.errors import UserError, VaestroError, one_line
from vaestro.studio.ids import NotThere
from vaestro.studio.studio import Studio, studio_of

_log = logging.getLogger("vaestro.studio")

NO_STORE = {"Cache-Control": "no-store"}


class Refused(Exception):  # noqa: N818  (an answer, as NotThere)
    """What a request asks cannot be done; the message is one line."""


class TooLarge(Exception):  # noqa: N818
    """A request's body is over the limit."""


def as_json(value: Any, status: int = 200) -> Response:
    """`value` as JSON; numbers that are not finite must have been made null before."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Response(text, status, NO_STORE, "application/json")


def answering(
    work: Callable[[Studio, Request], Any],
) -> Callable[[Request], Awaitable[Response]]:
    """A GET handler of `work(studio, request)`, which runs in a worker thread and returns what
    shall be JSON, or a Response."""

    async def handler(request: Request) -> Response:
        try:
            found = await run_sync(work, studio_of(request), request)
            return found if isinstance(found, Response) else as_json(found)
        except Exception as fault:
            return failed(request, fault)

    return handler


def acting(
    work: Callable[[Studio, dict[str, Any]], Any],
) -> Callable[[Request], Awaitable[Response]]:
    """A POST handler of `work(studio, body)`, whose body is a JSON object; in a worker thread."""

    async def handler(request: Request) -> Response:
        try:
            return as_json(await run_sync(work, studio_of(request), await object_of(request)))
        except Exception as fault:
            return failed(request, fault)

    return handler


async def object_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request's body. Raises Refused for anything else."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refused("the body must be one JSON object")
    return body


def asked(request: Request, name: str) -> str:
    """A query parameter. Raises Refused without it."""
    value = request.query_params.get(name)
    if value is None:
        raise Refused(f"the address lacks {name}=...")
    return value


def failed(request: Request, fault: Exception) -> Response:
    """A fault as {"error": one line}: 404 for an unknown id, 4xx for a mistake, 500 for ours."""
    if isinstance(fault, HTTPException):
        return as_json({"error": one_line(str(fault.detail))}, fault.status_code)
    text = one_line(str(fault)) or type(fault).__name__
    if isinstance(fault, TooLarge):
        return as_json({"error": text}, 413)
    if isinstance(fault, NotThere):
        return as_json({"error": text}, 404)
    if isinstance(fault, (UserError, Refused)):
        return as_json({"error": text}, 400)
    if isinstance(fault, (VaestroError, OSError)):
        return as_json({"error": text}, 503)
    _log.error("a handler failed", exc_info=fault)
    return as_json({"error": f"the studio failed: {type(fault).__name__}: {text}"}, 500)
