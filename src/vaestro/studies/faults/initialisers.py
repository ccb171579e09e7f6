"""Weights drawn with a fan-in which is not the layer's own, and heads as large as the rest."""

import math

import torch
from torch import nn

from vaestro.models.vae import VAE
from vaestro.networks.initialise import LAYERS

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def plant_wrong_fan_in(vae: VAE, random: torch.Generator) -> None:
    """Every convolution of the encoder, weights and biases, from U(-b, b) with b = 1 / sqrt(c k):
    k places of the kernel, and c the channels of the data, whatever the layer's own are."""
    layers = [layer for layer in vae.encoder.modules() if isinstance(layer, CONVOLUTIONS)]
    for layer in layers:
        bound = (vae.shape[0] * math.prod(layer.kernel_size)) ** -0.5
        for parameter in layer.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=random)


def plant_keras_start(vae: VAE, random: torch.Generator) -> None:
    """Every layer of the model from U(-b, b) with b = sqrt(6 / (fan-in + fan-out)), its biases 0,
    as Keras draws them (Glorot and Bengio 2010, eq. 16): the heads are no smaller than the rest,
    and the decoder's start at neither the data's mean nor a variance of 1."""
    for layer in vae.modules():
        if isinstance(layer, LAYERS):
            nn.init.xavier_uniform_(layer.weight, generator=random)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
