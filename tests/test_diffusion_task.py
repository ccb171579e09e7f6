"""The denoiser as a task: latents as data, what is random about a batch, guidance, networks.

Shape letters: N samples, K latents, B batch, C channels, * the grid.
"""

from typing import Any

import pytest
import torch
from torch import Tensor

from vaestro.data.stream import BatchStream
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.samples import Given, SampleSpec
from vaestro.foundation.schedules import Horizon
from vaestro.generation.diffusion.guidance import guided
from vaestro.generation.diffusion.latents import as_samples, standardisation
from vaestro.generation.diffusion.model import DiffusionConfig, LatentDiffusion
from vaestro.generation.diffusion.prior import DiffusionPrior, SamplingConfig
from vaestro.generation.diffusion.task import LEVELS, DiffusionTask
from vaestro.generation.priors.latents import Latents
from vaestro.networks.grid_unet import GridUnet, GridUnetConfig
from vaestro.networks.residual_mlp import ResidualMlp, ResidualMlpConfig
from vaestro.networks.time_embedding import TimeEmbedding
from vaestro.training.config import TrainingConfig
from vaestro.training.loop import adopt_final_weights
from vaestro.training.optimiser import build_optimiser
from vaestro.training.plan import choose
from vaestro.training.state import Meter, TrainState
from vaestro.training.step import Stepper

