"""The forecast: reference numbers, verdicts, remedies that are applied, and what it is told of."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tests.conftest import small_recipe
from vaestro.cli.main import main
from vaestro.experiments.forecasting.face import forecast
from vaestro.experiments.recipe import Recipe, apply, read_recipe
from vaestro.foundation.errors import RecipeError
from vaestro.health.forecast.forecast import Forecast

DIGITS = load_digits().data / 16


def of_digits(**arguments: Any) -> Forecast:
    return forecast(DIGITS, likelihood="gaussian", **{"variance": 1.0, "latent": 10, **arguments})


def test_the_linear_baseline_and_ppca_are_the_published_ones() -> None:
    """Linear optima: tau .1 has Dist 2.228574 and KL 5.393417; learned variance 17.451947."""
    told = of_digits(beta=0.1)
    constant = 0.5 * 4.693276317823 + 32 * np.log(2 * np.pi)
    linear = 0.5 * 2.228574 + 32 * np.log(2 * np.pi) + 0.1 * 5.393417
    assert told.baselines["constant"] == pytest.approx(constant, abs=1e-6)
    assert told.baselines["linear"] == pytest.approx(linear, abs=1e-5)
    assert told.baselines["ppca"] == pytest.approx(-17.451947, abs=1e-6)
    assert told.effective_variance == pytest.approx(0.1)
    assert told.live_dimensions == 10
    assert told.samples == 1797


@pytest.mark.parametrize(
    ("tau", "count"), [(0.2, 7), (0.3, 4), (0.4, 3), (0.5, 3), (0.6, 2), (0.68, 1), (0.75, 0)]
)
def test_the_count_is_that_of_the_eigenvalues(tau: float, count: int) -> None:
    told = of_digits(variance=tau, beta=1.0)
    assert told.live_dimensions == count
    if tau > 0.698857:
        assert told.verdict == "collapse"
    elif tau < 0.6:
        assert told.verdict != "collapse"
    assert told.eigenvalues[0] == pytest.approx(0.698857 / tau, abs=1e-5)


def test_mean_squared_error_collapses_below_the_published_beta() -> None:
    """beta_crit .0218393 for squared errors averaged over 64 elements."""
    told = of_digits(variance=0.5, beta=1.0, reduction="mean")
    assert told.verdict == "collapse"
    assert told.live_dimensions == 0
    assert told.effective_beta == pytest.approx(64)
    assert told.effective_variance == pytest.approx(32)
    assert told.largest_beta_one_lives == pytest.approx(0.0218393, abs=1e-7)
    assert told.largest_beta_half_live == pytest.approx(0.271385 * 2 / 64, abs=1e-7)


def test_binary_digits_have_the_published_threshold() -> None:
    """4.762 with 51 live pixels."""
    told = forecast((DIGITS > 0.5).astype(np.float32), likelihood="bernoulli", beta=1.0, latent=10)
    assert told.eigenvalues[0] == pytest.approx(4.762, abs=1e-3)
    assert sum(told.eigenvalues) == pytest.approx(51, abs=1e-6)
    assert told.largest_beta_one_lives == pytest.approx(4.762, abs=1e-3)
    assert told.baselines["linear"] is None
    assert told.baselines["ppca"] is None
    assert told.effective_variance is None


def test_mnist_binarised_has_the_published_eigenvalue(real_data: Path) -> None:
    from vaestro.data.images.idx import IdxConfig, load_idx

    data = load_idx(IdxConfig(path=str(real_data / "mnist")))
    x = (data.values[data.official_test] > 127).astype(np.float32)
    told = forecast(x, likelihood="bernoulli", latent=10)
    assert told.eigenvalues[0] == pytest.approx(34.51, abs=0.02)
    assert told.baselines["constant"] == pytest.approx(205.67, abs=0.05)


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_what_only_these_samples_show_does_not_speak_against_a_collapse(seed: int) -> None:
    """Independent columns: the sample's own eigenvalues are all above 1, and on other samples 1."""
    x = (np.random.default_rng(seed).random((1000, 10)) < 0.3).astype(np.float32)
    told = forecast(x, likelihood="bernoulli", beta=1.0, latent=2)
    own, held = told.eigenvalues[0], told.eigenvalues_held_out[0]
    assert told.verdict == "collapse" and own > 1.05 > held
    assert f"is {held:.4g} of what the prior term asks on samples that were not" in told.sentence
    assert f"used to find it ({own:.3g} on those that were)" in told.sentence
    assert any(f"is at {held:.4g} on samples that were not" in reason for reason in told.reasons)
    assert told.largest_beta_one_lives is not None and told.largest_beta_one_lives < 1


