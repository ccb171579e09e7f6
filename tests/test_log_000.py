"""Log 000's study: what it is made of, each claim able to fail, and a miniature of the whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import arrays_in
from tests.logs_bench import Unseen
from vaestro.data.split import SplitConfig, split
from vaestro.data.volumes.molecules import MoleculesConfig, load_molecules
from vaestro.experiments.frozen_encoder import frozen_encoder
from vaestro.experiments.material import prepare
from vaestro.experiments.recipe import read_recipe
from vaestro.experiments.run import Run, load
from vaestro.foundation.errors import DataError, RecipeError
from vaestro.models.whole_encoder import WholeEncoder
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.carry import carry_out_log
from vaestro.studies.logs.log_000 import (
    averaged,
    boxes,
    decoders,
    diffused,
    models,
    relapse,
    settings,
    summed,
    weighed,
)
from vaestro.studies.logs.log_000.asked import counted
from vaestro.studies.logs.log_000.log import LOG
from vaestro.studies.logs.log_000.measures import Course, Errors, plateau
from vaestro.training.plan import choose


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench for 48 boxes of 7 voxels a side, and few steps."""
    monkeypatch.setattr(boxes, "QUICK_COUNT", 48)
    monkeypatch.setattr(boxes, "QUICK_SIDE", 7)
    monkeypatch.setattr(models, "QUICK_EPOCHS", 2)
    return Bench(tmp_path, True, Unseen())


def test_parts_are_those_of_the_molecules(bench: Bench) -> None:
    """No molecule is in two parts, though the boxes lie in one plain file."""
    recipe = bench.recipe(models.SUM, boxes.boxes(bench))
    material = prepare(recipe, choose(recipe.training))
    made = MoleculesConfig(
        size=7, samples=48, molecules=8, channels=("C", "N", "O", "*"), std=0.05, fresh=False
    )
    molecules = load_molecules(made)
    parts = split(molecules, SplitConfig())
    for name in ("train", "validation", "test"):
        ours, theirs = material.split.of(name), parts.of(name)
        assert np.array_equal(material.data.values[ours], molecules.values[theirs])
    assert material.spec.names == ("C", "N", "O", "*")
    assert f"{len(parts.train)} boxes of 4 x 7 x 7 x 7 voxels" in boxes.about(bench)
    assert boxes.of_molecules(bench)


def test_volumes_of_a_user_are_made_coarse_and_zeros_cost_1(bench: Bench, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", volumes=random.random((20, 1, 25, 24, 24), dtype=np.float32))
    mine = replace(bench, data=tmp_path / "mine.npz")
    boxes.boxes(mine)
    train = arrays_in(tmp_path / "boxes.npz")["train_values"]
    assert train.shape[1:] == (1, 12, 12, 12)
    assert np.mean(train**2) == pytest.approx(1, rel=1e-5)
    assert "of mine.npz" not in boxes.about(mine) and "`mine.npz`" in boxes.about(mine)
    assert not boxes.of_molecules(mine)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((20, 5), "log-000 needs volumes or coordinate files"),
        ((20, 1, 9, 8, 9), r"volumes of \(9, 8, 9\) voxels; .* needs 9 along every axis"),
    ],
)
def test_what_serves_not_is_refused(
    bench: Bench, tmp_path: Path, shape: tuple[int, ...], message: str
) -> None:
    np.savez(tmp_path / "mine.npz", values=np.ones(shape, np.float32))
    with pytest.raises(DataError, match=message) as said:
        boxes.boxes(replace(bench, data=tmp_path / "mine.npz"))
    assert "\n" not in str(said.value)
    assert not (bench.root / "boxes.npz").exists()


def test_structures_become_boxes(bench: Bench, real_data: Path) -> None:
    given = replace(bench, data=real_data / "structures")
    boxes.boxes(given)
    parts = arrays_in(bench.root / "boxes.npz")
    assert parts["train_values"].shape[1:] == (4, 7, 7, 7)
    assert sum(len(parts[f"{word}_values"]) for word in boxes.WORDS) == 48
    assert boxes.of_molecules(given)


