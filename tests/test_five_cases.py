"""Five cases, one for each log: a failure is forecast before step 1, happens when trained anyway,
is diagnosed by name, and is gone with the first remedy that is proposed, taken as it stands."""

from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.cases import networks  # noqa: F401 (registers the networks that the logs wrote)
from tests.cases.shown import remedied, shown
from vaestro.experiments.recipe import Recipe, read_recipe


@pytest.mark.slow
def test_log_000_squared_errors_are_averaged_and_the_code_collapses(tmp_path: Path) -> None:
    """Averaged over 4 x 9^3 voxels, against a KL summed over a batch of 16."""
    plain = ["channels=[8]", "normalisation=none"]
    recipe = read_recipe(
        "voxel-mean-mse",
        [
            "data={kind: molecules, size: 9, samples: 240, molecules: 60, std: 0.05}",
            "model.latent=2",
            *(f"model.{side}.{field}" for side in ("encoder", "decoder") for field in plain),
            "training.epochs=20",
            "training.learning_rate={kind: cosine, start: 1e-2, end: 1e-4, length: 1 of run}",
            "training.threads=1",
        ],
    )
    case = shown(recipe, tmp_path / "failed")
    assert case.foretold == {"collapse"}
    assert case.told.effective_beta == pytest.approx(4 * 9**3 * 16)
    assert case.summary["verdict"] == "collapsed"
    assert case.summary["validation"]["live_dimensions"] == 0
    assert case.diagnosed == ["wrong_reduction", "collapsed"]
    assert case.first_remedies == ("objective.reduction=sum",)
    for again in remedied(case):
        assert not again.foretold
        assert again.found.verdict == "healthy"
        assert again.summary["validation"]["live_dimensions"] > 0


def test_log_001_one_fan_in_for_all_layers_and_the_loss_is_no_number(tmp_path: Path) -> None:
    """On millimetres log-variances begin in the thousands, and exp ends the run at once."""
    widths = [16, 32, 64, 128, 256]
    theirs = {"kind": "part", "name": "log-001-encoder", "options": {"widths": widths}}
    recipe = read_recipe(
        "streamline-vae",
        [
            "data={kind: bundles, streamlines: 200, points: 64}",
            "transform=none",
            f"model.encoder={theirs}",
            f"model.decoder.channels={widths}",
            "model.latent=8",
            "model.posterior.scale.high=60",
            "training.clip_norm=null",
            "training.epochs=20",
            "training.threads=1",
        ],
    )
    case = shown(recipe, tmp_path / "failed")
    assert case.foretold == {"exploding"}
    assert case.told.findings[0].evidence["largest_log_variance"] > 400
    assert case.summary["status"] == "diverged"
    assert case.diagnosed[0] == case.found.verdict == "exploding"
    assert case.found.findings[0].evidence["cause"] == "overflow"
    for again in remedied(case):
        assert not again.foretold
        assert again.summary["status"] == "finished"
        assert "exploding" not in again.diagnosed
        assert again.summary["validation"]["data_term"] < again.summary["baseline_constant"]


def sprites() -> Recipe:
    """White shapes on black, as sparse as handwriting, behind log 002's last layer."""
    rectified = {
        "kind": "layers",
        "layers": [
            {"dense": 256},
            {"grid": [16, 4, 4]},
            {"transposed": {"channels": 16, "kernel": 4, "stride": 2, "padding": 1}},
            {"transposed": {"kernel": 4, "stride": 2, "padding": 1}},
        ],
        "output_activation": "relu",
    }
    return Recipe.parse(
        {
            "name": "rectified",
            "seed": 1,
            "data": {"kind": "sprites", "size": 16, "scales": 3, "orientations": 4, "positions": 6},
            "model": {
                "latent": 8,
                "encoder": {"kind": "dense", "widths": [64]},
                "decoder": rectified,
                "posterior": {"kind": "gaussian", "scale": {"kind": "log-std"}},
                "likelihood": {"kind": "gaussian", "variance": 0.1},
            },
            "training": {"epochs": 8, "batch_size": 64, "learning_rate": 1e-2, "threads": 1},
        }
    )


