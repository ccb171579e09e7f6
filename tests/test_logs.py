"""The studies of the logs: steps that are taken once, claims that are counted, pages that stand."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from tests.conftest import small_recipe
from tests.logs_bench import Unseen, bench
from vaestro.cli.study import study
from vaestro.foundation.errors import RecipeError, RunFolderError
from vaestro.studies.logs import catalogue
from vaestro.studies.logs.bench import Bench, StoppedError
from vaestro.studies.logs.beside import write_beside
from vaestro.studies.logs.carry import carry_out_log, go_on
from vaestro.studies.logs.chapter import Chapter, Claim, Picture, Table, from_plain
from vaestro.studies.logs.drawn import MOST_BYTES, small_png
from vaestro.studies.logs.kept import Form
from vaestro.studies.logs.log import Log, Step
from vaestro.studies.logs.markdown import Beside, markdown

CLAIM = Claim("It is <said>.", "4 | 5 nats", "because", True)


def taking(name: str, claims: tuple[Claim, ...], taken: list[str]) -> Callable[[Bench], Chapter]:
    def do(made: Bench) -> Chapter:
        taken.append(name)
        figure = Figure(figsize=(1, 1))
        drawn = made.picture(name, figure, f"What {name} shows.")
        table = Table("Rows", ("what", "nats"), (("one", "1"),))
        return Chapter(name, f"The {name}", ("A paragraph.",), claims, (table,), (drawn,))

    return do


def log_of(taken: list[str], *, holds: bool = True) -> Log:
    last = Claim("It lives.", "0 dimensions", "it died", holds)
    first = Step("first", "First things", taking("first", (CLAIM,), taken))
    second = Step("second", "Second things", taking("second", (last,), taken), 2.0)
    return Log("log-002", "A log", "Is it so?", "Somebody's notes.", (first, second))


def test_chapters_survive_their_files() -> None:
    table = Table("t", ("a", "b"), (("1", "2"), ("3", "4")))
    chapter = Chapter("n", "N", ("x",), (CLAIM,), (table,), (Picture("p.png", "c"),))
    assert from_plain(json.loads(json.dumps(chapter.plain()))) == chapter


def test_a_log_is_carried_out_once(tmp_path: Path) -> None:
    taken: list[str] = []
    log, root = log_of(taken), tmp_path / "s"
    told = carry_out_log(log, root, True, None, Unseen())
    assert told["status"] == "finished"
    assert told["sentence"] == "2 of 2 assertions hold."
    assert [claim["chapter"] for claim in told["claims"]] == ["first", "second"]
    assert carry_out_log(log, root, True, None, Unseen())["claims"] == told["claims"]
    assert taken == ["first", "second"]
    assert json.loads((root / "study.json").read_text())["study"] == "log-002"


def test_the_page_is_whole_and_escaped(tmp_path: Path) -> None:
    root = tmp_path / "s"
    carry_out_log(log_of([], holds=False), root, True, None, Unseen())
    page = (root / "report.html").read_text()
    assert "It is &lt;said&gt;." in page
    assert "not shown by these numbers" in page
    assert page.count('src="data:image/png;base64,') == 2
    assert "http" not in page.replace("http://www.w3.org", "")
    text = (root / "page.md").read_text()
    assert text.startswith("# A log\n")
    assert "> It is &lt;said>.\n\n*Measured:* 4 | 5 nats *Cause:* because\n" in text
    assert "*Cause:* it died **The numbers do not show it.**" in text
    assert "| what | nats |\n| --- | --- |\n| one | 1 |" in text
    assert "![What first shows.](pictures/first.png)" in text
    assert "vaestro study log-002 --quick --out studies/log-002" in text


def test_the_same_study_on_other_data_stands_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, (root, other) = log_of([]), (tmp_path / "own", tmp_path / "other")
    monkeypatch.setattr(catalogue, "read_log", lambda name: log)
    carry_out_log(log, root, True, None, Unseen())
    carry_out_log(log_of([], holds=False), other, True, tmp_path / "digits", Unseen())
    write_beside(root, [other], tmp_path / "docs")
    text = (tmp_path / "docs" / "log-002.md").read_text()
    assert "vaestro study log-002 --quick --data digits --out studies/log-002-digits" in text
    assert "What is said *on digits* was measured by this one. 1 of 2 assertions hold." in text
    assert "*On digits:* 0 dimensions **The numbers do not show it.**" in text
    assert text.count("*On digits:*") == 1 and "*On digits.* Rows" not in text, "all else is equal"
    shown = sorted(path.name for path in (tmp_path / "docs" / "log-002").iterdir())
    assert shown == ["digits-first.png", "first.png", "second.png"]
    assert all(f"](log-002/{name})" in text for name in shown)
    with pytest.raises(RunFolderError, match="on its own data; beside log-002 stands log-002 on"):
        write_beside(root, [root], tmp_path / "docs")


def test_a_table_of_other_data_stands_behind_that_of_our_own() -> None:
    own = Chapter("first", "First", (), (CLAIM,), (Table("Rows", ("what",), (("1",),)),))
    other = replace(own, tables=(Table("Rows", ("what",), (("2",),)),), claims=())
    form = Form("log-002", True, "/there/digits")
    beside = Beside("digits", form, "0 of 0 assertions hold.", (other,))
    told = {"sentence": "1 of 1 assertions hold."}
    text = "\n".join(markdown(log_of([]), form._replace(data=None), [own], told, [beside]))
    assert "Rows:\n\n| what |\n| --- |\n| 1 |\n*On digits.* Rows:\n\n" in text
    assert beside.shown is None and beside.chapter("second") is None


def test_a_study_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    whole, root = log_of(taken), tmp_path / "s"

    def stopping(made: Bench) -> Chapter:
        raise StoppedError

    cut = replace(whole, steps=(whole.steps[0], Step("second", "Second things", stopping)))
    told = carry_out_log(cut, root, True, None, Unseen())
    assert told["status"] == "interrupted"
    assert told["sentence"].startswith("1 of 2 steps are taken; so far 1 of 1 assertions hold")
    assert "vaestro study --out" in (root / "report.html").read_text()
    monkeypatch.setattr(catalogue, "read_log", lambda name: whole)
    assert go_on(root, Unseen())["status"] == "finished"
    assert taken == ["first", "second"]


def test_another_form_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "s"
    carry_out_log(log_of([]), root, True, None, Unseen())
    with pytest.raises(RunFolderError, match="holds log-002 in its quick form, and log-002 in its"):
        carry_out_log(log_of([]), root, False, None, Unseen())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(RunFolderError, match=r"not empty and holds no study; give a new folder"):
        carry_out_log(log_of([]), tmp_path / "other", True, None, Unseen())


@pytest.mark.parametrize(("holds", "code"), [(True, 0), (False, 1)])
def test_the_command_says_whether_the_claims_hold(
    holds: bool,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(catalogue, "read_log", lambda name: log_of([], holds=holds))
    assert study("log-002", out=tmp_path / "s", quick=True, json=True) == code
    printed = capsys.readouterr()
    assert [claim["holds"] for claim in json.loads(printed.out)["claims"]] == [True, holds]
    assert ("NOT SHOWN: “It lives.”\n  0 dimensions\n  it died" in printed.err) == (not holds)
    assert study(out=tmp_path / "s") == code  # goes on by its folder


def test_the_command_refuses_what_a_log_does_not_take(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="takes --out, --quick and --data"):
        study("log-002", out=tmp_path / "s", seeds=3)
    with pytest.raises(RecipeError, match="--out is missing"):
        study("log-002")


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_every_log_has_a_study(name: str) -> None:
    log = catalogue.read_log(name)
    assert log.name == name
    assert len({step.name for step in log.steps}) == len(log.steps) > 1


def test_no_log_of_another_name() -> None:
    with pytest.raises(RecipeError, match="log-004"):
        catalogue.read_log("log-005")


def test_large_pictures_are_made_small() -> None:
    noise = Image.effect_noise((400, 400), 90)
    figure = Figure(figsize=(4, 4))
    figure.add_axes((0, 0, 1, 1)).imshow(noise)
    assert len(small_png(figure)) <= MOST_BYTES


def test_a_bench_trains_once_and_loads_after(tmp_path: Path) -> None:
    made = bench(tmp_path)
    first = made.train("run", small_recipe(), ["training.epochs=1"])
    written = (first.folder.root / "summary.json").stat().st_mtime_ns
    again = made.train("run", small_recipe(), ["training.epochs=1"])
    assert (again.folder.root / "summary.json").stat().st_mtime_ns == written
    with pytest.raises(RecipeError, match="seed"):
        made.train("run", small_recipe(), ["training.epochs=1", "seed=7"])
    longer = made.continued("run", "longer", 2)
    assert longer.summary["steps"] == 2 * first.summary["steps"]
    assert made.train("run", small_recipe(), ["training.epochs=1"]).summary == first.summary
    assert made.pick(1, 2) == 1


def test_a_population_of_other_members_is_refused(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.population("p", small_recipe(), [("seed=0",)], width=1)
    with pytest.raises(RunFolderError, match="other members"):
        made.population("p", small_recipe(), [("seed=1",)], width=1)
    assert made.member("p", 0).recipe.seed == 0
