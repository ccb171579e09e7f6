"""The one WebSocket of a page: it says what changed, and decodes latents as sliders move.

Nothing is watched while nobody looks. Of several waiting decode requests only the newest is
answered, so a slider never waits for the pictures of places it has left.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from anyio import create_task_group
from anyio.to_thread import run_sync
from starlette.websockets import WebSocket, WebSocketDisconnect

from vaestro.foundation.errors import VaestroError, one_line
from vaestro.studio import frames
from vaestro.studio.answers import Refused
from vaestro.studio.frames import Asked
from vaestro.studio.ids import NotThere
from vaestro.studio.studio import Studio, studio_of
from vaestro.studio.watching import changes, marks

PAUSE, LAZY = 0.7, 8
"""Seconds between two looks at the disk, and so many times what a look takes where it is slow."""
MOST_WATCHED = 1000

Decode = Callable[[Studio, Asked], tuple[dict[str, Any], bytes]]
"""Decodes in a worker thread: the header of the answer and its bytes."""

_log = logging.getLogger("vaestro.studio")


class Live:
    """The conversation with one page."""

    def __init__(self, socket: WebSocket, decode: Decode) -> None:
        self.socket, self.decode, self.studio = socket, decode, studio_of(socket)
        self.watched: tuple[str, ...] = ()
        self.seen: dict[str, object] = {}
        self.looking = asyncio.Event()
        self.newest: Asked | None = None
        self.waiting = asyncio.Event()
        self.sending = asyncio.Lock()

    async def talk(self) -> None:
        """Until the page leaves."""
        await self.socket.accept()
        async with create_task_group() as group:
            group.start_soon(self._look)
            group.start_soon(self._answer)
            await self._hear()
            group.cancel_scope.cancel()

    async def _hear(self) -> None:
        while True:
            message = await self.socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                await self._heard(message.get("bytes") or b"")
            except Refused as fault:
                await self._send(frames.told(frames.FAILED, {"request": None, "error": str(fault)}))

    async def _heard(self, frame: bytes) -> None:
        kind = frame[0] if frame else 0
        if kind == frames.WATCH:
            self.watched = tuple(dict.fromkeys(frames.read_watch(frame)))[:MOST_WATCHED]
            self.looking.set()
        elif kind == frames.DECODE:
            self.newest = frames.read_decode(frame)
            self.waiting.set()
        else:
            raise Refused(f"there is no frame of kind {kind} for the studio; legal: 1, 3")

    async def _look(self) -> None:
        while True:
            await self.looking.wait()
            watched, began = self.watched, time.monotonic()
            now = await run_sync(marks, self.studio, watched)
            took = time.monotonic() - began
            changed = changes(self.seen, now)
            self.seen = now
            if changed:
                await self._send(frames.told(frames.CHANGED, {"changed": changed}))
            if not watched:
                self.looking.clear()
            await asyncio.sleep(max(PAUSE, LAZY * took))

    async def _answer(self) -> None:
        while True:
            await self.waiting.wait()
            self.waiting.clear()
            asked, self.newest = self.newest, None
            if asked is not None:
                await self._send(await run_sync(self._decoded, asked))

    def _decoded(self, asked: Asked) -> bytes:
        request = asked.header.get("request")
        try:
            header, raw = self.decode(self.studio, asked)
            return frames.answered({**header, "request": request}, raw)
        except (VaestroError, Refused, NotThere, OSError) as fault:
            told = one_line(str(fault)) or type(fault).__name__
        except Exception as fault:
            _log.exception("decoding failed")
            told = f"decoding failed: {type(fault).__name__}: {one_line(str(fault))}"
        return frames.told(frames.FAILED, {"request": _plain(request), "error": told})

    async def _send(self, frame: bytes) -> None:
        async with self.sending:
            with suppress(WebSocketDisconnect, RuntimeError):  # it left meanwhile
                await self.socket.send_bytes(frame)


def _plain(request: Any) -> Any:
    return request if isinstance(request, (int, str)) else None
