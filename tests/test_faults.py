"""The logs' faults: each does what its sentence says, is marked, and is reached by no recipe."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from tests.conftest import Silent, small_recipe
from tests.logs_bench import bench
from vaestro.experiments import train as training
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.change import BEGINNING, GOING_ON, change_model
from vaestro.experiments.circumstances import Circumstances
from vaestro.experiments.recipe import Recipe, apply
from vaestro.foundation.errors import RecipeError, RunFolderError
from vaestro.models.vae import VAE
from vaestro.networks.finta import FintaConfig
from vaestro.probability.posterior import Posterior
from vaestro.reports.page import write_report
from vaestro.studies.faults.catalogue import FAULTS, changes_of
from vaestro.studies.faults.prior_terms import missing_minus, std_for_variance, without_d
from vaestro.studies.faults.scales import ClippedPosterior, clipped_exp
from vaestro.training.plan import choose

FITTED = {"model": {"likelihood": {"kind": "gaussian", "variance": {"kind": "fitted"}}}}
GAUSSIAN = {"model": {"likelihood": {"kind": "gaussian", "variance": 0.1}}}


def assembled(recipe: Recipe) -> Assembly:
    return assemble(recipe, choose(recipe.training))


def planted(name: str, changes: dict[str, Any] = GAUSSIAN, when: int = BEGINNING) -> VAE:
    vae = assembled(small_recipe(**changes)).vae
    change_model(vae, changes_of((name,)), 0, when)
    return vae


def passed(vae: VAE, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return torch.rand(6, 1, 8, 8, generator=random), torch.randn(6, 4, generator=random)


def test_prior_terms_are_off_by_what_they_leave_out() -> None:
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    std = torch.exp(0.5 * log_variance)
    right = kl_divergence(Normal(mean, std), Normal(0.0, 1.0))
    posterior = Posterior(mean, log_variance)
    torch.testing.assert_close(without_d(posterior), right + 0.5)
    torch.testing.assert_close(missing_minus(posterior), -right)
    wrong = kl_divergence(Normal(mean, std.sqrt()), Normal(0.0, 1.0))
    torch.testing.assert_close(std_for_variance(posterior), wrong)


def test_a_collapsed_posterior_of_100_latents_costs_50_nats_without_d() -> None:
    nothing = Posterior(torch.zeros(1, 100), torch.zeros(1, 100))
    assert float(without_d(nothing).sum()) == 50.0


def test_a_clip_behind_exp_gives_numbers_and_no_gradients() -> None:
    raw = torch.tensor([[200.0, 1.0]], requires_grad=True)
    drawn = ClippedPosterior(torch.zeros(1, 2), raw).sample(torch.ones(1, 2))
    assert drawn.tolist()[0] == pytest.approx([1e10, 1.6487], rel=1e-4)
    drawn.sum().backward()
    assert raw.grad is not None
    assert raw.grad.isnan().tolist() == [[True, False]]
    between = torch.tensor(40.0, requires_grad=True)  # clipped, not overflowing: no gradient
    clipped_exp(between).backward()
    assert between.grad == 0


def test_the_wrong_fan_in_multiplies_through_the_layers() -> None:
    random = torch.Generator().manual_seed(0)
    config = FintaConfig(channels=(16, 32, 64), initialisation="uniform")
    recipe = Recipe.parse(
        {
            "name": "lines",
            "data": {"kind": "bundles", "streamlines": 60, "points": 32},
            "model": {
                "latent": 4,
                "encoder": config.plain(),
                "decoder": config.plain(),
                "likelihood": {"kind": "gaussian"},
            },
            "training": {"threads": 1, "batch_size": 20},
        }
    )
    vae = assembled(recipe).vae
    x = 50 * torch.randn(8, 3, 32, generator=random)
    before = vae.features(x)[0].std().detach()
    change_model(vae, changes_of(("wrong-fan-in",)), 0, BEGINNING)
    assert vae.features(x)[0].std().detach() > 5 * before
    bounds = [float(p.detach().abs().max()) for p in vae.encoder.parameters()]
    assert max(bounds) <= (3 * 3) ** -0.5
    assert min(bounds) > 0.25


def test_norms_give_no_standard_deviation_below_log_2() -> None:
    vae = planted("norm-scale")
    posterior = vae.encode(passed(vae)[0])
    assert posterior.log_variance is not None
    assert float((0.5 * posterior.log_variance).exp().min().detach()) >= 0.693


def test_a_negative_linear_variance_has_no_logarithm() -> None:
    vae = planted("linear-variance-epsilon")
    posterior = Posterior(torch.zeros(1, 2), torch.tensor([[0.5, -0.5]]))
    nats = vae.prior.divergence(posterior, posterior.mean)
    assert nats.isnan().tolist() == [[False, True]]
    assert float(nats[0, 0]) == pytest.approx(0.5 * (0.5 - 1 - torch.tensor(0.50001).log()))


def test_a_rectified_output_that_is_negative_has_no_gradient() -> None:
    vae = planted("dead-relu-output")
    with torch.no_grad():
        vae.decoder.head.bias.fill_(-1e3)
    z = torch.randn(3, 4)
    outputs = vae.decode(z)
    assert not outputs.detach().any()
    outputs.sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in vae.decoder.parameters())


def test_a_head_outside_the_model_is_neither_trained_nor_saved() -> None:
    plain = assembled(small_recipe(**FITTED)).vae
    vae = planted("unregistered-head", FITTED)
    assert vae.state_dict().keys() == plain.state_dict().keys()
    assert len(list(vae.parameters())) == len(list(plain.parameters()))
    z = torch.randn(3, 4)
    outputs = vae.decode(z)
    outputs[:, 1].sum().backward()
    gradient = vae.decoder.head.weight.grad
    assert gradient is not None
    assert not gradient[len(gradient) // 2 :].any()  # the half that is saved is not in use
    again, anew = (planted("unregistered-head", FITTED, when) for when in (BEGINNING, GOING_ON))
    for other in (again, anew):
        other.load_state_dict(vae.state_dict())
    assert torch.equal(again.decode(z), outputs)
    assert torch.equal(anew.decode(z)[:, 0], outputs[:, 0])
    assert not torch.equal(anew.decode(z)[:, 1], outputs[:, 1])


def test_a_rectified_variance_is_at_least_a_thousandth() -> None:
    vae = planted("relu-variance", FITTED)
    log_variance = vae.likelihood.spread.log_quantity(torch.tensor([-3.0, 0.0, 2.0]))
    assert log_variance.exp().tolist() == pytest.approx([1e-3, 1e-3, 2.001])


def test_a_start_of_keras_is_neither_at_the_mean_nor_small() -> None:
    plain, vae = assembled(small_recipe(**FITTED)).vae, planted("keras-start", FITTED)
    before, after = plain.state_dict(), vae.state_dict()
    assert before["decoder.head.bias"].any()
    assert not after["decoder.head.bias"].any()
    weight = after["decoder.head.weight"]
    outputs, inputs = weight.shape
    assert float(weight.abs().max()) == pytest.approx((6 / (inputs + outputs)) ** 0.5, rel=0.01)
    assert weight.std() > 4 * before["decoder.head.weight"].std()
    assert after.keys() == before.keys()


def test_a_recreated_decoder_passes_what_it_does_not_decode() -> None:
    plain, vae = assembled(small_recipe(**GAUSSIAN)).vae, planted("recreated-decoder")
    x, noise = passed(vae)
    assert torch.equal(vae(x, noise).outputs, plain(x, noise).outputs)
    assert not torch.allclose(vae.generate(noise), plain.generate(noise))
    assert vae.state_dict().keys() == plain.state_dict().keys()


def test_one_axis_counts_an_eighth_of_eight_rows() -> None:
    plain, vae = assembled(small_recipe(**GAUSSIAN)).vae, planted("one-image-axis")
    x, noise = passed(vae)
    right = plain(x, noise).log_likelihood
    torch.testing.assert_close(vae(x, noise).log_likelihood, right / 8)


def test_a_broadcast_compares_every_sample_with_every_output() -> None:
    plain, vae = assembled(small_recipe(**GAUSSIAN)).vae, planted("broadcast-over-batch")
    x, noise = passed(vae)
    outputs = plain(x, noise).outputs
    every = [plain.likelihood.log_prob(x, o.expand_as(outputs)) for o in outputs]
    torch.testing.assert_close(vae(x, noise).log_likelihood, torch.stack(every).sum(0))


@pytest.mark.parametrize("name", ["kl-without-d", "clip-after-exp", "one-image-axis"])
def test_a_copy_of_a_model_has_its_fault(name: str) -> None:
    vae = planted(name)
    x, noise = passed(vae)
    one, other = vae(x, noise), deepcopy(vae)(x, noise)
    assert torch.equal(one.kl, other.kl)
    assert torch.equal(one.log_likelihood, other.log_likelihood)


@pytest.mark.parametrize("name", FAULTS)
def test_no_recipe_reaches_a_fault(name: str) -> None:
    for field in ("faults", "changes", "model.fault", "training.faults", "objective.kind"):
        with pytest.raises(RecipeError):
            apply(small_recipe(), [f"{field}={name}"])


def test_an_unknown_fault_names_its_neighbour() -> None:
    with pytest.raises(RecipeError, match="kl-without-d"):
        changes_of(("kl-without-e",))


def test_a_run_is_marked_and_goes_on_only_with_its_faults(tmp_path: Path) -> None:
    root, given = tmp_path / "run", Circumstances(changes=changes_of(("kl-without-d",)))
    summary = training.start(small_recipe(), root, Silent(), given=given)
    assert summary["validation"]["prior_term"] > 0.5 * 4
    assert '"faults": [\n    "kl-without-d"\n  ]' in (root / "manifest.json").read_text()
    page = write_report(root).read_text()
    assert '<p class="warning faulty">Trained with planted faults: kl-without-d.' in page

    def longer(stored: Recipe) -> Recipe:
        return apply(stored, ["training.epochs=3"])

    with pytest.raises(RunFolderError, match=r"with planted faults \(kl-without-d\)"):
        training.resume(root, longer, Silent())
    assert training.resume(root, longer, Silent(), given)["steps"] > summary["steps"]


def test_a_run_without_faults_does_not_go_on_with_some(tmp_path: Path) -> None:
    training.start(small_recipe(), tmp_path / "run", Silent())
    assert "faults" not in (tmp_path / "run" / "manifest.json").read_text()
    given = Circumstances(changes=changes_of(("missing-minus",)))
    with pytest.raises(RunFolderError, match="without planted faults"):
        training.resume(tmp_path / "run", lambda stored: stored, Silent(), given)


def test_members_of_a_population_have_their_fault_as_runs_alone_do(tmp_path: Path) -> None:
    made = bench(tmp_path)
    seeds = [(f"seed={seed}",) for seed in range(2)]
    together = made.population("together", small_recipe(**GAUSSIAN), seeds, ("one-image-axis",), 2)
    alone = made.population("alone", small_recipe(**GAUSSIAN), seeds, ("one-image-axis",), 1)
    for one, other in zip(together, alone, strict=True):
        assert one["data_term"] == pytest.approx(other["data_term"], rel=1e-4)
    right = made.population("right", small_recipe(**GAUSSIAN), seeds, (), 2)
    assert together[0]["data_term"] < 0.5 * right[0]["data_term"]


def test_a_fault_that_cannot_be_stacked_trains_one_by_one(tmp_path: Path) -> None:
    made = bench(tmp_path)
    seeds = [(f"seed={seed}",) for seed in range(2)]
    made.population("heads", small_recipe(**FITTED), seeds, ("unregistered-head",))
    record = (tmp_path / "runs" / "heads" / "population.json").read_text()
    assert "models with unregistered-head are not stacked" in record
