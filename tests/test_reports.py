"""The report: what is read from a run folder, what is said about it, and the page."""

import json
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from tests.figure_texts import clashes
from vaestro.data.tiles.look import Look, kind_of, look_at
from vaestro.data.tiles.tile import grid, tile
from vaestro.foundation.errors import RunFolderError
from vaestro.health.finding import Verdict
from vaestro.metrics.live import LIVE_NATS
from vaestro.reports import advice, tables, words
from vaestro.reports.commands import command
from vaestro.reports.curve import MOST_POINTS, curve, thinned
from vaestro.reports.facts import read_facts
from vaestro.reports.figures import kl, latent, pairs, scales, spectrum, traversal
from vaestro.reports.figures.apart import pushed_apart
from vaestro.reports.figures.catalogue import drawings
from vaestro.reports.figures.mosaic import columns_for, run_look
from vaestro.reports.findings import findings
from vaestro.reports.glossary import glossary
from vaestro.reports.numerals import NONE, duration, number
from vaestro.reports.outlook import outlook
from vaestro.reports.page import write_report

STEPS, EPOCH = 400, 10
BASELINE = 52.5
RECIPE = """name: digits <b>
model: {latent: 5, posterior: {kind: gaussian}}
objective: {reduction: mean}
training: {epochs: 40}
"""


