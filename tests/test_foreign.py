"""A user's own modules: what they may give, what is refused, their weights, their contract."""

import itertools
import os
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from vaestro.foundation.errors import CheckpointError, RecipeError
from vaestro.networks.body import Conditioning, Shape
from vaestro.networks.contract import check_decoder, check_encoder
from vaestro.networks.convolution import ConvolutionConfig, ConvolutionDecoder, ConvolutionEncoder
from vaestro.networks.dense import DenseConfig, DenseDecoder, DenseEncoder
from vaestro.networks.foreign import ForeignDecoder, ForeignEncoder, PassThroughHead
from vaestro.networks.trial import ContractError
from vaestro.networks.weights_file import load_weights

TOLD = Conditioning(3)


class Acts(nn.Module):
    """A module that does as `act` says, with one linear layer to its name."""

    def __init__(self, act: Callable[[nn.Linear, Tensor], Any], inputs: int = 4) -> None:
        super().__init__()
        self.act, self.layer = act, nn.Linear(inputs, 6)

    def forward(self, x: Tensor) -> Any:
        return self.act(self.layer, x)


class Told(nn.Module):
    """(B, 4) and a condition (B, 3) -> (B, 6)."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(7, 6)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        out: Tensor = self.layer(torch.cat([x, condition], dim=1))
        return out


def pyramid() -> nn.Sequential:
    """(B, 1, 8, 8) -> (B, 5, 2, 2), with batch norm and dropout."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, 1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Conv2d(4, 5, 4, 2, 1),
    )


def test_features_flat_or_on_a_grid() -> None:
    flat = ForeignEncoder(nn.Sequential(nn.Flatten(), nn.Linear(64, 7)), (1, 8, 8))
    grid = ForeignEncoder(pyramid(), (1, 8, 8))
    assert flat.out_shapes == ((7,),) and grid.out_shapes == ((5, 2, 2),)
    assert not flat.joins and flat.skip_channels == ()
    x = torch.randn(3, 1, 8, 8)
    assert flat(x)[0].shape == (3, 7) and grid(x)[0].shape == (3, 5, 2, 2)


@pytest.mark.parametrize("pair", [True, False])
@pytest.mark.parametrize("latent", [(6,), (2, 3)], ids=str)
def test_a_posterior_passes_the_head_unchanged(pair: bool, latent: Shape) -> None:
    def act(layer: nn.Linear, x: Tensor) -> Any:
        mean = layer(x).reshape(-1, *latent)
        return (mean, mean - 1) if pair else torch.stack([mean, mean - 1], dim=1)

    encoder = ForeignEncoder(Acts(act), (4,), gives="posterior")
    assert encoder.out_shapes == ((2, *latent),) and encoder.joins
    head = PassThroughHead((latent,), lambda mean, raw: (mean, raw), epsilon_std=0.5)
    assert head.latent == 6 and head.stochastic and head.epsilon_std == 0.5
    assert not list(head.parameters())
    x = torch.randn(5, 4)
    mean, raw = head(encoder(x))
    expected = encoder.guest.module.layer(x)
    torch.testing.assert_close(mean, expected)
    torch.testing.assert_close(raw, expected - 1)
    (z,) = head.divided(mean)
    assert z.shape == (5, *latent) and torch.equal(z.flatten(1), mean)
    half = head((torch.randn(5, 2, *latent, dtype=torch.bfloat16),))
    assert half[0].dtype == half[1].dtype == torch.float32
    assert PassThroughHead((latent,), lambda mean, raw: mean, stochastic=False).epsilon_std == 0


