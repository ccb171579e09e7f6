"""The page of a study: its comparisons, its words, its tables, its figures, its HTML."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure as Drawn
from scipy import stats

from tests.figure_texts import clashes
from tests.made_study import BETA, FIGURES, KIND, made_cell, made_run_of, made_study
from tests.made_study import made_study_of_two as of_two
from tests.made_sweep import made_run
from tests.test_reports import Page
from tests.test_studies import trial
from vaestro.reports.study import tables, words
from vaestro.reports.study.facts import Mean, StudyFacts
from vaestro.reports.study.figures.catalogue import drawings
from vaestro.reports.study.figures.layout import layout, placed
from vaestro.reports.study.figures.pictures import median, rows
from vaestro.reports.study.figures.seeds import cut, draw_seeds, seeds
from vaestro.reports.study.means import told
from vaestro.reports.study.page import render_study, write_study_report
from vaestro.studies.cells import cells as cells_of
from vaestro.studies.comparisons import comparisons, holm, welch


class TestComparisons:
    def test_welch_is_scipys(self) -> None:
        draw = np.random.default_rng(0)
        a, b = draw.normal(0, 1, 4), draw.normal(1, 3, 7)
        found = stats.ttest_ind(a, b, equal_var=False)
        low, high = found.confidence_interval(0.95)
        difference, half, p = welch(a.tolist(), b.tolist())
        assert half is not None and p == pytest.approx(found.pvalue, rel=1e-9)
        assert (difference - half, difference + half) == pytest.approx((low, high), rel=1e-9)

    def test_without_a_spread_nothing_is_tested(self) -> None:
        assert welch([12.0, 12.0], [0.0, 0.0]) == (12.0, None, None)
        assert welch([12.0], [0.0, 1.0]) == (11.5, None, None)
        assert welch([12.0, 12.0], [0.0, 1.0])[1:] != (None, None)

    def test_holm_by_hand(self) -> None:
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
        assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == []

    def test_pairs_of_what_can_be_tested_are_corrected(self) -> None:
        draw = np.random.default_rng(1)
        made = [
            trial(3 * b + s, str(b), s, float(b > 1) * 9 + draw.normal(0, 0.1), "healthy")
            for b in range(3)
            for s in range(3)
        ]
        found = comparisons(cells_of(made, ["mse"]), ["mse"])
        assert [(one.one, one.other) for one in found] == [(0, 1), (0, 2), (1, 2)]
        assert [one.apart for one in found] == [False, True, True]
        p = [one.p for one in found if one.p is not None]
        assert [one.adjusted for one in found] == pytest.approx(holm(p))
        single = comparisons(cells_of(made[::3], ["mse"]), ["mse"])
        assert [one.adjusted for one in single] == [None] * 3


class TestFacts:
    def test_what_died_is_never_the_best(self, tmp_path: Path) -> None:
        facts = made_study(tmp_path)
        dead = facts.cells[3]
        assert (dead.dead, dead.alive, facts.dead, facts.ended) == (3, False, 3, 12)
        lower = replace(dead, means={"data_term": Mean(-99.0, 1.0, 3)})
        facts = replace(facts, cells=(*facts.cells[:3], lower))
        assert [facts.best(figure) for figure in FIGURES] == [0, 0]
        assert replace(facts, cells=(lower,)).best(FIGURES[0]) is None
        half = [made_run_of(n, n, 1.0, 0.0, verdict=v) for n, v in enumerate(("collapsed", ""))]
        assert made_cell("half", (0,), half).alive
        assert not made_cell("most", (0,), [*half, half[0]]).alive

    @pytest.mark.parametrize(
        ("mean", "text"),
        [
            (Mean(-4.9591, 0.1188, 4), "-4.96 ± 0.12"),
            (Mean(0.041594, 8.3e-5, 4), "0.04159 ± 0.00008"),
            (Mean(-40.82, 1.43, 4), "-40.8 ± 1.4"),
            (Mean(1234.5, 61.0, 4), "1234 ± 61"),
            (Mean(12.0, 0.0, 4), "12"),
            (Mean(0.5, None, 1), "0.5"),
        ],
    )
    def test_a_mean_has_the_digits_of_its_interval(self, mean: Mean, text: str) -> None:
        assert told(mean) == text


class TestWords:
    def test_who_died_and_where(self, tmp_path: Path) -> None:
        facts = made_study(tmp_path)
        said = words.verdict(facts)
        assert (said.word, said.tone) == ("3 of 12 runs died", "doubtful")
        assert said.sentence == facts.question and said.commands == ()
        first, died, *_ = words.answer(facts)
        assert first == "12 runs in 1 min 1 s of training: 4 cells, 3 seeds each."
        assert died == "3 of 12 runs died: 3 of 3 with beta 16 (3 collapsed)."

    def test_the_best_and_what_can_be_told_from_it(self, tmp_path: Path) -> None:
        *_, data_term, live = words.answer(made_study(tmp_path))
        assert data_term == (
            "Data term: lowest among the cells that live with beta 0.5, 0.0 ± 1.2 nats per sample. "
            "Every other cell differs from it by more than chance. Of 3 pairs of cells, 2 differ "
            "by more than the interval of the difference; after Holm's correction for 3 "
            "comparisons, 2 differ."
        )
        assert "highest among the cells that live with beta 0.5, 4.3 ± 1.4. Chance may" in live
        assert live.endswith(
            "Of 1 pair of cells, 0 differ by more than the interval of the difference; after "
            "Holm's correction for 1 comparison, none differs."
        )

    def test_what_chance_may_explain_is_named(self, tmp_path: Path) -> None:
        facts = made_study(tmp_path)
        close = facts.comparisons[0]._replace(adjusted=0.3)
        facts = replace(facts, comparisons=(close, *facts.comparisons[1:]))
        assert "Chance may explain how beta 1 differs from it, but no other." in " ".join(
            words.answer(facts)
        )

    def test_equal_cells_and_single_seeds(self, tmp_path: Path) -> None:
        cells = tuple(
            made_cell(f"beta {b}", (b,), [made_run_of(b, 0, float(b), 7.0)]) for b in range(2)
        )
        none = tuple(
            one._replace(half=None, p=None, adjusted=None)
            for one in made_study(tmp_path).comparisons
            if (one.one, one.other) == (0, 1)
        )
        facts = made_study(tmp_path, cells=cells, comparisons=none, wanted=2)
        _, died, data_term, live = words.answer(facts)
        assert died == "No run died."
        assert data_term.endswith("No difference can be tested: there is one seed a cell.")
        assert live.startswith("Live dimensions: highest with beta 0 and beta 1, 7 each.")
        assert words.verdict(facts).word == "no difference found"

    def test_an_interrupted_study_goes_on(self, tmp_path: Path) -> None:
        facts = of_two(tmp_path)
        said = words.verdict(facts)
        assert (said.word, said.commands) == ("interrupted", (facts.go_on,))
        assert words.answer(facts)[0].startswith("16 of 32 runs have ended")

    def test_nothing_has_ended(self, tmp_path: Path) -> None:
        facts = replace(of_two(tmp_path), cells=())
        assert words.answer(facts) == [
            "0 of 32 runs have ended in 1 min 1 s of training; this is so far."
        ]
        dead = replace(made_study(tmp_path), cells=made_study(tmp_path).cells[3:], comparisons=())
        assert words.answer(dead)[2:] == [
            "Data term: known of no cell that lives.",
            "Live dimensions: known of no cell that lives.",
        ]


class TestTables:
    def test_cells(self, tmp_path: Path) -> None:
        facts = made_study(tmp_path)
        found = tables.cells(facts)
        assert [row.head for row in found] == [cell.label for cell in facts.cells]
        assert [row.dead for row in found] == [False, False, False, True]
        assert found[0].cells == ("3", "0.0 ± 1.2", "4.3 ± 1.4", "3 healthy")
        assert [sorted(row.marked) for row in found] == [[1, 2], [], [], []]
        assert found[3].cells[-1] == "3 collapsed"

    def test_runs_and_comparisons(self, tmp_path: Path) -> None:
        facts = made_study(tmp_path)
        lost = made_run_of(9, 5, None, None, reason="no <b>room</b>")
        facts = replace(facts, cells=(*facts.cells, made_cell("beta 99", (3,), [lost])))
        every = tables.runs(facts)
        assert len(every) == 13 and every[0].cells[:2] == ("2", "2")
        assert every[-1].cells[-1] == "failed: no <b>room</b>" and every[-1].dead
        (heading, pairs), (_, live) = tables.comparisons(facts)
        assert heading == "Differences in data term"
        assert [row.cells[-1] for row in pairs] == ["yes", "yes", "no"]
        assert pairs[0].head == "beta 0.5 against beta 2" and pairs[0].cells[1] == "< 0.0001"
        assert live[-1].cells[1:] == ("–", "–", "not tested")  # noqa: RUF001

    def test_cards(self, tmp_path: Path) -> None:
        made = tables.cards(made_study(tmp_path))
        assert [card.value for card in made] == ["12", "3", "0.00", "4.33"]
        assert made[1].note == "with beta 16"


class TestFigures:
    def test_numbers_stand_by_their_size_and_choices_evenly(self) -> None:
        spots = placed(BETA)
        steps = np.diff(spots)
        assert steps[0] == pytest.approx(steps[1]) and steps[2] == pytest.approx(3 * steps[0])
        assert placed(KIND) == [0.25, 0.75]
        near = replace(BETA, numbers=(1.0, 2.0, 3.0, 5.0))
        assert np.diff(placed(near))[2] == pytest.approx(2 * np.diff(placed(near))[0])

    def test_one_axis_has_no_groups_and_two_have(self, tmp_path: Path) -> None:
        one, two = layout(made_study(tmp_path)), layout(of_two(tmp_path))
        assert one.log and one.numeric and one.groups == ()
        assert two.groups == ("encoder dense", "encoder <b>conv</b>")
        assert [group for _, group in two.places] == [0, 1] * 4
        assert two.places[0][0] == two.places[1][0] < two.places[2][0]

    def test_every_run_is_drawn_with_its_mean(self, tmp_path: Path) -> None:
        facts = made_study(tmp_path)
        found = seeds(facts)
        assert found is not None
        figure = draw_seeds(found, 760)
        assert len(drawn(figure, "run")) == 2 * 9 and len(drawn(figure, "died")) == 2 * 3
        heights = [y for [(_, y)] in drawn(figure, "mean")]
        wanted = [cell.means[f.name].value for f in FIGURES for cell in facts.cells]
        assert heights == pytest.approx(wanted)
        [line, _] = drawn(figure, "line")
        assert [y for _, y in line] == pytest.approx(wanted[:4])

    def test_a_long_interval_is_cut(self, tmp_path: Path) -> None:
        facts = made_study(tmp_path)
        found = seeds(facts)
        assert found is not None and not cut(found)
        cells = [replace(cell, means={"data_term": Mean(1.0, 9999.0, 2)}) for cell in facts.cells]
        wild = seeds(replace(facts, cells=tuple(cells)))
        assert wild is not None and cut(wild)
        for line in drawn(draw_seeds(wild, 360), "interval"):
            assert all(abs(y) < 200 for _, y in line)

    def test_the_median_run_of_each_cell_is_shown(self, tmp_path: Path) -> None:
        folders = {n: made_run(tmp_path / str(n), seed=n) for n in range(9)}
        facts = made_study(tmp_path, folders)
        assert [run.seed for cell in facts.cells if (run := median(cell, "data_term"))] == [1] * 4
        shown = rows(facts)
        assert [row.title for row in shown] == [f"beta {b}: healthy" for b in ("0.5", "1", "2")]
        assert shown[0].setting == "seed 1: data term 0.00, live dimensions 4"
        assert [row.originals is not None for row in shown] == [True, False, False]
        assert "1 cell has no row here." in list(drawings(facts))[1].caption
        assert median(made_cell("x", (0,), []), "mse") is None

    @pytest.mark.parametrize("shape", [(7,), (3, 20), (1, 9, 9, 9)])
    def test_every_kind_of_sample(self, tmp_path: Path, shape: tuple[int, ...]) -> None:
        run = made_run(tmp_path / "run", shape)
        facts = made_study(tmp_path, {1: run, 10: run})
        _, pictures = drawings(facts)
        for width in (760, 360):
            figure = pictures.draw(width)
            assert sum(bool(axes.images) for axes in figure.axes) == 5
            assert figure.get_figwidth() * 96 <= width + 0.5

    def test_texts_do_not_overlap(self, tmp_path: Path) -> None:
        run = made_run(tmp_path / "run")
        long = replace(KIND, values=("a convolution of widths 16 32", "dense 256 256"))
        alone = replace(made_study(tmp_path), axes=(replace(BETA, numbers=()),))
        every = [made_study(tmp_path, {1: run}), of_two(tmp_path), alone]
        every.append(replace(of_two(tmp_path), axes=(replace(BETA, numbers=()), long)))
        for facts in every:
            for drawing in drawings(facts):
                for width in (760, 360):
                    assert clashes(drawing.draw(width)) == [], f"{drawing.name} at {width}"


def drawn(figure: Drawn, gid: str) -> list[list[list[float]]]:
    """The points of the lines of that kind, panel after panel."""
    lines = [line for axes in figure.axes for line in axes.lines]
    kind = [line for line in lines if str(line.get_gid()).startswith(f"{gid}-")]
    return [np.asarray(line.get_xydata(), float).tolist() for line in kind]


class TestPage:
    def test_one_file_with_everything_in_it(self, tmp_path: Path) -> None:
        facts = made_study(tmp_path, {1: made_run(tmp_path / "run")}, go_on="vaestro study")
        text = write_study_report(facts).read_text()
        page = Page(text)
        assert page.fetched == [] and not re.search(r"url\((?!#)|@import", text)
        assert "script" not in page.tags and "link" not in page.tags
        assert len(page.ids) == len(set(page.ids))
        wanted = ["answer", "next", "cells", "seeds", "pictures", "numbers", "glossary"]
        assert [name for name in page.ids if name in wanted] == wanted
        assert len(page.labels) == 2 * 2 and all(page.labels)
        used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text))
        assert {first or second for first, second in used} <= set(page.ids)
        assert {p.stem for p in (tmp_path / "pictures").iterdir()} == {"seeds", "pictures"}
        assert write_study_report(facts).read_text() == text

    def test_every_text_of_the_study_is_escaped(self, tmp_path: Path) -> None:
        for facts in (made_study(tmp_path), of_two(tmp_path)):
            text = render_study(facts, [])
            assert not {"script", "b", "i", "u", "img"} & set(Page(text).tags)
            assert "beta &amp; &lt;script&gt;alert(1)" in text
            assert "What does &lt;i&gt;beta&lt;/i&gt; cost?" in text

    def test_a_study_of_which_nothing_has_ended(self, tmp_path: Path) -> None:
        facts: StudyFacts = replace(of_two(tmp_path), cells=(), seconds=None)
        page = Page(text := write_study_report(facts).read_text())
        assert "svg" not in page.tags and "cells" not in page.ids
        assert "0 of 32 runs have ended; this is so far." in text
