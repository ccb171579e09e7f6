"""The figures of a sweep's page, as numbers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure as Drawn

from tests.made_sweep import AXES, TERMS, made_run, made_sweep, made_sweep_of_one
from vaestro.reports.figures.run_rows import draw_rows
from vaestro.reports.sweep.facts import Axis, Figure, Trial
from vaestro.reports.sweep.figures import along, marks, parallel, plane, scales, trend
from vaestro.reports.sweep.figures.frame import fenced


def drawn(figure: Drawn, gid: str) -> list[list[float]]:
    """The points of the lines whose names begin so."""
    lines = [
        line for axes in figure.axes for line in axes.lines if str(line.get_gid()).startswith(gid)
    ]
    return [point for line in lines for point in line.get_xydata().tolist()]  # type: ignore[union-attr]


class TestPlane:
    def test_stairs_go_around_what_is_not_known(self) -> None:
        places = [(1.0, 9.0), (4.0, 3.0), (2.0, 8.0), (5.0, 5.0), (4.0, 3.0)]
        corners = ((1, 9), (2, 9), (2, 8), (4, 8), (4, 3))
        assert plane.stairs(places, (1, 1)) == corners

    def test_stairs_of_what_is_maximised(self) -> None:
        assert plane.stairs([(3.0, 1.0), (1.0, 2.0), (1.0, 1.0)], (-1, -1)) == (
            (3, 1),
            (1, 1),
            (1, 2),
        )

    def test_the_line_joins_the_front_in_order(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path)
        shown = plane.plane(facts)
        assert shown is not None
        assert shown.equal and (shown.across.name, shown.up.name) == plane.TERMS
        front = [(t.values["prior_term"], t.values["data_term"]) for t in facts.front_trials]
        assert list(shown.stairs[::2]) == front[::-1]
        line = drawn(plane.draw_plane(shown, 760), "front")
        assert line == [list(corner) for corner in shown.stairs]
        across, up = (np.diff(side) for side in zip(*shown.stairs, strict=True))
        assert (across >= 0).all() and (up <= 0).all()
        assert (np.minimum(abs(across), abs(up)) == 0).all()

    def test_every_trial_has_the_mark_of_its_fate(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path)
        first = facts.of("finished")[0]
        refused = tuple(replace(t, allowed=t is not first) for t in facts.trials)
        facts = replace(facts, trials=refused, front=tuple(set(facts.front) - {first.number}))
        shown = plane.plane(facts)
        assert shown is not None
        figure = plane.draw_plane(shown, 760)
        for kind in ("front", "finished", "refused", "stopped", "untrained"):
            wanted = [
                [t.values["prior_term"], t.values["data_term"]]
                for t in facts.trials
                if t.values and marks.kind_of(t, facts) == kind
            ]
            assert wanted and drawn(figure, f"trials-{kind}") == wanted
        best = facts.best_trial
        assert best is not None
        ring = [[best.values["prior_term"], best.values["data_term"]]]
        assert drawn(figure, "trials-best") == ring
        words = " ".join(text.get_text() for text in figure.texts)
        assert f"forecast to collapse, never trained ({len(facts.of('untrained'))})" in words

    def test_lines_of_equal_elbo_have_it_as_their_name(self, tmp_path: Path) -> None:
        shown = plane.plane(made_sweep(tmp_path))
        assert shown is not None
        figure = plane.draw_plane(shown, 760)
        sums = {round(x + y, 6) for x, y in drawn(figure, "equal")}
        names = {float(t.get_text().replace("\u2212", "-")) for t in figure.axes[0].texts}
        assert len(sums) >= 4 and names == {-total for total in sums}

    def test_other_figures_have_no_such_lines(self, tmp_path: Path) -> None:
        figures = (Figure("elbo", "maximize"), Figure("prior_term", "minimize"))
        shown = plane.plane(made_sweep(tmp_path, figures=figures))
        assert shown is not None and not shown.equal
        assert drawn(plane.draw_plane(shown, 760), "equal") == []

    def test_what_is_far_out_lies_at_the_edge(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path)
        wild = replace(facts.trials[0], number=999, values={"data_term": 1e9, "prior_term": 3.0})
        shown = plane.plane(replace(facts, trials=(*facts.trials, wild)))
        assert shown is not None and shown.beyond == 1
        assert shown.limits[1][1] < 1e3
        top = max(y for _, y in drawn(plane.draw_plane(shown, 760), "trials-finished"))
        assert top == pytest.approx(shown.limits[1][1])

    def test_fences_keep_what_they_must(self) -> None:
        assert fenced([1, 2, 3, 4, 1000], ()) == (1, 4)
        assert fenced([1, 2, 3, 4, 1000], (1000,)) == (1, 1000)


class TestTrend:
    def test_the_best_so_far(self, tmp_path: Path) -> None:
        shown = trend.trend(made_sweep_of_one(tmp_path))
        assert shown is not None
        values = [value for _, value in shown.so_far]
        assert values == sorted(values) and len(values) > 1
        finished = [t.value("elbo") for t in made_sweep(tmp_path).of("finished")]
        assert values[-1] == max(v for v in finished if v is not None)
        line = drawn(trend.draw_trend(shown, 360), "so-far")
        assert line == [*([n, v] for n, v in shown.so_far), [shown.last, values[-1]]]

    def test_several_figures_have_none(self, tmp_path: Path) -> None:
        assert trend.trend(made_sweep(tmp_path)) is None


class TestParallel:
    def test_places_on_a_logarithmic_axis_and_of_choices(self) -> None:
        def at(params: dict[str, Any]) -> Trial:
            return Trial(0, params, (), {}, "finished")

        ranks = np.array([0.0, 1.0])
        log = scales.of_field(Axis("b", 1, 100, log=True), [at({"b": 10.0}), at({"b": 1})], ranks)
        assert log.places == pytest.approx([0.5, 0.0])
        two = scales.of_field(Axis("k", values=("x", "y")), [at({"k": "x"}), at({"k": "y"})], ranks)
        assert two.places[0] < 0.5 < two.places[1]
        assert [text for _, text in two.ticks] == ["x", "y"]

    def test_a_setting_without_the_field_lies_apart(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path)
        known = [trial for trial in facts.trials if trial.values]
        axis = AXES[2]
        places = scales.of_field(axis, known, np.linspace(0, 1, len(known))).places
        for trial, place in zip(known, places, strict=True):
            assert (place == scales.ABSENT) == (axis.field not in trial.params)

    def test_the_better_the_darker_and_the_best_stands_out(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path, 100)
        shown = parallel.parallel(facts)
        assert shown is not None and shown.best is not None
        known = [trial for trial in facts.trials if trial.values]
        assert len(shown.shades) == len(known)
        assert int(np.isnan(shown.shades).sum()) == sum(t.state == "pruned" for t in known)
        done = shown.shades[~np.isnan(shown.shades)]
        data_terms = sorted(t.values["data_term"] or 0 for t in known if t.state == "finished")
        assert done.min() == 0 and done.max() == 1 and len(done) == len(data_terms)
        figure = parallel.draw_parallel(shown, 760)
        [lines] = [c for axes in figure.axes for c in axes.collections if c.get_gid() == "lines"]
        assert len(lines.get_paths()) == len(known) - 1  # type: ignore[attr-defined]
        last = to_rgba(lines.get_edgecolor()[-1])  # type: ignore[attr-defined]
        assert sum(last[:3]) < 1.0  # the best of the others is dark and on top
        assert len(drawn(figure, "best")) == len(AXES) + len(TERMS)

    def test_many_are_thinned_and_the_best_is_kept(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path, parallel.MOST + 200)
        shown = parallel.parallel(facts)
        assert shown is not None and shown.best is not None
        assert parallel.MOST - 1 <= len(shown.shades) <= parallel.MOST
        assert shown.left_out == sum(bool(t.values) for t in facts.trials) - len(shown.shades)


class TestAlong:
    def test_the_rows_are_spread_over_the_front_and_hold_the_best(self, tmp_path: Path) -> None:
        facts = made_sweep(tmp_path, 100, made_run(tmp_path / "run"))
        assert len(facts.front) > along.MOST
        for best in facts.front:
            picked = [trial.number for trial in along.chosen(replace(facts, best=best))]
            assert len(set(picked)) == along.MOST and best in picked
            order = [facts.front.index(number) for number in picked]
            assert order == sorted(order)

    def test_the_same_originals_stand_once(self, tmp_path: Path) -> None:
        runs = [made_run(tmp_path / str(place), seed=place) for place in range(3)]
        other = made_run(tmp_path / "other", shape=(1, 6, 6))
        facts = made_sweep(tmp_path)
        given = dict(zip(facts.front, (*runs, other, tmp_path / "gone"), strict=False))
        trials = tuple(replace(t, run=given.get(t.number)) for t in facts.trials)
        rows = along.rows(replace(facts, trials=trials))
        assert [row.originals is not None for row in rows] == [True, False, False, True]
        assert all(row.samples is not None and len(row.samples) == 8 for row in rows)

    @pytest.mark.parametrize("shape", [(7,), (3, 20), (1, 9, 9, 9)])
    def test_every_kind_of_sample(self, tmp_path: Path, shape: tuple[int, ...]) -> None:
        rows = along.rows(made_sweep(tmp_path, 12, made_run(tmp_path / "run", shape)))
        wide, narrow = (draw_rows(rows, width) for width in (760, 360))
        assert wide.get_figwidth() * 96 <= 760.5 and narrow.get_figwidth() * 96 <= 360.5
        assert narrow.get_figheight() > wide.get_figheight() * 0.9
        pictures = sum(bool(axes.images) for axes in wide.axes)
        assert pictures == 2 * len(rows) + 1
