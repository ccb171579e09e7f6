"""Networks: shapes for any size, fan-in, heads, and a sane start."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from tests.conftest import small_recipe
from vaestro.experiments.assemble import assemble
from vaestro.foundation.errors import RecipeError
from vaestro.networks.body import UNTOLD, Conditioning
from vaestro.networks.convolution import ConvolutionConfig
from vaestro.networks.dense import DenseConfig
from vaestro.networks.initialise import fans, initialise
from vaestro.networks.kinds import build_decoder, build_encoder
from vaestro.networks.layers import Film, LayerConfig, activation
from vaestro.networks.unet_config import UnetConfig
from vaestro.training.plan import choose


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    "shape", [(1, 28, 28), (3, 35, 19), (2, 7, 7), (3, 257), (4, 100), (2, 9, 8, 7)], ids=str
)
@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
def test_convolutions_return_to_any_size(shape: tuple[int, ...], kernel: int) -> None:
    config = ConvolutionConfig(channels=(4, 6), kernel=kernel, dense=(8,))
    encoder = build_encoder(config, shape, UNTOLD, generator())
    decoder = build_decoder(
        config.model_copy(update={"channels": (6, 4)}), ((5,),), shape, 2, UNTOLD, generator()
    )
    (features,) = encoder(torch.randn(3, *shape), None)
    assert (features.shape[1:],) == encoder.out_shapes
    assert decoder((torch.randn(3, 5),), None).shape == (3, 2, *shape)


@pytest.mark.parametrize(
    ("config", "shape", "message"),
    [
        (ConvolutionConfig(channels=(4,) * 6), (1, 28, 28), "give channels at most 5 numbers"),
        (ConvolutionConfig(kernel=9), (1, 8, 8), "kernel=9 is larger .* give at most 8"),
        (ConvolutionConfig(), (64,), "use a dense network"),
    ],
)
def test_impossible_convolutions_say_why(
    config: ConvolutionConfig, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        build_encoder(config, shape, UNTOLD, generator())


def test_even_kernels_cannot_keep_the_size() -> None:
    with pytest.raises(RecipeError, match="give kernel=5 or blocks=0"):
        ConvolutionConfig.parse({"kernel": 4, "blocks": 1})


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Linear(30, 20), (30, 20)),
        (nn.Conv1d(6, 8, 3), (18, 24)),
        (nn.Conv3d(2, 4, 3, stride=2), (54, 4 * 27 / 8)),
        (nn.ConvTranspose2d(6, 8, 4, stride=2), (6 * 16 / 4, 128)),
    ],
)
def test_fan_in_is_the_number_of_inputs_an_output_sums(
    layer: nn.Linear, expected: tuple[float, float]
) -> None:
    assert fans(layer) == expected


@pytest.mark.parametrize("scheme", ["he", "orthogonal"])
@pytest.mark.parametrize(
    "layer", [nn.Linear(256, 256), nn.Conv2d(32, 32, 3), nn.ConvTranspose2d(32, 32, 4, stride=2)]
)
def test_initialisation_keeps_the_variance(layer: nn.Module, scheme: str) -> None:
    """A ReLU halves the second moment; He's factor 2 restores it."""
    initialise(layer, scheme, generator())  # type: ignore[arg-type]
    shape = (64, 256) if isinstance(layer, nn.Linear) else (16, 32, 20, 20)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1)).relu()
    y = layer(x)
    inner = y if y.dim() == 2 else y[:, :, 4:-4, 4:-4]
    ratio = inner.square().mean() / (2 * x.square().mean())
    assert ratio.item() == pytest.approx(1.0, rel=0.1)


def test_xavier_averages_both_fans() -> None:
    layer = nn.Linear(100, 300)
    initialise(layer, "xavier", generator())
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 400), rel=0.02)


def test_log_variances_start_small_however_deep() -> None:
    """Log 001's initialiser, one fan-in for every layer, gave thousands."""
    parts = assemble(
        small_recipe(
            model={"encoder": {"widths": [64] * 8}, "decoder": {"widths": [64]}},
        ),
        choose(small_recipe().training),
    )
    posterior = parts.vae.encode(parts.stream.batch(0).x)
    assert posterior.log_variance is not None
    assert posterior.log_variance.abs().max() < 5


