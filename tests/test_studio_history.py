"""Histories for the screen: exact where they are short, honest where they are long."""

import json
import math
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.made_run import made_run, record
from vaestro.foundation.errors import RunFolderError
from vaestro.reports.curve import extremes
from vaestro.studio.runs import curves as module
from vaestro.studio.runs.columns import QUANTITIES, SPLITS, columns
from vaestro.studio.runs.curves import FEWER, MOST_ROWS, Histories, curves
from vaestro.studio.runs.digits import PAD, numbers
from vaestro.studio.runs.history import BLOCKS, few_rows
from vaestro.studio.runs.stretch import stretch
from vaestro.studio.server import create
from vaestro.studio.studio import Studio


@pytest.fixture
def histories(tmp_path: Path) -> Histories:
    return Histories(Studio(tmp_path, "", 0))


def lines(records: list[Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in records)


def read(text: str) -> float:
    """One number as `numbers` reads it among others."""
    row = bytes(8) + text.encode() + b", " + bytes(PAD)
    found = numbers(np.frombuffer(row, np.uint8), np.array([8]), np.array([8 + len(text)]))
    return float(found[0])


class TestNumbers:
    @given(st.floats(-1e15, 1e15, allow_subnormal=False))
    @example(0.0)
    @example(-0.0)
    @example(1e-5)
    @example(-3.25e-05)
    @example(9.999999e-05)
    @example(1e-300)
    @example(1.2345e16)
    @example(-7e22)
    @example(12345678.25)
    @example(123456789012345.6)
    @example(99999999.0)
    def test_as_python_reads_them(self, value: float) -> None:
        found = read(repr(value))
        # eight decimals are read, of a mantissa below ten too
        error = 2e-8 * max(1.0, 10.0 ** math.floor(math.log10(abs(value) or 1.0)))
        assert abs(found - value) <= (
            error if abs(value) < 1e8 and abs(value) >= 1e-4 else 3e-8 * abs(value)
        )

    @given(st.integers(-(10**14), 10**14))
    def test_whole_numbers(self, value: int) -> None:
        assert read(str(value)) == value

    @pytest.mark.parametrize("text", ["null", "NaN", "-Infinity", '"x"', "true", "-"])
    def test_what_is_none(self, text: str) -> None:
        assert math.isnan(read(text))


class TestColumns:
    def test_every_field_of_every_record(self) -> None:
        wide = [
            record(s, SPLITS[s % 2], **{("mse" if s % 2 else "learning_rate"): 1e-3})
            for s in range(99)
        ]
        found = columns(lines(wide))
        assert found.step.tolist() == list(range(99))
        assert found.split.tolist() == [s % 2 for s in range(99)]
        for place, name in enumerate(QUANTITIES):
            assert found.values[place] == pytest.approx([one[name] for one in wide], abs=1e-7)

    @pytest.mark.parametrize(
        "odd",
        [
            {"step": 5, "split": "train", "data_term": 1.25},
            {"split": "validation", "data_term": 1.25, "step": 5, "loss": [1, {"a": 2}]},
            {**record(5), "split": 'tr"ain, :'},
            {**record(5), "note": "data_term: 1, loss: 2"},
            {**record(5), "data_term": "7"},
            {**record(5), "data_term": {"data_term": 3, "loss": 4}},
            {**record(5), "step": None},
            {**record(5), "prior_term": float("nan"), "loss": float("inf")},
            ["step", 5],
            17,
        ],
    )
    def test_an_odd_line_among_others_is_read_as_json_reads_it(self, odd: Any) -> None:
        usual = [record(step) for step in (1, 2, 8, 9)]
        found = columns(lines([*usual[:2], odd, *usual[2:]]))
        told = odd if isinstance(odd, dict) else {}
        known = isinstance(told.get("step"), int) and told.get("split") in SPLITS
        assert found.step.tolist() == ([1, 2, 5, 8, 9] if known else [1, 2, 8, 9])
        if known:
            for place, name in enumerate(QUANTITIES):
                value = told.get(name)
                finite = isinstance(value, int | float) and math.isfinite(value)
                assert np.isnan(found.values[place, 2]) != finite
                assert not finite or found.values[place, 2] == value

    @pytest.mark.parametrize(
        "junk",
        [
            b"",
            b"\n",
            b"\n\n{}\n",
            b"\0" * 999 + b"\n",
            b"{" * 5000 + b"\n",
            b"\xff\xfe\n",
            b":,:,\n" * 9,
        ],
    )
    def test_junk_is_left_out(self, junk: bytes) -> None:
        assert len(columns(junk).step) == 0
        assert columns(junk + lines([record(3)])).step.tolist() == [3]
        assert columns(lines([record(3)]) + junk).step.tolist() == [3]

    def test_compact_json_is_read_too(self) -> None:
        text = b"".join(
            json.dumps(record(s), separators=(",", ":")).encode() + b"\n" for s in (1, 2)
        )
        assert columns(text).values[0] == pytest.approx([9.9, 9.8])


class TestThinning:
    def test_the_lowest_and_highest_of_every_stretch_stay(self) -> None:
        steps = np.cumsum(np.random.default_rng(0).integers(0, 40, 100_000)).astype(float)
        values = np.sin(steps / 5e4)
        values[[123, 77_777]] = 50.0, -50.0
        values[500:600] = np.nan
        kept = extremes(steps, values, 1000)
        assert len(kept) <= 1000 and {0, 123, 77_777, 99_999} <= set(kept.tolist())
        stretch = np.minimum((steps - steps[0]) / (steps[-1] - steps[0]) * 499 // 1, 498)
        for one in np.unique(stretch):
            there = np.flatnonzero(stretch == one)
            inside = np.intersect1d(there, kept)
            assert np.nanmax(values[inside]) == np.nanmax(values[there])
            assert np.nanmin(values[inside]) == np.nanmin(values[there])

    def test_of_nothing_finite_the_ends_stay(self) -> None:
        assert extremes(np.arange(1000.0), np.full(1000, np.nan), 10).tolist() == [0, 999]

    def test_all_at_one_step(self) -> None:
        kept = extremes(np.zeros(100), np.arange(100.0), 10)
        assert kept.tolist() == [0, 99]


class TestReading:
    def test_gaps_are_null_and_counted(self, tmp_path: Path, histories: Histories) -> None:
        path = tmp_path / "history.jsonl"
        nan = float("nan")
        path.write_bytes(lines([record(1), record(2, data_term=nan), record(3, data_term=None)]))
        told = curves(histories.read(path), 100)
        assert told["curves"]["data_term"]["train"]["values"] == [9.9, None, None]
        assert told["missing"]["data_term"] == 2 and told["missing"]["prior_term"] == 0
        json.dumps(told, allow_nan=False)

    def test_nothing_there_is_an_empty_history(self, tmp_path: Path, histories: Histories) -> None:
        told = curves(histories.read(tmp_path / "history.jsonl"), 100)
        assert told["records"] == 0 and told["curves"]["data_term"]["train"]["values"] == []

    def test_a_growing_file_is_read_on_from_its_last_whole_line(
        self, tmp_path: Path, histories: Histories
    ) -> None:
        path, text = tmp_path / "history.jsonl", lines([record(step) for step in range(50)])
        for cut in (0, 1000, 1001, 3000, len(text) - 1, len(text)):
            path.write_bytes(text[:cut])
            assert histories.read(path).records == text[:cut].count(b"\n")
        assert histories.held[path].rows.step.tolist() == list(range(50))

    def test_a_history_that_was_cut_and_written_anew_is_read_anew(
        self, tmp_path: Path, histories: Histories
    ) -> None:
        path = tmp_path / "history.jsonl"
        path.write_bytes(lines([record(step) for step in range(50)]))
        histories.read(path)
        path.write_bytes(lines([record(step, prior_term=-5.0) for step in range(60)]))
        reading = histories.read(path)
        assert reading.records == 60 and set(reading.rows.values[1].tolist()) == {-5.0}
        path.write_bytes(lines([record(1)]))
        assert histories.read(path).records == 1

    def test_many_pieces_are_one_history(
        self, tmp_path: Path, histories: Histories, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "PIECE", 1000)
        path = tmp_path / "history.jsonl"
        path.write_bytes(
            lines([record(s) for s in range(40)]) + b"x" * 5000 + b"\n" + lines([record(99)])
        )
        assert histories.read(path).rows.step.tolist() == [*range(40), 99]

    def test_rows_beyond_the_most_are_thinned_and_extremes_stay(
        self, tmp_path: Path, histories: Histories, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "MOST_ROWS", 2000)
        monkeypatch.setattr(module, "FEWER", 200)
        monkeypatch.setattr(module, "PIECE", 10_000)
        path = tmp_path / "history.jsonl"
        peaks = {777: 1e4, 4321: -1e4}
        path.write_bytes(lines([record(s, data_term=peaks.get(s, s % 7)) for s in range(5000)]))
        reading = histories.read(path)
        assert reading.records == 5000 and len(reading.rows.step) < 5000
        drawn = curves(reading, 60)["curves"]["data_term"]["train"]
        at = dict(zip(drawn["steps"], drawn["values"], strict=True))
        assert (at[777], at[4321]) == (1e4, -1e4) and len(at) <= 60
        # what was thinned again and again is drawn as finely as what came last
        assert max(np.diff(drawn["steps"])) <= 2 * 5000 / 29

    def test_what_is_too_large_is_one_line(self, tmp_path: Path, histories: Histories) -> None:
        path = tmp_path / "history.jsonl"
        with path.open("wb") as file:
            file.truncate(5 << 30)
        with pytest.raises(RunFolderError, match=r"5\.0 GiB"):
            histories.read(path)


class TestStretch:
    """What is zoomed into is read from its place in the file."""

    @given(st.integers(0, 130), st.integers(0, 130))
    @example(0, 0)
    @example(119, 130)
    def test_all_records_between_two_steps_and_no_other(
        self, tmp_path_factory: pytest.TempPathFactory, first: int, last: int
    ) -> None:
        path = tmp_path_factory.mktemp("stretch") / "history.jsonl"
        steps = [step for step in range(0, 120, 3) for _ in SPLITS]
        wide = [record(s, SPLITS[n % 2], note="x" * (n % 5)) for n, s in enumerate(steps)]
        path.write_bytes(lines(wide))
        found = stretch(path, first, last)
        assert found.rows.step.tolist() == [s for s in steps if first <= s <= last]
        assert found.records == len(found.rows.step)

    def test_junk_on_the_way(self, tmp_path: Path) -> None:
        path = tmp_path / "history.jsonl"
        junk = [b"not json\n", b"[1]\n", b'{"step": null}\n', b"\n"]
        kept = [lines([record(s)]) + junk[s % 4] for s in range(500)]
        path.write_bytes(b"".join(kept) + b'{"step": 500, "spl')
        assert stretch(path, 123, 125).rows.step.tolist() == [123, 124, 125]
        assert stretch(path, 499, 10**9).rows.step.tolist() == [499]

    def test_only_the_stretch_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "history.jsonl"
        path.write_bytes(lines([record(step) for step in range(60_000)]))
        tracemalloc.start()
        found = stretch(path, 30_000, 30_100)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(found.rows.step) == 101
        assert peak < path.stat().st_size / 2 and peak < 6 << 20, peak

    def test_a_request_tells_more_of_less(self, tmp_path: Path) -> None:
        run = made_run(tmp_path / "run")
        (run / "history.jsonl").write_bytes(lines([record(s) for s in range(9000)]))
        bearer = {"Authorization": "Bearer token"}
        client = TestClient(
            create(tmp_path, "token", 80), base_url="http://127.0.0.1", headers=bearer
        )
        whole = client.get("/api/run/history", params={"id": "run"}).json()
        near = client.get("/api/run/history", params={"id": "run", "from": 50, "to": 70}).json()
        assert whole["thinned"] and not near["thinned"]
        assert near["curves"]["data_term"]["train"]["steps"] == list(range(50, 71))
        wrong = client.get("/api/run/history", params={"id": "run", "from": "x"})
        assert wrong.status_code == 400 and "from=x is no whole number" in wrong.text


def test_the_row_of_a_long_history_reads_little_of_it(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(lines([record(step) for step in range(20_000)]))
    rows = few_rows(path)
    assert rows[0]["step"] == 0 and rows[-1]["step"] == 19_999
    assert BLOCKS <= len(rows) < 5000


@pytest.mark.slow
def test_a_hole_of_a_gigabyte_takes_bounded_memory(tmp_path: Path, histories: Histories) -> None:
    path = tmp_path / "history.jsonl"
    with path.open("wb") as file:
        file.write(lines([record(1)]))
        file.truncate(1 << 30)
        file.seek(0, 2)
        file.write(b"\n" + lines([record(2)]))
    tracemalloc.start()
    reading = histories.read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reading.rows.step.tolist() == [1, 2]
    assert peak < 400 << 20, f"{peak >> 20} MiB"


def line_by_line(path: Path, count: int) -> float:
    """Processor seconds in which json reads so many lines: the measure on any machine."""
    with path.open("rb") as file:
        some = [next(file) for _ in range(count)]
    began = time.process_time()
    for line in some:
        json.loads(line)
    return time.process_time() - began


@pytest.mark.slow
def test_a_million_records_are_read_at_once(tmp_path: Path, histories: Histories) -> None:
    path = tmp_path / "history.jsonl"
    random = np.random.default_rng(0).normal(size=1_000_000)
    with path.open("wb") as file:
        for start in range(0, 1_000_000, 10_000):
            few = range(start, start + 10_000)
            file.write(
                lines([record(s, SPLITS[s % 10 == 0], data_term=float(random[s])) for s in few])
            )
    began = time.process_time()
    told = curves(histories.read(path), 1200)
    seconds = time.process_time() - began
    one_by_one = 20 * line_by_line(path, 50_000)
    assert told["records"] == 1_000_000 and told["steps"] == 999_999
    drawn = told["curves"]["data_term"]["train"]["values"]
    assert max(drawn) == pytest.approx(max(v for s, v in enumerate(random) if s % 10), abs=1e-6)
    # of two threads together; how long someone waits is benchmarks/studio.py's figure
    assert seconds < 0.7 * one_by_one, f"{seconds:.2f} s against {one_by_one:.2f} s"
    assert len(histories.held[path].rows.step) <= MOST_ROWS + 20 * FEWER


def test_what_is_long_is_thinned_piece_by_piece(
    tmp_path: Path, histories: Histories, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every peak stays, what is the same everywhere costs no row, and all records are counted."""
    monkeypatch.setattr(module, "LONG", 1000)
    monkeypatch.setattr(module, "PIECE", 20_000)
    monkeypatch.setattr(module, "FEWER", 100)
    random = np.random.default_rng(1).normal(size=3000)
    path = tmp_path / "history.jsonl"
    path.write_bytes(lines([record(s, data_term=float(v)) for s, v in enumerate(random)]))
    reading = histories.read(path)
    assert reading.records == 3000 and len(reading.rows.step) < 250
    told = curves(reading, 1200)["curves"]
    drawn = told["data_term"]["train"]
    assert {drawn["steps"][0], drawn["steps"][-1]} == {0, 2999}
    assert max(drawn["values"]) == pytest.approx(max(random), abs=1e-6)
    assert min(drawn["values"]) == pytest.approx(min(random), abs=1e-6)
    assert set(told["beta"]["train"]["values"]) == {1.0}
