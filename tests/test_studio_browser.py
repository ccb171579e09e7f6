"""Every screen of the studio in a real browser: its main action, its accessibility, a phone."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Silent, small_recipe
from tests.made_run import made_run, record
from tests.studio_pages import NARROW, Served, launched, opened, served
from vaestro.experiments import train as training
from vaestro.sweeps.definition import Definition, watched
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Sweep
from vaestro.sweeps.space import space_of
from vaestro.sweeps.worker import Worker

pytestmark = pytest.mark.slow
expect.set_options(timeout=60_000)

TRIAL = re.compile(r"#/run/sweep%2Ftrials%2F\d{4}$")
SCRIPT = "<img src=x onerror=alert(1)>"
SCREENS: dict[str, tuple[tuple[str, ...], str]] = {
    "runs": ((), ".runs .row"),
    "run": (("first",), "#part-curves .plot svg, #part-curves .js-plotly-plot"),
    "compare": (("first", "second"), "main img"),
    "explore": (("first",), ".sliders input"),
    "sweep": (("sweep",), ".shares, .matters p"),
    "start": ((), ".recipe-form .field"),
}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A studio over two runs, a sweep of six trials and a folder that means harm."""
    root = tmp_path_factory.mktemp("studio")
    recipe = small_recipe(training={"epochs": 12, "snapshot_epochs": 3})
    training.start(recipe, root / "first", Silent())
    beta = {"beta": {"kind": "constant", "value": 4}}
    second = small_recipe(training={"epochs": 6, "snapshot_epochs": 3}, objective=beta)
    training.start(second, root / "second", Silent())
    swept(root / "sweep")
    hostile = root / SCRIPT.replace("/", "")
    shutil.copytree(root / "second", hostile)
    (hostile / "summary.json").write_text('{"verdict": "<script>alert(2)</script>"')
    with served(root) as running:
        yield running


def swept(root: Path, trials: int = 6) -> None:
    """A finished sweep in `root`."""
    definition = Definition(
        recipe=watched(small_recipe()),
        space=space_of(["objective.beta=log(0.2,4)", "model.latent=2,6"], None),
        search="random",
        screen=False,
    )
    folder = SweepFolder(root)
    root.mkdir()
    folder.create(definition.plain(), place := folder.place_for(None))
    ledger = Ledger(place["storage"])
    plain = definition.plain()
    ledger.create(Sweep(place["id"], "s", str(root), plain, trials, "running", 0, {}))
    assert Worker(ledger, place["id"], lambda text: None).work()
    ledger.set_state(place["id"], "finished")
    ledger.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as one:
        yield one


@pytest.fixture
def page(browser: Browser, studio: Served) -> Iterator[Page]:
    with opened(browser, studio) as one:
        yield one


def show(page: Page, studio: Served, name: str) -> None:
    """Go to a screen and wait until it is drawn."""
    ids, drawn = SCREENS[name]
    page.goto(studio.screen(name, *ids))
    page.wait_for_selector(drawn)
    page.wait_for_selector("main:not(:has([aria-busy]))")


class TestEveryScreen:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_axe_finds_no_serious_fault(self, browser: Browser, studio: Served, theme: Any) -> None:
        with opened(browser, studio, color_scheme=theme) as page:
            for name in SCREENS:
                show(page, studio, name)
                found = Axe().run(page).response["violations"]
                grave = [one for one in found if one["impact"] in ("serious", "critical")]
                told = [(one["id"], [n["html"][:160] for n in one["nodes"]]) for one in grave]
                assert told == [], f"{name} in {theme}"

    def test_nothing_is_wider_than_a_phone(self, browser: Browser, studio: Served) -> None:
        with opened(browser, studio, NARROW) as page:
            for name in SCREENS:
                show(page, studio, name)
                width = page.evaluate("document.documentElement.scrollWidth")
                assert width <= NARROW[0], f"{name} is {width} wide"

    def test_the_first_tab_leads_to_the_content(self, page: Page, studio: Served) -> None:
        for name in SCREENS:
            show(page, studio, name)
            page.reload()
            page.wait_for_selector(SCREENS[name][1])
            page.keyboard.press("Tab")
            expect(page.locator(":focus")).to_have_text("Skip to the content")
            page.keyboard.press("Enter")
            expect(page.locator("main")).to_be_focused()

    def test_without_the_token_there_is_nothing(self, browser: Browser, studio: Served) -> None:
        context = browser.new_context()
        other = context.new_page()
        for path in ("/", "/api/runs", "/api/start/form", "/js/main.js"):
            answer = other.goto(studio.origin + path)
            assert answer is not None and answer.status == 403
        context.close()

    def test_the_token_does_not_stay_in_the_address(self, page: Page) -> None:
        assert "token" not in page.url
        assert page.evaluate("document.cookie") == ""