def test_the_output_starts_at_the_data_mean() -> None:
    for network in ({"kind": "dense", "widths": [16]}, {"kind": "convolution", "channels": [4]}):
        parts = assemble(small_recipe(model={"decoder": network}), choose(small_recipe().training))
        head = parts.vae.decoder.head
        mean = torch.cat([b.x for b in parts.material.batches("train")()]).mean(0)
        bias = torch.sigmoid(head.bias.detach())
        if network["kind"] == "dense":
            torch.testing.assert_close(
                bias.view(1, 8, 8), mean.clamp(1e-3, 1 - 1e-3), atol=2e-3, rtol=0
            )
        else:
            wanted = torch.logit(mean.clamp(1e-3, 1 - 1e-3)).mean()
            torch.testing.assert_close(head.bias.detach(), wanted[None], atol=1e-3, rtol=1e-3)


def test_an_untrained_model_is_about_as_good_as_the_constant() -> None:
    from vaestro.health.baselines import constant_data_term

    recipe = small_recipe(model={"encoder": {"widths": [64]}, "decoder": {"widths": [64]}})
    parts = assemble(recipe, choose(recipe.training))
    x = torch.cat([b.x for b in parts.material.batches("train")()])
    figures = parts.task.validate(parts.material.batches("train")(), parts.fresh_state().control)
    assert figures["data_term"] == pytest.approx(constant_data_term(parts.vae, x), rel=0.05)


def test_heads_are_never_normalised() -> None:
    parts = assemble(
        small_recipe(
            model={
                "encoder": {"normalisation": "batch"},
                "decoder": {"normalisation": "batch"},
            }
        ),
        choose(small_recipe().training),
    )
    (head,) = parts.vae.head.levels[0].last  # type: ignore[index,union-attr]
    assert isinstance(head, nn.Linear)
    assert isinstance(parts.vae.decoder.head, nn.Linear)
    assert sum(isinstance(m, nn.BatchNorm1d) for m in parts.vae.modules()) == 2


def test_residual_blocks_add_their_input() -> None:
    config = DenseConfig(widths=(8, 8), residual=True, activation="tanh")
    encoder = build_encoder(config, (8,), UNTOLD, generator())
    plain = build_encoder(config.model_copy(update={"residual": False}), (8,), UNTOLD, generator())
    x = torch.randn(2, 8)
    one, two = plain.body.blocks  # type: ignore[attr-defined]
    first = x + one(x)
    torch.testing.assert_close(encoder(x, None)[0], first + two(first))


@pytest.mark.parametrize("name", ["relu", "leaky-relu", "elu", "silu", "gelu", "tanh"])
def test_activations(name: str) -> None:
    x = torch.linspace(-2, 2, 9)
    function = {
        "relu": torch.relu,
        "leaky-relu": lambda v: torch.where(v > 0, v, 0.01 * v),
        "elu": nn.functional.elu,
        "silu": lambda v: v * torch.sigmoid(v),
        "gelu": nn.functional.gelu,
        "tanh": torch.tanh,
    }[name]
    torch.testing.assert_close(activation(LayerConfig(activation=name).activation)(x), function(x))


@pytest.mark.parametrize("kind", ["convolution", "unet"])
def test_film_acts_where_latents_on_a_grid_enter(kind: str) -> None:
    told = Conditioning(3, film=True)
    configs = {
        "convolution": ConvolutionConfig(channels=(5, 4)),
        "unet": UnetConfig(channels=(5, 4), skips=()),
    }
    decoder: Any = build_decoder(configs[kind], ((2, 2, 2),), (1, 8, 8), 1, told, generator())
    (block,) = decoder.entry.blocks
    assert isinstance(block.film, Film)
    with torch.no_grad():
        block.film.bias.fill_(1.0)
    z, condition = torch.randn(2, 2, 2, 2), torch.zeros(2, 3)
    plain = block.after(2 * block.layer(z) + 1)
    torch.testing.assert_close(decoder.entry(z, condition), plain)


@pytest.mark.parametrize("config", [ConvolutionConfig(channels=(3,)), UnetConfig(channels=(3,))])
def test_a_grid_too_large_for_its_kernel_is_refused_alike(config: Any) -> None:
    large = config.model_copy(update={"kernel": 9})
    with pytest.raises(RecipeError, match=r"kernel=9 is larger than the sample's grid \(8, 8\)"):
        build_encoder(large, (1, 8, 8), UNTOLD, generator())
