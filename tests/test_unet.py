"""The U-net whose skips are latents: any size, a falling loss, a prior that can be sampled."""

from math import prod

import pytest
import torch
from torch import Tensor, nn

from vaestro.foundation.errors import RecipeError
from vaestro.models.posterior_head import PosteriorHead
from vaestro.networks.body import Conditioning, Shape
from vaestro.networks.contract import check_decoder, check_encoder
from vaestro.networks.convolution import ConvolutionConfig, ConvolutionDecoder
from vaestro.networks.dense import DenseConfig, DenseDecoder
from vaestro.networks.layers import Film
from vaestro.networks.unet import UnetDecoder, UnetEncoder
from vaestro.networks.unet_config import UnetConfig
from vaestro.probability.posterior import GaussianConfig

PLAIN = Conditioning()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def turned(config: UnetConfig) -> UnetConfig:
    """The decoder's configuration: the channels in the order in which the data pass it."""
    return config.model_copy(update={"channels": config.channels[::-1]})


def latents_of(encoder: UnetEncoder, first: Shape) -> tuple[Shape, ...]:
    """The latents that a model gives each level: `first`, and a grid for each skip."""
    pairs = zip(encoder.skip_channels, encoder.out_shapes[1:], strict=True)
    return (first, *((channels, *shape[1:]) for channels, shape in pairs))


class Model(nn.Module):
    """Encoder, head and decoder by hand, with a Gaussian of variance 1 over the data."""

    def __init__(self, config: UnetConfig, shape: Shape, told: Conditioning = PLAIN) -> None:
        super().__init__()
        self.encoder = UnetEncoder(config, shape, told, generator(1))
        self.latents = latents_of(self.encoder, (5,))
        extra = told.joined
        features = [(prod(self.encoder.out_shapes[0]) + extra,)]
        features += [(s[0] + extra, *s[1:]) for s in self.encoder.out_shapes[1:]]
        self.head = PosteriorHead(GaussianConfig(), tuple(features), self.latents, generator(2))
        self.decoder = UnetDecoder(turned(config), self.latents, shape, 2, told, generator(3))
        self.told = told

    def forward(self, x: Tensor, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        first, *skips = self.encoder(x, condition)
        levels = (first.flatten(1), *skips)
        self.posterior = self.head(tuple(self.told.join(v, condition) for v in levels))
        z = self.head.divided(self.posterior.sample(noise))
        outputs: Tensor = self.decoder(z, condition)
        return outputs

    def loss(self, x: Tensor, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        data = (self(x, noise, condition)[:, 0] - x).square().flatten(1).sum(1) / 0.2
        mean, log_variance = self.posterior
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
        return (data + kl.sum(1)).mean()


SHAPES = [(1, 28, 28), (3, 35, 19), (2, 7, 8), (3, 61), (4, 40), (2, 9, 8, 7)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dense", [(), (6,)], ids=str)
@pytest.mark.parametrize("kernel", [3, 5])
def test_it_returns_to_any_size(shape: Shape, dense: tuple[int, ...], kernel: int) -> None:
    config = UnetConfig(channels=(3, 4, 5), kernel=kernel, dense=dense)
    encoder = UnetEncoder(config, shape, PLAIN, generator())
    features = encoder(torch.randn(3, *shape))
    assert tuple(f.shape[1:] for f in features) == encoder.out_shapes
    assert [s[0] for s in encoder.out_shapes] == [dense[0] if dense else 5, 4, 3]
    firsts = [(6,)] if dense else [(6,), (6, *encoder.out_shapes[0][1:])]
    for first in firsts:
        latents = latents_of(encoder, first)
        assert [s[0] for s in latents[1:]] == [2, 2]
        decoder = UnetDecoder(turned(config), latents, shape, 2, PLAIN, generator())
        outputs = decoder(tuple(torch.randn(3, *s) for s in latents))
        assert outputs.shape == (3, 2, *shape)


@pytest.mark.parametrize("shape", [(2, 21), (2, 11, 14), (1, 9, 8, 7)], ids=str)
@pytest.mark.parametrize("normalisation", ["batch", "group"])
def test_residual_blocks_in_every_dimension(shape: Shape, normalisation: str) -> None:
    config = UnetConfig.parse(
        {"channels": [4, 4], "residual": True, "blocks": 2, "normalisation": normalisation}
    )
    model = Model(config, shape)
    assert sum(getattr(m, "residual", False) for m in model.modules()) == 8
    noise = torch.randn(4, model.head.latent)
    model.loss(torch.randn(4, *shape), noise).backward()
    assert model.decoder(model.head.divided(noise)).shape == (4, 2, *shape)


def test_a_skip_is_named_by_its_halvings_in_any_order() -> None:
    config = UnetConfig.parse({"channels": [3, 4, 5, 6], "skips": [1, 3]})
    encoder = UnetEncoder(config, (1, 32, 32), PLAIN, generator())
    assert encoder.out_shapes == ((6, 2, 2), (5, 4, 4), (3, 16, 16))
    assert UnetConfig.parse({"channels": [3, 4, 5, 6], "skips": "1, 3"}) == config
    decoder = UnetDecoder(
        turned(config), latents_of(encoder, (9,)), (1, 32, 32), 1, PLAIN, generator()
    )
    assert [stage.join is not None for stage in decoder.stages] == [True, False, True]


def test_a_configuration_survives_its_plain_form() -> None:
    for skips in ("all", [2], []):
        config = UnetConfig.parse({"skips": skips, "skip_channels": 3})
        assert UnetConfig.parse(config.plain()) == config
    assert UnetConfig().levels == (2, 1)


def test_without_skips_it_has_one_level() -> None:
    config = UnetConfig(channels=(3, 4), skips=())
    encoder = UnetEncoder(config, (1, 8, 8), PLAIN, generator())
    assert encoder.skip_channels == () and len(encoder(torch.randn(2, 1, 8, 8))) == 1
    decoder = UnetDecoder(turned(config), ((5,),), (1, 8, 8), 1, PLAIN, generator())
    assert decoder((torch.randn(2, 5),)).shape == (2, 1, 1, 8, 8)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kernel": 4}, "kernel=4: .* give kernel=5"),
        ({"channels": []}, "a unet needs channels"),
        ({"channels": [4, 8], "skips": [2]}, r"skips=\[2\] with 2 stages; legal: .* from 1 to 1"),
        ({"skips": [1, 1]}, "legal: distinct numbers from 1 to 2, or all"),
        ({"skips": [0]}, "legal: distinct numbers from 1 to 2, or all"),
        ({"channels": [4], "skips": [1]}, r"with 1 stages; legal: \[\] or all"),
        ({"skips": "some"}, "skips"),
        ({"skip_channels": 0}, "skip_channels is 0; legal"),
    ],
)
def test_an_impossible_configuration_says_why(values: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message) as raised:
        UnetConfig.parse(values)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("encoder", "decoder", "message"),
    [
        ({"skips": [1]}, {"skips": []}, "skips on grids 8x8 and the decoder takes none"),
        ({"skips": [1]}, {}, "grids 8x8 and the decoder takes 4x4, 8x8"),
        ({}, {"channels": [4, 3]}, "the encoder gives skips on grids 4x4, 8x8 .* takes 8x8"),
        ({}, {"skip_channels": 3}, "have 2 latents at each place and the decoder takes 3"),
    ],
)
def test_unlike_halves_say_so(
    encoder: dict[str, object], decoder: dict[str, object], message: str
) -> None:
    base = {"channels": [3, 4, 5]}
    given = UnetEncoder(UnetConfig.parse(base | encoder), (1, 16, 16), PLAIN, generator())
    config = UnetConfig.parse({"channels": [5, 4, 3]} | decoder)
    with pytest.raises(RecipeError, match=message) as raised:
        UnetDecoder(config, latents_of(given, (5,)), (1, 16, 16), 1, PLAIN, generator())
    assert "\n" not in str(raised.value)


