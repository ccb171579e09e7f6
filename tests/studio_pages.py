"""A studio in its own process and a browser that can reach nothing else."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDE, NARROW = (1280, 900), (390, 844)


class Served(NamedTuple):
    """A studio that is running: the address that it printed, and its root."""

    address: str
    root: Path

    @property
    def origin(self) -> str:
        """Without the token."""
        return self.address.partition("/?")[0]

    def screen(self, name: str, *ids: str, **query: str) -> str:
        """The address of a screen."""
        path = ",".join(quote(one, safe="") for one in ids)
        asked = "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())
        return f"{self.origin}/#/{name}{'/' if ids else ''}{path}{'?' if asked else ''}{asked}"


@contextmanager
def served(root: Path) -> Iterator[Served]:
    """`vaestro studio ROOT` until Ctrl-C, after which it must have ended in order."""
    command = [sys.executable, "-m", "vaestro", "studio", str(root)]
    with subprocess.Popen(
        [*command, "--no-browser", "--port", "0", "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            yield Served(told["address"], Path(told["root"]))
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(30)
    assert code == 0, f"the studio ended with {code}"


def require_chromium() -> str:
    """Where the browser is; the test is skipped without one, but not in CI."""
    if CHROMIUM is None:
        if os.environ.get("VAESTRO_CI") == "1":
            pytest.fail("CI needs chromium")
        pytest.skip("no chromium on this machine")
    return CHROMIUM


class Watched:
    """What a page asked for and complained of."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self.host = page, urlsplit(origin).netloc
        self.foreign: list[str] = []
        self.faults: list[str] = []
        page.on("request", self._asked)
        page.on("websocket", lambda socket: self._known(socket.url))
        page.on("console", self._said)
        page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        page.on("dialog", lambda dialog: self.faults.append(f"a dialog: {dialog.message}"))
        page.context.route("**/*", self._routed)

    def _asked(self, request: Request) -> None:
        self._known(request.url)

    def _known(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != self.host:
            self.foreign.append(url)

    def _routed(self, route: Route) -> None:
        """Nothing but the studio can be reached."""
        if urlsplit(route.request.url).netloc == self.host:
            route.continue_()
        else:
            route.abort()

    def _said(self, message: ConsoleMessage) -> None:
        told = "status of 400" in message.text  # a mistake that the page says in its own words
        if message.type in ("error", "warning") and not told:
            self.faults.append(message.text)


@contextmanager
def launched() -> Iterator[Browser]:
    """The browser; the test is skipped without one, but not in CI."""
    path = require_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser, studio: Served, size: tuple[int, int] = WIDE, **how: Any
) -> Iterator[Page]:
    """A page of the studio, signed in. At its end no other host was asked for anything and nothing
    was complained of."""
    viewport = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, **how)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(60_000)
    watched = Watched(page, studio.origin)
    try:
        page.goto(studio.address)
        page.wait_for_selector("main h1")
        yield page
        assert not watched.foreign, watched.foreign
        assert not watched.faults, watched.faults
    finally:
        context.close()
