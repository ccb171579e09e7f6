"""A small classifier of the run's own data, whose last hidden layer is a space of features.

    KEPT/classifier.json          what it was trained on and how good it is
    KEPT/classifier.safetensors   its weights

Shape letters: N training samples, B batch, F features, L labels, * the sample's axes.
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from vaestro.evaluation.judge_data import Seen
from vaestro.foundation.files import new_file, read_json, write_json
from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import SampleSpec
from vaestro.networks.body import Conditioning
from vaestro.networks.convolution import ConvolutionConfig, ConvolutionEncoder
from vaestro.networks.dense import DenseConfig, DenseEncoder
from vaestro.networks.initialise import initialise_head

FEATURES = 64
EPOCHS, FEWEST_STEPS, MOST_STEPS = 5, 200, 800
BATCH = 100
LEARNING_RATE = 2e-3
LEAST_SIDE = 6
"""Smaller grids have no room for two stages."""
PARTS = 256


class Classifier(nn.Module):
    """Natural samples (B, *) -> features (B, F), and labels' logits (B, L) from them.

    Two stages of convolutions (16 and 32 channels) where the sample is a grid with sides of 6 or
    more, else a dense layer of 128; then 64 features. `mean` and `std` of all training numbers
    bring samples to unit scale.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, shape: tuple[int, ...], labels: int) -> None:
        super().__init__()
        random = generator(0, Stream.INITIALISATION)
        grid = len(shape) > 1 and min(shape[1:]) >= LEAST_SIDE
        self.body: nn.Module = (
            ConvolutionEncoder(
                ConvolutionConfig(channels=(16, 32), dense=(FEATURES,)),
                shape,
                Conditioning(),
                random,
            )
            if grid
            else DenseEncoder(DenseConfig(widths=(128, FEATURES)), shape, Conditioning(), random)
        )
        self.last = nn.Linear(FEATURES, labels)
        initialise_head(self.last, random)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))

    def features(self, x: Tensor) -> Tensor:
        """(B, F) of natural samples x: (B, *)."""
        (found,) = self.body((x - self.mean) / self.std, None)
        assert isinstance(found, Tensor)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, L) of natural samples x: (B, *)."""
        logits: Tensor = self.last(self.features(x))
        return logits


class Trained(NamedTuple):
    """A classifier in eval mode and the share of held-out samples that it labels rightly."""

    classifier: Classifier
    accuracy: float


def classifier_of(learn: Seen, held: Seen, spec: SampleSpec, kept: Path | None) -> Trained | None:
    """The classifier kept in `kept`, or one trained now on `learn` and kept there.

    The training has 5 epochs of 100 samples a step, between 200 and 800 steps, and fixed random
    numbers: runs on the same training samples have the same features. None without labels.
    """
    labels, truth = learn.given.label, held.given.label
    if labels is None or truth is None or len(labels.unique()) < 2:
        return None
    count = max(spec.label_count or 0, int(labels.max()) + 1, int(truth.max()) + 1)
    facts = {"shape": list(spec.shape), "labels": count, "trained_on": len(labels)}
    classifier = Classifier(spec.shape, count).eval()
    if kept is None or not _restored(classifier, facts, kept):
        _train(classifier, learn.x.float(), labels)
        if kept is not None:
            _keep(classifier, facts, kept)
    with torch.no_grad():
        said = torch.cat([classifier(part).argmax(1) for part in held.x.float().split(PARTS)])
    return Trained(classifier, float((said == truth).double().mean()))


def _train(classifier: Classifier, x: Tensor, labels: Tensor) -> None:
    classifier.mean.copy_(x.mean())
    classifier.std.copy_(x.std().clamp(min=1e-12))
    steps = min(MOST_STEPS, max(FEWEST_STEPS, EPOCHS * len(x) // BATCH))
    optimiser = torch.optim.Adam(classifier.parameters(), lr=LEARNING_RATE)
    random = generator(0, Stream.ORDER)
    classifier.train()
    with torch.enable_grad():
        for _ in range(steps):
            rows = torch.randint(len(x), (min(BATCH, len(x)),), generator=random)
            optimiser.zero_grad()
            nn.functional.cross_entropy(classifier(x[rows]), labels[rows]).backward()
            optimiser.step()
    classifier.eval()


def _restored(classifier: Classifier, facts: dict[str, Any], kept: Path) -> bool:
    """Whether the classifier in `kept` is of these data, and fills `classifier` now."""
    config, weights = kept / "classifier.json", kept / "classifier.safetensors"
    try:
        if not config.is_file() or read_json(config) != facts:
            return False
        classifier.load_state_dict(load_file(weights))
    except Exception:  # damaged in whatever way: it is trained again
        return False
    return True


def _keep(classifier: Classifier, facts: dict[str, Any], kept: Path) -> None:
    """Write the weights and then what they are of, each whole or not at all."""
    kept.mkdir(parents=True, exist_ok=True)
    (kept / "classifier.json").unlink(missing_ok=True)
    tensors = {name: t.contiguous() for name, t in classifier.state_dict().items()}
    with new_file(kept / "classifier.safetensors") as staging:
        save_file(tensors, staging)
    write_json(kept / "classifier.json", facts)
