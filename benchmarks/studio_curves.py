"""How long someone waits for the curves of a run: from its choice to the frame that shows them."""

import statistics
from pathlib import Path

from studio_case import serving

TIMES, LOOKED = 5, 2000
"""How often it is measured, and milliseconds that the list is looked at before one is chosen."""

CHOSEN = """async (run) => {
  const began = performance.now();
  location.hash = `#/run/${run}`;
  while (!document.querySelector("#part-curves .plot .scatterlayer path")) {
    await new Promise(requestAnimationFrame);
  }
  await new Promise(requestAnimationFrame);
  return (performance.now() - began) / 1000;
}"""


def drawn_in_a_browser(root: Path, run: str, chromium: str) -> dict[str, float]:
    """Seconds, each time by a new server and a new page that have read nothing of the run."""
    from playwright.sync_api import sync_playwright

    waits = []
    with sync_playwright() as playwright:
        options = {"executable_path": chromium, "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(**options)
        for _ in range(TIMES):
            with serving(root) as server:
                page = browser.new_page()
                page.goto(f"http://127.0.0.1:{server.port}/?token={server.token}")
                page.locator(f"text={run}").first.wait_for()
                page.wait_for_timeout(LOOKED)
                waits.append(page.evaluate(CHOSEN, run))
                page.close()
        browser.close()
    places = {"median": statistics.median(waits), "least": min(waits), "most": max(waits)}
    return {name: round(wait, 3) for name, wait in places.items()}
