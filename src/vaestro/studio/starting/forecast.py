"""The forecast of what a person asks for, by a process of its own: it may take long, need much
memory, and is ended when nobody waits for it any more."""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from vaestro.studio.answers import Refused, as_json, failed, object_of
from vaestro.studio.studio import Studio, studio_of

LOOK_SECONDS = 0.3
"""How often it is asked whether the page still waits."""


async def forecast(request: Request) -> Response:
    """What `vaestro forecast --json` prints of the recipe asked for, and the ticket to start it."""
    try:
        words, ticket = await run_sync(_words, studio_of(request), await object_of(request))
        told = await _told(request, words)
    except Exception as fault:
        return failed(request, fault)
    return as_json({"ticket": ticket, "forecast": told})


def _words(studio: Studio, body: dict[str, Any]) -> tuple[list[str], str]:
    from vaestro.studio.starting.asked import Asked, ticket

    asked = Asked.parse(body)
    recipe = asked.wanted(studio)
    words = ["forecast", *asked.settled(studio).words(studio), "--json"]
    return words, ticket(studio, recipe)


async def _told(request: Request, words: Sequence[str]) -> Any:
    """What the process prints. Raises Refused with its one line where it fails."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "vaestro", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    answer = asyncio.ensure_future(process.communicate())
    try:
        while not (await asyncio.wait({answer}, timeout=LOOK_SECONDS))[0]:
            if await request.is_disconnected():
                raise Refused("nobody waits for this forecast any more")
        out, said = answer.result()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await answer
    if process.returncode != 0:
        raise Refused(_fault(said.decode(errors="replace")))
    return json.loads(out)


def _fault(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    faults = [line.removeprefix("error: ") for line in lines if line.startswith("error:")]
    return (faults or lines or ["the forecast failed and said nothing"])[-1]