def test_bistable_data_are_told_as_such() -> None:
    """Between lambda .0099 and the proxy .106635 both states may be minima."""
    x = np.zeros((1000, 1))
    x[:10] = 1
    told = forecast(x, likelihood="gaussian", variance=1.0, beta=0.09597, latent=1)
    assert told.sub_gaussian_proxy == pytest.approx(0.106635, abs=1e-6)
    assert told.eigenvalues[0] * 0.09597 == pytest.approx(0.0099, abs=1e-6)
    assert told.verdict == "collapse"
    assert any("the start decides" in reason for reason in told.reasons)
    beyond = forecast(x, likelihood="gaussian", variance=1.0, beta=0.1173, latent=1)
    assert not any("the start decides" in reason for reason in beyond.reasons)


REMEDIED: dict[str, Callable[[], Recipe]] = {
    "mean": lambda: small_recipe(objective={"reduction": "mean"}),
    "mean batch sum": lambda: small_recipe(objective={"reduction": "mean-batch-sum"}),
    "variance": lambda: small_recipe(
        model={"likelihood": {"kind": "gaussian", "variance": 3.0}}, objective={"beta": 2.0}
    ),
    "beta": lambda: small_recipe(objective={"beta": 40.0}),
    "cold start": lambda: small_recipe(
        objective={"beta": 1.7}, model={"decoder": {"widths": [16, 16, 16]}}
    ),
    "geco": lambda: small_recipe(objective={"beta": {"kind": "geco", "target": 100.0}}),
    "capacity": lambda: small_recipe(objective={"beta": {"kind": "capacity", "end": 0.0}}),
    "iwae": lambda: small_recipe(
        objective={"kind": "iwae", "samples": 3},
        model={"likelihood": {"kind": "gaussian", "variance": 9.0}},
    ),
}


@pytest.mark.parametrize("case", REMEDIED)
def test_every_remedy_makes_it_ok(case: str) -> None:
    recipe = REMEDIED[case]()
    told = forecast(recipe)
    assert told.verdict == ("at_risk" if case == "cold start" else "collapse")
    assert told.remedies
    for remedy in told.remedies:
        assert forecast(apply(recipe, [remedy])).verdict == "ok", remedy


def test_a_sum_is_the_first_remedy_of_a_mean() -> None:
    assert forecast(small_recipe(objective={"reduction": "mean"})).remedies[0] == (
        "objective.reduction=sum"
    )


def test_a_good_run_needs_no_remedy() -> None:
    told = forecast("digits")
    assert (told.verdict, told.remedies) == ("ok", ())
    assert told.live_interval is not None
    low, high = told.live_interval
    assert 1 <= low <= high <= 12


