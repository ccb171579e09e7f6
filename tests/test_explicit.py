"""Networks written out layer by layer: the logs' own networks, shapes, conditions, refusals."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.conftest import random
from vaestro.foundation.errors import RecipeError
from vaestro.models.posterior_head import PosteriorHead
from vaestro.networks.body import Conditioning
from vaestro.networks.explicit import LayersConfig, LayersDecoder, LayersEncoder
from vaestro.networks.resizing import Crop, Pad, Pool, Upsample
from vaestro.probability.posterior import GaussianConfig

NOTHING, LABELS = Conditioning(), Conditioning(50)
MNIST_IN = [
    {"convolution": {"channels": 64, "kernel": 2}},
    {"convolution": {"channels": 64, "kernel": 3}},
    {"convolution": {"channels": 32, "kernel": 4, "stride": 2}},
    {"convolution": {"channels": 8, "kernel": 5}},
    "flatten",
]
MNIST_OUT = [
    {"dense": 9216},
    {"grid": [64, 12, 12]},
    {"transposed": {"channels": 128, "kernel": 4, "padding": 1}},
    {"transposed": {"channels": 128, "kernel": 4, "padding": 1}},
    {"transposed": {"channels": 64, "kernel": 4, "padding": 1}},
    {"transposed": {"kernel": 5, "stride": 2, "padding": 2}},
    {"crop": 28},
]


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=random(9))


def config(layers: list[Any], **fields: Any) -> LayersConfig:
    return LayersConfig.parse({"kind": "layers", "layers": layers, **fields})


def encoder(
    layers: list[Any], shape: tuple[int, ...], told: Conditioning = NOTHING, **fields: Any
) -> LayersEncoder:
    return LayersEncoder(config(layers, **fields), shape, told, random())


def decoder(
    layers: list[Any],
    latent: tuple[int, ...],
    shape: tuple[int, ...],
    outputs: int = 1,
    told: Conditioning = NOTHING,
    **fields: Any,
) -> LayersDecoder:
    return LayersDecoder(config(layers, **fields), (latent,), shape, outputs, told, random())


def numbers(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def plain(network: nn.Module, reference: nn.Sequential) -> nn.Sequential:
    """`reference` with the network's weights, in order."""
    weights = [p.detach() for p in network.parameters()]
    with torch.no_grad():
        for mine, theirs in zip(reference.parameters(), weights, strict=True):
            mine.copy_(theirs)
    return reference


def test_the_mnist_network_of_the_log_to_the_parameter() -> None:
    inward, outward = (
        encoder(MNIST_IN, (1, 28, 28), LABELS),
        decoder(MNIST_OUT, (100,), (1, 28, 28), 1, LABELS),
    )
    assert inward.out_shapes == ((392,),)
    assert not inward.joins
    head = PosteriorHead(GaussianConfig(hidden=(100,)), ((442,),), ((100,),), random())
    assert numbers(inward, head, outward) == 2_103_081
    assert [s[1:] for s in inward.before.shapes] == [
        (28, 28),
        (27, 27),
        (25, 25),
        (11, 11),
        (7, 7),
        (),
    ]
    sizes = [shape[1:] for shape in (*outward.body.shapes, *outward.tail.shapes)]
    assert sizes == [(), (), (12, 12), (13, 13), (14, 14), (15, 15), (29, 29), (28, 28)]


def test_the_mnist_network_computes_what_plain_torch_does() -> None:
    inward = encoder(MNIST_IN, (1, 28, 28))
    reference = nn.Sequential(
        *(nn.Conv2d(1, 64, 2), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU()),
        *(nn.Conv2d(64, 32, 4, 2), nn.ReLU(), nn.Conv2d(32, 8, 5), nn.ReLU(), nn.Flatten()),
    )
    x = noise(2, 1, 28, 28)
    torch.testing.assert_close(inward(x)[0], plain(inward, reference)(x))
    outward = decoder(MNIST_OUT, (100,), (1, 28, 28), 1, LABELS)
    reference = nn.Sequential(
        *(nn.Linear(150, 9216), nn.ReLU(), nn.Unflatten(1, (64, 12, 12))),
        *(nn.ConvTranspose2d(64, 128, 4, padding=1), nn.ReLU()),
        *(nn.ConvTranspose2d(128, 128, 4, padding=1), nn.ReLU()),
        *(nn.ConvTranspose2d(128, 64, 4, padding=1), nn.ReLU()),
        nn.ConvTranspose2d(64, 1, 5, stride=2, padding=2),
    )
    z, label = noise(2, 100), noise(2, 50)
    expected = plain(outward, reference)(torch.cat([z, label], 1))[:, :, :28, :28]
    torch.testing.assert_close(outward((z,), label), expected[:, None])


