"""The page of a sweep: its words, its tables, its HTML."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.figure_texts import clashes
from tests.made_sweep import made_run, made_sweep, made_sweep_of_one
from tests.test_reports import Page
from vaestro.reports.sweep.facts import Figure, Importance, Trial
from vaestro.reports.sweep.figures.catalogue import drawings
from vaestro.reports.sweep.page import render_sweep, write_sweep_report
from vaestro.reports.sweep.tables import MOST, cards, space, tables
from vaestro.reports.sweep.words import counts, verdict


class TestWords:
    def test_what_became_of_the_trials(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path)
        done, dead, stopped, failed = (
            len(facts.of(fate)) for fate in ("finished", "untrained", "stopped", "failed")
        )
        assert done + dead + stopped + failed == 40 and min(done, dead, failed) > 1
        said = counts(facts)
        assert said.startswith("40 trials in 3 min 32 s of training: ")
        assert f"{dead} were forecast to collapse and never trained" in said
        assert said.endswith(f"and {failed} failed.")

    def test_a_front_and_its_best(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path)
        said = verdict(facts)
        assert (said.word, said.tone) == (f"a front of {len(facts.front)} trials", "good")
        assert f"is trial {facts.best} (objective.beta=" in said.sentence
        elbo = max(facts.front_trials, key=lambda trial: trial.values["elbo"] or 0)
        assert f"is that of trial {elbo.number}." in said.sentence
        assert said.commands == (facts.train, facts.go_on)

    def test_one_figure(self, tmp_path: Path) -> None:
        facts = made_sweep_of_one(tmp_path, train="", go_on="")
        said = verdict(facts)
        assert said.word == "found"
        assert f"The best is trial {facts.best}" in said.sentence
        assert said.commands == () and "front" not in said.sentence

    def test_nothing_found(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path, best=None, front=(), limits=("mse<=0.001",))
        said = verdict(facts)
        assert (said.word, said.tone) == ("nothing found", "bad")
        assert "No trial finished with every figure known that meets mse<=0.001." in said.sentence

    def test_a_sweep_that_goes_on(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path, wanted=64, status="interrupted")
        assert verdict(facts).word == "interrupted"
        assert counts(facts).startswith("40 of 64 trials")

    def test_the_best_at_the_end_of_its_range_is_told(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path)
        assert "wider range" not in verdict(facts).advice
        best = facts.best_trial
        assert best is not None
        edge = replace(best, params={**best.params, "objective.beta": 1.02})
        trials = tuple(edge if t is best else t for t in facts.trials)
        assert (
            "at the lower end of objective.beta (1.02)"
            in verdict(replace(facts, trials=trials)).advice
        )

    def test_a_common_verdict_is_told(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path)
        assert "verdict" not in verdict(facts).advice
        trials = tuple(replace(t, verdict="undertrained") for t in facts.trials)
        assert (
            "is undertrained. Their order may change"
            in verdict(replace(facts, trials=trials)).advice
        )


class TestTables:
    def test_they_hold_the_numbers_of_the_facts(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path)
        made = {table.name: table for table in tables(facts)}
        assert [row.trial for row in made["front"].rows] == list(facts.front)
        assert [row.trial for row in made["front"].rows if row.best] == [facts.best]
        assert made["front"].rows[0].cells[0] == f"{facts.front_trials[0].values['data_term']:.2f}"
        for name in ("untrained", "failed", "stopped"):
            wanted = [(trial.number, trial.reason) for trial in facts.of(name)]  # type: ignore[arg-type]
            assert [(row.trial, row.text) for row in made[name].rows] == wanted

    def test_an_empty_one_is_left_out_and_a_long_one_is_cut(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path)
        done = replace(facts, trials=tuple(facts.of("finished")))
        assert [table.name for table in tables(done)] == ["front"]
        many = replace(
            facts, trials=tuple(replace(facts.of("failed")[0], number=n) for n in range(99))
        )
        [failed] = tables(replace(many, front=(), best=None))
        assert (len(failed.rows), failed.left_out) == (MOST, 99 - MOST)

    def test_cards_and_space(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path)
        made = cards(facts)
        assert [card.value for card in made[:2]] == ["40", str(len(facts.of("untrained")))]
        assert [card.label for card in made[2:]] == ["Data term", "Prior term"]
        assert len(cards(made_sweep_of_one(tmp_path))) == 3
        assert space(facts)[0][:2] == ("objective.beta", "1.00 to 64.00, logarithmic")
        assert space(facts)[2][1].endswith("in some settings only")

    def test_what_is_counted_has_no_decimals(self, tmp_path: Path) -> None:
        facts = made_sweep_of_one(tmp_path)
        best = facts.best_trial
        assert best is not None
        live = replace(best, values={"live_dimensions": 7.0})
        facts = replace(facts, trials=(live,), figures=(Figure("live_dimensions", "maximize"),))
        assert cards(facts)[2].value == tables(facts)[0].rows[0].cells[0] == "7"


SECTIONS = ["next", "plane", "along", "parallel", "importance", "recipe", "space", "glossary"]


class TestPage:
    def test_one_file_with_everything_in_it(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path, run=made_run(tmp_path / "run"))
        text = write_sweep_report(facts).read_text()
        page = Page(text)
        assert page.fetched == [] and not re.search(r"url\((?!#)|@import", text)
        assert "script" not in page.tags and "link" not in page.tags
        assert len(page.ids) == len(set(page.ids))
        assert [name for name in page.ids if name in SECTIONS] == SECTIONS
        assert len(page.labels) == 2 * 4 and all(page.labels)
        used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text))
        assert {first or second for first, second in used} <= set(page.ids)
        pictures = {path.stem for path in (tmp_path / "pictures").iterdir()}
        assert pictures == {"plane", "along", "parallel", "importance"}

    def test_every_text_of_the_sweep_is_escaped(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path, go_on="vaestro sweep '<u>'")
        nasty = replace(facts.trials[0], edits=("name=<img src=x>",))
        facts = replace(facts, trials=(nasty, *facts.trials[1:]))
        text = render_sweep(facts, [])
        assert not {"script", "b", "i", "u", "img"} & set(Page(text).tags)
        assert "digits &amp; &lt;script&gt;alert(1)" in text
        assert "The layers &lt;b&gt;do not fit&lt;/b&gt;." in text
        assert "about: &lt;i&gt;made&lt;/i&gt;" in text

    def test_the_same_facts_give_the_same_bytes(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path, 6, importance=())
        assert write_sweep_report(facts).read_bytes() == write_sweep_report(facts).read_bytes()

    def test_one_figure_has_its_trend(self, tmp_path: Path) -> None:
        names = [drawing.name for drawing in drawings(made_sweep_of_one(tmp_path))]
        assert names == ["trend", "plane", "parallel"]

    def test_too_few_trials_are_said_in_place_of_bars(self, tmp_path: Path) -> None:
        note = "9 trials have figures, too few to tell which field matters; 10 are enough."
        facts = made_sweep(tmp_path, importance=(Importance("data_term", note=note),))
        assert note in render_sweep(facts, [])
        assert "importance" not in [drawing.name for drawing in drawings(facts)]

    def test_a_sweep_without_a_result(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path, best=None, front=(), recipe="", train="", importance=())
        waiting = tuple(Trial(n, {}, (), {}, "waiting") for n in range(3))
        text = write_sweep_report(replace(facts, trials=waiting, seconds=None)).read_text()
        page = Page(text)
        assert "svg" not in page.tags and "recipe" not in page.ids
        assert "0 of 40 trials: none has ended." in text

    def test_texts_of_a_figure_do_not_overlap(self, tmp_path: Path) -> None:
        for facts in (
            made_sweep(tmp_path, run=made_run(tmp_path / "run")),
            made_sweep_of_one(tmp_path),
        ):
            for drawing in drawings(facts):
                for width in (760, 360):
                    figure = drawing.draw(width)
                    figure.draw_without_rendering()
                    assert figure.get_figwidth() * 96 <= width + 0.5
                    found = clashes(figure)
                    assert not found, f"{drawing.name} at {width}: {found}"


def test_no_torch_is_loaded() -> None:
    code = (
        "import sys, vaestro.reports.sweep.page;"
        "assert 'torch' not in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
