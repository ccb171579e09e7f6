"""Two layers with the same weights give the same, forward and back."""

import torch
from torch import Tensor, nn


def assert_same(
    wanted: Tensor, found: Tensor, plain: nn.Module, ours: nn.Module, x: Tensor
) -> None:
    """`wanted` and `found` are what the layers `plain` and `ours` made of x."""
    assert found.shape == wanted.shape
    assert torch.allclose(found, wanted, atol=1e-12)
    pull = torch.randn_like(wanted)
    for a, b in zip(
        torch.autograd.grad(wanted, (x, *plain.parameters()), pull),
        torch.autograd.grad(found, (x, *ours.parameters()), pull),
        strict=True,
    ):
        assert torch.allclose(a, b, atol=1e-12)
