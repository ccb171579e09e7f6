"""A transposed convolution from few places of many channels is the product that it stands for."""

import pytest
import torch
from torch import Tensor, nn

from tests.same_layers import assert_same
from vaestro.networks import few_places
from vaestro.networks.few_places import TRANSPOSED, Transposed2d


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "beyond"),
    [
        ((3, 4), 3, 2, 1, (1, 0)),
        ((4, 4), 4, 2, 1, (0, 0)),
        ((2, 2), (2, 3), (3, 1), (0, 1), (2, 0)),
        ((1, 1), 5, 1, 0, (0, 0)),
    ],
)
@pytest.mark.parametrize("bias", [True, False])
def test_it_gives_what_torch_gives(
    size: tuple[int, int],
    kernel: int | tuple[int, int],
    stride: int | tuple[int, int],
    padding: int | tuple[int, int],
    beyond: tuple[int, int],
    bias: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(few_places, "LEAST_PAIRS", 10)
    torch.manual_seed(0)
    sizes = (5, 2, kernel, stride, padding, beyond)
    plain = nn.ConvTranspose2d(*sizes, bias=bias, dtype=torch.float64)
    ours = Transposed2d(*sizes, bias=bias, dtype=torch.float64)
    ours.load_state_dict(plain.state_dict())
    x = torch.randn(3, 5, *size, dtype=torch.float64, requires_grad=True)
    wanted = plain(x)
    monkeypatch.setattr(nn.ConvTranspose2d, "forward", refused)
    found = ours(x)
    assert_same(wanted, found, plain, ours, x)


def refused(*_: object) -> Tensor:
    raise AssertionError("torch's convolution was called")


@pytest.mark.parametrize(
    ("inputs", "outputs", "side", "groups"),
    [(512, 512, 5, 1), (512, 256, 4, 1), (512, 512, 4, 2)],
)
def test_everything_else_is_left_to_torch(
    inputs: int, outputs: int, side: int, groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = Transposed2d(inputs, outputs, 1, groups=groups)
    x = torch.zeros(1, inputs, side, side)
    assert layer(x).shape == (1, outputs, side, side)
    monkeypatch.setattr(nn.ConvTranspose2d, "forward", refused)
    with pytest.raises(AssertionError, match="was called"):
        layer(x)


def test_members_of_a_population_have_their_own_weights() -> None:
    torch.manual_seed(0)
    layers = [TRANSPOSED[2](512, 512, 2, 2) for _ in range(2)]
    x = torch.randn(2, 1, 512, 2, 2)
    weights, biases = (
        torch.stack([p.detach() for p in column])
        for column in zip(*(layer.parameters() for layer in layers), strict=True)
    )

    def one(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
        values = {"weight": weight, "bias": bias}
        found: Tensor = torch.func.functional_call(layers[0], values, (x,))
        return found

    together = torch.vmap(one)(weights, biases, x)
    for row, layer in enumerate(layers):
        torch.testing.assert_close(together[row], layer(x[row]), rtol=1e-5, atol=1e-5)