@pytest.mark.parametrize("case", ["digits", "iwae", "geco", "plain autoencoder"])
def test_a_good_run_that_dies_after_all_is_not_without_advice(case: str) -> None:
    recipe = {
        "digits": read_recipe("digits"),
        "iwae": small_recipe(objective={"kind": "iwae", "samples": 2}),
        "geco": small_recipe(objective={"beta": {"kind": "geco", "target": 15.0}}),
        "plain autoencoder": small_recipe(model={"posterior": "deterministic"}),
    }[case]
    told = forecast(recipe)
    assert told.verdict == "ok" and not told.remedies
    assert bool(told.against_collapse) is (case != "plain autoencoder")
    for edit in told.against_collapse:
        assert apply(recipe, [edit]) != recipe
        assert forecast(apply(recipe, [edit])).verdict == "ok", edit


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"model": {"posterior": {"kind": "deterministic"}}}, "plain autoencoder"),
        (
            {"model": {"prior": {"kind": "adversarial"}, "posterior": {"kind": "deterministic"}}},
            "discriminator",
        ),
        ({"objective": {"beta": 0.0}}, "beta ends at 0"),
        ({"objective": {"free_bits": 0.1, "beta": 50.0}}, "free_bits"),
        ({"objective": {"kind": "iwae"}}, "importance-weighted"),
        ({"objective": {"beta": {"kind": "capacity", "end": 8.0}}}, "capacity target"),
        ({"objective": {"beta": {"kind": "geco", "target": 15.0}}}, "GECO"),
    ],
)
def test_objectives_without_a_plain_beta_say_what_is_meant(
    changes: dict[str, Any], word: str
) -> None:
    told = forecast(small_recipe(**changes))
    assert told.verdict == "ok"
    assert word in " ".join((told.sentence, *told.reasons))
    json.dumps(told.as_json(), allow_nan=False)


def test_a_capacity_target_settles_where_the_linear_model_pays_it() -> None:
    """C = 5 nats on digits at K = 10 is tau .108186."""
    told = of_digits(beta={"kind": "capacity", "end": 5.0})
    assert told.effective_beta == pytest.approx(0.108186, abs=1e-5)


def test_a_sampler_with_little_noise_lowers_the_threshold() -> None:
    plain = forecast(small_recipe(objective={"beta": 2.0}))
    quiet = forecast(
        small_recipe(
            objective={"beta": 2.0}, model={"posterior": {"kind": "gaussian", "epsilon_std": 0.5}}
        )
    )
    assert quiet.eigenvalues[0] == pytest.approx(4 * plain.eigenvalues[0])


