"""The streamline networks of FINTA: exact sizes, any length and kernel, a start that holds."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.conftest import random
from vaestro.foundation.errors import RecipeError
from vaestro.models.posterior_head import PosteriorHead
from vaestro.networks.body import Conditioning
from vaestro.networks.explicit import LayersDecoder, LayersEncoder
from vaestro.networks.finta import FintaConfig, finta_decoder, finta_encoder
from vaestro.probability.posterior import DeterministicConfig, GaussianConfig, PosteriorConfig

NOTHING = Conditioning()
PUBLISHED = FintaConfig()
NORMALISED = FintaConfig(normalisation="batch")
UNIFORM = FintaConfig(initialisation="uniform")
SMALL = FintaConfig(channels=(4, 6, 8))


def encoder(config: FintaConfig, points: int, told: Conditioning = NOTHING) -> LayersEncoder:
    return finta_encoder(config, (3, points), told, random())


def decoder(
    config: FintaConfig,
    points: int,
    latent: tuple[int, ...] = (32,),
    outputs: int = 1,
    told: Conditioning = NOTHING,
) -> LayersDecoder:
    return finta_decoder(config, (latent,), (3, points), outputs, told, random())


def head(inward: LayersEncoder, posterior: PosteriorConfig) -> PosteriorHead:
    return PosteriorHead(posterior, inward.out_shapes, ((32,),), random())


def streamlines(count: int, points: int) -> Tensor:
    """(count, 3, points): smooth curves in millimetres, within 100 of the origin."""
    t = torch.linspace(0, 1, points)
    draw = torch.rand(count, 3, 3, 1, generator=random(5)) * 2 - 1
    lines = draw[:, :, 0] + draw[:, :, 1] * t + draw[:, :, 2] * torch.sin(math.pi * t)
    return 100 * lines / lines.abs().amax((1, 2), keepdim=True)


def numbers(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def test_the_published_networks_to_the_parameter() -> None:
    inward, outward = encoder(PUBLISHED, 256), decoder(PUBLISHED, 256)
    assert inward.out_shapes == ((1024, 8),)
    assert numbers(inward, head(inward, DeterministicConfig()), outward) == 4_726_307
    inward = encoder(NORMALISED, 256)
    assert numbers(inward, head(inward, GaussianConfig()), outward) == 4_992_515


def published(x: Tensor, z: Tensor, weights: list[Tensor], mode: str) -> tuple[Tensor, Tensor]:
    """The paper's two passes in torch's own words, the weights in order."""
    rest = iter(weights)
    for place in range(6):
        x = functional.conv1d(
            functional.pad(x, (1, 1), mode="reflect"), next(rest), next(rest), 2 - place // 5
        )
        x = x if place == 5 else x.relu()
    y = functional.linear(z, next(rest), next(rest)).view(len(z), 1024, 8)
    smooth = {"align_corners": False} if mode == "linear" else {}
    for place in range(6):
        y = functional.conv1d(functional.pad(y, (1, 1), mode="reflect"), next(rest), next(rest))
        if place < 5:
            y = functional.interpolate(y.relu(), scale_factor=2, mode=mode, **smooth)  # type: ignore[arg-type]
    assert next(rest, None) is None
    return x, y


@pytest.mark.parametrize("upsampling", ["linear", "nearest"])
def test_it_computes_what_the_paper_says(upsampling: Any) -> None:
    config = FintaConfig(upsampling=upsampling)
    inward, outward = encoder(FintaConfig(), 256), decoder(config, 256)
    x, z = torch.randn(2, 3, 256, generator=random(1)), torch.randn(2, 32, generator=random(2))
    weights = [*inward.parameters(), *outward.parameters()]
    features, outputs = published(x, z, weights, upsampling)
    torch.testing.assert_close(inward(x)[0], features)
    torch.testing.assert_close(outward((z,))[:, 0], outputs)


def test_batch_norm_stands_behind_each_encoder_convolution() -> None:
    inward = encoder(NORMALISED, 256)
    norms = [m for m in inward.modules() if isinstance(m, nn.BatchNorm1d)]
    assert [norm.num_features for norm in norms] == [32, 64, 128, 256, 512, 1024]
    (features,) = inward(streamlines(64, 256))
    assert features.mean((0, 2)).abs().max() < 1e-3
    assert (features.std((0, 2)) - 1).abs().max() < 0.05
    assert not any(isinstance(m, nn.BatchNorm1d) for m in decoder(PUBLISHED, 256).modules())


@pytest.mark.parametrize(
    "config", [PUBLISHED, NORMALISED, UNIFORM], ids=["plain", "normalised", "uniform"]
)
def test_log_variances_start_small_on_unscaled_millimetres(config: FintaConfig) -> None:
    """Log 001's rule, a fan-in of 3 * kernel in every layer, gives thousands: so shown here too."""
    inward, x = encoder(config, 256), streamlines(50, 256)
    maps = head(inward, GaussianConfig())
    posterior = maps(inward(x))
    assert posterior.log_variance is not None
    assert posterior.log_variance.abs().max() < 5
    assert posterior.mean.abs().max() < 5
    if config is PUBLISHED:
        for parameter in inward.parameters():
            nn.init.uniform_(parameter, -1 / 3, 1 / 3, generator=random())
        assert inward(x)[0].std() > 1000