def test_a_condition_goes_in_as_the_second_argument_or_is_joined() -> None:
    encoder = ForeignEncoder(Told(), (4,), TOLD)
    assert encoder.joins and encoder(torch.ones(2, 4), torch.ones(2, 3))[0].shape == (2, 6)
    assert not ForeignEncoder(nn.Linear(4, 6), (4,), TOLD).joins
    told = ForeignDecoder(Told(), ((4,),), (6,), 1, Conditioning(3, film=True))
    joined = ForeignDecoder(nn.Linear(7, 6), ((4,),), (6,), 1, TOLD)
    z, one, other = torch.randn(2, 4), torch.zeros(2, 3), torch.ones(2, 3)
    for decoder in (told, joined):
        assert decoder((z,), one).shape == (2, 1, 6)
        assert not torch.allclose(decoder((z,), one), decoder((z,), other))
    spatial = ForeignDecoder(nn.ConvTranspose2d(5, 1, 2, 2), ((2, 3, 3),), (1, 6, 6), 1, TOLD)
    assert spatial((torch.randn(2, 2, 3, 3),), one).shape == (2, 1, 1, 6, 6)


def test_a_flag_is_no_condition() -> None:
    class Flagged(nn.Linear):
        def forward(self, x: Tensor, loud: bool = False) -> Tensor:
            return super().forward(x)

    class Optional(nn.Linear):
        def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
            return super().forward(x if condition is None else x + condition.sum(1, keepdim=True))

    class Any(nn.Linear):
        def forward(self, *given: Tensor) -> Tensor:
            return super().forward(given[0] * len(given))

    assert not ForeignEncoder(Flagged(4, 2), (4,), TOLD).joins
    x, condition = torch.ones(1, 4), torch.ones(1, 3)
    for kind in (Optional, Any):
        told, untold = (ForeignEncoder(kind(4, 2), (4,), how) for how in (TOLD, Conditioning()))
        assert told.joins and not untold.joins
        assert not torch.equal(told(x, condition)[0], told.guest.module(x))
        assert torch.equal(untold(x)[0], untold.guest.module(x))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ForeignEncoder(nn.Flatten(), (4,)), "Flatten has no parameters"),
        (lambda: ForeignEncoder(nn.Linear, (4,)), "give an instance of torch.nn.Module"),  # type: ignore[arg-type]
        (
            lambda: ForeignEncoder(nn.Linear(5, 2), (4,)),
            r"Linear fails on \(B, 4\): RuntimeError: ",
        ),
        (lambda: ForeignEncoder(Told(), (4,)), "forward takes 2 arguments.*give model.condition"),
        (
            lambda: ForeignEncoder(nn.Linear(4, 2), (4,), Conditioning(3, film=True)),
            "give it a second argument, or model.condition.how=join",
        ),
        (
            lambda: ForeignEncoder(Acts(lambda f, x: f(x).sum(1)), (4,)),
            r"gives \(B\); an encoder's features are one tensor",
        ),
        (
            lambda: ForeignEncoder(Acts(lambda f, x: (f(x), f(x))), (4,)),
            r"gives a tuple of \(B, 6\), \(B, 6\); .*gives=posterior",
        ),
        (lambda: ForeignEncoder(Acts(lambda f, x: {"z": f(x)}), (4,)), "gives a dict;"),
        (
            lambda: ForeignEncoder(Acts(lambda f, x: f(x).sum(0)), (4,)),
            r"shape \(6,\) for 2 samples; its first axis must be the batch",
        ),
        (lambda: ForeignEncoder(Acts(lambda f, x: f(x).sum()), (4,)), r"shape \(\) for 2 samples"),
        (lambda: ForeignEncoder(Acts(lambda f, x: f(x) / 0), (4,)), "are not finite"),
        (lambda: ForeignEncoder(Acts(lambda f, x: f(x).long()), (4,)), "torch.int64, not floats"),
        (
            lambda: ForeignEncoder(Acts(lambda f, x: f(x)), (4,), gives="posterior"),
            r"gives \(B, 6\); with gives=posterior an encoder gives",
        ),
        (
            lambda: ForeignEncoder(Acts(lambda f, x: (f(x), x)), (4,), gives="posterior"),
            r"a tuple of \(B, 6\), \(B, 4\); .*of equal shapes",
        ),
        (
            lambda: ForeignEncoder(Acts(lambda f, x: (f(x), x)), (4,), TOLD, gives="posterior"),
            "gives the posterior itself and its forward takes no condition",
        ),
        (
            lambda: ForeignDecoder(nn.Linear(5, 6), ((5,),), (1, 2, 2), 2),
            r"gives \(B, 6\); 2 outputs for each element of samples \(1, 2, 2\) are needed: "
            r"\(B, 2, 1, 2, 2\) or \(B, 2, 2, 2\) or \(B, 8\)",
        ),
        (
            lambda: ForeignDecoder(nn.Linear(5, 6), ((5,), (2, 4)), (6,), 1),
            "the encoder has 1 skips and this decoder takes none",
        ),
        (lambda: ForeignDecoder(nn.Linear(4, 6), ((5,),), (6,), 1), r"fails on \(B, 5\)"),
    ],
)
def test_what_cannot_serve_is_refused_in_one_line(
    build: Callable[[], nn.Module], message: str
) -> None:
    with pytest.raises(RecipeError, match=message) as raised:
        build()
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400