def test_64_settings_of_16_shapes() -> None:
    every = settings.all_settings()
    assert len(set(every)) == 64
    assert len({one.shape for one in every}) == 16
    assert len({one.shape for one in every[:4]}) == 1
    for one in every:
        read_recipe(models.SUM, one.edits())


def test_effects_are_mean_differences_of_pairs() -> None:
    random = np.random.default_rng(0)
    every = settings.all_settings()
    noise = random.normal(0, 0.01, 64)
    errors = [0.5 + 0.2 * (s.kernel == 5) - 0.1 * (s.block == "residual") for s in every]
    found = settings.effects(every, [e + n for e, n in zip(errors, noise, strict=True)])
    assert [one.factor for one in found[:2]] == ["kernel", "block"]
    assert (found[0].low, found[0].high, found[0].pairs) == ("3", "5", 32)
    assert found[0].difference == pytest.approx(0.2, abs=0.01)
    assert found[1].difference == pytest.approx(-0.1, abs=0.01)
    assert [one.sure for one in found[:2]] == [True, True]
    assert all(one.half < 0.01 for one in found)
    assert sum(one.sure for one in settings.effects(every, list(noise))) <= 2


def test_best_first() -> None:
    every = settings.all_settings()[:3]
    tried = decoders.best_first(every, [0.3, 0.1, 0.2])
    assert tried.errors == [0.1, 0.2, 0.3]
    assert tried.numbers == [1, 2, 0]
    assert tried.settings == [every[1], every[2], every[0]]


def test_a_plateau_is_where_the_fall_is_done() -> None:
    assert plateau([100, 50, 4, 2, 0]) == 2
    assert plateau([100, 75, 50, 25, 0]) == 4


ZEROS = Errors(copies=1.0, zeros=1.02, mean_image=1.0, outputs=0.1)
COPIES = Errors(copies=0.7, zeros=1.02, mean_image=1.0, outputs=0.6)
FLAT, FALLING = Course([0, 10, 20], [1.0, 1.0, 1.0], [90, 1, 0.1]), [1.0, 0.9, 0.7]


def test_claims_of_the_failure_can_fail() -> None:
    assert averaged._constant(ZEROS, FLAT).holds
    assert not averaged._constant(ZEROS, FLAT._replace(mse=FALLING)).holds
    assert averaged._zeros(ZEROS).holds
    assert not averaged._zeros(COPIES).holds


def test_claims_of_the_cure_can_fail() -> None:
    told = {"eigenvalues": [0.001]}
    gone = relapse.Relapse(200, (0.7, 1.0), (150.0, 0.1))
    assert summed._stuck(gone, ZEROS, told).holds
    assert not summed._stuck(gone._replace(errors=(0.7, 0.72)), ZEROS, told).holds
    assert not summed._stuck(gone._replace(nats=(150.0, 140.0)), ZEROS, told).holds


def weighings(*rows: tuple[float, float, int, float]) -> list[weighed.Weighed]:
    return [
        weighed.Weighed(beta, nats, live, ZEROS._replace(copies=error), "healthy")
        for beta, nats, live, error in rows
    ]


def test_claims_of_the_weight_can_fail() -> None:
    found = weighings((0.1, 400, 9, 0.7), (1, 200, 9, 0.8), (10, 5, 3, 0.9), (100, 0, 0, 1.0))
    assert weighed._trade(found).holds
    assert weighed._edge(found, 20.0).holds
    assert not weighed._edge(found, 2.0).holds
    assert not weighed._edge(found, 1000.0).holds
    alive = weighings((0.1, 400, 9, 0.7), (1, 200, 9, 0.8), (10, 5, 3, 0.9), (100, 1, 2, 1.0))
    assert not weighed._trade(alive).holds


def test_claims_of_the_decoders_can_fail() -> None:
    assert decoders._once(0, 1000, [5.0, 5.0]).holds
    assert not decoders._once(1000, 1000, [5.0, 5.0]).holds
    assert not decoders._once(0, 1000, [5.0, 5.1]).holds
    tried = decoders.best_first(settings.all_settings()[:2], [0.1, 0.2])
    assert decoders._transfers(tried, {0: 0.3, 1: 0.4}).holds
    assert not decoders._transfers(tried, {0: 0.4, 1: 0.3}).holds


