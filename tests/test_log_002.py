"""Log 002: what it computes is right, and in miniature it shows what it asserts."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.logs_bench import bench
from vaestro.data.source import load_data
from vaestro.experiments.assemble import assemble
from vaestro.experiments.recipe import Recipe, apply
from vaestro.foundation.samples import Given
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.log_002 import birth, labels, matters, minimum, variance
from vaestro.studies.logs.log_002.deaths import dead, prints_black
from vaestro.studies.logs.log_002.figures import Dots, Strip, dots, strips
from vaestro.studies.logs.log_002.rows import printed_rec, shown, spread
from vaestro.studies.logs.log_002.setting import QUICK_IMAGES, own, recipe
from vaestro.training.plan import choose

LOWEST = 87
"""The seed whose draw of the last bias is the lowest of a hundred."""
ONE = Given(label=torch.zeros(1, dtype=torch.int64))


def test_the_quick_form_is_the_log_in_small(tmp_path: Path) -> None:
    made = recipe(bench(tmp_path))
    data = load_data(made.data)
    assert data.spec.shape == (1, 16, 16)
    assert 0 <= data.values.min() < data.values.max() <= 1
    assert data.labels is not None
    assert len(np.unique(data.labels)) == 10
    vae = assemble(made, choose(made.training)).vae
    assert vae.latent == 100
    assert vae.decoder.head.out_channels == 1
    assert made.model.condition.plain()["encoding"]["repeat"] == 5


@pytest.mark.parametrize("quick", [True, False])
def test_the_logs_own_network_prints_what_mnist_has(quick: bool, tmp_path: Path) -> None:
    made = own(bench(tmp_path, quick=quick))
    assert made.model.encoder.kind == "layers"
    assert (
        assemble(made, choose(made.training)).vae.decode(torch.zeros(1, 100), ONE).shape[-1] == 28
    )


def test_the_full_form_tries_the_logs_own_network(tmp_path: Path) -> None:
    assert matters.OWN not in matters._settings(bench(tmp_path))[1]
    edits, names = matters._settings(bench(tmp_path / "full", quick=False))
    (changes,) = [edit for edit, name in zip(edits, names, strict=True) if name == matters.OWN]
    tried = apply(recipe(bench(tmp_path / "full", quick=False)), list(changes)).model
    assert tried.decoder == own(bench(tmp_path / "full", quick=False)).model.decoder


def test_as_many_images_are_used_as_the_form_says(tmp_path: Path, real_data: Path) -> None:
    made = recipe(bench(tmp_path, data=real_data / "mnist"))
    parts = assemble(made, choose(made.training)).material.split
    assert len(parts.train) + len(parts.validation) == QUICK_IMAGES
    assert len(parts.train) == 4 * len(parts.validation)


def test_a_draw_of_the_lowest_bias_has_no_gradient(tmp_path: Path) -> None:
    made = bench(tmp_path)
    material = assemble(own(made), choose(own(made).training))
    found = [birth._draw(material, seed) for seed in (LOWEST, 2)]
    assert [birth._one(found, dead=gone) for gone in (True, False)] == [0, 1]
    assert found[0].lit == 0 and found[0].bias < -0.19 < 0.1 < found[1].bias
    assert birth._gradient(made, LOWEST, 0.1) == 0 < birth._gradient(made, 2, 0.1)


def test_the_claim_about_birth_can_fail() -> None:
    black, lit = birth.Draw(-0.15, 0.0, 0.03), birth.Draw(0.1, 1.0, 0.03)
    assert birth._dead([black, lit, lit, lit]).holds
    assert not birth._dead([lit] * 4).holds
    assert not birth._dead([black._replace(bias=0.1), lit, lit, lit]).holds


def test_what_the_log_printed_is_half_the_squares_over_x_var() -> None:
    squares, v, n = 3.0, 0.1, 256
    data_term = squares / (2 * v) + 0.5 * n * math.log(2 * math.pi * v)
    assert printed_rec({"data_term": data_term}, v, n) == pytest.approx(squares / (2 * v))


def row(**figures: Any) -> dict[str, Any]:
    plain = {"data_term": 30.0, "prior_term": 0.0, "mse": 0.02, "live_dimensions": 0}
    return {**plain, "verdict": "healthy", **figures}


def test_who_is_dead() -> None:
    assert dead(row(verdict="dead_output"), 0.2)
    assert dead(row(mse=0.19999), 0.2)
    assert not dead(row(mse=0.19), 0.2)
    assert not prints_black(row(verdict="dead_output", mse=0.19), 0.2)


def test_the_claim_about_10_to_100_can_fail(tmp_path: Path) -> None:
    made = bench(tmp_path)
    inside = {v: [50.0] for v in variance.VALUES}
    every = [row(prior_term=10.0) for _ in range(4 * variance.seeds(made) + 2)]
    assert not variance._between(made, every, inside).holds
    assert variance._between(made, every, {**inside, 10.0: [0.5]}).holds


def test_the_claim_about_beta_can_fail(tmp_path: Path) -> None:
    made = bench(tmp_path)
    every = [row(prior_term=80.0) for _ in range(4 * variance.seeds(made))]
    ten, same = row(prior_term=0.0), row(prior_term=80.0)
    assert variance._beta(made, [*every, same, ten]).holds
    assert not variance._beta(made, [*every, row(prior_term=80.0, mse=0.04), ten]).holds
    assert not variance._beta(made, [*every, same, same]).holds


def test_numbers_are_short() -> None:
    assert [shown(x) for x in (0.00123456, 12.345, 1234.5, 0.0)] == [
        "0.00123",
        "12.3",
        "1,234",
        "0",
    ]
    assert spread([1.0, 1.0]) == "1.00"
    assert spread([2.0, 1.0]) == "1.00 to 2.00"


def test_figures_have_a_row_for_each() -> None:
    images = np.zeros((3, 4, 4))
    assert len(strips([Strip("a", images), Strip("b", images[:2])]).axes) == 5
    drawn = dots([Dots("a", [1.0, 2.0], [False, True])], "nats", (1.5, "line"), "dead")
    assert [text.get_text() for text in drawn.axes[0].get_yticklabels()] == ["a"]


@pytest.mark.slow
def test_in_miniature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(made: Bench) -> Recipe:
        return apply(recipe(made), ["training.epochs=6", "training.learning_rate=3e-3"])

    for module in (variance, minimum):
        monkeypatch.setattr(module, "recipe", short)
    monkeypatch.setattr(variance, "seeds", lambda made: 1)
    made = bench(tmp_path)
    found = variance.chapter(made)
    assert [claim.holds for claim in found.claims][0::3] == [True, True]
    assert len(found.tables[0].rows) == len(variance.VALUES)
    assert (tmp_path / "pictures" / "x-var.png").stat().st_size < 120_000
    (claim,) = minimum.chapter(made).claims
    assert claim.holds


def test_a_claim_on_repeats_fails_on_other_numbers() -> None:
    controls = {cell: {1: 0.2, 5: 0.8, 20: 0.9}[cell[1]] for cell in labels.CELLS}
    found = [row(prior_term={1: 30.0, 5: 20.0, 20: 10.0}[repeat]) for _, repeat in labels.CELLS]
    assert labels._repeats(controls, found, 0.5, 40).holds
    assert not labels._repeats(controls, found, 0.85, 40).holds
    assert not labels._repeats(controls | {("both", 1): 0.7}, found, 0.5, 40).holds
    alike = [row(prior_term=20.0) for _ in labels.CELLS]
    assert not labels._repeats(controls, alike, 0.5, 40).holds


def test_half_a_nat_is_missing_for_each_latent() -> None:
    assert minimum._missing(50.003, 0.003) and minimum._missing(201.40, 151.54)
    assert not minimum._missing(50.2, 0.003) and not minimum._missing(151.5, 151.5)