def test_uniform_weights_have_each_layers_own_fan_in() -> None:
    layers = [m for m in encoder(UNIFORM, 256).modules() if isinstance(m, nn.Conv1d)]
    for layer, channels in zip(layers, (3, 32, 64, 128, 256, 512), strict=True):
        bound = 1 / math.sqrt(3 * channels)
        assert layer.bias is not None
        for parameter in (layer.weight, layer.bias):
            assert parameter.abs().max() <= bound
        assert layer.weight.abs().max() > 0.98 * bound
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)


@pytest.mark.parametrize("scheme", ["he", "xavier", "orthogonal"])
def test_other_starts_keep_only_the_last_encoder_convolution_small(scheme: Any) -> None:
    inward = encoder(FintaConfig(initialisation=scheme), 256)
    *inner, last = (m for m in inward.modules() if isinstance(m, nn.Conv1d))
    assert last.weight.std().item() == pytest.approx(0.01 / math.sqrt(3 * 512), rel=0.02)
    assert all(m.weight.std() > 0.5 / math.sqrt(3 * m.in_channels) for m in inner)
    assert not any(m.bias.any() for m in (*inner, last) if m.bias is not None)
    lines = decoder(UNIFORM, 256).head.weight.std().item()  # type: ignore[operator, union-attr]
    assert lines == pytest.approx(0.1 / math.sqrt(3 * 32), rel=0.1)


@pytest.mark.parametrize("kernel", range(1, 8))
@pytest.mark.parametrize("points", [20, 64, 100, 255, 256, 257])
def test_any_length_and_kernel_come_back(points: int, kernel: int) -> None:
    config = FintaConfig(channels=(3, 4, 5), kernel=kernel)
    inward, outward = encoder(config, points), decoder(config, points, outputs=2)
    assert inward.out_shapes == ((5, math.ceil(math.ceil(points / 2) / 2)),)
    assert inward(streamlines(2, points))[0].shape[1:] == inward.out_shapes[0]
    assert outward((torch.zeros(2, 32),)).shape == (2, 2, 3, points)


