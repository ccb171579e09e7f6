"""Weights that are drawn with a fan-in which is not the layer's own."""

import math

import torch
from torch import nn

from vaestro.models.vae import VAE

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def plant_wrong_fan_in(vae: VAE, random: torch.Generator) -> None:
    """Every convolution of the encoder, weights and biases, from U(-b, b) with b = 1 / sqrt(c k):
    k places of the kernel, and c the channels of the data, whatever the layer's own are."""
    layers = [layer for layer in vae.encoder.modules() if isinstance(layer, CONVOLUTIONS)]
    for layer in layers:
        bound = (vae.shape[0] * math.prod(layer.kernel_size)) ** -0.5
        for parameter in layer.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=random)