def history() -> list[dict[str, Any]]:
    """40 epochs of both splits, falling from above the baseline to 20 nats."""
    rows: list[dict[str, Any]] = []
    for step in range(EPOCH, STEPS + 1, EPOCH):
        data_term = 20.0 + 35.0 * float(np.exp(-step / 80))
        terms = {"prior_term": 12.0, "loss": data_term + 12.0, "live_dimensions": 3}
        row = {"step": step, "epoch": step // EPOCH}
        train = {"data_term": data_term, "beta": min(1.0, step / 200), "learning_rate": 1e-3}
        rows.append({**row, "split": "train", **terms, **train})
        rows.append(
            {**row, "split": "validation", **terms, "data_term": data_term + 1, "mse": 0.04}
        )
    return rows


def arrays(shape: tuple[int, ...] = (1, 8, 8)) -> dict[str, Any]:
    """The snapshot of a model of five latents whose last two dimensions are dead."""
    random = np.random.default_rng(0)
    x = random.random((40, *shape), dtype=np.float32)
    return {
        "train_original": x[:16],
        "train_reconstruction": x[:16] * 0.9,
        "validation_original": x[16:32],
        "validation_reconstruction": x[16:32] * 0.8,
        "samples": x[:24],
        "traversal": x[:15].reshape(3, 5, *shape),
        "traversal_dimensions": np.array([4, 0, 2]),
        "traversal_values": np.linspace(-2, 2, 5, dtype=np.float32),
        "latent": random.normal(size=(60, 5)).astype(np.float32),
        "latent_labels": np.arange(60) % 3,
        "kl_per_dimension": np.array([2.0, 0.009, 4.0, 0.0, 6.0], np.float32),
        "baseline_constant": np.float32(BASELINE),
    }


def figures(data_term: float) -> dict[str, Any]:
    return {
        "loss": data_term + 12.0,
        "data_term": data_term,
        "prior_term": 12.0,
        "mse": 0.04,
        "live_dimensions": 3,
    }


MANIFEST = {
    "vaestro": "0.1.0",
    "torch": "2.13.0",
    "python": "3.11.0",
    "created": "2026-01-02T03:04:05+00:00",
    "status": "finished",
    "name": "digits <script>alert(1)</script>",
    "data": {"name": "digits", "samples": 100, "shape": [1, 8, 8], "elements": 64}
    | {
        "values": "unit",
        "train": 60,
        "validation": 20,
        "test": 20,
        "labels": {"1": "o$n$e", "2": "a very long label"},
    },
    "parameters": 12345,
    "compression": 12.8,
    "effective_beta": 64.0,
    "effective_variance": 32.0,
    "plan": {"device": "cpu", "threads": 1, "precision": "fp32", "compile": False},
}
SUMMARY = {
    "status": "finished",
    "steps": STEPS,
    "seconds": 75.0,
    "samples_per_second": 1234.5,
    "train": figures(20.0),
    "validation": figures(21.0),
    "verdict": "healthy",
    "sentence": "Reconstructed at -21.00 nats & more.",
}
EVALUATION = {
    "elbo": -33.5,
    "nll": 31.0,
    "nll_samples": 64,
    "nll_standard_error": 0.4,
    "data_term": 21.5,
    "prior_term": 12.0,
    "mse": 0.05,
    "live_dimensions": 3,
    "mutual_information": 3.0,
    "mutual_information_cap": 7.6,
    "prior_mismatch": 5.0,
    "n": 20,
    "split": "test",
}
SUM = "objective.reduction=sum"
RAMP = "objective.beta={kind: linear, start: 0.0, end: 1, length: 0.5 of run}"
FORECAST: dict[str, Any] = {
    "elements": 64,
    "latent": 5,
    "effective_variance": 32.0,
    "effective_beta": 64.0,
    "eigenvalues": [4.0, 2.0, 0.5, 0.2, 0.0],
    "eigenvalues_held_out": [3.5, 1.8, 0.5],
    "held_out_interval": [[3.0, 4.0], [1.5, 2.1], [0.4, 0.6]],
    "samples": 60,
    "live_dimensions": 2,
    "live_interval": [1, 4],
    "verdict": "ok",
    "unsettled": False,
    "sentence": "This run can work.",
    "reasons": ["2 directions of the data pay for themselves."],
    "remedies": [],
    "against_collapse": [SUM],
    "baselines": {"constant": 52.5, "linear": 700.0, "ppca": 30.0},
    "findings": [],
}
DIAGNOSIS: dict[str, Any] = {
    "verdict": "collapsed",
    "sentence": "Collapsed: none of 5.",
    "findings": [
        {
            "kind": "wrong_reduction",
            "sentence": "objective.reduction=mean weighs too much.",
            "evidence": {"factor": 64.0, "effective_variance": None},
            "remedies": [SUM, RAMP],
        },
        {
            "kind": "collapsed",
            "sentence": "Collapsed: none of 5.",
            "evidence": {"live_dimensions": 0, "parts": [1.5, 2.5]},
            "remedies": [SUM, "training.epochs=80"],
        },
    ],
    "unchecked": [],
}
HEALTHY = {"verdict": "healthy", "sentence": "Healthy.", "findings": [], "unchecked": []}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run's folder."""
    root = tmp_path / "run"
    (root / "snapshots").mkdir(parents=True)
    (root / "recipe.yaml").write_text(RECIPE)
    lines = [json.dumps(row) for row in history()]
    (root / "history.jsonl").write_text("\n".join(lines) + '\n{"step": 12, "spl')
    written = {"manifest": MANIFEST, "summary": SUMMARY, "evaluation": EVALUATION}
    written |= {"forecast": FORECAST, "diagnosis": HEALTHY}
    for name, value in written.items():
        (root / f"{name}.json").write_text(json.dumps(value))
    np.savez_compressed(root / "snapshots" / "final.npz", **arrays())
    return root


def change(root: Path, name: str, **values: Any) -> None:
    path = root / f"{name}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def keep_arrays(root: Path, **values: Any) -> None:
    kept = {name: array for name, array in {**arrays(), **values}.items() if array is not None}
    np.savez_compressed(root / "snapshots" / "final.npz", **kept)


class TestFacts:
    def test_reads_every_file(self, run: Path) -> None:
        facts = read_facts(run)
        assert facts.steps == STEPS
        assert len(facts.rows("train")) == len(facts.rows("validation")) == STEPS // EPOCH
        assert facts.baseline == BASELINE
        assert (facts.latent, facts.shape, facts.stochastic) == (5, (1, 8, 8), True)
        assert facts.verdict == "healthy"
        assert facts.figures("validation")["data_term"] == 21.0
        assert facts.notes == ()

    @pytest.mark.parametrize("missing", ["recipe.yaml", "manifest.json"])
    def test_a_folder_that_is_no_run(self, run: Path, missing: str) -> None:
        (run / missing).unlink()
        with pytest.raises(RunFolderError, match=missing) as caught:
            read_facts(run)
        assert "\n" not in str(caught.value)

    def test_no_folder_and_a_damaged_manifest(self, run: Path, tmp_path: Path) -> None:
        with pytest.raises(RunFolderError, match="is no folder"):
            read_facts(tmp_path / "none")
        (run / "manifest.json").write_text('{"status":')
        with pytest.raises(RunFolderError, match="damaged"):
            read_facts(run)

    def test_damaged_optional_files_are_named(self, run: Path) -> None:
        (run / "evaluation.json").write_text("{")
        (run / "snapshots" / "final.npz").write_bytes(b"PK\x03\x04 not really")
        facts = read_facts(run)
        assert [note.split()[0] for note in facts.notes] == [
            "evaluation.json",
            "snapshots/final.npz",
        ]
        assert not facts.evaluation and not facts.arrays

    def test_a_running_run_shows_its_newest_snapshot(self, run: Path) -> None:
        (run / "snapshots" / "final.npz").unlink()
        (run / "summary.json").unlink()
        change(run, "manifest", status="running")
        for epoch in (10, 20):
            x = np.full((16, 1, 8, 8), epoch / 100, np.float32)
            path = run / "snapshots" / f"epoch-{epoch:04d}.npz"
            np.savez(path, original=x, reconstruction=x, samples=x)
        facts = read_facts(run)
        assert facts.status == facts.verdict == "running"
        assert facts.arrays["validation_original"].max() == np.float32(0.2)
        assert facts.figures("validation") == facts.rows("validation")[-1]

    def test_a_summary_from_before_a_resume_is_not_used(self, run: Path) -> None:
        change(run, "summary", steps=STEPS - 1, verdict="collapsed")
        change(run, "manifest", status="running")
        facts = read_facts(run)
        assert not facts.current
        assert facts.verdict == "running"
        assert facts.figures("train")["data_term"] == history()[-2]["data_term"]

    def test_a_summary_written_before_the_manifest_counts(self, run: Path) -> None:
        change(run, "manifest", status="running")
        assert read_facts(run).status == "finished"


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (12345, "12\u202f345"),
            (-3.14159, "\u22123.14"),
            (512.34, "512.3"),
            (54321.9, "54\u202f322"),
            (0.0123456, "0.0123"),
            (0.0000312, "3.12e\u22125"),
            (1.5e12, "1.5e12"),
            (0.0, "0.00"),
            (None, NONE),
            (float("nan"), NONE),
            (True, NONE),
        ],
    )
    def test_number(self, value: Any, shown: str) -> None:
        assert number(value) == shown

    def test_duration(self) -> None:
        shown = [duration(seconds) for seconds in (4.21, 200, 7500, None)]
        assert shown == ["4.2 s", "3 min 20 s", "2 h 5 min", NONE]