@pytest.mark.parametrize("kernel", range(1, 8))
@pytest.mark.parametrize("points", [20, 64, 100, 255, 256, 257])
def test_five_halvings_come_back_or_say_why(points: int, kernel: int) -> None:
    config = FintaConfig(channels=(2, 2, 2, 2, 2, 2), kernel=kernel)
    smallest = math.ceil(points / 32)
    if smallest > kernel // 2:
        assert encoder(config, points).out_shapes == ((2, smallest),)
        assert decoder(config, points)((torch.zeros(1, 32),)).shape == (1, 1, 3, points)
        return
    needed = 32 * (kernel // 2) + 1
    message = (
        rf"kernel={kernel} needs at least {needed} points, and these streamlines have {points}"
    )
    with pytest.raises(RecipeError, match=message):
        encoder(config, points)
    assert encoder(config, needed).out_shapes == ((2, kernel // 2 + 1),)


@pytest.mark.parametrize("points", [16, 17])
def test_a_kernel_of_one_needs_only_what_can_be_halved(points: int) -> None:
    config = FintaConfig(channels=(2, 2, 2, 2, 2, 2), kernel=1)
    if points == 17:
        assert encoder(config, points).out_shapes == ((2, 1),)
        return
    with pytest.raises(RecipeError, match="kernel=1 needs at least 17 points"):
        encoder(config, points)


def test_one_convolution_is_a_network() -> None:
    config = FintaConfig(channels=(7,))
    assert encoder(config, 9).out_shapes == ((7, 9),)
    assert decoder(config, 9)((torch.zeros(1, 32),)).shape == (1, 1, 3, 9)


def test_the_output_starts_at_the_mean_of_each_coordinate() -> None:
    outward, start = decoder(SMALL, 20, outputs=2), torch.randn(2, 3, 20, generator=random(3))
    outward.start_at(start)
    outputs = outward((torch.zeros(4, 32),))
    torch.testing.assert_close(
        outputs, start.mean(2, keepdim=True).expand(4, 2, 3, 20), atol=0.2, rtol=0
    )


@pytest.mark.parametrize("film", [False, True], ids=["join", "film"])
@pytest.mark.parametrize("config", [SMALL, FintaConfig(channels=(4, 8), normalisation="batch")])
def test_conditions_and_gradients_reach_everything(config: FintaConfig, film: bool) -> None:
    told = Conditioning(2, film)
    inward, outward = encoder(config, 21, told), decoder(config, 21, (5,), 1, told)
    assert not inward.joins
    networks = nn.ModuleList([inward, outward])
    for name, parameter in networks.named_parameters():
        if ".film." in name:  # FiLM starts as the identity
            nn.init.normal_(parameter, 0, 0.3, generator=random())
    x, z = streamlines(3, 21), torch.randn(3, 5, generator=random(4))
    one, other = torch.zeros(3, 2), torch.ones(3, 2)
    assert inward(x, one)[0].allclose(inward(x, other)[0]) is not film
    assert not outward((z,), one).allclose(outward((z,), other))
    weights = torch.randn(3, 3, 21, generator=random(6))
    (inward(x, other)[0].pow(3).sum() + (weights * outward((z,), other)[:, 0]).sum()).backward()
    assert [n for n, p in networks.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_latents_on_the_grid() -> None:
    outward = decoder(SMALL, 21, (2, 6))
    assert outward((torch.randn(3, 2, 6, generator=random()),)).shape == (3, 1, 3, 21)
    with pytest.raises(RecipeError, match="give both the same number of stages"):
        decoder(SMALL, 21, (2, 5))


def test_the_same_generator_gives_the_same_network() -> None:
    first, second = (decoder(SMALL, 20).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    other = finta_decoder(SMALL, ((32,),), (3, 20), 1, NOTHING, random(1)).state_dict()
    assert not any(torch.equal(first[key], other[key]) for key in first if "weight" in key)


def test_half_precision_and_compilation() -> None:
    inward, outward = encoder(SMALL, 21), decoder(SMALL, 21, (48,))
    x = streamlines(2, 21) / 100
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = outward((inward(x)[0].flatten(1),))
        outputs.square().sum().backward()
    expected = outward((inward(x)[0].flatten(1),))
    torch.testing.assert_close(outputs.float(), expected, atol=0.02, rtol=0.1)
    whole = torch.compile(
        lambda x: outward((inward(x)[0].flatten(1),)), backend="eager", fullgraph=True
    )
    assert torch.equal(whole(x), expected)


def test_an_autoencoder_learns_streamlines() -> None:
    """From unscaled millimetres: half of the spread around the mean is gone in 100 steps."""
    config = FintaConfig(channels=(8, 16, 32))
    inward, outward, x = encoder(config, 32), decoder(config, 32, (6,)), streamlines(64, 32)
    maps = PosteriorHead(DeterministicConfig(), inward.out_shapes, ((6,),), random())
    outward.start_at(x.mean(0, keepdim=True))
    networks = nn.ModuleList([inward, maps, outward])
    optimiser = torch.optim.Adam(networks.parameters(), lr=3e-3)
    for _ in range(100):
        loss = (outward((maps(inward(x)).mean,))[:, 0] - x).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.5 * (x - x.mean(0)).square().mean()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"channels": []}, r"channels: \[\]; legal: whole numbers, each at least 1"),
        ({"channels": [3, 0]}, r"channels: \[3, 0\]; legal: whole numbers, each at least 1"),
        ({"kernel": 0}, "kernel is 0; legal: "),
        ({"normalisation": "group"}, "normalisation is 'group'; legal: 'none' or 'batch'"),
        ({"upsampling": "cubic"}, "upsampling is 'cubic'; legal: 'nearest' or 'linear'"),
        (
            {"initialisation": "torch"},
            "initialisation is 'torch'; legal: 'he', 'xavier', 'orthogonal' or 'uniform'",
        ),
    ],
)
def test_fields_out_of_range(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message) as fault:
        FintaConfig.parse(fields)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("shape", [(1, 28, 28), (64,)])
def test_samples_that_are_no_streamlines(shape: tuple[int, ...]) -> None:
    with pytest.raises(RecipeError, match="needs streamlines of shape"):
        finta_encoder(SMALL, shape, NOTHING, random())
    with pytest.raises(RecipeError, match="needs streamlines of shape"):
        finta_decoder(SMALL, ((4,),), shape, 1, NOTHING, random())


def test_upsampling_is_the_decoders() -> None:
    with pytest.raises(RecipeError, match="an encoder does not upsample"):
        finta_encoder(
            FintaConfig(upsampling="nearest"), (3, 256), Conditioning(), torch.Generator()
        )
