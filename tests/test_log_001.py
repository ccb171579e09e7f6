"""Log 001's study: its mechanisms, each claim able to fail, and a miniature of the whole."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.logs_bench import Unseen, bench
from vaestro.data.streamlines.bundles import BundlesConfig, bundle_lines
from vaestro.data.streamlines.streamline_files import write_tractogram
from vaestro.experiments.assemble import assemble
from vaestro.experiments.change import BEGINNING, change_model
from vaestro.experiments.material import prepare
from vaestro.health.monitor.probe import bounds
from vaestro.models.posterior_head import PosteriorHead
from vaestro.probability.posterior import GaussianConfig
from vaestro.studies.faults.catalogue import changes_of
from vaestro.studies.logs import streamlines
from vaestro.studies.logs.carry import carry_out_log
from vaestro.studies.logs.log_001 import (
    annealing,
    autoencoder,
    epsilon,
    exponents,
    first_pass,
    remedies,
)
from vaestro.studies.logs.log_001.log import LOG
from vaestro.training.config import TrainingConfig
from vaestro.training.plan import choose

FEW = "data={kind: bundles, streamlines: 100, points: 64}"
THEIRS, OURS = "clip(exp(l)), the log's", "ours: exp(l) inside, logarithmic tails"


def test_a_clip_behind_exp_has_no_slope_that_helps() -> None:
    nats, slope = exponents.slope(exponents.GUARDS[THEIRS], 100.0)
    assert nats == pytest.approx(5e9) and math.isnan(slope)
    assert exponents.slope(exponents.GUARDS[THEIRS], 50.0)[1] == -0.5
    assert exponents.slope(exponents.GUARDS["exp(clip(l, -30, 20))"], 50.0)[1] == 0


@pytest.mark.parametrize("level", exponents.LEVELS[1:])
def test_our_bound_always_leads_back(level: float) -> None:
    nats, slope = exponents.slope(exponents.GUARDS[OURS], level)
    assert math.isfinite(nats) and slope == pytest.approx(math.expm1(20) / 2, rel=1e-5)


def test_guards_agree_where_nothing_is_too_large() -> None:
    expected = 0.5 * (math.exp(2.0) - 3.0), 0.5 * math.expm1(2.0)
    for guard in exponents.GUARDS.values():
        assert exponents.slope(guard, 2.0) == pytest.approx(expected, rel=1e-5)


def test_the_chapter_on_exponents_holds(tmp_path: Path) -> None:
    chapter = exponents.exponents(bench(tmp_path))
    assert [claim.holds for claim in chapter.claims] == [True, True]
    assert [len(row) for row in chapter.tables[0].rows] == [1 + len(exponents.LEVELS)] * 4


def test_one_number_of_channels_for_all_layers_overflows_exp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_pass, "lines", lambda *_: (FEW,))
    theirs, pytorchs = list(first_pass.RULES)[:2]
    wrong, right = (
        first_pass._passed(bench(tmp_path), rule, "in millimetres") for rule in (theirs, pytorchs)
    )
    assert wrong.largest > 10 * first_pass.OVERFLOW and len(wrong.spreads) == 6
    assert wrong.spreads[0] == pytest.approx(right.spreads[0], rel=0.3), (
        "3 channels are right there"
    )
    assert max(-right.least, right.largest) < first_pass.SMALL


def test_the_data_are_told_in_a_sentence(tmp_path: Path, real_data: Path) -> None:
    made = bench(tmp_path, data=real_data / "streamlines" / "atlas")
    for edits, whence in ((streamlines.lines(made), "`atlas`"), ((FEW,), "drawn bundles")):
        recipe = made.recipe("streamline-vae", (*edits, *streamlines.NETWORK))
        parts = assemble(recipe, choose(recipe.training)).material
        learnt, held = len(parts.split.train), len(parts.split.validation)
        told = f"{learnt} streamlines of {whence} to learn from and {held} held out, "
        assert streamlines.about(recipe, parts).startswith(told)
        assert learnt + held == pytest.approx(0.85 * (400 if edits != (FEW,) else 100), abs=5)


def test_an_unbounded_scale_gives_what_the_layer_gave(tmp_path: Path) -> None:
    recipe = bench(tmp_path).recipe("streamline-vae", (FEW, *streamlines.NETWORK))
    vae = assemble(recipe, choose(recipe.training)).vae
    change_model(vae, changes_of(("unbounded-exp",)), 0, BEGINNING)
    assert isinstance(vae.head, PosteriorHead) and isinstance(vae.head.config, GaussianConfig)
    features = (torch.full((1, 64, 16), 1e4),)
    raw, found = vae.head.levels[0](features[0])[1], vae.head(features)
    torch.testing.assert_close(found.log_variance, raw, rtol=0, atol=0)
    assert float(raw.detach().abs().max()) > first_pass.OVERFLOW
    assert bounds(vae.head.config.scale) == (-math.inf, math.inf)


@pytest.mark.slow
def test_the_run_dies_with_the_clip_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remedies, "lines", lambda *_: (FEW,))
    for name in ("nothing", "clip behind exp"):
        run = remedies._trained(bench(tmp_path), name)
        assert (run.summary["status"], run.summary["steps"]) == ("diverged", 0)
        assert run.folder.read_manifest()["faults"] == list(remedies.WAYS[name].faults)


def outcome(error: float | None, kl: float | None = 30.0) -> remedies.Outcome:
    status = "diverged" if error is None else "finished"
    return remedies.Outcome(status, 0, error, kl, 40.0)


GOOD = dict(
    zip(
        remedies.WAYS,
        map(outcome, (None, None, 9.7, 9.8, 30.0, 44.0, 15.0, 11.0)),
        strict=True,
    )
) | {"the same, prior term without its minus": outcome(30.0, -1e5)}


@pytest.mark.parametrize(
    ("claim", "way", "error"),
    [
        (remedies._clip, "clip behind exp", 10.0),
        (remedies._nothing_more, "clip and batch norm, the log's", 5.0),
        (remedies._minus, "the same, prior term without its minus", 30.0),
        (remedies._channels, "each layer's own channels", 39.0),
        (remedies._bound, "ours: start and bound", 45.0),
    ],
)
def test_a_claim_on_remedies_fails_on_other_numbers(
    claim: Callable[..., Any], way: str, error: float
) -> None:
    assert claim(GOOD).holds
    assert not claim(GOOD | {way: outcome(error)}).holds


def test_claims_on_the_autoencoder_fail_on_other_numbers() -> None:
    good = {
        (model, length): streamlines.Quality(error + 100 / length, 20.0, 16, 0.0)
        for model, error in zip(autoencoder.MODELS, (1.0, 3.0, 2.0), strict=True)
        for length in (autoencoder.SHORT, autoencoder.LONG)
    }
    late = {name: autoencoder.Late(one.error - 0.5, one.error) for name, one in good.items()}
    worse = late | {("VAE", autoencoder.LONG): autoencoder.Late(0.3, 4.0)}
    assert autoencoder._decent(good, 40.0).holds and autoencoder._better(late).holds
    assert autoencoder._normalised(late).holds
    assert not autoencoder._better(worse).holds and not autoencoder._normalised(worse).holds
    dead = good | {("VAE", autoencoder.LONG): good["VAE", autoencoder.LONG]._replace(live=0)}
    assert not autoencoder._decent(dead, 40.0).holds and not autoencoder._decent(good, 9.0).holds
    names = ("the prior", "codes of the data", "a mixture", "held-out streamlines")
    draws = {
        name: torch.tensor([mm, mm]).float() for name, mm in zip(names, (22, 5, 6, 3), strict=True)
    }
    assert autoencoder._prior(draws).holds and autoencoder._mixture(draws).holds
    draws["the prior"] = torch.tensor([6.0, 6.0])
    assert not autoencoder._prior(draws).holds and not autoencoder._mixture(draws).holds


def test_claims_on_epsilon_fail_on_other_numbers() -> None:
    some = streamlines.Quality(4.0, 20.0, 16, 0.0)
    small = epsilon.Drawn(some, 14.0, 30.0, 0.67, ("scale_mismatch",))
    whole = epsilon.Drawn(some, 25.0, 25.0, 0.37, ())
    found = {0.3: small, 1.0: whole}
    assert epsilon._understated(small).holds and not epsilon._understated(whole).holds
    assert epsilon._taken_back(found).holds and epsilon._named(found).holds
    assert not epsilon._taken_back({0.3: small._replace(std=0.37), 1.0: whole}).holds
    assert not epsilon._named({0.3: small._replace(finds=()), 1.0: whole}).holds


def test_claims_on_annealing_fail_on_other_numbers() -> None:
    def cell(live: float, error: float = 35.0, kl: float = 0.3) -> annealing.Cell:
        return annealing.Cell((live, live), (error, error), (kl, kl))

    good = {(kind, beta): cell(8) for kind in annealing.KINDS for beta in (1.0, 1000.0)}
    good |= {(annealing.LOGS, 1000.0): cell(6, 36, 0.2)}
    assert [claim.holds for claim in annealing._claims(good, (1.0, 1000.0))] == [True] * 3
    other = good | {("none", 1.0): cell(7), ("none", 1000.0): cell(0, 41, 0.05)}
    assert [claim.holds for claim in annealing._claims(other, (1.0, 1000.0))] == [False] * 3


def test_a_tractogram_of_ones_own_takes_the_place_of_the_bundles(tmp_path: Path) -> None:
    """As many of its streamlines are trained on as would be drawn."""
    drawn, _ = bundle_lines(BundlesConfig(streamlines=900))
    write_tractogram(tmp_path / "own.tck", drawn)
    made = bench(tmp_path, data=tmp_path / "own.tck")
    edits = streamlines.lines(made, 600, 32)
    material = prepare(made.recipe("streamline-vae", edits), choose(TrainingConfig()))
    assert material.spec.shape == (3, 32) and len(material.data.values) == 900
    assert len(material.split.train) == pytest.approx(0.68 * 600, abs=3)


@pytest.mark.slow
def test_a_miniature_of_the_whole_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = ("data={kind: bundles, streamlines: 100, points: 64}",)
    for module in (first_pass, remedies, autoencoder, epsilon, annealing):
        monkeypatch.setattr(module, "lines", lambda *_: tiny)
    for module in (remedies, autoencoder, epsilon, annealing):
        monkeypatch.setattr(module, "epochs", lambda _: "training.epochs=2")
    few = {"none": "{end}", "linear": annealing.KINDS["linear"], annealing.LOGS: "{end}"}
    monkeypatch.setattr(annealing, "KINDS", few)
    told = carry_out_log(LOG, tmp_path / "log", True, None, Unseen())
    assert told["status"] == "finished"
    first = {claim["chapter"] for claim in told["claims"]}
    assert first == {step.name for step in LOG.steps}
    page = (tmp_path / "log" / "page.md").read_text()
    for name in ("first-pass.png", "autoencoder.png"):
        assert name in page and (tmp_path / "log" / "pictures" / name).is_file()
    again = carry_out_log(LOG, tmp_path / "log", True, None, Unseen())
    assert again["claims"] == told["claims"]
