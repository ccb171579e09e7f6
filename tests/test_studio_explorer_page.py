"""The latent explorer in a real browser: the map, a line between samples, curves and volumes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import Silent, small_recipe
from tests.studio_pages import Served, launched, opened, served
from vaestro.experiments import train as training

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A studio over a run of each form, one of them told labels."""
    root = tmp_path_factory.mktemp("studio")
    told = {"condition": {"kind": "labels"}}
    training.start(small_recipe(model=told), root / "images", Silent())
    random = np.random.default_rng(0)
    blobs = random.random((60, 1, 8, 8, 8)).astype(np.float32)
    trained(root, "volumes", blobs)
    trained(root, "numbers", random.normal(size=(60, 5)).astype(np.float32))
    gaussian = {"likelihood": {"kind": "gaussian"}}
    bundles = {"kind": "bundles", "streamlines": 60, "points": 32}
    few = {"epochs": 1, "batch_size": 10}
    recipe = small_recipe(data=bundles, model=gaussian, training=few)
    training.start(recipe, root / "lines", Silent())
    with served(root) as running:
        yield running


def trained(root: Path, name: str, values: np.ndarray[Any, Any]) -> None:
    """A run on `values`, one epoch."""
    path = root / f"{name}.npy"
    np.save(path, values)
    data = {"kind": "arrays", "path": str(path)}
    few = {"epochs": 1, "batch_size": 10}
    gaussian = {"likelihood": {"kind": "gaussian"}}
    recipe = small_recipe(data=data, model=gaussian, training=few)
    training.start(recipe, root / name, Silent())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as one:
        yield one


@pytest.fixture
def page(browser: Browser, studio: Served) -> Iterator[Page]:
    with opened(browser, studio) as page:
        yield page


def explore(page: Page, studio: Served, run: str) -> Locator:
    """Go to the explorer of `run`; its first canvas once something was decoded."""
    page.goto(studio.screen("explore", run))
    page.get_by_text("Decoded in").wait_for()
    return page.locator(".shown canvas").first


def drawn(canvas: Locator) -> str:
    found: str = canvas.evaluate("one => one.toDataURL()")
    return found


def decoded(page: Page, act: Any) -> None:
    """Do `act` and wait for the picture that it asks for."""
    stage = page.locator("[data-request]")
    before = stage.get_attribute("data-request") or ""
    act()
    expect(stage).not_to_have_attribute("data-request", before)


def test_a_click_on_the_map_decodes_and_reset_goes_back(page: Page, studio: Served) -> None:
    picture = explore(page, studio, "images")
    decoded(page, page.get_by_role("button", name="Reset").click)
    centre = drawn(picture)
    expect(page.locator(".caption")).to_contain_text("The prior's centre")
    box = page.locator("canvas.map").bounding_box()
    assert box is not None
    place = {"x": 0.75 * box["width"], "y": 0.3 * box["height"]}
    decoded(page, lambda: page.locator("canvas.map").click(position=place))
    assert drawn(picture) != centre
    decoded(page, page.get_by_role("button", name="Reset").click)
    assert drawn(picture) == centre


def test_keys_move_on_the_map_and_join_two_codes(page: Page, studio: Served) -> None:
    picture = explore(page, studio, "images")
    page.locator("canvas.map").focus()
    page.get_by_role("button", name="Set A here").click()
    start = drawn(picture)
    for _ in range(12):
        decoded(page, lambda: page.locator("canvas.map").press("ArrowRight"))
    page.get_by_role("button", name="Set B here").click()
    expect(page.locator(".strip canvas")).to_have_count(9)
    way = page.get_by_role("slider", name="From A to B")
    decoded(page, lambda: way.press("Home"))
    assert drawn(picture) == start
    decoded(page, lambda: way.press("End"))
    assert drawn(picture) != start


def test_a_label_changes_what_is_decoded(page: Page, studio: Served) -> None:
    picture = explore(page, studio, "images")
    choice = page.get_by_label("Label")
    decoded(page, lambda: choice.select_option("0"))
    zero = drawn(picture)
    decoded(page, lambda: choice.select_option("7"))
    assert drawn(picture) != zero


def test_a_streamline_turns_by_dragging_and_by_keys(page: Page, studio: Served) -> None:
    picture = explore(page, studio, "lines")
    expect(page.locator(".caption")).to_contain_text("mm long")
    picture.press("Home")
    first = drawn(picture)
    box = picture.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 80, y + 20)
    page.mouse.up()
    turned = drawn(picture)
    assert turned != first
    picture.press("ArrowLeft")
    assert drawn(picture) != turned
    picture.press("Home")
    assert drawn(picture) == first


def test_a_volume_has_a_surface_and_three_slices(page: Page, studio: Served) -> None:
    surface = explore(page, studio, "volumes")
    slices = page.locator("canvas.slice")
    expect(slices).to_have_count(3)
    before = [drawn(surface), drawn(slices.first)]
    page.get_by_role("slider", name="Slice across depth").press("End")
    assert drawn(slices.first) != before[1]
    page.get_by_role("slider", name="Surface at the value").press("Home")
    assert drawn(surface) != before[0]


def test_numbers_are_bars(page: Page, studio: Served) -> None:
    picture = explore(page, studio, "numbers")
    expect(page.locator(".caption")).to_contain_text("5 numbers from")
    before = drawn(picture)
    decoded(page, lambda: page.locator(".sliders input").first.press("End"))
    assert drawn(picture) != before