class TestRuns:
    def test_rows_are_found_and_broken_ones_say_why(self, page: Page, studio: Served) -> None:
        show(page, studio, "runs")
        expect(page.locator('.row[data-id="first"] .verdict')).to_be_visible()
        page.get_by_role("searchbox", name="Search").fill("img src")
        expect(page.locator(".row")).to_have_count(1)
        expect(page.locator(".row")).to_contain_text(SCRIPT)
        assert page.locator(".row img[src='x']").count() == 0

    def test_a_new_run_comes_without_a_reload(self, page: Page, studio: Served) -> None:
        show(page, studio, "runs")
        page.evaluate("window.same = true")
        shutil.copytree(studio.root / "second", studio.root / "newcomer")
        expect(page.locator('.row[data-id="newcomer"]')).to_be_visible()
        assert page.evaluate("window.same")
        shutil.rmtree(studio.root / "newcomer")
        expect(page.locator('.row[data-id="newcomer"]')).to_have_count(0)

    def test_two_are_compared(self, page: Page, studio: Served) -> None:
        show(page, studio, "runs")
        for name in ("first", "second"):
            page.get_by_role("checkbox", name=f"Choose {name} to compare").check()
        page.get_by_role("link", name="Compare", exact=True).click()
        page.wait_for_selector("main img")
        table = page.get_by_role("region", name="Differences of the recipes")
        expect(table).to_contain_text("objective.beta")
        expect(table).to_contain_text("training.epochs")
        expect(table).not_to_contain_text("model.latent")


class TestRun:
    def test_the_slider_goes_through_training(self, page: Page, studio: Served) -> None:
        show(page, studio, "run")
        pairs = page.get_by_alt_text("Originals over their reconstructions")
        slider = page.locator("#part-pictures input[type=range]")
        last = pairs.get_attribute("src")
        slider.focus()
        page.keyboard.press("Home")
        expect(pairs).not_to_have_attribute("src", last or "")
        assert page.evaluate(
            "async () => { const one = document.querySelector('#part-pictures img');"
            "await one.decode(); return one.naturalWidth }"
        )

    def test_zooming_in_shows_every_record_there(self, page: Page, studio: Served) -> None:
        run = made_run(studio.root / "long")
        with (run / "history.jsonl").open("w") as file:
            file.writelines(json.dumps(record(step)) + "\n" for step in range(9000))
        page.goto(studio.screen("run", "long"))
        note = page.locator("#part-curves .source")
        expect(note).to_contain_text("thinned for drawing")
        area = page.locator("#part-curves .nsewdrag").first.bounding_box()
        assert area is not None
        middle = area["y"] + area["height"] / 2
        page.mouse.move(area["x"] + 0.5 * area["width"], middle)
        page.mouse.down()
        page.mouse.move(area["x"] + 0.55 * area["width"], middle, steps=8)
        page.mouse.up()
        expect(note).to_contain_text("every one drawn")
        low, high = page.evaluate(
            "document.querySelector('#part-curves .plot').layout.xaxis.range.map(Math.round)"
        )
        assert 4200 < low < high < 5300, "what was zoomed into stays"
        drawn = page.evaluate("document.querySelector('#part-curves .plot').data[0].x")
        assert set(range(low, high + 1)) <= set(drawn)

    def test_a_command_is_copied(self, browser: Browser, studio: Served) -> None:
        allowed = ["clipboard-read", "clipboard-write"]
        with opened(browser, studio, permissions=allowed) as page:
            show(page, studio, "run")
            copy = page.get_by_role("button", name="Copy the command").first
            said = copy.get_attribute("aria-label") or ""
            copy.click()
            expect(copy).to_have_text("Copied")
            assert (
                page.evaluate("navigator.clipboard.readText()") == said[len("Copy the command ") :]
            )

    def test_one_like_it_is_started_from_there(self, page: Page, studio: Served) -> None:
        show(page, studio, "run")
        page.get_by_role("link", name="Start one like it").click()
        page.wait_for_selector(".recipe-form .field")
        expect(page.locator(".source-choice")).to_contain_text("As the run first has it.")
        expect(page.get_by_role("textbox", name="name", exact=True)).to_have_value("small")


class TestExplorer:
    def test_a_slider_changes_the_picture(self, page: Page, studio: Served) -> None:
        show(page, studio, "explore")
        stage = page.locator("[data-request]")
        stage.wait_for()
        first = stage.get_attribute("data-request")
        picture = page.locator("canvas[data-request], [data-request] canvas").first
        before = picture.evaluate("one => one.toDataURL()")
        slider = page.locator(".sliders input[type=range]").first
        slider.focus()
        page.keyboard.press("End")
        expect(stage).not_to_have_attribute("data-request", first or "")
        assert picture.evaluate("one => one.toDataURL()") != before


