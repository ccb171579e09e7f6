"""How long a slider waits for its picture: over the socket alone, and in a browser until drawn."""

import json
import statistics
import time
from typing import Any

import numpy as np
from websockets.sync.client import ClientConnection, connect

from studio_case import Server

RATE = 30.0
"""Moves a second: a hand that drags a slider. The next move never waits for less."""

DRAGGED = """
async (moves) => {
  const slider = document.querySelector(".sliders input");
  const stage = document.querySelector("[data-request]");
  const low = Number(slider.min), high = Number(slider.max), waits = [];
  for (let i = 0; i < moves; i++) {
    const seen = stage.dataset.request, began = performance.now();
    slider.value = String(low + (high - low) * (0.5 + 0.5 * Math.sin(i / 7)));
    slider.dispatchEvent(new Event("input"));
    while (stage.dataset.request === seen) await new Promise((go) => setTimeout(go, 0));
    await new Promise((go) => requestAnimationFrame(go));
    waits.push(performance.now() - began);
    await new Promise((go) => setTimeout(go, Math.max(0, 33 - (performance.now() - began))));
  }
  return waits;
}
"""


def over_the_socket(server: Server, run: str, moves: int) -> dict[str, Any]:
    """`moves` requests one after the other, each with another code; milliseconds from sending to
    the last byte of the answer."""
    facts, first, _ = server.get("explore", id=run)
    random = np.random.default_rng(0)
    waits, own = [], []
    began_cpu = server.processor_seconds()
    headers = {"Authorization": f"Bearer {server.token}"}
    with connect(f"ws://127.0.0.1:{server.port}/live", additional_headers=headers) as socket:
        for number in range(moves):
            z = random.normal(size=facts["latent"]).astype("<f4")
            began = time.perf_counter()
            header = _asked(socket, run, number, z)
            waits.append(1000 * (time.perf_counter() - began))
            own.append(header["milliseconds"])
            time.sleep(max(0.0, 1 / RATE - (time.perf_counter() - began)))
    cpu = 1000 * (server.processor_seconds() - began_cpu) / moves
    kept = {"milliseconds": told(waits), "of_which_decoding": told(own)}
    return {
        "moves": moves,
        **kept,
        "processor_ms_a_move": round(cpu, 2),
        "opening_s": round(first, 3),
    }


def _asked(socket: ClientConnection, run: str, number: int, z: np.ndarray) -> dict[str, Any]:
    head = json.dumps({"run": run, "request": number}).encode()
    socket.send(bytes([3]) + len(head).to_bytes(2, "little") + head + z.tobytes())
    answer = socket.recv(timeout=60)
    assert isinstance(answer, bytes) and answer[0] == 4, answer[:200]
    size = int.from_bytes(answer[1:3], "little")
    header: dict[str, Any] = json.loads(answer[3 : 3 + size])
    assert header["request"] == number
    assert len(answer) - 3 - size == int(np.prod(header["shape"])), "the picture is whole"
    return header


def in_a_browser(server: Server, run: str, moves: int, chromium: str) -> dict[str, Any]:
    """`moves` of the first slider in the page; milliseconds from the event to the frame in which
    its picture is drawn. The browser draws on the same cores."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = {"executable_path": chromium, "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(**options)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/?token={server.token}")
        page.goto(f"http://127.0.0.1:{server.port}/#/explore/{run}")
        page.get_by_text("Decoded in").wait_for(timeout=60_000)
        waits = page.evaluate(DRAGGED, moves)
        browser.close()
    return {"moves": moves, "milliseconds": told(waits)}


def told(values: list[float]) -> dict[str, float]:
    """Median, 95 % and the longest."""
    places = {"median": statistics.median(values), "p95": float(np.percentile(values, 95))}
    return {name: round(value, 2) for name, value in {**places, "max": max(values)}.items()}
