"""Processes forked from one that has imported everything: they begin to work at a word.

They are forked before the parent opens a database or takes a lock, since neither survives a fork,
and wait. Only the command `vaestro` forks: a process that has computed with several threads has
pools of threads that its children would lack.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

POLL_SECONDS = 0.02
"""How often a process that is waited for is looked at."""


class Forked:
    """A child process, asked and told as subprocess.Popen is."""

    def __init__(self, process: int) -> None:
        self.pid = process
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """How it ended, negative for a signal; None while it lives."""
        if self.returncode is None:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            if found:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """How it ended. Raises subprocess.TimeoutExpired after so many seconds."""
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("a forked worker", timeout)
            time.sleep(POLL_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class Waiting:
    """Children that wait for the word to begin; without it, when the parent lets go of them or
    dies, they end and have done nothing."""

    def __init__(self, count: int, work: Callable[[int], int]) -> None:
        """Fork `count` children; number i will `work(i)` and exit with what that gives."""
        reader, self._writer = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.children = [self._child(reader, place, work) for place in range(count)]
        os.close(reader)

    def begin(self) -> list[Forked]:
        """Let them work."""
        os.write(self._writer, b"." * len(self.children))
        os.close(self._writer)
        return self.children

    def drop(self) -> None:
        """Let them end."""
        os.close(self._writer)
        for child in self.children:
            child.wait(60.0)

    def _child(self, reader: int, place: int, work: Callable[[int], int]) -> Forked:
        process = os.fork()
        if process:
            return Forked(process)
        code = 1
        try:
            os.setsid()  # Ctrl-C reaches it through the parent alone
            os.close(self._writer)
            code = work(place) if os.read(reader, 1) else 0
        finally:
            os._exit(code)  # nothing of the parent's is cleaned up here


def redirected(log: Path) -> None:
    """Let this process read nothing, and say everything into `log`."""
    sys.stdin = Path(os.devnull).open()  # noqa: SIM115  (for as long as the process lives)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(handle, stream)
    os.dup2(sys.stdin.fileno(), 0)


def may_fork() -> bool:
    """Whether this process is the command `vaestro` on Linux and has no thread of Python's beside
    its first."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    called = spec.name if spec is not None else Path(sys.argv[0]).stem
    own = called in ("vaestro", "vaestro.__main__")
    return own and sys.platform == "linux" and threading.active_count() == 1
