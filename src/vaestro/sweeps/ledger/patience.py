"""A storage that is down is asked again, ever more slowly, and given up in one clear line."""

import itertools
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from vaestro.foundation.errors import StorageError
from vaestro.sweeps.ledger.faults import Fault, judged

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
"""Seconds between two tries: twice as long each time, up to the longest."""


class Patience:
    """Runs calls against a storage that may be down; safe to share between threads."""

    def __init__(self, name: str, seconds: float, say: Callable[[str], None]) -> None:
        """`name` is the storage in words, `seconds` how long a call is tried again."""
        self.name = name
        self.seconds = seconds
        self._say = say
        self._down = False
        self._lock = threading.Lock()

    def run(self, call: Callable[[], T]) -> T:
        """What `call` returns; it is run again as a whole while the storage is down.

        The first failure of an outage and its end are said, each once. Raises StorageError when
        the fault is one that does not pass, or has not passed after `seconds`.
        """
        began = time.monotonic()
        for attempt in itertools.count():
            try:
                result = call()
            except (IntegrityError, DataError):
                raise  # a mistake of ours, not of the storage
            except DBAPIError as error:
                fault, spent = judged(error), time.monotonic() - began
                if not fault.passing or spent >= self.seconds:
                    raise StorageError(self._verdict(fault)) from None
                self._failed(fault)
                time.sleep(min(_pause(attempt), self.seconds - spent))
            else:
                self._answered()
                return result
        raise AssertionError("counting does not end")

    def _verdict(self, fault: Fault) -> str:
        kept = "what it acknowledged is kept"
        if fault.passing:
            return (
                f"{self.name} has not answered for {self.seconds:.3g} s ({fault.reason}); {kept}: "
                f"{fault.remedy} and give the same command again"
            )
        return f"{self.name} cannot be used: {fault.reason}; {kept}: {fault.remedy}"

    def _failed(self, fault: Fault) -> None:
        with self._lock:
            first, self._down = not self._down, True
        if first:
            self._say(
                f"{self.name} does not answer ({fault.reason}); nothing is lost, "
                f"trying again for {self.seconds:.3g} s"
            )

    def _answered(self) -> None:
        if not self._down:
            return
        with self._lock:
            over, self._down = self._down, False
        if over:
            self._say(f"{self.name} answers again")


def _pause(attempt: int) -> float:
    """Seconds before the next try, between half and all of the doubled pause.

    Random, so that workers that lost the storage at one moment do not all come back at one.
    """
    longest = min(FIRST_PAUSE * 2.0 ** min(attempt, 20), LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1.0)
