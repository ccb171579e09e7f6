"""Priors fitted after training: known answers, files whole or not."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from vaestro.experiments.priors.fit import configs
from vaestro.foundation.errors import CheckpointError, RecipeError, RunFolderError
from vaestro.foundation.samples import NOTHING, Given
from vaestro.generation.priors.aggregate import Aggregate
from vaestro.generation.priors.config import FlowConfig, MafConfig, MixtureConfig
from vaestro.generation.priors.fitted import Kept, read_prior, write_prior
from vaestro.generation.priors.flow_training import fit_flow
from vaestro.generation.priors.gaussian import fit_gaussian
from vaestro.generation.priors.kinds import load_prior
from vaestro.generation.priors.latents import Latents, Told, score
from vaestro.generation.priors.mixture import fit_mixture
from vaestro.networks.autoregressive import Autoregressive, maf
from vaestro.networks.coupling import real_nvp
from vaestro.networks.invertible import Chain

PLAIN = Told()


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=random(seed))


def points(z: Tensor, given: Given = NOTHING) -> Latents:
    """Latents that are z themselves."""
    return Latents(z, None, given)


# Gaussian


def test_the_gaussian_is_the_law_of_total_variance() -> None:
    mean, log_variance = 2 * normal(4000, 3) @ normal(3, 3, seed=1), normal(4000, 3, seed=2)
    prior = fit_gaussian(Latents(mean, log_variance), PLAIN).components
    centred = (mean - mean.mean(0)).double()
    exact = centred.T @ centred / 4000 + log_variance.double().exp().mean(0).diag()
    z = normal(50, 3, seed=3)
    known = MultivariateNormal(mean.double().mean(0), exact).log_prob(z.double())
    assert torch.allclose(prior.log_density(z), known, atol=1e-4)
    drawn = prior.draw(100_000, random()).double()
    assert torch.allclose(torch.cov(drawn.T), exact, rtol=0.05, atol=0.1)


def test_a_gaussian_given_a_covariate_is_the_exact_regression() -> None:
    """z = 3 c + 0.5 e with c ~ N(10, 4): p(z|c) = N(3 c, 0.25), whatever the units of c."""
    c = 10 + 2 * normal(20_000, 1)
    z = 3 * c + 0.5 * normal(20_000, 1, seed=1)
    prior = fit_gaussian(points(z, Given(None, c)), Told(0, 1)).components
    r = torch.tensor([[8.0], [13.0]])
    asked = Given(None, r)
    here = torch.tensor([[24.5], [39.0]])
    known = torch.distributions.Normal(3 * r, 0.5).log_prob(here)[:, 0]
    assert torch.allclose(prior.log_density(here, asked), known.double(), atol=0.03)
    drawn = prior.draw(20_000, random(), Given(None, torch.full((20_000, 1), 13.0)))
    assert float(drawn.mean()) == pytest.approx(39, abs=0.05)
    assert float(drawn.std()) == pytest.approx(0.5, abs=0.02)


def test_every_label_has_a_gaussian_of_its_own_or_shares() -> None:
    label = torch.tensor([0, 1] * 1000 + [2] * 3)
    z = normal(2003, 2) + 6 * torch.nn.functional.one_hot(label.clamp(max=1), 2)
    found = fit_gaussian(points(z, Given(label)), Told(3, 0))
    assert found.pooled == [2]
    for number, centre in ((0, [6.0, 0.0]), (1, [0.0, 6.0]), (2, [3.0, 3.0])):
        drawn = found.components.draw(5000, random(), Given(torch.full((5000,), number)))
        assert torch.allclose(drawn.mean(0), torch.tensor(centre), atol=0.15)
    with pytest.raises(RecipeError, match="conditions"):
        found.components.draw(4, random())


# mixture


def known_mixture() -> Any:
    means = torch.tensor([[-4.0, 0.0], [3.0, 3.0], [3.0, -3.0]])
    spread = torch.diag_embed(torch.tensor([[1.0, 0.3], [0.2, 0.8], [0.5, 0.5]]))
    return MixtureSameFamily(
        Categorical(torch.tensor([0.5, 0.3, 0.2])), MultivariateNormal(means, spread)
    )


def drawn_from(known: Any, count: int, seed: int) -> Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        z: Tensor = known.sample((count,))
    return z


def test_a_mixture_reaches_the_entropy_of_the_mixture_that_it_learns() -> None:
    known = known_mixture()
    z, held = drawn_from(known, 4000, 0), drawn_from(known, 4000, 1)
    found = fit_mixture(points(z), PLAIN, MixtureConfig(most=8), 0)
    assert found.components.log_weights.isfinite().sum() in (3, 4)
    truth, error = score(known.log_prob(held))
    nats = score(found.components.log_density(held)).nats
    assert truth - 0.02 < nats < truth + 0.01
    gaussian = score(fit_gaussian(points(z), PLAIN).components.log_density(held)).nats
    assert gaussian < truth - 0.5
    entropy = -score(known.log_prob(drawn_from(known, 200_000, 2))).nats
    assert nats == pytest.approx(-entropy, abs=4 * error + 0.02)


def test_more_components_than_latents_are_refused() -> None:
    with pytest.raises(
        RecipeError, match=r"components=300 .* of 54 .* give components=49 or fewer"
    ):
        fit_mixture(points(normal(54, 2)), PLAIN, MixtureConfig(components=300), 0)


def test_a_mixture_that_is_asked_for_has_its_components_and_a_density_of_mass_1() -> None:
    z = drawn_from(known_mixture(), 500, 0)
    config = MixtureConfig(components=5, covariance="diagonal")
    prior = fit_mixture(points(z), PLAIN, config, 0).components
    assert prior.means.shape == (1, 5, 2)
    assert bool((prior.factors.tril(-1) == 0).all())
    steps = torch.linspace(-12, 12, 241)
    grid = torch.cartesian_prod(steps, steps)
    assert float(prior.log_density(grid).exp().sum()) * 0.01 == pytest.approx(1, abs=0.01)


# flow

FLOWS = (FlowConfig, MafConfig)


@pytest.mark.parametrize("kind", [real_nvp, maf])
def test_flows_can_be_undone_and_know_their_volume(kind: Callable[..., Chain]) -> None:
    flow = kind(5, 2, 4, 16, random()).double().requires_grad_(False)
    for parameter in flow.parameters():  # far from the identity, where it starts
        parameter.add_(0.3 * torch.randn(parameter.shape, generator=random(1)).double())
    x, c = normal(6, 5, seed=2).double(), normal(6, 2, seed=3).double()
    y, log_det = flow(x, c)
    assert torch.allclose(flow.inverse(y, c), x, atol=1e-10)
    for row in range(6):
        jacobian = torch.autograd.functional.jacobian(
            lambda one, row=row: flow(one[None], c[row : row + 1])[0][0], x[row]
        )
        assert float(log_det[row]) == pytest.approx(
            float(torch.linalg.slogdet(jacobian)[1]), abs=1e-5
        )
    assert abs(float(log_det[0])) > 0.01


def test_a_number_is_changed_by_those_before_it_alone() -> None:
    """And by each of them: the Jacobian of a layer is a triangle without other zeros."""
    layer = Autoregressive(torch.tensor([2, 0, 3, 1]), 0, 24, random()).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.5 * torch.randn(parameter.shape, generator=random(1)).double())
    x, none = normal(1, 4, seed=2).double()[0], torch.zeros(1, 0).double()
    jacobian = torch.autograd.functional.jacobian(lambda one: layer(one[None], none)[0][0], x)
    before = jacobian[:, layer.order]
    assert torch.equal(before.triu(1), torch.zeros(4, 4).double())
    assert bool((before.tril() != 0).sum() == 10)


def banana(count: int, seed: int) -> Tensor:
    first, second = normal(count, 1, seed=seed), normal(count, 1, seed=seed + 1)
    return torch.cat([first, first**2 + 0.3 * second], 1)


@pytest.mark.parametrize("kind", FLOWS)
def test_a_flow_learns_what_no_gaussian_can(kind: type[FlowConfig] | type[MafConfig]) -> None:
    """z_2 = z_1^2 + 0.3 e: the density is known, and the flow comes near it."""
    held = banana(2000, 10)
    one = torch.distributions.Normal(0.0, 1.0).log_prob(held[:, 0])
    truth = score(one + torch.distributions.Normal(held[:, 0] ** 2, 0.3).log_prob(held[:, 1])).nats
    config = kind(layers=4, width=32, steps=700, learning_rate=3e-3)
    flow, steps = fit_flow(points(banana(4000, 0)), PLAIN, config, 0, lambda *told: None)
    gaussian = score(fit_gaussian(points(banana(4000, 0)), PLAIN).components.log_density(held)).nats
    nats = score(flow.log_density(held)).nats
    assert steps == 700
    assert truth - 0.15 < nats < truth + 0.02
    assert gaussian < truth - 1
    drawn = flow.draw(4000, random())
    assert float((drawn[:, 1] - drawn[:, 0] ** 2).mean()) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("kind", FLOWS)
def test_a_flow_is_told_the_label(kind: type[FlowConfig] | type[MafConfig]) -> None:
    label = torch.arange(1000) % 2
    z = 0.2 * normal(1000, 2) + 4 * label[:, None]
    config = kind(layers=2, width=8, steps=200, learning_rate=1e-2)
    flow, _ = fit_flow(points(z, Given(label)), Told(2, 0), config, 0, lambda *told: None)
    for number in (0, 1):
        drawn = flow.draw(500, random(), Given(torch.full((500,), number)))
        assert torch.allclose(drawn.mean(0), torch.full((2,), 4.0 * number), atol=0.3)
    with pytest.raises(RecipeError, match="conditions"):
        flow.draw(3, random())


def test_a_flow_stops_when_latents_set_aside_get_no_likelier() -> None:
    config = FlowConfig(layers=2, width=64, steps=2000, learning_rate=1e-2, patience=2)
    flow, steps = fit_flow(points(normal(300, 3)), PLAIN, config, 0, lambda *told: None)
    assert steps < 1000
    entropy = 1.5 * (1 + math.log(2 * math.pi))
    assert score(flow.log_density(normal(2000, 3, seed=5))).nats > -entropy - 0.3


# aggregate posterior


def test_the_aggregate_posterior_is_the_mixture_of_the_training_posteriors() -> None:
    mean, log_variance = normal(30, 2), normal(30, 2, seed=1)
    prior = Aggregate(Latents(mean, log_variance), PLAIN)
    parts = MultivariateNormal(mean, torch.diag_embed(log_variance.exp()))
    known = MixtureSameFamily(Categorical(torch.ones(30)), parts)
    z = normal(7, 2, seed=2)
    density = prior.log_density(z)
    assert density is not None
    assert torch.allclose(density, known.log_prob(z).double(), atol=1e-4)
    drawn = prior.draw(50_000, random())
    assert torch.allclose(drawn.mean(0), mean.mean(0), atol=0.03)


def test_the_aggregate_of_a_condition_is_of_the_samples_that_have_it() -> None:
    label, r = torch.arange(100) % 2, torch.arange(100.0)[:, None]
    prior = Aggregate(points(r.expand(100, 2), Given(label, r)), Told(2, 1))
    drawn = prior.draw(200, random(), Given(torch.ones(200).long(), torch.full((200, 1), 70.0)))
    assert bool((drawn[:, 0] % 2 == 1).all())
    assert float(drawn.min()) > 50
    assert float(drawn.max()) < 90
    assert prior.log_density(drawn) is None


# files


def test_a_prior_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "priors" / "gaussian"
    prior = fit_gaussian(points(normal(200, 3)), PLAIN).components
    with pytest.raises(RunFolderError, match=r"vaestro fit-prior .* --kind gaussian"):
        load_prior(tmp_path, "gaussian")
    with pytest.raises(RunFolderError, match="vaestro diffuse"):
        load_prior(tmp_path, "diffusion")
    write_prior(folder, Kept({"kind": "gaussian"}, prior.tensors()))
    again = load_prior(tmp_path, "gaussian")
    assert torch.equal(again.draw(50, random(3)), prior.draw(50, random(3)))
    (folder / "prior.safetensors").rename(tmp_path / "aside")
    with pytest.raises(RunFolderError, match="no whole prior"):
        load_prior(tmp_path, "gaussian")
    (folder / "prior.safetensors").write_bytes((tmp_path / "aside").read_bytes()[:-40])
    with pytest.raises(CheckpointError, match="damaged"):
        load_prior(tmp_path, "gaussian")


@pytest.mark.parametrize("kind", FLOWS)
@pytest.mark.parametrize("size", [2, 5, 12])
def test_a_flow_of_any_size_is_written(
    tmp_path: Path, size: int, kind: type[FlowConfig] | type[MafConfig]
) -> None:
    """Its layers share their orders."""
    config = kind(layers=4, width=4, steps=1)
    flow, _ = fit_flow(points(normal(40, size)), PLAIN, config, 0, lambda *told: None)
    kept = Kept({"kind": "flow"}, flow.tensors())
    write_prior(tmp_path / "flow", kept)
    read = read_prior(tmp_path / "flow", "fit").tensors
    assert read.keys() == kept.tensors.keys()
    assert all(torch.equal(read[name], value) for name, value in kept.tensors.items())


def test_an_interrupted_writing_leaves_no_prior(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept({"kind": "gaussian"}, {"x": torch.zeros(2)})
    write_prior(tmp_path / "p", kept)

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("vaestro.generation.priors.fitted.save_file", full)
    with pytest.raises(OSError, match="space"):
        write_prior(tmp_path / "p", kept)
    with pytest.raises(RunFolderError, match="no whole prior"):
        read_prior(tmp_path / "p", "vaestro fit-prior RUN")


@pytest.mark.parametrize(
    ("kind", "edits", "names"),
    [
        ("mixtur", (), "mixture"),
        ("diffusion", (), "vaestro diffuse"),
        ("mixture", ("component=3",), "components"),
        ("mixture", ("components=0",), "greater than or equal to 1"),
        ("best", ("layers=3",), "one kind"),
    ],
)
def test_an_unknown_kind_or_field_gets_one_line(
    kind: str, edits: tuple[str, ...], names: str
) -> None:
    with pytest.raises(RecipeError, match=names) as caught:
        configs(kind, edits)
    assert "\n" not in str(caught.value)