@pytest.mark.parametrize(
    ("given", "shape", "outputs"),
    [
        ((6,), (6,), 1),
        ((2, 3), (3,), 2),
        ((6,), (3,), 2),
        ((1, 2, 3), (1, 2, 3), 1),
        ((4, 2, 3), (2, 2, 3), 2),
        ((2, 2, 2, 3), (2, 2, 3), 2),
        ((24,), (2, 2, 3), 2),
    ],
    ids=str,
)
def test_outputs_in_any_usual_layout(given: Shape, shape: Shape, outputs: int) -> None:
    module = nn.Sequential(nn.Linear(5, torch.Size(given).numel()), nn.Unflatten(1, given))
    decoder = ForeignDecoder(module, ((5,),), shape, outputs)
    z = torch.randn(3, 5)
    assert decoder((z,)).shape == (3, outputs, *shape)
    assert torch.equal(decoder((z,)).flatten(), module(z).flatten())


def test_the_probe_leaves_no_trace() -> None:
    class Counts(nn.Module):
        """Changes a buffer in place, replaces another, and draws random numbers, in eval mode."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 2)
            self.register_buffer("calls", torch.zeros(()))
            self.register_buffer("total", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            self.total = self.total + 1
            out: Tensor = self.layer(x) + torch.randn(2)
            return out

    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4).eval(), nn.Dropout(0.5), Counts())
    modes = [part.training for part in module.modules()]
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    ForeignEncoder(module, (4,))
    ForeignDecoder(module, ((4,),), (2,), 1)
    assert torch.equal(state, torch.get_rng_state())
    assert [part.training for part in module.modules()] == modes
    after = module.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not any(part._forward_hooks for part in module.modules())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_lazy_layers_and_number_types_follow_the_module() -> None:
    lazy = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
    assert ForeignEncoder(lazy, (1, 4, 4)).out_shapes == ((3,),)
    double = ForeignEncoder(nn.Linear(4, 2).double(), (4,))
    assert double(torch.zeros(1, 4, dtype=torch.float64))[0].dtype == torch.float64


def test_a_frozen_module_rests_and_lets_gradients_through() -> None:
    module = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 6))
    decoder = ForeignDecoder(module, ((3,),), (6,), 1, frozen=True)
    encoder = ForeignEncoder(nn.Linear(6, 3), (6,))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    both = nn.ModuleList([encoder, decoder]).train()
    assert encoder.guest.module.training and decoder.training
    assert not any(part.training for part in module.modules())
    x = torch.randn(5, 6)
    first = decoder(encoder(x))
    assert torch.equal(first, decoder(encoder(x)))
    first.square().sum().backward()
    assert encoder.guest.module.weight.grad.abs().sum() > 0
    assert not any(p.requires_grad or p.grad is not None for p in decoder.parameters())
    decoder.start_at(torch.ones(1, 6))
    after = module.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert [name for name, p in both.named_parameters() if p.requires_grad] == [
        "0.guest.module.weight",
        "0.guest.module.bias",
    ]


def test_the_bias_starts_at_the_mean_where_it_is_the_end() -> None:
    dense = ForeignDecoder(nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 8)), ((3,),), (1, 2, 2), 2)
    wanted = torch.arange(8.0).reshape(2, 1, 2, 2)
    dense.start_at(wanted)
    assert torch.equal(dense.head.bias.detach(), wanted.flatten())
    convolution = ForeignDecoder(nn.ConvTranspose2d(3, 2, 2, 2), ((3, 1, 1),), (1, 2, 2), 2)
    convolution.start_at(wanted)
    assert convolution.head.bias.tolist() == [1.5, 5.5]


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Linear(3, 4), nn.Sigmoid()),
        nn.Sequential(nn.Linear(3, 4), nn.ReLU()),
        nn.Linear(3, 4, bias=False),
        nn.Sequential(nn.Linear(3, 2), nn.Upsample(scale_factor=2), nn.Flatten()),
    ],
    ids=["sigmoid", "relu", "no bias", "upsampled"],
)
def test_a_head_with_something_behind_it_stays(module: nn.Module) -> None:
    if any(isinstance(part, nn.Upsample) for part in module.modules()):
        module = nn.Sequential(nn.Unflatten(1, (1, 3)), module)
    decoder = ForeignDecoder(module, ((3,),), (4,), 1)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    decoder.start_at(torch.full((1, 4), 9.0))
    assert all(torch.equal(value, module.state_dict()[name]) for name, value in before.items())


def test_the_head_is_the_last_layer_that_is_passed_not_the_last_that_is_written() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.end, self.start, self.unused = nn.Linear(5, 4), nn.Linear(3, 5), nn.Linear(1, 4)

        def forward(self, z: Tensor) -> Tensor:
            out: Tensor = self.end(self.start(z).relu())
            return out

    module = Backwards()
    decoder = ForeignDecoder(module, ((3,),), (4,), 1)
    assert decoder.head is module.end
    trained = ForeignDecoder(module, ((3,),), (4,), 1, starts_at_mean=False)
    before = module.end.bias.clone()
    trained.start_at(torch.full((1, 4), 9.0))
    assert torch.equal(module.end.bias, before)
    decoder.start_at(torch.full((1, 4), 9.0))
    assert module.end.bias.tolist() == [9.0] * 4
    assert len(decoder.state_dict()) == len(module.state_dict())  # no weight under two names
    copied = deepcopy(decoder)
    assert copied.head is copied.guest.module.end and copied.head is not module.end


def test_autocast_and_training_through_both() -> None:
    encoder = ForeignEncoder(nn.Sequential(nn.Linear(6, 8), nn.ReLU()), (6,))
    decoder = ForeignDecoder(nn.Linear(8, 12), ((8,),), (6,), 2)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = decoder(encoder(torch.randn(4, 6)))
    assert outputs.shape == (4, 2, 6) and outputs.dtype == torch.bfloat16
    outputs.float().sum().backward()
    assert all(p.grad is not None for p in [*encoder.parameters(), *decoder.parameters()])


# --- weights from a file ---------------------------------------------------------------------


def net(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


def written(path: Path, values: dict[str, Tensor]) -> Path:
    if path.suffix == ".safetensors":
        save_file(values, path)
    else:
        torch.save(values, path)
    return path


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w.pth"])
@pytest.mark.parametrize("prefix", ["", "encoder.", "module.", "model.", "module.model.decoder."])
def test_weights_come_from_a_file(tmp_path: Path, name: str, prefix: str) -> None:
    source, filled = net(1), net(2)
    path = written(tmp_path / name, {prefix + n: v for n, v in source.state_dict().items()})
    load_weights(filled, path if prefix else str(path))
    for key, value in source.state_dict().items():
        assert torch.equal(filled.state_dict()[key], value)


def test_a_part_of_a_whole_model_is_found(tmp_path: Path) -> None:
    source, filled = net(1), net(2)
    whole = {f"encoder.{n}": v for n, v in source.state_dict().items()}
    whole |= {"decoder.0.weight": torch.ones(2, 2), "head.bias": torch.ones(3)}
    torch.save({"state_dict": whole, "epoch": 3}, tmp_path / "w.pt")
    load_weights(filled, tmp_path / "w.pt")
    assert torch.equal(filled[0].weight, source[0].weight)
    twice = {
        f"{side}.{n}": v for side in ("encoder", "decoder") for n, v in net().state_dict().items()
    }
    with pytest.raises(CheckpointError, match="more than one part of it has these names"):
        load_weights(filled, written(tmp_path / "two.pt", twice))
    other = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 2)).state_dict()
    mixed = {f"encoder.{n}": v for n, v in source.state_dict().items()}
    mixed |= {f"decoder.{n}": v for n, v in other.items()}
    load_weights(filled, written(tmp_path / "mixed.pt", mixed))  # only one has the shapes
    assert torch.equal(filled[2].weight, source[2].weight)


def test_a_pickled_object_is_refused_and_never_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "exploded"),)

    torch.save({"0.weight": torch.ones(3, 4), "x": Bomb()}, tmp_path / "bomb.pt")
    torch.save(net(), tmp_path / "whole.pt")
    for name in ("bomb.pt", "whole.pt"):
        with pytest.raises(CheckpointError, match="pickled objects, which can run code") as raised:
            load_weights(net(), tmp_path / name)
        assert "\n" not in str(raised.value)
    assert not (tmp_path / "exploded").exists()


def _damaged(folder: Path) -> dict[str, tuple[Path, str]]:
    weights = net().state_dict()
    cases: dict[str, tuple[Path, str]] = {
        "missing": (folder / "none.pt", "is missing; give a file"),
        "folder": (folder, "is a folder; give a file"),
    }
    for suffix in (".pt", ".safetensors"):
        whole = written(folder / f"whole{suffix}", weights).read_bytes()
        contents = {
            "cut": whole[: len(whole) // 2],
            "empty": b"",
            "zeros": b"\0" * 99,
            "text": b"hi " * 50,
        }
        for name, content in contents.items():
            path = folder / f"{name}{suffix}"
            path.write_bytes(content)
            cases[name + suffix] = (path, "is damaged or no file of its kind")
    ending = folder / "w.npz"
    ending.write_bytes(b"1")
    cases["ending"] = (ending, r"ends in '\.npz'; legal: \.safetensors, \.pt, \.pth")
    torch.save([torch.ones(2)], folder / "list.pt")
    torch.save({"0.weight": torch.ones(3, 4), "epoch": 3}, folder / "number.pt")
    torch.save({}, folder / "nothing.pt")
    cases["list"] = (folder / "list.pt", "holds no state dict")
    cases["number"] = (folder / "number.pt", "holds no state dict")
    cases["nothing"] = (folder / "nothing.pt", "missing 0.weight, 0.bias, 1.weight and 6 more$")
    some = {n: v for n, v in weights.items() if n != "0.bias"} | {"0.scale": torch.ones(3)}
    cases["names"] = (written(folder / "names.pt", some), "missing 0.bias; unexpected 0.scale$")
    shapes = weights | {"0.weight": torch.ones(3, 5)}
    cases["shapes"] = (
        written(folder / "shapes.pt", shapes),
        r"0.weight is \(3, 5\) in the file and \(3, 4\) in the module$",
    )
    bad = weights | {"2.bias": torch.tensor([1.0, float("nan")])}
    cases["nan"] = (written(folder / "nan.pt", bad), "2.bias holds numbers that are not finite")
    return cases


def test_damaged_files_say_what_is_wrong_and_change_nothing(tmp_path: Path) -> None:
    module = net(3)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    cases = _damaged(tmp_path)
    assert len(cases) == 17
    for name, (path, message) in cases.items():
        with pytest.raises(CheckpointError) as raised:
            load_weights(module, path)
        assert re.search(message, str(raised.value)), (name, str(raised.value))
        assert "\n" not in str(raised.value), name
        assert all(torch.equal(v, module.state_dict()[n]) for n, v in before.items()), name


def test_lazy_layers_are_filled_after_their_first_sample(tmp_path: Path) -> None:
    path = written(tmp_path / "w.pt", {"weight": torch.ones(2, 4), "bias": torch.ones(2)})
    lazy = nn.LazyLinear(2)
    with pytest.raises(CheckpointError, match="lazy layers of unknown shapes"):
        load_weights(lazy, path)
    ForeignEncoder(lazy, (4,))
    load_weights(lazy, path)
    assert lazy.weight.tolist() == [[1.0] * 4] * 2


# --- the contract ----------------------------------------------------------------------------

RANDOM = torch.default_generator
WAYS = [Conditioning(), Conditioning(2), Conditioning(2, film=True)]


@pytest.mark.parametrize("told", WAYS, ids=str)
@pytest.mark.parametrize("normalisation", ["none", "batch"])
def test_our_own_kinds_keep_the_contract(told: Conditioning, normalisation: Any) -> None:
    shape = (2, 9, 8)
    dense = DenseConfig(widths=(6, 5), normalisation=normalisation, dropout=0.2)
    grid = ConvolutionConfig(channels=(3, 4), normalisation=normalisation, blocks=1)
    check_encoder(lambda: DenseEncoder(dense, shape, told, RANDOM), shape, told.width)
    check_encoder(lambda: ConvolutionEncoder(grid, shape, told, RANDOM), shape, told.width)
    levels = (((5,), (2, 3, 3)), ((5,),), ((5, 3, 2),))
    for kind, config, latents in itertools.chain(
        [(DenseDecoder, dense, levels[0])],
        [(ConvolutionDecoder, grid, latents) for latents in levels[1:]],
    ):
        build: Any = kind
        check_decoder(
            lambda b=build, c=config, z=latents: b(c, z, shape, 2, told, RANDOM),
            latents,
            shape,
            outputs=2,
            condition=told.width,
        )


def test_plain_modules_are_wrapped_and_leave_the_random_state() -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    check_encoder(pyramid, (1, 8, 8))
    check_encoder(Told, (4,), condition=3)
    check_encoder(
        lambda: ForeignEncoder(Acts(lambda f, x: (f(x), f(x) * 2)), (4,), gives="posterior"), (4,)
    )
    check_decoder(lambda: nn.Linear(5, 12), ((5,),), (2, 3), outputs=2)
    check_decoder(lambda: nn.Linear(8, 6), ((5,),), (6,), condition=3)
    check_decoder(
        lambda: ForeignDecoder(nn.Linear(5, 6), ((5,),), (6,), 1, frozen=True), ((5,),), (6,)
    )
    assert torch.equal(state, torch.get_rng_state())


def test_counts_can_stand_for_noise() -> None:
    def build() -> nn.Module:
        return Acts(lambda f, x: f(torch.log1p(x)))

    with pytest.raises(ContractError, match="not finite on unit noise"):
        check_encoder(build, (4,))
    check_encoder(build, (4,), samples=torch.randint(9, (6, 4)).float())


class Hidden(nn.Module):
    """Keeps one of its layers in a list, where torch does not see it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.rest = nn.Linear(4, 5), [nn.Linear(5, 6)]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.rest[0](self.first(x))
        return out


