"""A convolution onto one place is the dense layer that it stands for."""

import pytest
import torch
from torch import nn

from tests.same_layers import assert_same
from vaestro.networks.one_place import CONVOLUTIONS

PLAIN = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize(
    ("length", "kernel", "stride", "padding"),
    [
        (3, 4, 2, 1),  # one zero before, none after
        (2, 3, 2, 1),  # the window reaches to the end
        (4, 3, 2, 0),  # the last element is not reached
        (3, 3, 1, 0),
        (1, 3, 2, 1),
        (5, 3, 2, 1),  # three places: torch's own kernel
    ],
)
def test_it_gives_what_torch_gives(
    dimensions: int, length: int, kernel: int, stride: int, padding: int
) -> None:
    torch.manual_seed(0)
    shape = (3, 2, *(length,) * dimensions)
    plain = PLAIN[dimensions](2, 5, kernel, stride, padding, dtype=torch.float64)
    ours = CONVOLUTIONS[dimensions](2, 5, kernel, stride, padding, dtype=torch.float64)
    ours.load_state_dict(plain.state_dict())
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    wanted, found = plain(x), ours(x)
    assert_same(wanted, found, plain, ours, x)


def test_one_place_takes_no_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("torch's convolution was called")

    monkeypatch.setattr(nn.Conv2d, "forward", refuse)
    layer = CONVOLUTIONS[2](2, 5, 4, 2, 1)
    assert layer(torch.randn(3, 2, 3, 3)).shape == (3, 5, 1, 1)
    with pytest.raises(AssertionError, match="was called"):
        layer(torch.randn(3, 2, 6, 6))


def test_padding_same_is_left_to_torch() -> None:
    layer = CONVOLUTIONS[1](2, 2, 3, padding="same")
    assert layer(torch.randn(3, 2, 1)).shape == (3, 2, 1)
