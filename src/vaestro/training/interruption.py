"""Ctrl-C and SIGTERM end a run at the next step boundary, with a checkpoint."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_open: list[threading.Event] = []
"""The event of the interruption that is open in the main thread, if one is."""


@contextmanager
def interruption() -> Iterator[threading.Event]:
    """Yields an event that SIGINT or SIGTERM sets. A second Ctrl-C acts as usual.

    Inside of another interruption it is that one's event: what is asked of a run when it has just
    ended is heard by whoever would begin the next. Outside the main thread, where Python allows no
    handlers, the event is never set.
    """
    if threading.current_thread() is not threading.main_thread():
        yield threading.Event()
        return
    if _open:
        yield _open[0]
        return
    asked = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before: dict[int, Any] = {number: signal.getsignal(number) for number in numbers}

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.set()
        signal.signal(number, before[number])

    for number in before:
        signal.signal(number, ask)
    _open.append(asked)
    try:
        yield asked
    finally:
        _open.remove(asked)
        for number, handler in before.items():
            signal.signal(number, handler)