CPU = torch.device("cpu")
PLAN = choose(TrainingConfig(device="cpu", threads=1))
LABELS = {"kind": "labels"}


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ring(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Eight clusters on a circle around (5, 0), and which one each of (N, 2) is of."""
    draw = random(seed)
    label = torch.randint(0, 8, (count,), generator=draw)
    angle = label * torch.pi / 4
    centre = torch.stack([5 + 3 * angle.cos(), 3 * angle.sin()], dim=1)
    return centre + 0.3 * torch.randn(count, 2, generator=draw), label


def model(latents: Latents, **config: Any) -> LatentDiffusion:
    """A small denoiser of flat latents; told their labels where `condition` says so."""
    small = {"kind": "mlp", "width": 128, "blocks": 4}
    parsed = DiffusionConfig.parse({"denoiser": small, "embedding": 64, **config})
    shape = (latents.dimensions,)
    spec = SampleSpec(shape, "real", label_count=8)
    module = LatentDiffusion(parsed, shape, spec, 0)
    module.standard = standardisation(latents, shape).float()
    if module.memory is not None:
        module.memory.fit(latents.given.label, None)
    return module


def woken(module: LatentDiffusion) -> LatentDiffusion:
    """With weights in the layers that start at zero, so that everything it is told matters."""
    draw = random(9)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=draw))
    return module.eval()


# latents as data


def test_the_standardisation_is_that_of_draws_of_q() -> None:
    """Against the moments of many draws z = mean + std * noise."""
    mean = torch.tensor([1.0, -2.0, 0.0]) + 2 * torch.randn(4000, 3, generator=random())
    spread = torch.rand(4000, 3, generator=random(1)) * torch.tensor([1.0, 3.0, 0.1])
    latents = Latents(mean, 2 * spread.log())
    found = standardisation(latents, (3,))
    z = torch.cat([latents.drawn(random(n)) for n in range(10, 30)]).double()
    torch.testing.assert_close(found.mean, z.mean(0), rtol=0, atol=0.03)
    torch.testing.assert_close(found.std, z.std(0), rtol=0.01, atol=0)
    torch.testing.assert_close(found.invert(found.apply(z)), z)


def test_a_channel_of_a_grid_has_one_mean_and_std_and_a_constant_one_is_only_centred() -> None:
    grid = torch.randn(50, 2, 3, 4, generator=random()) * 5 + 1
    grid[:, 1] = 7.0
    found = standardisation(Latents(grid.flatten(1), None), (2, 3, 4))
    assert found.mean.shape == (2, 3, 4)
    assert float(found.mean[0].std()) == 0
    assert float(found.std[0, 0, 0]) == pytest.approx(float(grid[:, 0].std()), rel=1e-3)
    assert float(found.mean[1, 0, 0]) == pytest.approx(7.0)
    assert float(found.std[1, 0, 0]) == 1.0


def test_z_is_drawn_anew_at_every_step_and_alike_at_the_same() -> None:
    mean, spread = torch.zeros(6, 2), torch.zeros(6, 2)
    samples = as_samples(Latents(mean, spread), (2,), PLAN)
    task = DiffusionTask(model(Latents(mean, spread)), PLAN, seed=3)
    batch = BatchStream(samples, 6, 0).batch(0)
    assert batch.x.shape == (6, 2, 2)
    assert torch.equal(batch.x[:, 1], torch.ones(6, 2))  # the standard deviation, exp(0 / 2)
    one, again, other = (task.draws(batch, step) for step in (4, 4, 5))
    assert torch.equal(one.posterior, again.posterior)
    assert not torch.equal(one.posterior, other.posterior)
    assert not torch.equal(one.noise, one.posterior)


# the task


def test_the_loss_starts_where_a_gaussian_would_end() -> None:
    for path, known in (("rectified-flow", torch.pi / 2), ("ddpm", 1.0)):
        latents = Latents(torch.randn(4000, 3, generator=random()) * 2 + 1, None)
        task = DiffusionTask(model(latents, path=path), PLAN, 0)
        samples = as_samples(latents, (3,), PLAN)
        figures = task.validate(samples.in_order(500), task.initial_control(CPU))
        assert figures["loss"] == pytest.approx(figures["gaussian_loss"], rel=1e-6)
        assert figures["gaussian_loss"] == pytest.approx(known, rel=0.03)
        assert figures["data_term"] == figures["loss"] == figures["mse"]
        assert figures["prior_term"] == 0 == figures["live_dimensions"]


def test_validation_is_the_same_at_every_call_and_sees_every_level() -> None:
    z, label = ring(100)
    task = DiffusionTask(woken(model(Latents(z, None, Given(label)), condition=LABELS)), PLAN, 0)
    samples = as_samples(Latents(z, None, Given(label)), (2,), PLAN)
    control = task.initial_control(CPU)
    first = task.validate(samples.in_order(30), control)
    assert task.validate(samples.in_order(30), control) == first
    other = DiffusionTask(task.diffusion, PLAN, 1).validate(samples.in_order(30), control)
    assert other["loss"] != first["loss"]
    seen = [task._fixed(b, n, 30 * n).t for n, b in enumerate(samples.in_order(30))]
    assert len(torch.cat(seen).unique()) == LEVELS


def test_the_parts_of_a_batch_add_up_to_the_whole() -> None:
    z, label = ring(64)
    latents = Latents(z, torch.zeros_like(z), Given(label))
    task = DiffusionTask(woken(model(latents, condition=LABELS)), PLAN, 0)
    batch = BatchStream(as_samples(latents, (2,), PLAN), 64, 0).batch(0)
    control = task.initial_control(CPU)
    whole = task.terms(batch, control, 2)
    parts = [task.terms(batch, control, 2, some) for some in (slice(0, 24), slice(24, 64))]
    together = (24 * parts[0].loss + 40 * parts[1].loss) / 64
    torch.testing.assert_close(together, whole.loss)
    assert whole.kl_per_dimension.shape == (0,)
    assert float(whole.prior_term) == 0


def test_the_share_of_samples_that_are_told_nothing_is_the_recipes() -> None:
    z, label = ring(2000)
    latents = Latents(z, None, Given(label))
    batch = BatchStream(as_samples(latents, (2,), PLAN), 2000, 0).batch(0)
    for dropout in (0.0, 0.3):
        told = {"kind": "labels", "dropout": dropout}
        task = DiffusionTask(model(latents, condition=told), PLAN, 0)
        share = float(task.draws(batch, 0).dropped.float().mean())
        assert share == pytest.approx(dropout, abs=0.04)


def test_times_are_uniform_over_a_batch() -> None:
    task = DiffusionTask(model(Latents(torch.zeros(8, 2), None)), PLAN, 0)
    batch = BatchStream(as_samples(Latents(torch.zeros(8, 2), None), (2,), PLAN), 8, 0).batch(0)
    for step in range(3):
        t = task.draws(batch, step).t.sort().values
        assert 0 <= float(t[0]) < 0.125
        torch.testing.assert_close(t.diff(), torch.full((7,), 0.125))


# condition and guidance


def test_guidance_weighs_the_condition() -> None:
    z, label = ring(16)
    module = woken(model(Latents(z, None, Given(label)), condition=LABELS))
    x, t, given = torch.randn(16, 2, generator=random()), torch.tensor(0.4), Given(label)
    with torch.inference_mode():
        times = t.expand(16)
        told = module(x, times, given)
        untold = module(x, times, given, torch.ones(16, dtype=torch.bool))
        assert torch.equal(guided(module, given, 1.0)(x, t), told)
        assert torch.equal(guided(module, given, 0.0)(x, t), untold)
        twice = guided(module, given, 2.0)(x, t)
    torch.testing.assert_close(twice, untold + 2 * (told - untold))
    assert not torch.allclose(told, untold)
    assert not torch.allclose(told, module(x, times, Given((label + 1) % 8)))


def test_draws_depend_on_generator_and_condition_alone() -> None:
    z, label = ring(300)
    module = woken(model(Latents(z, None, Given(label)), condition=LABELS))
    prior = DiffusionPrior(module, SamplingConfig(steps=4), SampleSpec((2,), "real", label_count=8))
    given = Given(label)
    first = prior.draw(300, random(1), given)  # two batches
    assert first.shape == (300, 2)
    assert torch.equal(prior.draw(300, random(1), given), first)
    assert not torch.equal(prior.draw(300, random(2), given), first)
    assert not torch.equal(prior.draw(300, random(1), Given((label + 1) % 8)), first)
    assert not torch.equal(prior.asked(steps=5).draw(300, random(1), given), first)
    assert not torch.equal(prior.asked(guidance=2.0).draw(300, random(1), given), first)
    assert torch.equal(prior.asked(guidance=1.0).draw(300, random(1), given), first)
    assert torch.isfinite(prior.draw(5, random(1))).all()  # conditions from its memory
    assert prior.draw(0, random(1)).shape == (0, 2)
    density = prior.log_density(first, given)
    assert density is not None and density.shape == (300,)


def test_a_prior_is_saved_and_comes_back_bit_for_bit() -> None:
    z, label = ring(50)
    module = woken(model(Latents(z, None, Given(label)), condition=LABELS, path="ddpm"))
    spec = SampleSpec((2,), "real", label_count=8)
    prior = DiffusionPrior(module, SamplingConfig(steps=4), spec)
    back = DiffusionPrior.restored(prior.kept({"note": 1}))
    assert back.sampling == prior.sampling
    assert torch.equal(back.module.standard.mean, module.standard.mean)
    assert torch.equal(back.draw(9, random(3)), prior.draw(9, random(3)))


@pytest.mark.parametrize(
    ("condition", "asked", "words"),
    [
        ("none", {"guidance": 2.0}, "is told nothing"),
        ({"kind": "labels", "dropout": 0.0}, {"guidance": 2.0}, "never trained without"),
        ("labels", {"steps": 1001}, "more than the 1000 levels"),
        ("labels", {"steps": 0}, "steps"),
        ("labels", {"guidance": -1.0}, "guidance"),
    ],
)
def test_what_a_prior_cannot_do_is_refused(
    condition: Any, asked: dict[str, Any], words: str
) -> None:
    z, label = ring(20)
    module = model(Latents(z, None, Given(label)), condition=condition, path="ddpm")
    prior = DiffusionPrior(module, SamplingConfig(), SampleSpec((2,), "real", label_count=8))
    with pytest.raises(RecipeError, match=words) as fault:
        prior.asked(**asked)
    assert "\n" not in str(fault.value)


def test_a_condition_that_the_data_lack_is_refused() -> None:
    config = DiffusionConfig.parse({"condition": "labels"})
    with pytest.raises(RecipeError, match="the run's data have none; give condition=none"):
        LatentDiffusion(config, (2,), SampleSpec((2,), "real"), 0)
    config = DiffusionConfig.parse({"condition": {"kind": "covariates", "names": "age"}})
    spec = SampleSpec((2,), "real", covariate_names=("size",))
    with pytest.raises(RecipeError, match=r"has 'age'.*legal: size"):
        LatentDiffusion(config, (2,), spec, 0)


def test_a_covariate_is_heard_in_its_own_units() -> None:
    """A change of units of the covariate changes nothing, once it is fitted."""
    config = DiffusionConfig.parse({"condition": {"kind": "covariates", "names": "age"}})
    spec = SampleSpec((2,), "real", covariate_names=("age",))
    age = torch.rand(30, 1, generator=random()) * 50 + 20
    x, t = torch.randn(30, 2, generator=random()), torch.full((30,), 0.5)
    heard = []
    for scale in (1.0, 365.0):
        module = LatentDiffusion(config, (2,), spec, 0)
        assert module.condition is not None
        assert module.condition.standard is not None
        module.condition.standard.fit(scale * age)
        heard.append(woken(module)(x, t, Given(None, scale * age)))
    torch.testing.assert_close(heard[0], heard[1], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(heard[0], module(x, t, Given(None, 365 * age.flip(0))))
    with pytest.raises(RecipeError, match="covariates and none were given"):
        module(x, t, Given(torch.zeros(30).long()))


# networks


@pytest.mark.parametrize("shape", [(3, 9), (2, 7, 6), (2, 5, 7, 6), (4, 3, 3)])
def test_a_grid_unet_keeps_any_grid_and_reads_all_of_it(shape: tuple[int, ...]) -> None:
    config = GridUnetConfig(width=8, channels=(12,), blocks=1)
    network = GridUnet(config, shape, 5, random())
    x = torch.randn(2, *shape, generator=random(1), requires_grad=True)
    told = torch.randn(2, 5, generator=random(2))
    assert torch.equal(network(x, told), torch.zeros(2, *shape))  # it starts at zero
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=random(3)))
    changed = network(x, told)
    assert changed.shape == x.shape
    assert not torch.allclose(changed, network(x, -told))
    (gradient,) = torch.autograd.grad(changed.square().sum(), x)
    assert (gradient != 0).all()


def test_a_grid_that_is_too_small_is_refused() -> None:
    with pytest.raises(RecipeError, match="kernel=3 is larger"):
        GridUnet(GridUnetConfig(), (4, 2, 2), 5, random())
    with pytest.raises(RecipeError, match="which can be halved 3 times"):
        GridUnet(GridUnetConfig(channels=(4, 4, 4, 4)), (4, 8, 8), 5, random())
    with pytest.raises(RecipeError, match="needs an odd kernel; give kernel=5"):
        GridUnetConfig.parse({"kernel": 4})
    with pytest.raises(RecipeError, match="kind=dense"):
        GridUnet(GridUnetConfig(), (4,), 5, random())


def test_a_residual_mlp_takes_any_shape_and_starts_at_zero() -> None:
    for shape in ((7,), (2, 3)):
        network = ResidualMlp(ResidualMlpConfig(width=16, blocks=2), shape, 5, random())
        x, told = torch.randn(4, *shape, generator=random()), torch.randn(4, 5, generator=random())
        assert torch.equal(network(x, told), torch.zeros(4, *shape))
        assert [n for n, p in network.named_parameters() if p.dim() > 1 and not p.any()] == [
            "body.blocks.0.film.weight",
            "body.blocks.1.film.weight",
            "head.weight",
        ]


def test_a_time_is_told_apart_from_its_neighbours() -> None:
    module = TimeEmbedding(32)
    with torch.no_grad():
        near = module(torch.tensor([0.5, 0.501, 0.502]))
    assert float((near[1] - near[0]).norm()) > 1e-3
    assert float((near[2] - near[0]).norm()) > float((near[1] - near[0]).norm())


# learning


def trained(latents: Latents, steps: int, **config: Any) -> LatentDiffusion:
    """A denoiser after `steps` of 250 samples, by the engine's own steps; the averaged weights."""
    module = model(latents, **config)
    training = TrainingConfig.parse(
        {
            "epochs": 1,
            "batch_size": 250,
            "ema": 0.99,
            "device": "cpu",
            "learning_rate": {"kind": "cosine", "start": 2e-3, "end": 1e-5, "length": "1 of run"},
        }
    )
    task = DiffusionTask(module, PLAN, 0)
    stream = BatchStream(as_samples(latents, (latents.dimensions,), PLAN), 250, 0)
    state = TrainState(
        module, build_optimiser(training, module), task.initial_control(CPU), Meter.empty(0, CPU)
    )
    stepper = Stepper(task, training, Horizon(steps, stream.steps_per_epoch), 0)
    for step in range(steps):
        stepper.take(state, stream.batch(step))
    adopt_final_weights(state)
    return module.eval()


def sliced_wasserstein(one: Tensor, other: Tensor) -> float:
    """The mean over 50 directions of the distance between sorted projections, for (N, 2)."""
    angle = torch.linspace(0, torch.pi, 51)[:-1]
    along = torch.stack([angle.cos(), angle.sin()])
    return float(((one @ along).sort(0)[0] - (other @ along).sort(0)[0]).abs().mean())


@pytest.mark.slow
@pytest.mark.parametrize("path", ["rectified-flow", "ddpm"])
def test_a_trained_denoiser_finds_a_mixture(path: str) -> None:
    """Eight clusters: far nearer to them than the best Gaussian, which is 0.5 away, and within
    three times the distance between two samples of 4,000; each label draws its own cluster."""
    z, label = ring(5000)
    module = trained(Latents(z, None, Given(label)), 1000, path=path, condition=LABELS)
    prior = DiffusionPrior(
        module, SamplingConfig(steps=25), SampleSpec((2,), "real", label_count=8)
    )
    drawn, (fresh, _) = prior.draw(4000, random(1)), ring(4000, seed=7)
    factor = torch.linalg.cholesky(z.T.cov())
    gaussian = z.mean(0) + torch.randn(4000, 2, generator=random(2)) @ factor.T
    assert sliced_wasserstein(gaussian, fresh) > 0.4
    assert sliced_wasserstein(drawn, fresh) < 0.12
    third = prior.draw(1000, random(3), Given(torch.full((1000,), 2)))
    centre = torch.tensor([5.0, 3.0])
    assert float((third.mean(0) - centre).norm()) < 0.1
    assert float(third.std(0).mean()) == pytest.approx(0.3, abs=0.07)
    weighed = prior.asked(guidance=2.0).draw(1000, random(3), Given(torch.full((1000,), 2)))
    assert float(weighed.std(0).mean()) < float(third.std(0).mean())  # guidance sharpens


@pytest.mark.slow
def test_a_trained_denoiser_finds_a_gaussian_and_its_least_loss() -> None:
    """Correlated latents of very different scales. In the direction of an eigenvalue v of their
    correlation no denoiser of a rectified flow can lose less than v / ((1 - t)^2 v + t^2)."""
    factor = torch.tensor([[3.0, 0.0, 0.0], [0.2, 0.05, 0.0], [10.0, 0.0, 20.0]])
    z = torch.randn(20_000, 3, generator=random(5)) @ factor.T + torch.tensor([1.0, -4.0, 30.0])
    latents = Latents(z, None)
    module = trained(latents, 1200)
    task = DiffusionTask(module, PLAN, 0)
    loss = task.validate(as_samples(latents, (3,), PLAN).in_order(500), task.initial_control(CPU))[
        "loss"
    ]
    values = torch.linalg.eigvalsh(z.T.double().corrcoef())
    t = ((torch.arange(LEVELS) + 0.5) / LEVELS)[:, None].double()
    least = float((values / ((1 - t) ** 2 * values + t**2)).mean())
    assert least < 0.9 * torch.pi / 2  # which is what a Gaussian without correlations loses
    assert 0.98 * least < loss < 1.04 * least
    prior = DiffusionPrior(module, SamplingConfig(), SampleSpec((3,), "real"))
    drawn, scale = prior.draw(20_000, random(6)), z.std(0)
    assert ((drawn.mean(0) - z.mean(0)).abs() < 0.05 * scale).all()
    assert ((drawn.T.cov() - z.T.cov()).abs() < 0.08 * scale[:, None] * scale).all()


def test_a_step_of_the_engine_lowers_the_loss() -> None:
    z, label = ring(1000)
    latents = Latents(z, None, Given(label))
    samples = as_samples(latents, (2,), PLAN)
    before, after = (
        DiffusionTask(trained(latents, steps, condition=LABELS), PLAN, 0) for steps in (0, 60)
    )
    figures = [
        task.validate(samples.in_order(500), task.initial_control(CPU))["loss"]
        for task in (before, after)
    ]
    assert figures[1] < 0.7 * figures[0]
