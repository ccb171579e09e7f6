"""How priors are named, built and refused, and what a model with one is told."""

import pytest
import torch

from tests.conftest import random
from vaestro.foundation.config import Config
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.samples import Given, SampleSpec
from vaestro.models.config import ModelConfig
from vaestro.models.covariates import told_covariates
from vaestro.probability.posterior import DeterministicConfig, GaussianConfig, Posterior
from vaestro.probability.priors.kinds import PriorConfig, build_prior, require_density
from vaestro.probability.priors.mixture import Mixture, MixtureConfig
from vaestro.probability.priors.prior import Prior
from vaestro.probability.priors.regression import Regression, RegressionConfig
from vaestro.probability.priors.standard_normal import StandardNormal, StandardNormalConfig

SPEC = SampleSpec((4,), "real", covariate_names=("age", "length"))


class _Part(Config):
    prior: PriorConfig = StandardNormalConfig()


@pytest.mark.parametrize(
    ("values", "built"),
    [
        ("standard-normal", StandardNormal),
        ("mixture", Mixture),
        ({"kind": "regression", "covariate": "length"}, Regression),
        (
            {"kind": "regression", "covariate": "age", "form": {"kind": "curve", "width": 4}},
            Regression,
        ),
    ],
)
def test_each_kind_is_built_by_name(values: object, built: type[Prior]) -> None:
    config = _Part.parse({"prior": values}).prior
    assert _Part.parse(_Part(prior=config).plain()).prior == config
    prior = build_prior(config, 3, SPEC, ("age", "length"), random())
    assert type(prior) is built
    told = Given(None, torch.zeros(6, 2))
    z = prior.sample(6, 3, random(), told)
    assert z.shape == (6, 3)
    q = Posterior(z, torch.zeros(6, 3))
    assert prior.divergence(q, z, told).shape == (6, 3)
    assert prior.log_prob(z.expand(2, 6, 3), told).shape == (2, 6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "mixture", "components": 0}, "components is 0"),
        ({"kind": "mixture", "spread": 0}, "spread is 0"),
        ({"kind": "regression"}, "covariate is missing"),
        ({"kind": "regression", "covariate": "r", "form": "spiral"}, "form.kind is 'spiral'"),
        ({"kind": "regression", "covariate": "r", "form": {"kind": "line", "width": 3}}, "width"),
        ("mixtures", "did you mean mixture"),
    ],
)
def test_a_wrong_prior_is_refused_in_one_line(values: object, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as fault:
        _Part.parse({"prior": values})
    assert "\n" not in str(fault.value)


def test_a_covariate_that_the_data_lack_is_refused() -> None:
    config = RegressionConfig(covariate="lenght")
    with pytest.raises(RecipeError, match=r"'lenght'.* did you mean length"):
        build_prior(config, 3, SPEC, ("lenght",), random())
    with pytest.raises(RecipeError, match="the data have no covariates"):
        build_prior(config, 3, SampleSpec((4,), "real"), ("lenght",), random())


def test_learned_priors_refuse_a_point() -> None:
    point = Posterior(torch.zeros(2, 3), None)
    learned = (MixtureConfig(), RegressionConfig(covariate="age"))
    for config in learned:
        prior = build_prior(config, 3, SPEC, ("age",), random())
        with pytest.raises(ValueError, match="needs a posterior with a density"):
            prior.divergence(point, point.mean, Given(None, torch.zeros(2, 2)))
        with pytest.raises(ValueError, match=f"prior.kind={config.kind} needs a posterior"):
            require_density(config, DeterministicConfig())
        require_density(config, GaussianConfig())
    with pytest.raises(ValueError, match=r"give posterior\.epsilon_std=1"):
        require_density(MixtureConfig(), GaussianConfig(epsilon_std=0.5))
    require_density(RegressionConfig(covariate="age"), GaussianConfig(epsilon_std=0.5))
    require_density(StandardNormalConfig(), DeterministicConfig())
    assert (StandardNormal().divergence(point, point.mean) == 0).all()


@pytest.mark.parametrize(
    ("condition", "prior", "names"),
    [
        ("none", "standard-normal", ()),
        ("none", {"kind": "regression", "covariate": "age"}, ("age",)),
        ({"kind": "covariates", "names": "age, length"}, "mixture", ("age", "length")),
        (
            {"kind": "covariates", "names": "age, length"},
            {"kind": "regression", "covariate": "length"},
            ("age", "length"),
        ),
        (
            {"kind": "covariates", "names": "age"},
            {"kind": "regression", "covariate": "length"},
            ("age", "length"),
        ),
    ],
)
def test_what_a_model_is_told(condition: object, prior: object, names: tuple[str, ...]) -> None:
    config = ModelConfig.parse({"condition": condition, "prior": prior})
    assert told_covariates(config) == names