def test_told_labels_leave_only_what_varies_within_them() -> None:
    """Two clusters far apart: unconditioned the distance lives, told the label nothing does."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], 400)
    x = random.normal(size=(800, 6)) * 0.3
    x[:, 0] += 10 * labels
    x[labels == 1, 1] *= 2
    settings: dict[str, Any] = {"likelihood": "gaussian", "variance": 1.0, "beta": 1.0}
    alone = forecast(x, labels=labels, **settings)
    told = forecast(
        x, labels=labels, set=["model.condition={kind: labels, into: decoder}"], **settings
    )
    assert alone.eigenvalues[0] == pytest.approx(25, rel=0.05)
    assert told.verdict == "collapse"
    assert told.condition is not None
    assert told.condition["worst"] == "label 1"
    assert told.condition["worst_largest"] == pytest.approx(0.36, rel=0.15)
    assert told.condition["pooled_largest"] < told.condition["worst_largest"]
    assert told.eigenvalues[0] == pytest.approx(told.condition["worst_largest"])
    encoder = forecast(
        x, labels=labels, set=["model.condition={kind: labels, into: encoder}"], **settings
    )
    assert encoder.condition is None


def test_a_told_covariate_leaves_only_what_varies_within_its_bins() -> None:
    random = np.random.default_rng(0)
    age = random.uniform(20, 80, size=1600)
    x = random.normal(size=(1600, 3)) * 0.3
    x[:, 0] += age / 10
    told = forecast(
        x,
        covariates={"age": age},
        likelihood="gaussian",
        set=["model.condition={kind: covariates, names: [age], into: both}"],
    )
    assert told.condition is not None
    assert len(told.condition["values"]) == 16
    assert told.condition["worst_largest"] < 0.35
    assert "age in part" in told.condition["worst"]


def test_few_samples_of_many_elements_will_memorise() -> None:
    x = np.random.default_rng(0).normal(size=(120, 3000)).astype(np.float32)
    told = forecast(x, likelihood="gaussian", variance=1.0, beta=4.0, latent=4)
    assert told.eigenvalues[0] > 4
    assert max(told.eigenvalues_held_out) * 4 < 1.5
    assert any("will memorise" in reason for reason in told.reasons)


def test_new_views_are_judged_by_what_holds_on_them() -> None:
    x = np.random.default_rng(0).normal(size=(160, 1, 24, 24)).astype(np.float32)
    settings: dict[str, Any] = {"likelihood": "gaussian", "variance": 1.0, "beta": 2.0}
    plain = forecast(x, **settings)
    assert plain.eigenvalues[0] > 2 and plain.live_dimensions == 0
    assert plain.verdict == "collapse", "what lives is noise of these samples"
    turned = forecast(x, set=["augmentation.kind=symmetries"], **settings)
    assert turned.eigenvalues[0] > 1.1
    assert turned.verdict == "collapse"


def test_pca_space_is_used_as_it_is() -> None:
    plain = forecast(small_recipe(model={"likelihood": {"kind": "gaussian", "variance": 0.1}}))
    reduced = forecast(
        small_recipe(
            model={"likelihood": {"kind": "gaussian", "variance": 0.1}},
            transform={"kind": "pca", "components": 20},
        )
    )
    assert reduced.elements == 20
    np.testing.assert_allclose(reduced.eigenvalues[:8], plain.eigenvalues[:8], rtol=1e-4)
    many = forecast(
        small_recipe(model={"likelihood": {"kind": "gaussian", "variance": 0.1}, "latent": 20})
    )
    nats = [one.baselines["ppca"] for one in (many, reduced, plain)]
    assert None not in nats
    assert nats == sorted(nats)  # type: ignore[type-var]
    # 4 directions and two noise levels: more than 4 and one, less than 20 and one


@pytest.mark.parametrize(
    "likelihood",
    [
        {"kind": "laplace"},
        {"kind": "student-t"},
        {"kind": "continuous-bernoulli"},
        {"kind": "discretised-logistic"},
        {"kind": "gaussian", "variance": "fitted"},
        {"kind": "gaussian", "variance": "shared"},
    ],
)
def test_every_likelihood_has_a_forecast(likelihood: dict[str, Any]) -> None:
    told = forecast(small_recipe(model={"likelihood": likelihood}))
    assert told.eigenvalues[0] > 0
    assert all(np.isfinite(told.eigenvalues))
    assert json.loads(json.dumps(told.as_json(), allow_nan=False))["elements"] == 64


def test_spatial_latents_are_all_counted() -> None:
    told = forecast("voxel-sum-mse", set=["data.samples=60", "data.size=9", "data.molecules=20"])
    assert told.latent > 16
    assert told.elements == 4 * 9**3


def test_the_command_prints_the_promised_keys(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["forecast", "digits", "--set", "objective.reduction=mean", "--json"])
    assert end.value.code == 0
    printed = json.loads(capsys.readouterr().out)
    promised = {"elements", "effective_variance", "beta", "effective_beta", "eigenvalues"}
    promised |= {"live_dimensions", "live_interval", "verdict", "reasons", "remedies", "baselines"}
    assert promised <= printed.keys()
    assert set(printed["baselines"]) == {"constant", "linear", "ppca"}
    assert printed["verdict"] == "collapse"


def test_the_command_says_the_verdict_first(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["forecast", "digits", "--set", "objective.beta=20"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(" COLLAPSE ")
    assert "--set" in said
    assert "█" in said


def test_mistakes_are_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["forecast", "no-such-recipe"])
    assert end.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    with pytest.raises(RecipeError, match="first argument"):
        forecast()
