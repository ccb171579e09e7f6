"""What the five logs got wrong, made right: one test for each fault."""

from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.conftest import Silent, small_recipe
from vaestro.experiments import train as training
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.recipe import Recipe, read_recipe
from vaestro.experiments.run import Run, load
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.samples import SampleSpec
from vaestro.models.build import build_vae
from vaestro.models.config import ModelConfig
from vaestro.models.vae import VAE
from vaestro.probability.likelihoods.gaussian import Gaussian, GaussianConfig
from vaestro.probability.posterior import Posterior
from vaestro.probability.priors.standard_normal import StandardNormal
from vaestro.training.plan import choose
from vaestro.transforms.identity import Identity

FITTED = {"kind": "gaussian", "variance": {"kind": "fitted", "floor": 1e-3}}
CONVOLUTION = {"kind": "convolution", "channels": [4, 8]}


def assembled(**changes: Any) -> Assembly:
    recipe = small_recipe(**changes)
    return assemble(recipe, choose(recipe.training))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A convolutional model with a fitted variance, as in log 003, trained for an instant."""
    root = tmp_path_factory.mktemp("fitted") / "run"
    network = {"encoder": CONVOLUTION, "decoder": CONVOLUTION | {"channels": [8, 4]}}
    recipe = small_recipe(model=network | {"likelihood": FITTED}, training={"checkpoint_steps": 2})
    training.start(recipe, root, Silent())
    return load(root)


def test_the_variance_head_is_trained_saved_and_restored(fitted: Run) -> None:
    """Log 003: a head that was no part of what was saved started anew at each resume."""
    before = assemble(fitted.recipe, fitted.plan).vae.state_dict()
    heads = [n for n, v in fitted.vae.decoder.state_dict().items() if v.ndim and v.shape[0] == 2]
    heads += [n for n, v in fitted.vae.decoder.state_dict().items() if v.ndim > 1 and 2 in v.shape]
    assert heads, "the last layer has a mean and a variance"
    stored = load_file(fitted.folder.model / "model.safetensors")
    states = sorted(fitted.folder.checkpoints.glob("step-*/state.safetensors"))
    newest = load_file(states[-1])
    for name in heads:
        own = fitted.vae.state_dict()[f"decoder.{name}"]
        assert not torch.equal(own, before[f"decoder.{name}"])
        assert torch.equal(own, stored[f"decoder.{name}"])
        assert torch.equal(own, newest[f"module/decoder.{name}"])


def test_the_stand_alone_decoder_is_the_trained_decoder(fitted: Run) -> None:
    """Log 003 sampled from a decoder that was built beside the trained one."""
    z = torch.randn(5, fitted.vae.latent, generator=torch.Generator().manual_seed(0))
    parts = dict(fitted.vae.decoder.named_parameters())
    assert all(p is dict(fitted.vae.named_parameters())[f"decoder.{n}"] for n, p in parts.items())
    with torch.inference_mode():
        direct = fitted.vae.likelihood.mean(fitted.vae.decode(z)).numpy()
    assert np.array_equal(fitted.decode(z.numpy()), direct)
    again = load(fitted.folder.root).decode(z.numpy())
    assert np.array_equal(again, direct)


@pytest.mark.parametrize("beta", [0.5, 7.0])
def test_the_recipes_beta_is_the_beta_in_the_gradient(beta: float) -> None:
    """Log 001's beta stood in the settings and not in the loss that was differentiated."""

    def gradient(weight: float) -> dict[str, Tensor]:
        parts = assembled(objective={"beta": weight})
        control = parts.task.initial_control(torch.device("cpu"))
        parts.task.terms(parts.stream.batch(0), control, 0).loss.backward()
        return {n: p.grad for n, p in parts.vae.named_parameters() if p.grad is not None}

    none, one, asked = gradient(0.0), gradient(1.0), gradient(beta)
    head = next(n for n in one if n.startswith("head"))
    assert not torch.allclose(one[head], none[head])
    for name, base in none.items():
        expected = base + beta * (one[name] - base)
        torch.testing.assert_close(asked[name], expected, rtol=1e-3, atol=1e-4)


def test_a_fitted_variance_sums_over_both_axes_of_the_image() -> None:
    """Log 003 left one axis of the image to a mean."""
    likelihood = Gaussian(GaussianConfig.parse(FITTED), SampleSpec((3, 5, 7), "real"))
    random = torch.Generator().manual_seed(0)
    x = torch.randn(4, 3, 5, 7, generator=random)
    outputs = torch.randn(4, 2, 3, 5, 7, generator=random)
    std = likelihood.std(outputs)
    expected = torch.distributions.Normal(outputs[:, 0], std).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(likelihood.log_prob(x, outputs), expected)


def test_kl_and_sampler_use_one_scale() -> None:
    """Log 000's KL took the standard deviation for the variance: 0.0966 nats instead of 0.3181."""
    posterior = Posterior(torch.zeros(1, 1), torch.full((1, 1), 2 * np.log(0.5)))
    noise = torch.randn(200_000, 1, 1, generator=torch.Generator().manual_seed(0))
    z = posterior.sample(noise)
    assert float(z.std()) == pytest.approx(0.5, abs=0.005)
    exact = float(StandardNormal().divergence(posterior, z[0])[0, 0])
    assert exact == pytest.approx(0.3181472, abs=1e-6)
    drawn = (posterior.log_prob(z) - StandardNormal().log_prob(z)).mean()
    assert float(drawn) == pytest.approx(exact, abs=0.005)


def test_millimetre_data_give_small_log_variances_at_the_start() -> None:
    """Log 001's initialiser had the wrong fan-in, and log-variances of thousands."""
    recipe = read_recipe(
        "streamline-vae", ["data.streamlines=60", "transform=none", "training.threads=1"]
    )
    parts = assemble(recipe, choose(recipe.training))
    parts.vae.train()
    batch = parts.stream.batch(0)
    assert batch.x.abs().max() > 20, "the streamlines are in millimetres"
    log_variance = parts.vae.encode(batch.x, batch.given).log_variance
    assert log_variance is not None
    assert log_variance.abs().max() < 5


def test_an_output_that_can_die_is_refused_unless_asked_for_by_name() -> None:
    """Log 002's decoder ended in a ReLU, which returned 0 for good once its inputs were below 0."""
    inside = [{"dense": 16}, {"grid": [1, 4, 4]}]

    def built(activation: str | None, **asked: Any) -> VAE:
        last = {"transposed": {"kernel": 2, "stride": 2, "activation": activation}}
        decoder = {"kind": "layers", "layers": [*inside, last], **asked}
        config = ModelConfig.parse({"latent": 2, "decoder": decoder, "likelihood": "gaussian"})
        spec = SampleSpec((1, 8, 8), "real")
        return build_vae(config, spec, Identity(), torch.zeros(1, 8, 8), 0)

    with pytest.raises(RecipeError, match="behind a relu it can die"):
        built("relu")
    z = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    assert built(None).decode(z).min() < 0
    assert built(None, output_activation="relu").decode(z).min() >= 0


def test_the_recipe_that_failed_is_still_there_under_its_name() -> None:
    failed: Recipe = read_recipe("voxel-mean-mse")
    assert failed.objective.reduction == "mean-batch-sum"  # type: ignore[union-attr]