def test_claims_of_generated_molecules_can_fail() -> None:
    true = np.ones((4, 4, 3, 3, 3), np.float32)
    same = diffused.Drawn(true, true, true, 1.1 * true)
    assert all(claim.holds for claim in diffused._whole(same, True))
    assert not any(c.holds for c in diffused._whole(same._replace(diffusion=2 * true), True))
    carbon = true * np.array([4, 0, 0, 0], np.float32).reshape(4, 1, 1, 1)
    assert not any(c.holds for c in diffused._whole(same._replace(diffusion=carbon), True))
    assert diffused._whole(same, False) == ()


def test_only_steps_of_training_are_counted(bench: Bench) -> None:
    encoder = WholeEncoder((1, 8, 8), {"encoder": {"kind": "dense", "widths": [4]}, "latent": 3})
    x = torch.zeros(5, 1, 8, 8)
    with counted(bench.root / "asked.json") as asked:
        encoder(x)
        with torch.no_grad():
            encoder(x)
        torch.nn.Identity()(x)
    encoder(x)
    assert asked.samples == 5
    with counted(bench.root / "asked.json") as again:
        encoder(x)
    assert again.samples == 10


def trained(bench: Bench) -> Run:
    return bench.train("summed", models.SUM, models.edits(bench))


def test_a_frozen_encoder_gives_the_posterior_of_its_run(bench: Bench) -> None:
    """Bit for bit; and a decoder's run needs neither that run nor its file any more."""
    run = trained(bench)
    frozen = frozen_encoder(run, bench.root / "encoder.safetensors")
    changes = (*models.edits(bench), f"model.encoder={frozen}", "model.decoder.channels=[8, 4]")
    bench.train("other", models.SUM, changes)
    (bench.root / "encoder.safetensors").unlink()
    other = load(bench.folder("other"))
    x = next(iter(run.batches("validation")())).x
    for one, two in zip(run.vae.encode(x), other.vae.encode(x), strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(run.vae.reconstruct(x), other.vae.reconstruct(x))
    terms = [r.summary["validation"]["prior_term"] for r in (run, other)]
    assert terms[0] == pytest.approx(terms[1], rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model.condition=labels", "is told a condition and cannot be frozen"),
        ("model.posterior=deterministic", "whose codes have no posterior to freeze"),
    ],
)
def test_what_has_no_posterior_of_its_own_is_not_frozen(
    bench: Bench, change: str, message: str
) -> None:
    run = bench.train("r", "digits", [change, "training.epochs=1"])
    with pytest.raises(RecipeError, match=message) as said:
        frozen_encoder(run, bench.root / "encoder.safetensors")
    assert "\n" not in str(said.value)


@pytest.mark.slow
def test_the_whole_log_in_miniature(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is taken and kept; a study of 4 decoders, few steps each."""
    for name, value in {
        "DEPTHS": (1,),
        "BLOCKS": ("plain",),
        "KERNELS": (3,),
        "STARTS": ("he",),
    }.items():
        monkeypatch.setattr(settings, name, value)
    monkeypatch.setattr(settings, "FACTORS", ("width", "rate"))
    monkeypatch.setattr(boxes, "QUICK_SIDE", 9)
    monkeypatch.setattr(decoders, "EPOCHS", (20, 20))
    monkeypatch.setattr(decoders, "FROM_SCRATCH", (1, 1))
    monkeypatch.setattr(diffused, "QUICK_STEPS", 4)
    root = bench.root / "study"
    told = carry_out_log(LOG, root, True, None, Unseen())
    assert told["status"] == "finished"
    kept = {claim["said"]: claim["holds"] for claim in told["claims"]}
    assert len(kept) == len(told["claims"]) > 12
    first = "sum-reducing 'is the same as multiplying this term by 35^3 = 42,875'"
    assert kept[first], "the weight is arithmetic, however small the run"
    assert kept[
        "'I can experiment with different decoder hyperparameters directly with the autoencoder.'"
    ]
    page = (root / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 6
    again = carry_out_log(LOG, root, True, None, Unseen())
    assert again == told
