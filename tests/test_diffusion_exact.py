"""The samplers against what is known: Gaussian data, whose best denoiser has a closed form, and the
schedulers of diffusers on a fixed denoiser.

Shape letters: N samples, K latents.
"""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from vaestro.foundation.errors import RecipeError
from vaestro.generation.diffusion.noise_levels import (
    DdpmConfig,
    PathKind,
    RectifiedFlowConfig,
    noised,
)
from vaestro.generation.diffusion.samplers import (
    AncestralConfig,
    DdimConfig,
    Denoise,
    EulerConfig,
    HeunConfig,
    SamplerKind,
    ddim,
    euler,
    heun,
    run_sampler,
    sampler_of,
)

MEAN = torch.tensor([1.5, -0.5], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.0, 0.6], [0.6, 0.5]], dtype=torch.float64)
FLOW, DDPM = RectifiedFlowConfig(), DdpmConfig()
STRANGE = ["ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"]


def best_denoiser(path: PathKind) -> Denoise:
    """E[target | x_t] for z ~ N(MEAN, COVARIANCE): target and x_t are jointly Gaussian."""
    eye = torch.eye(2, dtype=torch.float64)

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        a, s = path.signal_and_noise(t.double())
        by_z, by_noise = (  # the target is by_z z + by_noise e
            float(path.target(torch.tensor(z), torch.tensor(e), t))
            for z, e in ((1.0, 0.0), (0.0, 1.0))
        )
        spread = a**2 * COVARIANCE + s**2 * eye
        together = by_z * a * COVARIANCE + by_noise * s * eye
        return by_z * MEAN + (x - a * MEAN) @ torch.linalg.solve(spread, together)

    return denoise


def start(count: int, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, 2, generator=random, dtype=torch.float64)


def root() -> Tensor:
    values, vectors = torch.linalg.eigh(COVARIANCE)
    return vectors @ values.sqrt().diag() @ vectors.T


def drawn(path: PathKind, sampler: SamplerKind, steps: int, count: int) -> Tensor:
    random = torch.Generator().manual_seed(1)
    x = start(count)
    return run_sampler(
        sampler,
        path,
        best_denoiser(path),
        x,
        path.times(steps),
        lambda: torch.randn(x.shape, generator=random, dtype=x.dtype),
    )


# the paths


@pytest.mark.parametrize("path", [FLOW, DDPM], ids=["flow", "ddpm"])
def test_what_x_is_made_of_is_found_again_from_it_and_the_target(path: PathKind) -> None:
    z, noise = start(50), start(50, seed=1)
    for t in path.times(7):
        x = noised(path, z, noise, t)
        found = path.parts(x, path.target(z, noise, t), t)
        torch.testing.assert_close(found.z, z)
        torch.testing.assert_close(found.noise, noise)


@pytest.mark.parametrize("path", [FLOW, DDPM], ids=["flow", "ddpm"])
def test_the_gaussian_slope_is_that_of_the_regression_on_x(path: PathKind) -> None:
    """By a least-squares fit over many draws of N(0, 1)."""
    random = torch.Generator().manual_seed(3)
    z, noise = (torch.randn(400_000, generator=random, dtype=torch.float64) for _ in range(2))
    for t in path.times(4)[1:-1]:
        x, target = noised(path, z, noise, t), path.target(z, noise, t)
        slope = (x * target).mean() / x.square().mean()
        assert float(path.gaussian_slope(t)) == pytest.approx(float(slope), abs=0.01)


def test_the_levels_of_ddpm_are_the_cosine_of_the_paper() -> None:
    for t in (0.001, 0.25, 0.5, 0.998):
        curve = [math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2 for u in (t, 0.0)]
        a, s = DDPM.signal_and_noise(torch.tensor(t, dtype=torch.float64))
        assert float(a**2) == pytest.approx(curve[0] / curve[1], rel=1e-9)
        assert float(a**2 + s**2) == pytest.approx(1.0)


def test_times_fall_from_all_noise_to_none() -> None:
    assert FLOW.times(4).tolist() == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert DdpmConfig(levels=10).times(3).tolist() == [1.0, 0.7, 0.3, 0.0]
    trained = DdpmConfig(levels=4).trained(torch.tensor([0.0, 0.24, 0.26, 0.99]))
    assert trained.tolist() == [0.25, 0.25, 0.5, 1.0]


# the samplers on Gaussian data


@pytest.mark.parametrize(
    ("path", "sampler", "steps"),
    [
        (FLOW, EulerConfig(), 400),
        (FLOW, HeunConfig(), 30),
        (DDPM, DdimConfig(), 500),
        (DDPM, DdimConfig(eta=0.5), 500),
        (DDPM, AncestralConfig(), 1000),
    ],
    ids=["euler", "heun", "ddim", "ddim-half", "ancestral"],
)
def test_a_sampler_reaches_the_known_gaussian(
    path: PathKind, sampler: SamplerKind, steps: int
) -> None:
    """Mean and covariance within four standard errors of 20,000 draws, and a hundredth for the
    steps."""
    count = 20_000
    x = drawn(path, sampler, steps, count)
    error = 4 * COVARIANCE.diagonal().sqrt() / math.sqrt(count)
    assert ((x.mean(0) - MEAN).abs() < error + 0.01).all()
    wide = COVARIANCE.diagonal()
    spread = 4 * torch.sqrt((COVARIANCE**2 + wide[:, None] * wide) / count)
    assert ((x.T.cov() - COVARIANCE).abs() < spread + 0.01).all()


