"""The predictor of a covariate: its cost against torch.distributions, and what it learns."""

import math

import pytest
import torch
from torch.distributions import Normal

from tests.conftest import random
from vaestro.foundation.errors import RecipeError
from vaestro.models.condition import CovariatesConfig, UnconditionalConfig
from vaestro.models.predictor import Predictor, PredictorConfig, require_unseen

LENGTHS = 80 + 25 * torch.randn(500, generator=torch.Generator().manual_seed(3))


def test_predictor_costs_nats_of_natural_units() -> None:
    predictor = Predictor(PredictorConfig(covariate="length", hidden=(8,)), 5, random()).double()
    predictor.fit(LENGTHS)
    prediction = predictor(torch.randn(6, 5, generator=random(), dtype=torch.float64))
    value, spread = predictor.predict(prediction)
    r = LENGTHS[:6].double()
    expected = -Normal(value, spread).log_prob(r)
    torch.testing.assert_close(predictor.nll(prediction, r), expected, rtol=0, atol=1e-12)
    assert value.shape == (6,)


def test_predictor_learns_the_mean_and_how_sure_it_is() -> None:
    """r = 80 + 20 x_0 + noise of spread 5: its cost is the entropy of that noise."""
    x = torch.randn(4000, 2, 3, generator=random())
    r = 80 + 20 * x[:, 0, 0] + 5 * torch.randn(4000, generator=random(1))
    config = PredictorConfig.parse({"covariate": "length", "hidden": []})
    predictor = Predictor(config, 6, random())
    predictor.fit(r)
    optimiser = torch.optim.Adam(predictor.parameters(), 0.05)
    for _ in range(300):
        optimiser.zero_grad()
        loss = predictor.nll(predictor(x), r).mean()
        loss.backward()
        optimiser.step()
    value, spread = predictor.predict(predictor(x))
    assert loss.item() == pytest.approx(0.5 * math.log(2 * math.pi * math.e * 25), abs=0.03)
    assert 1 - ((value - r).square().mean() / r.var()).item() > 0.91
    assert spread.mean().item() == pytest.approx(5.0, rel=0.03)


def test_predictor_learns_a_curve_through_hidden_layers() -> None:
    x = 2 * torch.rand(2000, 1, generator=random()) - 1
    r = 100 * x[:, 0].square()
    config = PredictorConfig.parse({"covariate": "length", "hidden": 32})
    predictor = Predictor(config, 1, random())
    predictor.fit(r)
    optimiser = torch.optim.Adam(predictor.parameters(), 0.01)
    for _ in range(400):
        optimiser.zero_grad()
        predictor.nll(predictor(x), r).mean().backward()
        optimiser.step()
    value, _ = predictor.predict(predictor(x))
    assert 1 - ((value - r).square().mean() / r.var()).item() > 0.98


def test_half_precision_features_give_a_cost_in_32_bits() -> None:
    predictor = Predictor(PredictorConfig(covariate="length"), 5, random())
    predictor.fit(LENGTHS)
    x = torch.randn(6, 5, generator=random())
    with torch.autocast("cpu", torch.bfloat16):
        prediction = predictor(x)
    assert prediction.mean.dtype == torch.float32
    torch.testing.assert_close(prediction.mean, predictor(x).mean, rtol=0.02, atol=0.02)


def test_a_predictor_without_a_covariate_is_refused() -> None:
    with pytest.raises(RecipeError, match="covariate is missing"):
        PredictorConfig.parse({"hidden": 8})


def test_a_predictor_is_not_told_the_answer() -> None:
    config = PredictorConfig(covariate="age")
    for into in ("encoder", "both"):
        condition = CovariatesConfig.parse({"names": "length,age", "into": into})
        with pytest.raises(ValueError, match=f"told to the encoder .*into={into}"):
            require_unseen(config, condition)
    require_unseen(config, CovariatesConfig.parse({"names": "age", "into": "decoder"}))
    require_unseen(config, CovariatesConfig.parse({"names": "length"}))
    require_unseen(config, UnconditionalConfig())
