"""Counts in the thousands: what encoders are shown of them, and that such a model trains."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import vaestro
from vaestro.foundation.samples import SampleSpec
from vaestro.models.build import NOBODY, Guests, build_vae
from vaestro.models.config import ModelConfig
from vaestro.models.vae import VAE
from vaestro.models.whole_encoder import WholeEncoder
from vaestro.transforms.identity import Identity

SPEC = SampleSpec((5,), "counts")
COUNTS = torch.tensor([[0.0, 1.0, 30.0, 900.0, 2e4]])
MODEL = {"latent": 2, "likelihood": {"kind": "poisson"}, "encoder": {"kind": "dense", "widths": 3}}


class Kept(nn.Module):
    """An encoder that keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 3)
        self.shown = torch.zeros(0)

    def forward(self, x: Tensor) -> Tensor:
        self.shown = x.detach()
        made: Tensor = self.layer(torch.log1p(x))
        return made


def built(model: dict[str, object], guests: Guests = NOBODY) -> VAE:
    return build_vae(ModelConfig.parse(model), SPEC, Identity(), torch.ones(5), 0, guests)


def test_ours_are_shown_the_logarithm() -> None:
    vae = built(MODEL)
    by_hand = vae.encoder(torch.log1p(COUNTS), None)
    assert torch.equal(vae.features(COUNTS)[0], by_hand[0])
    assert not torch.equal(vae.features(COUNTS)[0], vae.encoder(COUNTS, None)[0])


def test_a_module_of_the_user_s_sees_the_counts() -> None:
    encoder = Kept()
    vae = built({**MODEL, "encoder": {"kind": "given"}}, Guests(encoder))
    vae.features(COUNTS)
    assert torch.equal(encoder.shown, COUNTS)


def test_a_frozen_encoder_of_counts_encodes_as_its_run_did() -> None:
    vae = built(MODEL)
    frozen = WholeEncoder((5,), MODEL)
    kept = {name: value for name, value in vae.state_dict().items() if name in frozen.state_dict()}
    frozen.load_state_dict(kept)
    assert torch.equal(frozen(COUNTS)[:, 0], vae.encode(COUNTS).mean)


@pytest.mark.parametrize("likelihood", ["poisson", "negative-binomial"])
def test_large_counts_train(
    likelihood: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shown as they are, counts up to 900 gave codes of hundreds and rates of e^20."""
    monkeypatch.chdir(tmp_path)
    counts = np.random.default_rng(0).integers(0, 900, (80, 5))
    vae = vaestro.VAE(latent=2, epochs=2, width=8, likelihood=likelihood).fit(counts)
    constant = {"poisson": -1000.0, "negative-binomial": -60.0}[likelihood]
    assert vae.score(counts) > constant