def test_other_decoders_take_the_skips_or_refuse_them() -> None:
    encoder = UnetEncoder(UnetConfig(channels=(3, 4)), (1, 8, 8), PLAIN, generator())
    latents = latents_of(encoder, (5,))
    dense = DenseDecoder(DenseConfig(widths=(7,)), latents, (1, 8, 8), 1, PLAIN, generator())
    assert dense(tuple(torch.randn(2, *s) for s in latents)).shape == (2, 1, 1, 8, 8)
    with pytest.raises(RecipeError, match="1 skips and this decoder takes none"):
        ConvolutionDecoder(ConvolutionConfig(), latents, (1, 8, 8), 1, PLAIN, generator())
    with pytest.raises(RecipeError, match="gives skips on grids none and the decoder takes 4x4"):
        UnetDecoder(UnetConfig(channels=(4, 3)), ((5,),), (1, 8, 8), 1, PLAIN, generator())


def test_latents_on_another_grid_are_refused() -> None:
    with pytest.raises(RecipeError, match="grid of"):
        UnetDecoder(
            UnetConfig(channels=(4, 3)), ((5, 3, 3), (2, 4, 4)), (1, 8, 8), 1, PLAIN, generator()
        )


@pytest.mark.parametrize("told", [PLAIN, Conditioning(3), Conditioning(3, film=True)], ids=str)
def test_gradients_reach_every_parameter(told: Conditioning) -> None:
    model = Model(UnetConfig(channels=(4, 5, 6), blocks=1, dense=(7,)), (1, 13, 12), told)
    condition = torch.randn(6, 3, generator=generator()) if told.width else None
    x = torch.randn(6, 1, 13, 12, generator=generator())
    model.loss(x, torch.randn(6, model.head.latent, generator=generator()), condition).backward()
    still = {n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    assert not still
    assert sum(isinstance(m, Film) for m in model.modules()) == (16 if told.film else 0)


@pytest.mark.parametrize("told", [Conditioning(3), Conditioning(3, film=True)], ids=str)
def test_a_condition_changes_what_comes_out(told: Conditioning) -> None:
    model = Model(UnetConfig(channels=(4, 5)), (1, 12, 12), told)
    for film in (m for m in model.modules() if isinstance(m, Film)):
        nn.init.normal_(film.weight, generator=generator())
    noise, x = torch.randn(2, model.head.latent), torch.randn(2, 1, 12, 12)
    z = model.head.divided(noise)
    one, other = torch.eye(3)[:2].unsqueeze(1).expand(2, 2, 3)
    assert not torch.allclose(model.decoder(z, one), model.decoder(z, other))
    model(x, noise, one)
    before = model.posterior.mean
    model(x, noise, other)
    assert not torch.allclose(before, model.posterior.mean)


def test_training_lowers_the_loss_and_uses_the_skips() -> None:
    """Random pixels have no structure that five latents hold: what is learnt goes through skips."""
    model = Model(UnetConfig(channels=(8, 8), blocks=1, activation="silu"), (1, 8, 8))
    random = generator(7)
    x = torch.randn(64, 1, 8, 8, generator=random)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(120):
        loss = model.loss(x, torch.randn(64, model.head.latent, generator=random))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < 0.75 * sum(losses[:10]) / 10
    mean, log_variance = model.posterior
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(0)
    around = kl[5:].sum().item()  # nats that go around the bottleneck
    assert around > kl[:5].sum().item() > 0
    first, skip = model.head.divided(mean)
    with torch.no_grad():
        full = (model.decoder((first, skip))[:, 0] - x).square().mean()
        without = (model.decoder((first, torch.zeros_like(skip)))[:, 0] - x).square().mean()
    assert full < 0.8 * without


def test_its_prior_can_be_sampled() -> None:
    model = Model(UnetConfig(channels=(4, 5, 6)), (3, 35, 19)).eval()
    z = torch.randn(50, model.head.latent, generator=generator())
    with torch.no_grad():
        outputs = model.decoder(model.head.divided(z))
    assert outputs.shape == (50, 2, 3, 35, 19)
    assert outputs.isfinite().all() and outputs.std(0).min() > 0


def test_it_starts_at_the_mean_of_a_channel() -> None:
    config = UnetConfig(channels=(5, 4))
    decoder = UnetDecoder(config, ((6,), (2, 8, 8)), (3, 16, 16), 2, PLAIN, generator())
    wanted = torch.randn(2, 3, 16, 16)
    decoder.start_at(wanted)
    with torch.no_grad():
        started = decoder((torch.zeros(1, 6), torch.zeros(1, 2, 8, 8)))[0]
    torch.testing.assert_close(started.mean((2, 3)), wanted.mean((2, 3)), atol=1e-4, rtol=0)


def test_equal_generators_give_equal_weights() -> None:
    one, other = (Model(UnetConfig(channels=(4, 5)), (1, 8, 8)).state_dict() for _ in range(2))
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=0)


