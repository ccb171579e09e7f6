"""How a loss pairs samples with reconstructions, and what it draws, whatever else is right."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from vaestro.health.diagnosis.admission import Meant, Pieces, admit
from vaestro.health.diagnosis.diagnose import diagnose
from vaestro.health.diagnosis.diagnosis import Diagnosis
from vaestro.health.diagnosis.divergences import RIGHT_DRAW
from vaestro.health.diagnosis.foreign import Place
from vaestro.health.diagnosis.loss_probe import DataTerm, Moving, ask

ELEMENTS, LATENT = 6, 2
X = torch.rand(300, ELEMENTS, generator=torch.Generator().manual_seed(0))


class Tiny(nn.Module):
    """A dense VAE, untrained; `two` gives the decoder a variance, `unit` probabilities."""

    def __init__(self, output: str = "gaussian") -> None:
        super().__init__()
        torch.manual_seed(1)
        self.output = output
        self.encoder = nn.Sequential(nn.Linear(ELEMENTS, 16), nn.Tanh(), nn.Linear(16, 2 * LATENT))
        self.decoder = nn.Sequential(nn.Linear(LATENT, 16), nn.Tanh(), nn.Linear(16, ELEMENTS))
        self.spread = nn.Linear(LATENT, ELEMENTS)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(x).chunk(2, 1)
        return mean, log_variance

    def decode(self, z: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        out: Tensor = self.decoder(z)
        if self.output == "fitted":
            return out, 0.1 + self.spread(z).exp()
        return torch.sigmoid(out) if self.output == "bernoulli" else out


def draw(mean: Tensor, log_variance: Tensor) -> Tensor:
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)


def nats(x: Tensor, decoded: Tensor | tuple[Tensor, Tensor], output: str) -> Tensor:
    """Of every element, by torch.distributions."""
    if isinstance(decoded, tuple):
        return -torch.distributions.Normal(decoded[0], decoded[1].sqrt()).log_prob(x)
    if output == "bernoulli":
        return nn.functional.binary_cross_entropy(decoded, x, reduction="none")
    return (x - decoded).square()


@pytest.mark.parametrize("output", ["gaussian", "fitted", "bernoulli"])
def test_all_pairs_cost_what_every_pair_costs(output: str) -> None:
    """Two calls give the mean over B * B pairs that B * B calls give."""
    model = Tiny(output)
    likelihood = "bernoulli" if output == "bernoulli" else "gaussian"
    pieces = Pieces(*[None] * 3, lambda x: x.sum(), *[None] * 8)
    place = Place(torch.float32, torch.device("cpu"))
    patient = admit(
        model.encode, model.decode, X, Meant(likelihood, 1.0, 1.0), pieces, place, False
    )
    still = Moving([], 0.0, False)
    crossed = DataTerm(RIGHT_DRAW, crossed=True)
    torch.manual_seed(0)
    given = ask(patient, still, 5, 0, (crossed,)).data[0]
    rows = torch.randperm(len(X), generator=torch.Generator().manual_seed(1000))[:5]
    wanted = []
    for turn in range(2):
        torch.manual_seed(turn)
        mean, log_variance = model.encode(X[rows])
        decoded = model.decode(draw(mean, log_variance))
        for one in range(5):
            row = tuple(part[one] for part in decoded) if isinstance(decoded, tuple) else None
            said = row or decoded[one]
            wanted.append(patient.observation.nats(X[rows], _same(said)).mean())
    torch.testing.assert_close(given.float(), torch.stack(wanted).mean(), rtol=1e-5, atol=1e-5)


def _same(said: Tensor | tuple[Tensor, Tensor]):  # type: ignore[no-untyped-def]
    from vaestro.health.diagnosis.patient import Decoded

    parts = said if isinstance(said, tuple) else (said, None)
    return Decoded(*(None if part is None else part.expand(5, -1) for part in parts))


def of_loss(model: Tiny, loss: Callable[[Tensor], Tensor], **pieces: object) -> Diagnosis:
    likelihood = "bernoulli" if model.output == "bernoulli" else "gaussian"
    return diagnose(
        model.encode,
        model.decode,
        X,
        loss=loss,
        variance=0.5,
        likelihood=likelihood,
        **pieces,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("output", ["gaussian", "fitted"])
@pytest.mark.parametrize("mean", [False, True])
def test_a_broadcast_over_the_batch_is_named(output: str, mean: bool) -> None:
    """(B, 1, D) against (B, D), summed or averaged over everything."""
    model = Tiny(output)

    def loss(x: Tensor) -> Tensor:
        mean_code, log_variance = model.encode(x)
        cost = nats(x.unsqueeze(1), model.decode(draw(mean_code, log_variance)), output)
        assert cost.shape == (len(x), len(x), ELEMENTS)
        data = cost.mean() if mean else cost.sum((1, 2)).mean()
        return data + kl(mean_code, log_variance).mean()

    first = of_loss(model, loss).findings[0]
    assert first.kind == "wrong_reduction"
    assert "every other" in first.sentence
    assert first.evidence["pairs"] == 64**2
    weight = 1 / ELEMENTS if mean else 64.0
    assert first.evidence["data_weight_of_all_pairs"] == pytest.approx(weight, rel=1e-3)


@pytest.mark.parametrize("output", ["gaussian", "fitted", "bernoulli"])
def test_own_pairs_are_not_taken_for_all_pairs(output: str) -> None:
    model = Tiny(output)

    def loss(x: Tensor) -> Tensor:
        mean, log_variance = model.encode(x)
        data = nats(x, model.decode(draw(mean, log_variance)), output).sum(1)
        return (data + kl(mean, log_variance)).mean()

    kinds = {one.kind for one in of_loss(model, loss).findings}
    assert not kinds & {"wrong_reduction", "scale_mismatch", "untrained_parameter"}


def test_a_right_sampler_that_the_loss_does_not_use() -> None:
    model = Tiny()

    def loss(x: Tensor) -> Tensor:
        mean, log_variance = model.encode(x)
        return (nats(x, model.decode(mean), "gaussian").sum(1) + kl(mean, log_variance)).mean()

    first = of_loss(model, loss, sampler=draw, prior_term=kl).findings[0]
    assert first.kind == "scale_mismatch"
    assert first.sentence.startswith("The loss") and "no noise" in first.sentence


def test_a_right_prior_term_that_the_loss_does_not_use() -> None:
    model = Tiny()

    def loss(x: Tensor) -> Tensor:
        mean, log_variance = model.encode(x)
        data = nats(x, model.decode(draw(mean, log_variance)), "gaussian").sum(1)
        return (data - kl(mean, log_variance)).mean()

    first = of_loss(model, loss, sampler=draw, prior_term=kl).findings[0]
    assert first.kind == "scale_mismatch" and "wrong sign" in first.sentence


def test_a_temperature_before_the_mean() -> None:
    model = Tiny()
    first = diagnose(
        model.encode, model.decode, X, sampler=lambda m, r: 0.5 * (m - draw(m, r)) + draw(m, r) - m
    ).findings[0]
    assert first.kind == "scale_mismatch"
    other = diagnose(model.encode, model.decode, X, sampler=lambda m, r: draw(0.7 * m, r)).findings[
        0
    ]
    assert other.evidence["factor_of_the_mean"] == pytest.approx(0.7, abs=1e-3)
    assert "multiplied by 0.7" in other.sentence
