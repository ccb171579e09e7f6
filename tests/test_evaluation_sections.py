"""The sections of an evaluation record, on runs of every kind of data, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import Silent, small_recipe
from tests.test_evaluation import DIGITS, batches, ppca
from vaestro.cli.main import main
from vaestro.data.arrays import from_array
from vaestro.data.dataset import DataSet, checked
from vaestro.evaluation.classifier_two_sample import told_apart
from vaestro.evaluation.evaluate import evaluate
from vaestro.evaluation.linear import linear_code
from vaestro.evaluation.settings import SECTIONS, Settings
from vaestro.experiments import train as training
from vaestro.experiments.run import Run, load
from vaestro.foundation.errors import DataError, RecipeError
from vaestro.metrics.ppca import eigenvalues, log_likelihood
from vaestro.reports.evaluation import sections
from vaestro.reports.numerals import number
from vaestro.reports.page import write_report


def trained(root: Path, given: DataSet | None = None, **changes: Any) -> Run:
    training.start(small_recipe(**changes), root, Silent(), given)
    return load(root)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("digits") / "run")


@pytest.fixture(scope="module")
def whole(digits: Run) -> dict[str, Any]:
    record = digits.evaluate("test", samples=4, sections=SECTIONS)
    digits.keep_evaluation(record)
    return record


def test_the_quick_record_has_errors_and_no_sections(digits: Run) -> None:
    record = digits.evaluate("test", samples=4)
    assert [record[name] for name in SECTIONS] == [None] * 3
    for name in ("elbo", "nll", "data_term", "prior_term", "mse", "psnr", "ssim"):
        assert 0 < record[f"{name}_standard_error"] < 0.2 * abs(record[name]) + 0.01
    assert record["data_range"] == 1
    assert record["psnr"] >= -10 * np.log10(record["mse"])  # Jensen
    assert 0 < record["unit_mse"] < 1.2
    assert record["ssim_window"].startswith("7 places")
    assert record["settings"] == {"samples": 4, "seed": 0, "sections": [], "ais": 0}


def test_baselines_beside_the_model(digits: Run, whole: dict[str, Any]) -> None:
    x = {n: np.concatenate([b.x for b in digits.batches(n)()]) for n in ("train", "test")}
    learn, held = (x[n].reshape(len(x[n]), -1).astype(np.float64) for n in ("train", "test"))
    found = whole["likelihood"]["baselines"]
    assert found["constant"]["mse"] == pytest.approx(((held - learn.mean(0)) ** 2).mean())
    p = learn.mean(0).clip(1e-12, 1 - 1e-12)
    nats = -(held * np.log(p) + (1 - held) * np.log(1 - p)).sum(1).mean()
    assert found["constant"]["nll"] == pytest.approx(nats, rel=1e-5)
    apart = np.sqrt(((held[:, None] - learn) ** 2).sum(2)).min(1)
    assert found["nearest"]["mse"] == pytest.approx((apart**2).mean() / 64, rel=1e-5)
    assert found["linear"]["mse"] < found["constant"]["mse"]
    assert found["linear"]["nll"] is None  # a density beside a mass compares nothing
    assert (found["n"], found["trained_on"]) == (270, 1222)


def test_the_linear_baseline_is_ppca() -> None:
    line = linear_code(DIGITS, 10)
    assert line is not None
    values = eigenvalues(DIGITS)
    assert float(line.log_prob(DIGITS).mean()) == pytest.approx(log_likelihood(values, 10))
    assert float(line.squared_error(DIGITS).mean()) * 64 == pytest.approx(float(values[10:].sum()))
    covariance = line.vectors * (line.values - line.variance) @ line.vectors.T
    covariance = covariance + line.variance * torch.eye(64, dtype=torch.float64)
    exact = torch.distributions.MultivariateNormal(line.mean, covariance).log_prob(DIGITS[:5])
    torch.testing.assert_close(line.log_prob(DIGITS[:5]), exact)
    assert linear_code(torch.ones(9, 3), 2) is None
    assert linear_code(DIGITS[:, :1], 4) is None


def test_the_latent_section(whole: dict[str, Any]) -> None:
    found = whole["latent"]
    assert len(found["mutual_information_per_dimension"]) == 4
    parts = found["total_correlation"] + sum(found["marginal_kl_per_dimension"])
    assert parts == pytest.approx(whole["prior_mismatch"], rel=1e-6)
    assert 0 < found["mmd"]["p_value"] <= 1
    assert found["mmd"]["n"] == 270
    assert 0.3 < found["told_apart"]["accuracy"] <= 1
    assert found["probes"]["labels"]["accuracy"] > found["probes"]["labels"]["chance"] + 0.1
    assert found["disentanglement"]["mig"] is None
    assert "two are needed" in found["disentanglement"]["reason"]


def test_the_samples_section(digits: Run, whole: dict[str, Any]) -> None:
    found = whole["samples"]
    assert list(found["spaces"]) == ["pixels", "latent", "classifier"]
    assert "64 elements" in found["missing"]["pca"]
    assert found["classifier_accuracy"] > 0.85
    own = found["sources"]["prior"]
    for name, space in found["spaces"].items():
        assert own["spaces"][name]["frechet"] > space["floor"]["frechet"] > 0
        assert own["spaces"][name]["kernel_standard_error"] > 0
        assert space["floor"]["coverage"] > 0.85
    assert own["copying"]["training"] == 1222
    assert own["copying"]["ratio"] > 0.5
    first = own["copying"]["closest"][0]
    assert first["distance"] <= own["copying"]["closest"][-1]["distance"]
    assert first["training"] in digits.material.split.train
    assert own["shape"] is None


def test_the_classifier_is_kept_and_found_again(digits: Run, whole: dict[str, Any]) -> None:
    weights = digits.folder.features / "classifier.safetensors"
    before = weights.stat().st_mtime_ns
    again = load(digits.folder.root).evaluate("test", samples=4, sections=("samples",))
    assert weights.stat().st_mtime_ns == before
    assert again["samples"] == whole["samples"]
    weights.write_bytes(b"damaged")
    mended = digits.evaluate("test", samples=4, sections=("samples",))
    assert mended["samples"] == whole["samples"]


def test_the_same_for_the_training_split_and_for_samples_of_a_file(digits: Run) -> None:
    own = digits.evaluate("train", samples=1, sections=("samples", "likelihood"))
    assert own["likelihood"]["baselines"]["n"] == 245
    x = np.concatenate([b.x for b in digits.batches("validation")()])
    given = digits.evaluate(x=x, samples=1, sections=SECTIONS)
    assert given["latent"]["probes"]["labels"] is None
    assert given["latent"]["probes"]["reason"] == "the samples have neither labels nor covariates"
    assert given["samples"]["sources"]["prior"]["spaces"]["pixels"]["frechet"] > 0
    assert list(given["samples"]["missing"]) == ["pca", "classifier"]


def sprites(tmp_path: Path) -> Run:
    return trained(
        tmp_path / "sprites",
        data={"kind": "sprites", "size": 16, "scales": 3, "orientations": 4, "positions": 4},
        training={"epochs": 2, "batch_size": 50},
    )


def test_factors_of_sprites_are_found(tmp_path: Path) -> None:
    found = sprites(tmp_path).evaluate("test", samples=1, sections=("latent",))["latent"]
    scores = found["disentanglement"]
    assert scores["factors"] == ["label", "scale", "orientation", "x", "y"]
    assert scores["reason"] is None
    assert 0 <= scores["mig"] < 0.5
    assert scores["factor_vae"]["chance"] == pytest.approx(0.2)
    assert scores["factor_vae"]["accuracy"] > 0.2
    assert 0 < scores["dci"]["informativeness"] < 1
    assert set(found["probes"]["covariates"]) == {"scale", "orientation", "x", "y"}
    assert found["probes"]["covariates"]["x"]["r2"] > 0.2


def lines(count: int, seed: int) -> np.ndarray:
    """Arcs of 10 points in space, of random length and place."""
    random = np.random.default_rng(seed)
    t = np.linspace(0, 1, 10)
    size, bend = random.uniform(20, 40, (2, count, 1))
    arcs = np.stack([size * t, bend * t**2, 0 * size * t], 1)
    return (arcs + random.normal(0, 3, (count, 3, 1))).astype(np.float32)


def test_streamlines_are_measured_in_millimetres(tmp_path: Path) -> None:
    run = trained(
        tmp_path / "lines",
        checked("lines", lines(200, 0), "real"),
        model={"likelihood": {"kind": "gaussian", "variance": 4.0}},
        training={"batch_size": 50},
    )
    found = run.evaluate("test", samples=1, sections=("samples",))["samples"]
    shape = found["sources"]["prior"]["shape"]
    assert {"length", "mean_curvature", "end_points", "closest"} <= shape.keys()
    assert shape["length"]["mean_other"] == pytest.approx(42, abs=5)
    assert shape["closest"]["of_samples"] > 0
    assert 0 < shape["closest"]["floor"] < shape["closest"]["of_data"]
    assert found["missing"]["classifier"].startswith("the training samples have no labels")
    quick = run.evaluate("test", samples=1)
    assert (quick["psnr"], quick["ssim"], quick["data_range"]) == (None, None, None)


def test_volumes_have_mass_and_a_profile(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((60, 1, 7, 7, 7)).astype(np.float32)
    run = trained(tmp_path / "volumes", from_array(x), training={"epochs": 1, "batch_size": 10})
    record = run.evaluate("test", samples=1, sections=("samples",))
    shape = record["samples"]["sources"]["prior"]["shape"]
    assert shape["mass"]["mean_other"] == pytest.approx(7**3 / 2, rel=0.05)
    assert shape["radial_profile"]["floor"] < 0.1
    assert record["psnr"] > 5
    assert -1 <= record["ssim"] <= 1


def test_a_conditional_model(tmp_path: Path) -> None:
    told = trained(tmp_path / "told", model={"condition": {"kind": "labels"}})
    record = told.evaluate("test", samples=2, sections=("samples",), conditioning=False)
    assert record["conditioning"] is None
    assert record["samples"]["sources"]["prior"]["spaces"]["latent"]["frechet"] > 0
    annealed = told.evaluate("test", samples=2, ais=1, conditioning=False)["likelihood"]
    assert annealed["ais"]["nll"] < annealed["ais"]["importance_nll"] + 2
    assert annealed["baselines"] is None


def test_a_point_has_no_bound_and_a_latent_space(tmp_path: Path) -> None:
    point = trained(tmp_path / "point", model={"posterior": "deterministic"})
    record = point.evaluate("test", samples=2, sections=("latent",))
    assert record["nll"] is None and record["elbo"] is None
    assert record["latent"]["total_correlation"] is None
    assert record["latent"]["mmd"]["p_value"] <= 0.05
    assert record["latent"]["told_apart"]["accuracy"] > 0.6


def test_draws_of_the_prior_are_not_told_from_each_other() -> None:
    random = torch.Generator().manual_seed(0)
    same = [torch.randn(500, 6, generator=random) for _ in range(2)]
    found = told_apart(*same)
    assert found["accuracy"] == pytest.approx(0.5, abs=3 * found["standard_error"])
    assert found["standard_error"] == pytest.approx(0.5 / np.sqrt(500), rel=0.01)
    assert told_apart(same[0], same[1] * 1.5)["accuracy"] > 0.6
    assert told_apart(same[0], same[1] + 3)["accuracy"] > 0.99


def test_what_cannot_be_measured_is_refused_in_one_line() -> None:
    vae, _ = ppca(2, 0.1)
    for wrong, said in (
        ({"samples": 0}, "samples=0"),
        ({"sections": ("latant",)}, "latant"),
        ({"ais": -1}, "ais=-1"),
    ):
        with pytest.raises(RecipeError, match=said) as refused:
            Settings(**wrong)  # type: ignore[arg-type]
        assert "\n" not in str(refused.value)
        assert "legal" in str(refused.value)
    with pytest.raises(DataError, match="no samples"):
        evaluate(vae, list, Settings(sections=SECTIONS))
    alone = evaluate(vae, lambda: batches(DIGITS[:60]), Settings(sections=SECTIONS))
    assert alone["latent"] is None  # nothing stands beside it


def test_too_few_samples_are_said(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((24, 5)).astype(np.float32)
    run = trained(tmp_path / "few", from_array(x), training={"epochs": 1, "batch_size": 10})
    record = run.evaluate("test", samples=1, sections=SECTIONS)
    assert "6 are needed" in record["samples"]["reason"]
    json.dumps(record, allow_nan=False)


def test_the_command_prints_tables_and_json(
    capsys: pytest.CaptureFixture[str], digits: Run, whole: dict[str, Any]
) -> None:
    root = str(digits.folder.root)
    with pytest.raises(SystemExit) as done:
        main(["evaluate", root, "--samples", "4", "--full"])
    prose = capsys.readouterr().out
    assert done.value.code == 0
    for words in ("PSNR", "Best constant", "MMD²", "Fréchet distance", "training samples", "±"):
        assert words in prose
    with pytest.raises(SystemExit):
        main(["evaluate", root, "--samples", "4", "--sections", "latent", "--json"])
    got = json.loads(capsys.readouterr().out)
    assert got["samples"] is None
    assert got["latent"] == whole["latent"]
    assert got["settings"]["sections"] == ["latent"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--sections", "likelyhood"], "likelyhood"),
        (["--ais", "-1"], "--ais"),
        (["--from", "mixture"], "--sections samples"),
        (["--full", "--from", "mixtur"], "mixtur"),
        (["--full", "--from", "mixture"], "fit-prior"),
    ],
)
def test_wrong_wishes_are_one_line(
    capsys: pytest.CaptureFixture[str], digits: Run, more: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["evaluate", str(digits.folder.root), *more])
    told = capsys.readouterr().err
    assert refused.value.code == 2
    assert said in told
    assert "Traceback" not in told


def test_the_report_shows_a_table_for_each_section(digits: Run, whole: dict[str, Any]) -> None:
    found = {section.heading: section for section in sections(whole)}
    space = found["Samples as classifier"]
    assert space.columns == ("prior", "training samples")
    frechet = space.rows[0]
    assert frechet.label == "Fréchet distance"
    own = whole["samples"]["sources"]["prior"]["spaces"]["classifier"]["frechet"]
    assert frechet.values[0] == number(own)
    digits.keep_evaluation(whole)
    with np.load(digits.folder.features / "neighbours.npz") as kept:
        one, other = kept["prior_samples"], kept["prior_neighbours"]
    listed = whole["samples"]["sources"]["prior"]["copying"]["closest"]
    apart = np.sqrt(((one - other) ** 2).sum((1, 2, 3)))
    assert apart.tolist() == pytest.approx([pair["distance"] for pair in listed], rel=1e-5)
    page = write_report(digits.folder.root).read_text()
    for heading, section in found.items():
        assert f"<h3>{heading}</h3>" in page
        assert 'id="neighbours"' in page
        assert all(value in page for row in section.rows for value in row.values)
    assert sections(digits.evaluate("test", samples=1)) == []


def test_sections_of_a_damaged_record_are_left_out() -> None:
    assert sections({}) == []
    assert sections({"likelihood": 3, "latent": {"probes": None}, "samples": {"spaces": []}}) == []