def test_bf16_autocast_trains() -> None:
    config = UnetConfig(channels=(4, 6), blocks=1, normalisation="group", dense=(8,))
    model = Model(config, (1, 12, 12), Conditioning(2, film=True))
    x = torch.randn(4, 1, 12, 12)
    with torch.autocast("cpu", torch.bfloat16):
        loss = model.loss(x, torch.randn(4, model.head.latent), torch.randn(4, 2))
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert model.posterior.mean.dtype == torch.float32


@pytest.mark.parametrize("shape", [(2, 21), (1, 12, 9), (1, 7, 8, 9)], ids=str)
@pytest.mark.parametrize("told", [PLAIN, Conditioning(2), Conditioning(2, film=True)], ids=str)
def test_it_keeps_the_contract(shape: Shape, told: Conditioning) -> None:
    config = UnetConfig(channels=(3, 4), normalisation="batch", blocks=1, dropout=0.1)
    latents = latents_of(UnetEncoder(config, shape, told, generator()), (4,))
    check_encoder(
        lambda: UnetEncoder(config, shape, told, torch.default_generator),
        shape,
        condition=told.width,
    )
    check_decoder(
        lambda: UnetDecoder(turned(config), latents, shape, 2, told, torch.default_generator),
        latents,
        shape,
        outputs=2,
        condition=told.width,
    )