class TestSweep:
    def test_a_trial_is_found_with_the_keys_and_opened(self, page: Page, studio: Served) -> None:
        show(page, studio, "sweep")
        page.get_by_role("application").first.focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator(".readout")).to_contain_text("data term")
        expect(page.locator("tr.chosen")).to_have_count(1)
        page.keyboard.press("Enter")
        expect(page).to_have_url(TRIAL)

    def test_a_click_on_a_mark_opens_its_run(self, page: Page, studio: Served) -> None:
        show(page, studio, "sweep")
        page.locator("circle.mark").last.click()
        expect(page).to_have_url(TRIAL)

    def test_the_table_is_sorted_by_a_column(self, page: Page, studio: Served) -> None:
        show(page, studio, "sweep")
        page.get_by_role("button", name="Prior term").click()
        head = page.get_by_role("columnheader", name="Prior term")
        expect(head).to_have_attribute("aria-sort", "ascending")
        texts = page.locator(".trials tbody tr td:nth-child(4)").all_inner_texts()
        values = [float(text.replace("\u2212", "-")) for text in texts]
        assert len(values) == 6 and values == sorted(values)

    def test_trials_are_added_and_the_sweep_is_stopped(
        self, page: Page, studio: Served, tmp_path: Path
    ) -> None:
        root = studio.root / "longer"
        swept(root, 2)
        page.goto(studio.screen("sweep", "longer"))
        page.get_by_role("spinbutton", name="until it has").fill("200")
        expect(page.locator(".steering code")).to_have_text(
            f"vaestro sweep --out {root} --trials 200"
        )
        page.get_by_role("button", name="Add trials").click()
        expect(page.locator(".said")).to_contain_text("running")
        expect(page.locator(".workers")).to_be_visible()
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".said")).to_contain_text("interrupted")
        expect(page.get_by_role("button", name="Go on")).to_be_enabled()


class TestStart:
    def test_the_forecast_comes_before_the_start(self, page: Page, studio: Served) -> None:
        page.goto(studio.screen("start", run="first"))
        go = page.get_by_role("button", name="Start the run")
        expect(go).to_be_disabled()
        page.locator('[id="f-training.epochs"]').fill("4000")
        page.locator('[id="f-objective.beta.value"]').fill("2")
        page.keyboard.press("Tab")
        expect(page.locator(".ahead code").first).to_contain_text("--set objective.beta=2")
        expect(page.locator(".ahead code").first).to_contain_text("--set training.epochs=4000")
        page.get_by_role("button", name="Forecast", exact=True).click()
        expect(page.locator(".forecast-verdict .verdict")).to_be_visible()
        expect(go).to_be_enabled()
        page.locator('[id="f-model.latent"]').fill("3")
        page.keyboard.press("Tab")
        expect(go).to_be_disabled()
        page.get_by_role("button", name="Undo the change of model.latent").click()
        expect(go).to_be_enabled()
        go.click()
        self.stopped_and_resumed(page, studio)

    def stopped_and_resumed(self, page: Page, studio: Served) -> None:
        """The run that was just started."""
        state = page.locator(".child .verdict").first
        expect(state).to_have_text("running")
        history = studio.root / "small-001" / "history.jsonl"
        page.wait_for_timeout(500)
        for _ in range(240):
            if history.is_file() and history.stat().st_size:
                break
            page.wait_for_timeout(250)
        page.get_by_role("button", name="Stop small-001").click()
        expect(state).to_have_text("interrupted")
        page.get_by_role("button", name="Resume small-001").click()
        expect(state).to_have_text("running")
        page.get_by_role("button", name="Stop small-001").click()
        expect(state).not_to_have_text("stopping")

    def test_what_is_not_legal_is_said_at_its_field(self, page: Page, studio: Served) -> None:
        show(page, studio, "start")
        latent = page.locator('[id="f-model.latent"]')
        latent.fill("0")
        page.keyboard.press("Tab")
        expect(page.get_by_role("alert")).to_contain_text("model.latent is 0")
        expect(latent).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_role("button", name="Forecast", exact=True)).to_be_disabled()
        page.get_by_role("button", name="Undo all changes").click()
        expect(latent).to_have_value("12")

    def test_another_kind_brings_its_fields(self, page: Page, studio: Served) -> None:
        show(page, studio, "start")
        page.locator('[id="f-objective.beta"]').select_option("geco")
        expect(page.get_by_role("alert")).to_contain_text("objective.beta.target is missing")
        page.locator('[id="f-objective.beta.target"]').fill("20")
        page.keyboard.press("Tab")
        expect(page.locator(".ahead code").first).to_contain_text("--set objective.beta.target=20")

    def test_data_that_are_not_there(self, page: Page, studio: Served) -> None:
        show(page, studio, "start")
        page.get_by_label("Data of yours").fill("/there/is/none.npy")
        page.keyboard.press("Tab")
        expect(page.get_by_role("alert")).to_contain_text("does not exist on this machine")
