"""The largest beta at which a run's dimension can live: the forecast's, for every likelihood."""

import types
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.test_doctor_runs import run_of
from tests.test_forecast_score import NAMES, data, likelihood_of
from vaestro.experiments.diagnosis.doctor import diagnose_run
from vaestro.experiments.forecasting.forecast import judged_recipe, look_at
from vaestro.experiments.run import load
from vaestro.health.diagnosis.run_observation import RunObservation


def critical(config: dict[str, Any], values: str, x: Tensor) -> float:
    vae: Any = types.SimpleNamespace(likelihood=likelihood_of(config, values), latent=2)
    found = RunObservation(vae).critical_beta(x)
    assert found is not None
    return found


def largest(rows: Tensor) -> float:
    """The largest eigenvalue of the covariance of rows (N, E)."""
    return float(torch.linalg.eigvalsh(torch.cov(rows.double().T))[-1])


def wanted(config: dict[str, Any], x: Tensor) -> float | None:
    """The eigenvalue in closed form, where there is one."""
    x = x.double()
    mean, variance = x.mean(0), x.var(0, correction=0)
    match config["kind"], config.get("variance"):
        case "gaussian", float() as fixed:
            return largest(x) / fixed
        case "gaussian", "shared" | "optimal":
            return largest(x) / float(variance.mean())
        case "gaussian", "fitted":
            u = (x - mean) / variance.sqrt()
            return largest(torch.cat([u, (u.square() - 1) / 2**0.5], 1))
        case "bernoulli", _:
            return largest((x - mean) / (mean * (1 - mean)).sqrt())
        case "poisson", _:
            return largest((x - mean) / mean.sqrt())
    return None


@pytest.mark.parametrize(("config", "values"), NAMES)
def test_every_likelihood_has_a_largest_beta(config: dict[str, Any], values: str) -> None:
    x = data(values)
    found, true = critical(config, values, x), wanted(config, x)
    assert found > 0
    if true is not None:  # held out, so a little below the sample's own
        assert found == pytest.approx(true, rel=0.06)


def test_noise_of_many_elements_has_no_larger_one_than_its_variance() -> None:
    """Of 60 samples with 900 elements the sample's own eigenvalue is above 20."""
    noise = torch.randn(60, 900, generator=torch.Generator().manual_seed(0))
    assert critical({"kind": "gaussian", "variance": 1.0}, "real", noise) < 1.2


def test_a_collapsed_run_with_a_fitted_variance_is_told_what_it_can_bear(tmp_path: Path) -> None:
    likelihood = {"kind": "gaussian", "variance": "optimal"}
    root = run_of(tmp_path, 8, model={"likelihood": likelihood}, objective={"beta": 200})
    found = diagnose_run(root)
    assert found.findings[0].kind == "collapsed"
    told = found.findings[0].evidence["largest_beta_with_a_live_dimension"]
    assert "The loss asks for it" in found.sentence
    assert told == pytest.approx(_forecast_of(root), rel=0.1)


def _forecast_of(root: Path) -> float:
    from vaestro.experiments.assemble import assemble

    run = load(root)
    assembly = assemble(run.recipe, run.plan, kept=run.vae.transform.state_dict())
    try:
        value = judged_recipe(assembly, look_at(assembly)).largest_beta_one_lives
    finally:
        assembly.stream.close()
    assert value is not None
    return value