class TestCurves:
    def test_a_gap_is_nan_and_both_splits_are_apart(self, run: Path) -> None:
        rows = [*history(), {"step": STEPS + 1, "split": "train", "data_term": None}]
        (run / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        facts = read_facts(run)
        train, held_out = (curve(facts, split, "data_term") for split in ("train", "validation"))
        assert np.isnan(train.values[-1]) and train.steps[-1] == STEPS + 1
        np.testing.assert_allclose(held_out.values, train.values[:-1] + 1)

    def test_thinning_keeps_ends_and_peaks(self) -> None:
        values = np.sin(np.arange(20000) / 900)
        values[12345], values[777] = 40.0, np.nan
        thin = thinned(np.arange(20000.0), values)
        assert len(thin.steps) <= MOST_POINTS
        assert {0.0, 12345.0, 19999.0} <= set(thin.steps)
        assert np.nanmin(thin.values) == np.nanmin(values)

    @pytest.mark.parametrize(
        ("drawn", "settled", "scale"),
        [
            ([60.0, 25, 22], [25.0, 22], "linear"),
            ([0.001, 12, 14], [12.0, 14], "linear"),
            ([900.0, 25, 22], [25.0, 22], "log"),
            ([900.0, -30, -38], [-30.0, -38], "symlog"),
            ([0.001, 900, 14], [14.0, 12], "symlog"),
            ([52.0, 50, 1e12], [51.0, 51, 50, 50, 52, 1e12], "log"),
            ([0.0, 0.0], [], "linear"),
        ],
    )
    def test_scale(self, drawn: list[float], settled: list[float], scale: str) -> None:
        assert scales.choose(drawn, settled) == scale

    @pytest.mark.parametrize(("low", "high"), [(18.0, 70.0), (0.002, 3000.0), (1.0, 1e30)])
    def test_round_numbers_are_few_and_inside(self, low: float, high: float) -> None:
        ticks = scales.round_numbers(low, high)
        assert 2 <= len(ticks) <= scales.LABELLED + 2
        assert all(low <= tick <= high for tick in ticks)


class TestKlAndLatent:
    def test_sorted_kl(self, run: Path) -> None:
        found = kl.sorted_kl(read_facts(run))
        assert found is not None
        assert found.dimensions.tolist() == [4, 2, 0, 1, 3]
        assert found.live == 3
        assert kl.LIVE_NATS == LIVE_NATS

    def test_two_principal_axes_of_many(self) -> None:
        random = np.random.default_rng(1)
        spread = random.normal(size=(500, 4)) * [0.1, 3.0, 0.1, 1.0] + [0, 7.0, 0, 0]
        points, names = latent.flattened(spread)
        np.testing.assert_allclose(points[:, 0], spread[:, 1], atol=0.3)
        assert abs(points[:, 1].std() - 1.0) < 0.1
        assert names[0].startswith("first principal axis (90")

    def test_two_latents_are_themselves_and_one_is_ranked(self) -> None:
        two = np.array([[1.0, 2.0], [3.0, 4.0]])
        assert latent.flattened(two)[0] is two
        one, _ = latent.flattened(np.array([[5.0], [-1.0]]))
        assert one.tolist() == [[5.0, 0.75], [-1.0, 0.25]]

    def test_labels_have_names_and_the_rare_ones_are_others(self, run: Path) -> None:
        named = latent.latent_map(read_facts(run))
        assert named is not None and named.names == ("0", "o$n$e", "a very long label")
        keep_arrays(run, latent_labels=np.concatenate([np.arange(48) % 12, [3] * 12]))
        many = latent.latent_map(read_facts(run))
        assert many is not None and many.classes is not None
        assert len(many.names) == 10 and int((many.classes < 0).sum()) == 8

    def test_names_do_not_cover_each_other(self) -> None:
        places = np.array([[10.0, 10.0], [10.0, 10.0], [12.0, 18.0], [90.0, 90.0]])
        sizes = np.full((4, 2), 20.0)
        moved = pushed_apart(places, sizes)
        for one in range(4):
            for other in range(one):
                assert np.abs(moved[one] - moved[other]).max() >= 20.0 - 1e-5
        assert moved[3].tolist() == [90.0, 90.0]

    def test_means_that_are_not_finite_are_left_out(self, run: Path) -> None:
        broken = arrays()["latent"]
        broken[3, 1] = np.nan
        keep_arrays(run, latent=broken)
        found = latent.latent_map(read_facts(run))
        assert found is not None and found.classes is not None
        assert len(found.points) == len(found.classes) == 59


class TestTiles:
    @pytest.mark.parametrize(
        ("shape", "kind"),
        [
            ((30,), "lines"),
            ((3, 256), "curves"),
            ((28, 28), "image"),
            ((1, 28, 28), "image"),
            ((3, 32, 32), "image"),
            ((1, 35, 35, 35), "volume"),
        ],
    )
    def test_kind_and_a_tile_of_it(self, shape: tuple[int, ...], kind: str) -> None:
        samples = np.random.default_rng(0).random((3, *shape), dtype=np.float32)
        look = look_at(samples, None)
        picture = tile(samples[0], look)
        assert kind_of(shape) == look.kind == kind
        assert picture.shape[2] == 3
        assert 0 <= picture.min() < picture.max() <= 1

    def test_grey_is_magnified_and_colour_kept(self) -> None:
        look = Look("image", 0.0, 2.0)
        grey = tile(np.array([[[0.0, 1.0], [2.0, np.nan]]]), look)
        assert grey.shape == (96, 96, 3)
        assert [grey[0, 0, 0], grey[0, -1, 0], grey[-1, 0, 0], grey[-1, -1, 0]] == [0, 0.5, 1, 0]
        colour = tile(np.stack([np.full((2, 2), level) for level in (0.0, 1.0, 2.0)]), look)
        assert colour[5, 5].tolist() == [0.0, 0.5, 1.0]

    def test_a_large_image_is_averaged_down(self) -> None:
        checks = (np.indices((512, 512)).sum(0) % 2).astype(np.float32)
        picture = tile(checks, Look("image", 0.0, 1.0))
        assert max(picture.shape) <= 96
        np.testing.assert_allclose(picture, 0.5, atol=0.06)

    def test_a_volume_shows_its_central_slices(self) -> None:
        volume = np.zeros((1, 6, 6, 6))
        volume[0, 3, 1, 2] = 1.0
        picture = tile(volume, Look("volume", 0.0, 1.0))
        first, rest = np.split(picture, [96], axis=1)
        assert first[24, 40].tolist() == [1.0, 1.0, 1.0]
        assert rest[:, 6:99].max() == 0.0

    def test_a_line_goes_where_its_values_are(self) -> None:
        rising = tile(np.linspace(0, 1, 50), Look("lines", 0.0, 1.0))
        ink = rising.sum(2) < 1.5
        rows = [float(np.flatnonzero(ink[:, column]).mean()) for column in (5, 66, 126)]
        assert rows[0] > rows[1] > rows[2]
        assert abs(rows[1] - rising.shape[0] / 2) < 4

    def test_unit_data_keep_black_and_white(self) -> None:
        dim = np.full((2, 1, 4, 4), 0.3)
        assert (look_at(dim, "unit").low, look_at(dim, "unit").high) == (0.0, 1.0)
        assert look_at(dim, "real").low == 0.3

    def test_grid(self) -> None:
        sheet = grid([np.zeros((4, 6, 3))] * 3, columns=2, gap=1)
        assert sheet.shape == (9, 13, 3)
        assert sheet[:, 6].min() == 1.0 and sheet[5:, 7:].min() == 1.0

    def test_columns_fill_rows_evenly(self) -> None:
        look = Look("image", 0.0, 1.0)
        assert columns_for(look, 64, 760) == 16
        assert columns_for(look, 20, 760) == 10
        assert columns_for(look, 3, 760) == 3


class TestFigureFacts:
    def test_pairs_of_both_splits(self, run: Path) -> None:
        look = look_at(arrays()["train_original"], "unit")
        assert [each.title for each in pairs.pairs(read_facts(run), look)] == [
            "Training data",
            "Held-out data",
        ]
        keep_arrays(run, train_original=None)
        assert [p.title for p in pairs.pairs(read_facts(run), look)] == ["Held-out data"]

    def test_walks_are_named_after_their_dimensions(self, run: Path) -> None:
        facts = read_facts(run)
        look = run_look(facts)
        assert look is not None
        found = traversal.walks(facts, look)
        assert found is not None
        assert found.rows == ("z 4\n6.00 nats", "z 0\n2.00 nats", "z 2\n4.00 nats")
        assert found.values == (-2.0, -1.0, 0.0, 1.0, 2.0)


class TestWords:
    def test_cards_speak_of_the_evaluation(self, run: Path) -> None:
        cards = tables.cards(read_facts(run))
        shown = [(card.label, card.value) for card in cards]
        assert shown[:3] == [
            ("ELBO", "\u221233.50"),
            ("Data term", "21.50"),
            ("Prior term", "12.00"),
        ]
        assert cards[1].note == "31.00 better than a constant"
        assert cards[3].dots == (3, 5)

    def test_cards_of_a_run_without_numbers_are_dashes(self, run: Path) -> None:
        for name in ("summary.json", "evaluation.json", "history.jsonl", "snapshots/final.npz"):
            (run / name).unlink()
        assert [card.value for card in tables.cards(read_facts(run))] == [NONE] * 4

    def test_every_card_points_into_the_glossary(self, run: Path) -> None:
        for recipe in (RECIPE, RECIPE.replace("gaussian", "deterministic")):
            (run / "recipe.yaml").write_text(recipe)
            facts = read_facts(run)
            anchors = {entry.anchor for entry in glossary(facts.stochastic)}
            assert {card.term for card in tables.cards(facts)} <= anchors

    def test_an_autoencoder_has_no_prior_term(self, run: Path) -> None:
        (run / "recipe.yaml").write_text(RECIPE.replace("gaussian", "deterministic"))
        facts = read_facts(run)
        labels = {row.label for row in tables.table(facts)}
        assert "Data term" in labels and not labels & {"Prior term", "ELBO", "Live dimensions"}
        assert "Prior term" not in {reading.heading for reading in words.readings(facts)}
        assert kl.sorted_kl(facts) is None

    def test_the_table_has_a_column_a_split(self, run: Path) -> None:
        facts = read_facts(run)
        assert [name for name, _ in tables.splits(facts)] == ["train", "validation", "test"]
        rows = {row.label: row.values for row in tables.table(facts)}
        assert rows["ELBO"] == ("\u221232.00", "\u221233.00", "\u221233.50")
        assert rows["Data term"] == ("20.00", "21.00", "21.50")
        assert "31.00 ± 0.40" in rows["\u2212log p(x), importance-weighted"]

    def test_readings(self, run: Path) -> None:
        said = {reading.heading: reading.text for reading in words.readings(read_facts(run))}
        assert "the code saves 31.50 nats" in said["Data term"]
        assert "17.31 bits" in said["Prior term"]
        assert (
            "1.00 nats more on held-out" in said["Unseen data"] and "small" in said["Unseen data"]
        )
        assert "2.50 nats below" in said["Likelihood"]
        assert "distance is large" in said["Codes and prior"]
        assert "variance 32.00" in said["Weighting"]
        assert "off by 0.20" in said["Error"]

    def test_a_model_worse_than_a_constant_is_told(self, run: Path) -> None:
        change(run, "summary", validation=figures(60.0))
        said = {reading.heading: reading.text for reading in words.readings(read_facts(run))}
        assert "no better than returning the same output" in said["Data term"]

    @pytest.mark.parametrize("word", get_args(Verdict))
    def test_every_verdict_has_a_tone_and_a_meaning(self, run: Path, word: str) -> None:
        change(run, "diagnosis", verdict=word)
        said = advice.verdict(read_facts(run))
        assert said.word == word.replace("_", " ")
        assert said.meaning and said.tone != "neutral"
        assert sorted(advice.TONES) == sorted(get_args(Verdict))

    def test_the_doctor_has_the_last_word(self, run: Path) -> None:
        change(run, "diagnosis", **DIAGNOSIS)
        said = advice.verdict(read_facts(run))
        assert (said.word, said.sentence) == ("collapsed", "Collapsed: none of 5.")
        (run / "diagnosis.json").unlink()
        said = advice.verdict(read_facts(run))
        assert said.word == "healthy"
        assert said.commands == (f"vaestro doctor {run}",)

    def test_a_run_that_goes_on_is_told_how(self, run: Path) -> None:
        (run / "diagnosis.json").unlink()
        change(run, "manifest", status="interrupted")
        change(run, "summary", status="interrupted")
        assert advice.verdict(read_facts(run)).commands == (f"vaestro train --resume --run {run}",)

    def test_a_sentence_has_true_minus_signs(self, run: Path) -> None:
        said = advice.verdict(read_facts(run))
        assert said.sentence == "Reconstructed at \u221221.00 nats & more."

    def test_a_diverged_run_without_summary(self, run: Path) -> None:
        (run / "summary.json").unlink()
        (run / "diagnosis.json").unlink()
        change(run, "manifest", status="diverged")
        said = advice.verdict(read_facts(run))
        assert (said.word, said.tone) == ("exploding", "bad")
        assert "diverged after 400 steps" in said.sentence
        assert said.commands == (f"vaestro doctor {run}",)


class TestDiagnosis:
    def test_findings_are_the_doctors_with_commands_to_paste(self, run: Path) -> None:
        change(run, "diagnosis", **DIAGNOSIS)
        first, second = findings(read_facts(run))
        assert (first.kind, second.kind) == ("Wrong reduction", "Collapsed")
        assert first.sentence.startswith("objective.reduction")
        assert second.sentence == "None of 5."
        assert first.figures == (("factor", "64.00"),)
        assert second.figures == (("live dimensions", "0"), ("parts", "1.50, 2.50"))
        words = shlex.split(first.commands[1])
        assert words == ["vaestro", "train", str(run / "recipe.yaml"), "--set", RAMP]
        longer = f"vaestro train --resume --run {run} --set training.epochs=80"
        assert second.commands == (longer,)  # what stands under the first is not said again

    def test_a_shorter_run_begins_anew(self, run: Path) -> None:
        told = command(read_facts(run), "training.epochs=20")
        assert told == f"vaestro train {run / 'recipe.yaml'} --set training.epochs=20"
        (run / "recipe.yaml").write_text(RECIPE.replace("latent: 5", "encoder: {kind: given}"))
        assert command(read_facts(run), SUM) == f"--set {SUM}"

    def test_without_a_diagnosis_it_is_what_the_monitor_saw_and_still_holds(
        self, run: Path
    ) -> None:
        (run / "diagnosis.json").unlink()
        seen = {"step": 5, "kind": "at_risk", "cause": "pull", "sentence": "it pulls."}
        seen |= {"evidence": {"ratio": 9.0}, "remedies": [SUM]}
        over = {"step": 7, "kind": "stalled", "cause": "stalled", "sentence": "It rests."}
        ended = {"step": 9, "kind": "healthy", "cause": "stalled", "sentence": "Recovered."}
        lines = [json.dumps(event) + "\n" for event in (seen, over, ended)]
        (run / "events.jsonl").write_text("".join(lines))
        (shown,) = findings(read_facts(run))
        assert (shown.kind, shown.sentence) == ("At risk", "It pulls.")
        assert shown.figures == (("ratio", "9.00"),)
        assert shown.commands[0].endswith(f"--set {SUM}")


class TestOutlook:
    def test_the_forecast_stands_beside_what_happened(self, run: Path) -> None:
        told = outlook(read_facts(run))
        assert told is not None
        rows = {row.label: (row.forecast, row.happened) for row in told.rows}
        assert rows["Verdict"] == ("can work", "healthy")
        assert rows["Live dimensions"] == ("1 to 4", "3")
        assert rows["Effective beta"] == ("64.00", "64.00")
        assert rows["Largest eigenvalue"] == ("4.00 (held out 3.50)", "")
        assert rows["Data term"] == ("best constant 52.50", "21.00")
        linear = rows[f"Data term + effective beta {tables.TIMES} prior term"]
        assert linear == ("best linear model 700.0", "789.0")
        assert rows["Data term + prior term"] == ("probabilistic PCA 30.00", "33.00")
        assert told.outcome == "It came true: 3 dimensions are live."

    @pytest.mark.parametrize(
        ("verdict", "live", "outcome"),
        [
            ("ok", 0, "It did not come true: no dimension is live."),
            ("ok", 5, "It came true: 5 dimensions are live. 1 to 4 were expected."),
            ("collapse", 0, "It came true: no dimension is live."),
            ("collapse", 1, "It did not come true: 1 dimension is live."),
            ("at_risk", 0, "It came true: no dimension is live."),
        ],
    )
    def test_whether_it_came_true(self, run: Path, verdict: str, live: int, outcome: str) -> None:
        change(run, "forecast", verdict=verdict)
        change(run, "summary", validation=figures(21.0) | {"live_dimensions": live})
        told = outlook(read_facts(run))
        assert told is not None and told.outcome == outcome

    def test_a_run_that_goes_on_or_was_changed_is_not_judged(self, run: Path) -> None:
        change(run, "manifest", remedied=[{"step": 9, "kind": "collapsed", "set": SUM, "from": 0}])
        told = outlook(read_facts(run))
        assert told is not None and told.outcome.endswith(f"since: {SUM}.")
        change(run, "manifest", remedied=[], status="running")
        change(run, "summary", steps=STEPS - 1)
        told = outlook(read_facts(run))
        assert told is not None and told.outcome == ""
        (run / "forecast.json").unlink()
        assert outlook(read_facts(run)) is None

    def test_the_spectrum_is_drawn_as_far_as_a_logarithm_goes(self, run: Path) -> None:
        found = spectrum.spectrum(read_facts(run))
        assert found is not None
        assert found.sample.tolist() == [4.0, 2.0, 0.5, 0.2]
        assert (found.above, found.live) == (2, 3)
        assert found.low.tolist() == [3.0, 1.5, 0.4]
        assert "2 eigenvalues of 4 above" in spectrum.alternative(found)
        change(run, "forecast", effective_beta=None)
        assert spectrum.spectrum(read_facts(run)) is None

    @pytest.mark.parametrize(
        "eigenvalues", [[0.3], [1e-9, 1e-12], [5e4] * 70, [3.0, 2.0, 1.5]], ids=len
    )
    def test_any_spectrum_has_a_figure(self, run: Path, eigenvalues: list[float]) -> None:
        change(run, "forecast", eigenvalues=eigenvalues, eigenvalues_held_out=[])
        found = spectrum.spectrum(read_facts(run))
        assert found is not None
        (axes,) = spectrum.draw_spectrum(found, 360).axes
        low, high = axes.get_ylim()
        assert low < 1 < high
        assert axes.get_xlabel() and axes.get_title("left")


class Page(HTMLParser):
    """Headings, ids, images' alternatives and outside addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if values.get("id"):
            self.ids.append(str(values["id"]))
        if values.get("role") == "img":
            self.labels.append(values.get("aria-label") or "")
        for name in ("src", "href", "xlink:href", "srcset"):
            address = values.get(name) or "#"
            if not address.startswith(("#", "data:")):
                self.fetched.append(address)


def page_of(root: Path) -> tuple[str, Page]:
    text = write_report(root).read_text()
    return text, Page(text)


ALL = ["spectrum", "curves", "pairs", "samples", "latent", "kl", "traversal"]


class TestPage:
    def test_one_file_with_everything_in_it(self, run: Path) -> None:
        text, page = page_of(run)
        assert page.fetched == []
        assert not re.search(r"url\((?!#)|@import", text)
        assert "script" not in page.tags and "link" not in page.tags
        assert len(page.ids) == len(set(page.ids))
        assert [name for name in page.ids if name in ALL] == ALL
        assert len(page.labels) == 2 * len(ALL) and all(page.labels)
        assert page.tags.count("h1") == 1
        assert len(text) < 2_000_000

    def test_references_inside_figures_resolve(self, run: Path) -> None:
        text, page = page_of(run)
        used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text))
        assert {first or second for first, second in used} <= set(page.ids)

    def test_text_from_the_folder_is_escaped(self, run: Path) -> None:
        (run / "events.jsonl").write_text(
            json.dumps({"step": 7, "kind": "exploding", "sentence": "<img src=x onerror=y>"}) + "\n"
        )
        text, page = page_of(run)
        assert "digits &lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "name: digits &lt;b&gt;" in text
        assert "&lt;img src=x onerror=y&gt;" in text
        assert not {"script", "b", "img"} & set(page.tags)

    def test_pictures_beside_the_page(self, run: Path) -> None:
        write_report(run)
        names = {path.name for path in (run / "pictures").iterdir()}
        assert names == {f"{name}.{ending}" for name in ALL for ending in ("svg", "png")}
        assert (run / "pictures" / "kl.png").read_bytes().startswith(b"\x89PNG")

    def test_the_same_folder_gives_the_same_bytes(self, run: Path) -> None:
        def contents() -> dict[str, bytes]:
            write_report(run)
            files = [run / "report.html", *sorted((run / "pictures").iterdir())]
            return {path.name: path.read_bytes() for path in files}

        assert contents() == contents()

    @pytest.mark.parametrize(
        ("missing", "gone"),
        [
            ("history.jsonl", {"curves"}),
            ("snapshots/final.npz", {"pairs", "samples", "latent", "kl", "traversal"}),
            ("summary.json", set()),
            ("evaluation.json", set()),
            ("forecast.json", {"spectrum"}),
            ("diagnosis.json", set()),
        ],
    )
    def test_a_missing_file_leaves_its_sections_out(
        self, run: Path, missing: str, gone: set[str]
    ) -> None:
        (run / missing).unlink()
        _, page = page_of(run)
        assert {name for name in ALL if name not in page.ids} == gone

    def test_a_run_that_has_only_begun(self, run: Path) -> None:
        for name in ("summary", "evaluation", "diagnosis", "forecast"):
            (run / f"{name}.json").unlink()
        (run / "snapshots" / "final.npz").unlink()
        (run / "history.jsonl").write_text("")
        change(run, "manifest", status="running")
        text, page = page_of(run)
        assert "svg" not in page.tags
        assert '<strong class="neutral">running</strong>' in text
        assert "Nothing was measured yet" in text

    def test_a_diverged_history_of_extremes(self, run: Path) -> None:
        rows = [*history()[:20]]
        rows[-4]["data_term"], rows[-3]["data_term"] = -5.0, 1e30
        rows[-2]["data_term"] = rows[-2]["prior_term"] = None
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (run / "history.jsonl").write_text(text.replace("12.0", "NaN", 1))
        assert "curves" in page_of(run)[1].ids

    def test_the_page_holds_diagnosis_and_forecast(self, run: Path) -> None:
        change(run, "diagnosis", **DIAGNOSIS)
        change(run, "forecast", findings=DIAGNOSIS["findings"][:1])
        text, page = page_of(run)
        sections = ("diagnosis", "forecast", "spectrum", "curves")
        assert [name for name in page.ids if name in sections] == list(sections)
        assert text.count("<code>vaestro train") == 5
        assert "2 directions of the data pay for themselves." in text

    def test_a_damaged_file_is_told_on_the_page(self, run: Path) -> None:
        (run / "summary.json").write_text("[")
        assert "summary.json is damaged" in page_of(run)[0]

    @pytest.mark.parametrize("shape", [(7,), (3, 20), (3, 16, 16), (1, 9, 9, 9)])
    def test_other_kinds_of_samples(self, run: Path, shape: tuple[int, ...]) -> None:
        keep_arrays(run, **{**arrays(shape), "latent_labels": None})
        facts = read_facts(run)
        drawn = {drawing.name: drawing.draw(360) for drawing in drawings(facts)}
        assert set(drawn) == set(ALL)
        assert all(figure.get_figwidth() * 96 <= 360.5 for figure in drawn.values())

    def test_texts_of_a_figure_do_not_overlap(self, run: Path) -> None:
        for drawing in drawings(read_facts(run)):
            for width in (760, 360):
                figure = drawing.draw(width)
                found = clashes(figure)
                assert not found, f"{drawing.name} at {width}: {found}"


def test_no_torch_is_loaded() -> None:
    code = (
        "import sys, vaestro.reports.page, vaestro.reports.figures.catalogue;"
        "assert 'torch' not in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