def norb() -> tuple[list[Any], list[Any]]:
    """The NORB log's network for 96x96: 6 blocks of 16 to 512 filters, batch norm after ReLU."""
    around = {"normalisation": "batch", "normalise_last": True}

    def layer(kind: str, channels: int, kernel: int, **more: int) -> dict[str, Any]:
        same = (kernel - 1) // 2
        return {kind: {"channels": channels, "kernel": kernel, "padding": same, **more, **around}}

    filters = [16, 32, 64, 128, 256, 512]
    inward: list[Any] = ["normalise"]
    for f in filters:
        inward += [layer("convolution", f, 3), layer("convolution", f, 3)]
        inward += [layer("convolution", f, 2, stride=2)] if f < 512 else []
    inward += ["flatten", {"dense": {"width": 256, **around}}]
    outward: list[Any] = [{"dense": {"width": width, **around}} for width in (256, 4608)]
    outward += [{"grid": [512, 3, 3]}]
    for f in filters[::-1]:
        outward += [layer("transposed", f, 2, stride=2)] if f < 512 else []
        outward += [layer("transposed", f, 3), layer("transposed", f // 2 if f > 16 else 1, 3)]
    return inward, [*outward, {"transposed": {"kernel": 3, "padding": 1}}]


def test_the_norb_network_of_the_log() -> None:
    inner, outer = norb()
    inward = encoder(inner, (1, 96, 96))
    assert (512, 3, 3) in inward.before.shapes
    assert inward.out_shapes == ((256,),)
    sizes = [s[1] for s in inward.before.shapes if len(s) == 3]
    assert sizes[1::3] == [96, 48, 24, 12, 6, 3]  # after the normalisation, then after each block
    outward = decoder(outer, (10,), (1, 96, 96))

    def made(a: int, b: int, kernel: int) -> int:
        return a * b * kernel**2 + b + 2 * b  # weights, biases, scale and shift

    filters = [1, 16, 32, 64, 128, 256, 512]
    expected = 2 + 4608 * 256 + 3 * 256
    for a, b in pairwise(filters):
        expected += made(a, b, 3) + made(b, b, 3) + (made(b, b, 2) if b < 512 else 0)
    assert numbers(inward) == expected
    expected = made(10, 256, 1) + made(256, 4608, 1) + 9 + 1
    for a, b in zip(filters[:0:-1], [*filters[-2:0:-1], 1], strict=True):
        expected += made(a, a, 3) + made(a, b, 3) + (made(a, a, 2) if a < 512 else 0)
    assert numbers(outward) == expected
    assert outward(inward(noise(2, 1, 96, 96))[0][:, None, :10].unbind(1)).shape == (
        2,
        1,
        1,
        96,
        96,
    )


SHAPES = [(2, 17), (1, 9, 14), (2, 7, 8, 9)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_in_one_two_and_three_dimensions(shape: tuple[int, ...]) -> None:
    inward = encoder(
        [
            {"convolution": {"channels": 4, "kernel": 4, "stride": 2, "padding": "same"}},
            {"pool": {"kernel": 2, "mode": "average"}},
            {"convolution": {"channels": 6, "padding": 1, "padding_mode": "replicate"}},
        ],
        shape,
    )
    smallest = tuple(-(-n // 2) // 2 for n in shape[1:])
    assert inward.out_shapes == ((6, *smallest),)
    outward = decoder(
        [
            {"transposed": {"channels": 4, "kernel": 4, "stride": 2, "padding": 1}},
            {"upsample": {"size": [*shape[1:]], "mode": "linear"}},
            {"convolution": {"padding": "same", "padding_mode": "reflect"}},
        ],
        (3, *smallest),
        shape,
        outputs=2,
    )
    assert inward(noise(3, *shape))[0].shape == (3, 6, *smallest)
    assert outward((noise(3, 3, *smallest),)).shape == (3, 2, *shape)


def test_vectors_and_dense_layers_on_a_grid() -> None:
    inward = encoder(["normalise", {"dense": 5}], (7,))
    outward = decoder([{"dense": 6}, {"kind": "dense"}], (4,), (7,), outputs=2)
    assert inward(noise(3, 7))[0].shape == (3, 5)
    assert outward((noise(3, 4),)).shape == (3, 2, 7)
    start = noise(2, 7)
    outward.start_at(start)
    assert torch.equal(outward.head.bias.detach(), start.flatten())  # type: ignore[arg-type]
    flattened = encoder([{"dense": 5}], (2, 3, 3))
    assert flattened(noise(2, 2, 3, 3))[0].shape == (2, 5)


def test_a_convolution_starts_at_the_mean_of_each_channel() -> None:
    outward = decoder([{"grid": [4, 2, 2]}, {"upsample": 3}, "convolution"], (16,), (3, 4, 4), 2)
    start = noise(2, 3, 4, 4)
    outward.start_at(start)
    head = outward.head.bias.detach()  # type: ignore[union-attr]
    torch.testing.assert_close(head, start.mean((2, 3)).flatten())
    assert outward((torch.zeros(1, 16),)).allclose(start.mean((2, 3), keepdim=True)[None])


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_padding_is_torchs(shape: tuple[int, ...], mode: Any) -> None:
    x = noise(2, *shape)
    before, after = (1, 2, 3)[: len(shape) - 1], (2, 3, 1)[: len(shape) - 1]
    ends = [n for pair in zip(before[::-1], after[::-1], strict=True) for n in pair]
    expected = functional.pad(x, ends, mode="constant" if mode == "zeros" else mode)
    assert torch.equal(Pad(mode, before, after)(x), expected)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_resizing_is_torchs(shape: tuple[int, ...]) -> None:
    x, old = noise(2, *shape), shape[1:]
    new = tuple(2 * n + 1 for n in old)
    linear = ("linear", "bilinear", "trilinear")[len(old) - 1]
    torch.testing.assert_close(
        Upsample("linear", old, new)(x), functional.interpolate(x, new, mode=linear)
    )
    assert torch.equal(Upsample("nearest", old, new)(x), functional.interpolate(x, new))
    kernel = (3, 2, 2)[: len(old)]
    mean = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)[len(old) - 1]
    most = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[len(old) - 1]
    torch.testing.assert_close(Pool("average", kernel)(x), mean(x, kernel))
    assert torch.equal(Pool("max", kernel)(x), most(x, kernel))
    start = {17: 7, 14: 5, 9: 3}[old[-1]]
    assert torch.equal(Crop((*old[:-1], 3))(x), x[..., start : start + 3])


def test_same_padding_keeps_ceil_of_n_over_stride() -> None:
    for kernel in range(1, 8):
        for stride in (1, 2, 3):
            layer = {"channels": 2, "kernel": kernel, "stride": stride, "padding": "same"}
            for n in (7, 8, 9):
                built = encoder([{"convolution": layer}], (1, n))
                assert built.out_shapes == ((2, -(-n // stride)),)


JOINED, FILMED = Conditioning(3), Conditioning(3, film=True)
SMALL_IN = [{"convolution": {"channels": 4}}, {"dense": 8}, {"dense": 6}]
SMALL_OUT = [
    {"dense": 36},
    {"grid": [4, 3, 3]},
    {"upsample": 2},
    {"transposed": {"channels": None}},
]


@pytest.mark.parametrize("told", [JOINED, FILMED], ids=["join", "film"])
def test_conditions_reach_both_networks(told: Conditioning) -> None:
    inward = encoder(SMALL_IN, (1, 8, 8), told)
    outward = decoder(SMALL_OUT, (5,), (1, 8, 8), 2, told)
    assert inward.joins
    networks = nn.ModuleList([inward, outward])
    for name, parameter in networks.named_parameters():
        if ".film." in name:  # FiLM starts as the identity
            nn.init.normal_(parameter, 0, 0.3, generator=random())
    x, z, one, other = noise(2, 1, 8, 8), noise(2, 5), noise(2, 3), noise(2, 3) + 1
    assert not inward(x, one)[0].allclose(inward(x, other)[0])
    assert not outward((z,), one).allclose(outward((z,), other))
    (features,) = inward(x, one)
    (features.square().sum() + outward((z,), one).square().sum()).backward()
    assert [n for n, p in networks.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_joined_condition_stands_beside_the_flattened_grid() -> None:
    inward = encoder(SMALL_IN, (1, 8, 8), JOINED)
    assert inward.behind.shapes == [(4 * 36 + 3,), (8,), (6,)]
    without = encoder(SMALL_IN[:1], (1, 8, 8), JOINED)
    assert not without.joins
    assert without.out_shapes == ((4, 6, 6),)
    on_grid = decoder(["convolution"], (2, 10, 10), (1, 8, 8), 1, JOINED)
    assert on_grid.body.shapes == [(5, 10, 10)]
    assert on_grid((noise(2, 2, 10, 10),), noise(2, 3)).shape == (2, 1, 1, 8, 8)


def test_the_same_generator_gives_the_same_network() -> None:
    torch.manual_seed(1)
    first = decoder(SMALL_OUT, (5,), (1, 8, 8)).state_dict()
    torch.manual_seed(2)
    second = decoder(SMALL_OUT, (5,), (1, 8, 8)).state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_half_precision_and_compilation() -> None:
    around = {"padding": "same", "padding_mode": "reflect", "normalisation": "batch"}
    inward = encoder([{"convolution": {"channels": 4, **around}}, "pool", {"dense": 5}], (1, 8, 8))
    outward = decoder(
        [
            {"dense": 16},
            {"grid": [1, 4, 4]},
            {"upsample": {"factor": 2, "mode": "linear"}},
            {"convolution": {"padding": "same", "padding_mode": "replicate"}},
        ],
        (5,),
        (1, 8, 8),
    )
    x = noise(2, 1, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = outward(inward(x))
        outputs.square().sum().backward()
    assert outputs.isfinite().all()
    torch.testing.assert_close(outputs.float(), outward(inward(x)), atol=0.05, rtol=0.1)
    whole = torch.compile(lambda x: outward(inward(x)), backend="eager", fullgraph=True)
    assert torch.equal(whole(x), outward(inward(x)))


def test_a_relu_on_the_output_is_there_for_those_who_ask_for_it() -> None:
    outward = decoder([{"dense": 6}, "dense"], (3,), (4,), output_activation="relu")
    outward.start_at(torch.tensor([[1.0, -1.0, 2.0, -2.0]]))
    with torch.no_grad():
        outward.head.weight.zero_()  # type: ignore[operator, union-attr]
    assert outward((noise(1, 3),)).tolist() == [[[1.0, 0.0, 2.0, 0.0]]]


def test_what_is_written_is_read_again() -> None:
    for layers in (MNIST_IN, MNIST_OUT, *norb()):
        written = config(layers)
        assert LayersConfig.parse(written.plain()) == written


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "layers is"),
        (["convolutio"], "layers.0.kind is 'convolutio'; did you mean convolution"),
        ([{"kind": "convolution", "kernl": 3}], "unknown field layers.0.kernl"),
        ([{"convolution": {"kernel": 0}}], r"layers.0.convolution.kernel: \[0\]; legal: whole"),
        ([{"kind": "convolution", "padding": "sme"}], "layers.0.padding: 'sme'; legal: same, or"),
        ([{"kind": "transposed", "padding": -1}], r"layers.0.padding: \[-1\]; legal: whole"),
        ([{"upsample": {"mode": "linear"}}], "either factor or size"),
        ([{"kind": "crop"}], "layers.0.size is missing"),
        ([3], "layers.0 is 3"),
    ],
)
def test_lists_that_cannot_be_read(layers: list[Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message) as fault:
        config(layers)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"convolution": {"channels": 2, "kernel": 9}}], r"layers.0 .* kernel=9x9 .* most 8"),
        (["flatten", {"convolution": 2}], r"layers.1 \(convolution\): needs a grid, and 64 numb"),
        ([{"convolution": {"channels": 2, "stride": 9}}], "stride=9x9 is larger than the grid"),
        ([{"convolution": {"channels": 2, "kernel": [3, 3, 3]}}], "has 3 numbers and the grid 8x8"),
        (
            [{"convolution": {"channels": 2, "padding": 8, "padding_mode": "reflect"}}],
            "reflecting 8x8 elements at the ends needs a larger grid than 8x8",
        ),
        (["convolution"], "channels is missing; only a decoder's last layer"),
        ([{"dense": 8}, {"grid": [2, 3]}], r"layers.1 \(grid\): shape=\[2, 3\] has 6 .* 8 arrive"),
        ([{"pool": 9}], "kernel=9x9 is larger than the grid, 8x8"),
        ([{"crop": [9, 8]}], "size=9x8 is larger"),
        ([{"upsample": {"size": 4}}], "size=4x4 is smaller than the grid, 8x8"),
        ([{"transposed": {"channels": 2, "kernel": 1, "padding": 4}}], "leaves an axis .* most 3"),
        ([{"transposed": {"channels": 2, "output_padding": 1}}], "must be below stride=1"),
    ],
)
def test_layers_that_do_not_fit(layers: list[Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message) as fault:
        encoder(layers, (1, 8, 8))
    assert str(fault.value).startswith("model.encoder.layers.")
    assert "\n" not in str(fault.value)


GRID: list[Any] = [{"dense": 100}, {"grid": [1, 10, 10]}]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([*GRID, "convolution", "flatten"], "only upsample and crop may follow"),
        (["flatten"], "only upsample and crop may follow"),
        ([{"crop": 3}], "needs a last layer with weights"),
        ([*GRID, {"convolution": 4}], "channels=4, and the samples .* need 2; leave channels out"),
        ([{"dense": 64}], "width=64, .* need 128; leave width out"),
        (["dense", {"crop": 8}], "gives whole samples; nothing follows it"),
        (["convolution"], r"layers.0 \(convolution\): needs a grid, and 5 numbers arrive"),
        ([*GRID, {"kind": "convolution", "activation": "relu"}], "activation=relu on a decoder's"),
        ([*GRID, {"kind": "convolution", "dropout": 0.1}], "no normalisation and no dropout"),
        (
            [*GRID, {"kind": "convolution", "kernel": 2}],
            r"\(1, 9, 9\) and the samples are \(1, 8, 8\): 5 -> 100 -> 10x10 -> 9x9, and samples "
            "are 8x8: add a crop or change padding",
        ),
        (
            [*GRID, {"kind": "convolution", "kernel": 4}],
            "7x7, and samples are 8x8: add an upsample",
        ),
    ],
)
def test_decoders_that_end_in_something_else(layers: list[Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message) as fault:
        decoder(layers, (5,), (1, 8, 8), outputs=2)
    assert "\n" not in str(fault.value)


def test_an_encoder_refuses_what_it_has_no_use_for() -> None:
    with pytest.raises(RecipeError, match="output_activation belongs to a decoder"):
        encoder([{"dense": 3}], (8,), output_activation="relu")
    with pytest.raises(RecipeError, match=r"model.encoder.layers has none; give .*how=join"):
        encoder(["flatten"], (1, 8, 8), FILMED)
    with pytest.raises(RecipeError, match=r"model.decoder.layers has none; give .*how=join"):
        decoder(["dense"], (5,), (1, 8, 8), 1, FILMED)