class Grows(nn.Module):
    """Its state dict depends on what it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 6)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.register_buffer("seen", x.mean(0))
        out: Tensor = self.layer(x)
        return out


class Idle(nn.Module):
    """A layer that is passed and thrown away, and one that is cut off."""

    def __init__(self, cut: bool) -> None:
        super().__init__()
        self.cut, self.used, self.idle = cut, nn.Linear(4, 6), nn.Linear(4, 6)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.used(x) + (self.idle(x).detach() if self.cut else 0 * self.idle(x))
        return out


class Broken(NamedTuple):
    build: Callable[[], nn.Module]
    message: str


def infinite_gradient(layer: nn.Linear, x: Tensor) -> Tensor:
    y: Tensor = layer(x)
    return y + (y - y).abs().sqrt()


BROKEN = {
    "one alone": Broken(
        lambda: Acts(lambda f, x: f(x) * (1 / (len(x) - 1)) if len(x) > 1 else f(x[5])),
        "fails on a batch of 1 in eval mode: IndexError",
    ),
    "another shape": Broken(
        lambda: Acts(lambda f, x: f(x)[:, : len(x)]), "a batch of 1 .*shape .* is promised"
    ),
    "not finite": Broken(lambda: Acts(lambda f, x: f(x) / x.sum()), "not finite"),
    "not finite on noise": Broken(
        lambda: Acts(
            lambda f, x: f(x) + x.sum().sqrt() * 0 + (x < -1).any() / (1 - (x < -1).any().float())
        ),
        "not finite on unit noise",
    ),
    "random": Broken(lambda: Acts(lambda f, x: f(x) + torch.randn(6)), "second time in eval mode"),
    "mixing": Broken(lambda: Acts(lambda f, x: f(x - x.mean(0))), "mixes samples: .*differ by"),
    "hidden": Broken(Hidden, "neither a registered parameter nor a buffer"),
    "growing": Broken(Grows, "cannot load its own state_dict: RuntimeError"),
    "thrown away": Broken(lambda: Idle(cut=False), "no gradient reaches the parameter idle.weight"),
    "cut off": Broken(lambda: Idle(cut=True), "no gradient reaches the parameter idle.weight"),
    "all cut": Broken(lambda: Acts(lambda f, x: f(x).detach()), "reaches any parameter"),
    "infinite gradient": Broken(lambda: Acts(infinite_gradient), "gradient of .* is not finite"),
    "32 bits": Broken(lambda: Acts(lambda f, x: f(x).float()), "gives torch.float32 for float64"),
    "float32 inside": Broken(
        lambda: Acts(lambda f, x: f(x) @ torch.eye(6)), "fails on float64: RuntimeError"
    ),
    "cannot be built": Broken(nn.Flatten, "cannot be built: the encoder Flatten has no parameters"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_each_broken_promise_is_named(broken: Broken) -> None:
    with pytest.raises(ContractError, match=broken.message) as raised:
        check_encoder(broken.build, (4,))
    assert isinstance(raised.value, AssertionError) and "\n" not in str(raised.value)


class Deaf(nn.Module):
    """A decoder by our own interface that reads one of its two levels."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 4)

    def forward(self, latents: tuple[Tensor, ...], condition: Tensor | None) -> Tensor:
        out: Tensor = self.head(latents[0]).unflatten(1, (1, 4))
        return out

    def start_at(self, outputs: Tensor) -> None:
        """Nothing to set."""


def test_a_decoder_listens_to_every_level() -> None:
    check_decoder(Deaf, ((3,),), (4,))
    with pytest.raises(ContractError, match="do not depend on the latents of level 1"):
        check_decoder(Deaf, ((3,), (2,)), (4,))
    with pytest.raises(ContractError, match=r"output has shape \(1, 4\) .* \(1, 5\) is promised"):
        check_decoder(Deaf, ((3,),), (5,))