@pytest.mark.parametrize(("method", "order"), [(euler, 1), (heun, 2)])
def test_the_error_of_a_sampler_falls_with_its_order(method: Any, order: int) -> None:
    """The flow of a Gaussian is known: x_0 = MEAN + COVARIANCE^(1/2) x_1."""
    x = start(100)
    exact = MEAN + x @ root()
    errors = [
        float((method(best_denoiser(FLOW), x, FLOW.times(n)) - exact).abs().max())
        for n in (20, 40, 80)
    ]
    for coarse, fine in pairwise(errors):
        assert coarse / fine == pytest.approx(2**order, rel=0.2)


def test_ddim_falls_linearly_to_the_same_flow() -> None:
    x = start(100)
    path = DdpmConfig(levels=64_000)
    exact = MEAN + x @ root()
    errors = [
        float((ddim(path, best_denoiser(path), x, path.times(n), start, 0.0) - exact).abs().max())
        for n in (40, 80, 160)
    ]
    for coarse, fine in pairwise(errors):
        assert coarse / fine == pytest.approx(2.0, rel=0.25)


def test_a_sampler_that_does_not_go_along_the_path_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"sampler=ddim does not go along path=rectified-flow"):
        sampler_of(FLOW, DdimConfig())
    with pytest.raises(RecipeError, match="give ddim or ancestral"):
        sampler_of(DDPM, HeunConfig())
    assert sampler_of(FLOW, None) == HeunConfig()
    assert sampler_of(DDPM, None) == DdimConfig()


# diffusers


def schedulers() -> Any:
    """diffusers, or a skip: the extra `oracles` brings it."""
    return pytest.importorskip("diffusers", exc_type=ImportError)


def fixed(x: Tensor, t: Tensor) -> Tensor:
    """A denoiser that is no one's best, but smooth in x and t."""
    return torch.tanh(x * (1 + t)) - 0.3 * x * torch.cos(3 * t)


def close(given: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(given, wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["Euler", "Heun"])
@pytest.mark.filterwarnings(*STRANGE)
def test_the_flow_samplers_agree_with_diffusers(name: str) -> None:
    scheduler = getattr(schedulers(), f"FlowMatch{name}DiscreteScheduler")()
    scheduler.set_timesteps(20)
    sigmas = scheduler.sigmas if name == "Euler" else scheduler.sigmas[[*range(0, 39, 2), -1]]
    x = start(64).float()
    ours = (euler if name == "Euler" else heun)(fixed, x, sigmas)
    theirs = x
    for step in scheduler.timesteps:
        predicted = fixed(theirs, (step.double() / 1000).float())
        theirs = scheduler.step(predicted, step, theirs).prev_sample
    close(ours, theirs)


def cosine(name: str, **settings: Any) -> Any:
    return getattr(schedulers(), name)(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=False,
        timestep_spacing="trailing",
        **settings,
    )


@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0])
@pytest.mark.filterwarnings(*STRANGE)
def test_ddim_agrees_with_diffusers(eta: float) -> None:
    scheduler = cosine("DDIMScheduler")
    scheduler.set_timesteps(20)
    x, noise = start(64).float(), [start(64, seed=5 + n).float() for n in range(20)]
    ours = ddim(DDPM, fixed, x, DDPM.times(20), iter(noise).__next__, eta)
    theirs = x
    for step, fresh in zip(scheduler.timesteps, noise, strict=True):
        predicted = fixed(theirs, ((step.double() + 1) / 1000).float())
        last = int(step) < 50
        theirs = scheduler.step(
            predicted, step, theirs, eta=eta, variance_noise=fresh * (0 if last else 1)
        ).prev_sample
    close(ours, theirs)


@pytest.mark.filterwarnings(*STRANGE)
def test_ancestral_sampling_agrees_with_diffusers() -> None:
    """Theirs draws its noise itself, from a generator; ours is handed the same numbers."""
    scheduler = cosine("DDPMScheduler")
    scheduler.set_timesteps(50)
    x = start(64).float()
    theirs, random = x, torch.Generator().manual_seed(7)
    for step in scheduler.timesteps:
        predicted = fixed(theirs, ((step.double() + 1) / 1000).float())
        theirs = scheduler.step(predicted, step, theirs, generator=random).prev_sample
    random = torch.Generator().manual_seed(7)
    ours = run_sampler(
        AncestralConfig(),
        DDPM,
        fixed,
        x,
        DDPM.times(50),
        lambda: torch.randn(x.shape, generator=random),
    )
    close(ours, theirs)