def test_log_002_the_output_passes_a_relu_and_dies(tmp_path: Path) -> None:
    """Once every pixel is below 0 nothing has a gradient: black images for ever."""
    case = shown(sprites(), tmp_path / "failed")
    assert case.foretold == {"dead_output"}
    assert case.told.verdict == "ok", "the loss does not ask for it"
    assert case.summary["validation"]["live_dimensions"] == 0
    assert case.diagnosed == ["dead_output"]
    assert case.found.findings[0].evidence["zero_outputs"] == 1
    assert case.first_remedies == ("model.decoder.output_activation=none",)
    for again in remedied(case):
        assert not again.foretold
        assert again.found.verdict == "healthy"


@pytest.mark.slow
def test_log_003_a_variance_head_that_is_no_part_of_the_model(tmp_path: Path) -> None:
    """Neither trained nor saved: a run that goes on has another one, and a fitted variance that is
    not fitted is worse than a fixed one."""
    theirs = {"kind": "part", "name": "log-003-decoder", "options": {"width": 128}}
    recipe = read_recipe(
        "norb-pca-fitted-tiny",
        [
            "data={kind: toys, size: 24, instances: 4, elevations: 2, azimuths: 9, lightings: 2}",
            "split={validation: 0.2, test: 0.1}",
            "transform=none",
            "model.encoder={kind: dense, widths: [128], normalisation: batch}",
            f"model.decoder={theirs}",
            "model.likelihood.variance={kind: fitted, floor: 1e-3, initial: 0.02}",
            "training={epochs: 15, batch_size: 40, threads: 1}",
        ],
    )
    case = shown(recipe, tmp_path / "failed")
    assert case.foretold == {"unsaved_parameter"}
    names = case.told.findings[0].evidence["parameters"]
    assert names == [f"decoder.guest.module.heads[0].{part}" for part in ("weight", "bias")]
    saved = load_file(case.root / "model" / "model.safetensors")
    assert [n for n in saved if "mean" in n and "guest" in n]
    assert not [n for n in saved if "heads" in n]
    assert case.diagnosed[0] == "unsaved_parameter"
    assert case.first_remedies == ("model.decoder.kind=dense",)
    for again in remedied(case):
        assert not again.foretold
        assert "unsaved_parameter" not in again.diagnosed
        better, worse = (c.summary["validation"]["data_term"] for c in (again, case))
        assert better < again.summary["baseline_constant"] < worse
        assert again.summary["validation"]["live_dimensions"] == 10


def test_log_004_a_beta_above_one_on_a_mean_and_no_dimension_lives(tmp_path: Path) -> None:
    """beta has the unit of the data: 4 on mean squared errors of standardised points is 384."""
    recipe = read_recipe(
        "streamline-beta",
        [
            "data={kind: bundles, streamlines: 300, points: 32}",
            "model.encoder.channels=[16, 32, 64]",
            "model.decoder.channels=[16, 32, 64]",
            "model.latent=8",
            "model.likelihood.variance=0.5",
            "objective={reduction: mean, beta: 4}",
            "training.epochs=30",
            "training.threads=1",
        ],
    )
    case = shown(recipe, tmp_path / "failed")
    assert case.foretold == {"collapse"}
    assert case.told.effective_beta == pytest.approx(4 * 96)
    assert case.told.largest_beta_one_lives is not None
    assert 1 < case.told.largest_beta_one_lives < 4, "log 004 asked for a beta above 1"
    assert case.summary["validation"]["live_dimensions"] == 0
    assert case.diagnosed == ["wrong_reduction", "collapsed"]
    for again in remedied(case):
        assert not again.foretold
        assert again.found.verdict == "healthy"
