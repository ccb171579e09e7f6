"""VAEs that are told the digit: the label, as one-hot numbers, joins encoder and decoder.

B batch, D elements, K latents, 10 classes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.gallery.loop import stack


class ConditionalVAE(nn.Module):
    """(x, y) -> K -> (z, y) -> x with a Bernoulli decoder, as in class-conditional MNIST work."""

    likelihood, variance, beta = "bernoulli", 1.0, 1.0

    def __init__(self, elements: int = 64, latent: int = 4, width: int = 96, classes: int = 10):
        super().__init__()
        self.classes = classes
        self.encoder = stack(elements + classes, width, 2 * latent)
        self.decoder = stack(latent + classes, width, elements)

    def told(self, labels: Tensor) -> Tensor:
        return F.one_hot(labels, self.classes).float()

    def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(torch.cat([x, self.told(labels)], dim=1)).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        return torch.sigmoid(self.decoder(torch.cat([z, self.told(labels)], dim=1)))

    def sample(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)

    def prior_term(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Summed over the latents and averaged over the batch: a scalar."""
        return -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(dim=1).mean()

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        mean, log_variance = self.encode(x, labels)
        out = self.decode(self.sample(mean, log_variance), labels)
        data = F.binary_cross_entropy(out, x, reduction="none").sum(dim=1).mean()
        return data + self.beta * self.prior_term(mean, log_variance)


class EmbeddedVAE(ConditionalVAE):
    """The same with a learned embedding of the label and a Gaussian decoder."""

    likelihood, variance = "gaussian", 0.15

    def __init__(self, elements: int = 64, latent: int = 3, width: int = 96, classes: int = 10):
        super().__init__(elements, latent, width, classes)
        self.table = nn.Embedding(classes, classes)

    def told(self, labels: Tensor) -> Tensor:
        return self.table(labels)

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.decoder(torch.cat([z, self.told(labels)], dim=1))

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        mean, log_variance = self.encode(x, labels)
        out = self.decode(self.sample(mean, log_variance), labels)
        data = 0.5 * ((x - out) ** 2).sum(dim=1) / self.variance
        return data.mean() + self.beta * self.prior_term(mean, log_variance)


class LabelInEncoderOnly(ConditionalVAE):
    """The decoder is never told: the label cannot choose what is drawn."""

    def __init__(self, elements: int = 64, latent: int = 6, width: int = 96, classes: int = 10):
        super().__init__(elements, latent, width, classes)
        self.decoder = stack(latent, width, elements)

    def decode(self, z: Tensor) -> Tensor:  # type: ignore[override]
        return torch.sigmoid(self.decoder(z))

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        mean, log_variance = self.encode(x, labels)
        out = self.decode(self.sample(mean, log_variance))
        data = F.binary_cross_entropy(out, x, reduction="none").sum(dim=1).mean()
        return data + self.beta * self.prior_term(mean, log_variance)


class LabelLostInDecoder(ConditionalVAE):
    """The decoder takes the label, but its one-hot numbers are cut off by a wrong slice."""

    def __init__(self, elements: int = 64, latent: int = 6, width: int = 96, classes: int = 10):
        super().__init__(elements, latent, width, classes)
        self.latent = latent
        self.decoder = stack(latent, width, elements)

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        joined = torch.cat([z, self.told(labels)], dim=1)
        return torch.sigmoid(self.decoder(joined[:, : self.latent]))
