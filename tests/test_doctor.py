"""The doctor tells faults apart by their cause, and lets healthy models be.

Tiny models on data of two factors train here in tenths of a second; what needs no training is asked
of functions whose answer is known.
"""

import copy
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vaestro.data.images.idx import read_idx
from vaestro.foundation.errors import DataError
from vaestro.health.diagnosis.diagnose import diagnose
from vaestro.health.diagnosis.diagnosis import Diagnosis
from vaestro.health.diagnosis.divergences import DIVERGENCES, DRAWS, RIGHT
from vaestro.health.diagnosis.progress import last_quarter
from vaestro.health.diagnosis.two_sample import two_sample_test
from vaestro.health.reachable import hidden_parameters, modules_of

ELEMENTS, LATENT, VARIANCE = 12, 4, 0.2
"""At a variance of 0.02 the three labels of the samples are islands among the codes."""


def samples() -> tuple[Tensor, Tensor]:
    """(600, 12) of two factors and a label, with noise; the labels."""
    random = torch.Generator().manual_seed(3)
    factors = torch.randn(600, 2, generator=random)
    label = torch.randint(3, (600,), generator=random)
    mix = torch.randn(2, ELEMENTS, generator=random)
    centres = torch.randn(3, ELEMENTS, generator=random)
    noise = 0.1 * torch.randn(600, ELEMENTS, generator=random)
    return torch.tanh(factors @ mix) + centres[label] + noise, label


X, LABELS = samples()


class Small(nn.Module):
    """A dense VAE with or without labels."""

    def __init__(self, labels: int = 0) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.labels = labels
        self.body = nn.Sequential(nn.Linear(ELEMENTS + labels, 24), nn.Tanh())
        self.mean, self.log_variance = nn.Linear(24, LATENT), nn.Linear(24, LATENT)
        self.decoder = nn.Sequential(
            nn.Linear(LATENT + labels, 24), nn.Tanh(), nn.Linear(24, ELEMENTS)
        )

    def _told(self, x: Tensor, y: Tensor | None) -> Tensor:
        if y is None:
            return x
        return torch.cat([x, nn.functional.one_hot(y, self.labels).to(x)], 1)

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        hidden = self.body(self._told(x, y))
        return self.mean(hidden), self.log_variance(hidden)

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        decoded: Tensor = self.decoder(self._told(z, y))
        return decoded


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()


def draw(mean: Tensor, log_variance: Tensor) -> Tensor:
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


def squared(x: Tensor, copied: Tensor) -> Tensor:
    return (x - copied).square().sum(1).mean() / (2 * VARIANCE)


Loss = Callable[..., Tensor]


def loss_of(
    model: Small,
    data_term: Callable[[Tensor, Tensor], Tensor] = squared,
    prior_term: Callable[[Tensor, Tensor], Tensor] = kl,
    sampler: Callable[[Tensor, Tensor], Tensor] = draw,
) -> Loss:
    def loss(x: Tensor, y: Tensor | None = None) -> Tensor:
        mean, log_variance = model.encode(x, y)
        z = sampler(mean, log_variance)
        return data_term(x, model.decode(z, y)) + prior_term(mean, log_variance)

    return loss


def trained(model: Small, loss: Loss, epochs: int = 25, told: bool = False) -> dict[str, Any]:
    """Train briefly; what the doctor may be given."""
    torch.manual_seed(2)
    initial = copy.deepcopy(model.state_dict())
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    history = []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(500).split(100):
            value = loss(X[rows], LABELS[rows]) if told else loss(X[rows])
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            total += float(value.detach()) / 5
        history.append(total)
    labels = {"labels": LABELS[:500], "held_out_labels": LABELS[500:]} if told else {}
    return {
        "held_out": X[500:],
        "variance": VARIANCE,
        "loss": loss,
        "module": model,
        "optimiser": optimiser,
        "initial": initial,
        "saved": model.state_dict(),
        "history": history,
        **labels,
    }


def kinds(found: Diagnosis) -> list[str]:
    return [one.kind for one in found.findings]


@pytest.fixture(scope="module")
def healthy() -> tuple[Small, dict[str, Any]]:
    model = Small()
    return model, trained(model, loss_of(model))


def test_a_healthy_model_has_no_findings(healthy: tuple[Small, dict[str, Any]]) -> None:
    model, pieces = healthy
    before = copy.deepcopy(model.state_dict())
    state, training = torch.random.get_rng_state(), model.train().training
    found = diagnose(model.encode, model.decode, X[:500], **pieces)
    assert (found.verdict, kinds(found)) == ("healthy", [])
    assert training and model.training
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert "stand-alone decoder (give generator)" in found.unchecked


def test_a_healthy_conditional_model_has_no_findings() -> None:
    model = Small(labels=3)
    pieces = trained(model, loss_of(model), told=True)
    found = diagnose(model.encode, model.decode, X[:500], **pieces)
    assert (found.verdict, kinds(found)) == ("healthy", [])


def test_arrays_and_a_normal_do_as_well(healthy: tuple[Small, dict[str, Any]]) -> None:
    model, _ = healthy

    def encode(x: Tensor) -> torch.distributions.Normal:
        mean, log_variance = model.encode(x)
        return torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))

    found = diagnose(encode, lambda z: model.decode(z), X[:500].double().numpy(), variance=VARIANCE)
    assert found.verdict == "healthy"


def mean_squared(x: Tensor, copied: Tensor) -> Tensor:
    return (x - copied).square().mean()


def no_one(mean: Tensor, log_variance: Tensor) -> Tensor:
    return kl(mean, log_variance) + LATENT / 2


def of_std(mean: Tensor, log_variance: Tensor) -> Tensor:
    std = torch.exp(0.5 * log_variance)
    return 0.5 * (std + mean.square() - 1 - std.log()).sum(1).mean()


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "data term averaged over elements": ({"data_term": mean_squared}, "wrong_reduction"),
    "prior term averaged over latents": (
        {"prior_term": lambda m, s: kl(m, s) / LATENT},
        "wrong_reduction",
    ),
    "prior term summed over the batch": (
        {"prior_term": lambda m, s: kl(m, s) * len(m)},
        "wrong_reduction",
    ),
    "std for variance": ({"prior_term": of_std}, "scale_mismatch"),
    "no -1": ({"prior_term": no_one}, "scale_mismatch"),
    "minus": ({"prior_term": lambda m, s: -kl(m, s)}, "scale_mismatch"),
    "variance for std": (
        {"sampler": lambda m, s: m + s.exp() * torch.randn_like(m)},
        "scale_mismatch",
    ),
    "detached": ({"sampler": lambda m, s: draw(m, s).detach()}, "untrained_parameter"),
    "detached mean": (
        {"sampler": lambda m, s: draw(m.detach(), s)},
        "untrained_parameter",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_loss_tells_its_fault_even_untrained(fault: str) -> None:
    parts, kind = FAULTS[fault]
    model = Small()
    loss = loss_of(model, **parts)
    found = diagnose(model.encode, model.decode, X, loss=loss, variance=VARIANCE)
    assert found.findings[0].kind == kind
    assert found.findings[0].remedies and found.findings[0].evidence


def test_the_factor_of_a_reduction_is_measured() -> None:
    model = Small()
    found = diagnose(
        model.encode, model.decode, X, loss=loss_of(model, mean_squared), variance=0.5
    ).findings[0]
    assert found.evidence["factor"] == pytest.approx(ELEMENTS, rel=1e-3)
    assert "12" in found.sentence
    summed = loss_of(model, prior_term=lambda m, s: kl(m, s) * len(m))
    found = diagnose(model.encode, model.decode, X, loss=summed, variance=VARIANCE).findings[0]
    assert found.evidence["factor"] == pytest.approx(found.evidence["batch"], rel=1e-3)
    assert "changes with the batch size" in found.sentence


def test_prior_term_and_sampler_of_ones_own(healthy: tuple[Small, dict[str, Any]]) -> None:
    model, _ = healthy

    def asked(**pieces: Any) -> list[str]:
        return kinds(diagnose(model.encode, model.decode, X, variance=VARIANCE, **pieces))

    assert asked(prior_term=kl, sampler=draw) == []
    assert asked(prior_term=of_std) == ["scale_mismatch"]
    assert asked(prior_term=no_one) == ["scale_mismatch"]
    assert asked(prior_term=lambda m, s: -kl(m, s)) == ["scale_mismatch"]
    assert asked(sampler=lambda m, s: m + s.exp() * torch.randn_like(m)) == ["scale_mismatch"]
    assert asked(sampler=lambda m, s: torch.rand_like(m) + m)[0] == "scale_mismatch"
    assert asked(sampler=lambda m, s: draw(m, s).detach()) == ["untrained_parameter"]


def test_exp_clipped_too_late_is_named() -> None:
    """The value at a log-variance of 89 is finite, its gradient is not."""
    model = Small()

    def late(mean: Tensor, log_variance: Tensor) -> Tensor:
        variance = log_variance.exp().clamp(-1e10, 1e10)
        return 0.5 * (mean.square() + variance - 1 - log_variance).sum(1)

    def early(mean: Tensor, log_variance: Tensor) -> Tensor:
        return kl(mean, log_variance.clamp(-20, 20))

    named = diagnose(model.encode, model.decode, X, prior_term=late)
    assert "unbounded_variance" in kinds(named)
    assert "unbounded_variance" not in kinds(
        diagnose(model.encode, model.decode, X, prior_term=early)
    )


def test_collapse_and_dead_output_are_told_apart(real_data: Path) -> None:
    """Half the squared error 26.42 is that of the mean image, 44.67 that of an empty one."""
    images = read_idx(real_data / "mnist" / "t10k-images-idx3-ubyte.gz") / 255.0
    x = torch.from_numpy(images.reshape(len(images), -1)).float()
    few = x[torch.linspace(0, len(x) - 1, 1000).round().long()]

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros(len(x), 8), torch.zeros(len(x), 8)

    mean = few.mean(0)
    one = diagnose(encode, lambda z: mean.expand(len(z), -1), few)
    assert kinds(one) == ["collapsed"]
    numbers = one.findings[0].evidence
    assert numbers["half_squared_error"] == pytest.approx(0.5 * float(few.var(0).sum()), rel=2e-3)
    assert numbers["half_squared_error"] == pytest.approx(26.42, abs=1.0)
    other = diagnose(encode, lambda z: torch.zeros(len(z), 784), few)
    assert kinds(other) == ["dead_output"]
    half = other.findings[0].evidence["half_squared_error"]
    assert half == pytest.approx(0.5 * float(few.square().sum(1).mean()), rel=1e-4)
    assert half == pytest.approx(44.67, abs=1.5)


def test_an_empty_code_whose_means_are_one_point_is_no_dead_output() -> None:
    """Three epochs at a high rate: a constant that is off its best here and there, but that draws
    of the prior still move."""
    off = 0.5 * X.std(0) * (torch.arange(X.shape[1]) % 2)
    weight = torch.randn(8, X.shape[1], generator=torch.Generator().manual_seed(0))

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros(len(x), 8), torch.zeros(len(x), 8)

    def named(slope: float) -> list[str]:
        return kinds(diagnose(encode, lambda z: X.mean(0) + off + slope * z @ weight, X))

    assert named(1e-3) == ["collapsed"]
    assert named(0.0) == ["dead_output"]


def test_an_unregistered_head_is_unsaved_and_untrained() -> None:
    class Hidden(Small):
        def __init__(self) -> None:
            super().__init__()
            self.heads = [self.mean, self.log_variance]
            del self.mean, self.log_variance

        def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
            hidden = self.body(x)
            return self.heads[0](hidden), self.heads[1](hidden)

    model = Hidden()
    assert set(hidden_parameters(model)) == {
        f"heads[{n}].{name}" for n in (0, 1) for name in ("weight", "bias")
    }
    pieces = trained(model, loss_of(model), epochs=3)
    found = diagnose(model.encode, model.decode, X[:500], **pieces)
    assert kinds(found)[:2] == ["unsaved_parameter", "untrained_parameter"]


def test_parameters_that_are_frozen_left_out_unsaved_or_unmoved() -> None:
    model = Small()

    def first(**pieces: Any) -> tuple[str, list[str]]:
        found = diagnose(model.encode, model.decode, X, module=model, **pieces)
        return found.findings[0].kind, found.findings[0].evidence["parameters"]

    part = torch.optim.Adam([*model.body.parameters(), *model.mean.parameters()])
    kind, named = first(optimiser=part)
    assert kind == "untrained_parameter" and "log_variance.weight" in named
    saved = {n: p for n, p in model.state_dict().items() if not n.startswith("mean")}
    assert first(saved=saved) == ("unsaved_parameter", ["mean.weight", "mean.bias"])
    kind, named = first(initial=copy.deepcopy(model.state_dict()))
    assert kind == "untrained_parameter" and len(named) == 8 + 2
    for parameter in model.log_variance.parameters():
        parameter.requires_grad_(False)
    assert first() == ("untrained_parameter", ["log_variance.weight", "log_variance.bias"])


def test_another_decoder_is_named(healthy: tuple[Small, dict[str, Any]]) -> None:
    model, _ = healthy
    fresh = Small()
    fresh.load_state_dict({n: p + 0.05 for n, p in model.state_dict().items()})
    args = (model.encode, model.decode, X[:500])
    assert kinds(diagnose(*args, variance=VARIANCE, generator=fresh.decode)) == ["decoder_differs"]
    assert kinds(diagnose(*args, variance=VARIANCE, generator=model.decode)) == []


def test_a_label_that_the_decoder_never_sees(healthy: tuple[Small, dict[str, Any]]) -> None:
    model, _ = healthy
    label = LABELS[:500].numpy()
    args = {"x": X[:500], "labels": label, "variance": VARIANCE}
    one = diagnose(lambda x, y: model.encode(x), lambda z, y: model.decode(z), **args)
    assert kinds(one) == ["condition_ignored"]
    other = diagnose(lambda x, y: model.encode(x), lambda z: model.decode(z), **args)
    assert kinds(other) == ["condition_ignored"]


def test_too_weak_a_prior_is_told_from_bad_copies(healthy: tuple[Small, dict[str, Any]]) -> None:
    """The same model with codes three times as wide: copies as good, samples elsewhere."""
    model, _ = healthy

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = model.encode(x)
        return 4 * mean, log_variance - 3

    found = diagnose(encode, lambda z: model.decode(z / 4), X[:500], variance=VARIANCE)
    assert kinds(found) == ["prior_mismatch"]
    numbers = found.findings[0].evidence
    assert numbers["p_value"] <= 0.05 and numbers["classifier_accuracy"] > 0.9
    assert numbers["density_ratio"] > 0


def test_weights_that_are_not_finite() -> None:
    model = Small()
    with torch.no_grad():
        model.mean.weight.fill_(torch.nan)
    found = diagnose(model.encode, model.decode, X, loss=loss_of(model), variance=VARIANCE)
    assert found.verdict == "exploding" and kinds(found) == ["exploding"]
    refused = diagnose(
        lambda x: torch.distributions.Normal(model.encode(x)[0], torch.ones(())), model.decode, X
    )
    assert refused.verdict == "exploding"


def test_log_variances_out_of_bounds() -> None:
    model = Small()
    with torch.no_grad():
        model.log_variance.bias.add_(30.0)
    assert diagnose(model.encode, model.decode, X).verdict == "exploding"


def test_a_model_that_only_began() -> None:
    model = Small()
    pieces = trained(model, loss_of(model), epochs=2)
    assert diagnose(model.encode, model.decode, X[:500], **pieces).verdict == "undertrained"


@pytest.mark.parametrize(
    ("history", "share"),
    [([4.0, 3.0, 2.0, 1.0], 1 / 3), ([3.0, 1.0, 1.0, 1.0], 0.0), ([1.0, 2.0], None), ([1.0], None)],
)
def test_last_quarter(history: list[float], share: float | None) -> None:
    assert last_quarter(history) == (None if share is None else pytest.approx(share))


def test_two_sample_test_keeps_its_level() -> None:
    """N(0, 1) against N(0, 1) is rejected at the nominal 5 %, within 2, over 1,000 trials."""
    random = torch.Generator().manual_seed(0)
    pairs = (torch.randn(2, 40, 2, generator=random) for _ in range(1000))
    rejected = [two_sample_test(a, b, seed).p_value <= 0.05 for seed, (a, b) in enumerate(pairs)]
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.02)
    a, b = torch.randn(2, 40, 2, generator=random)
    assert two_sample_test(a, b + 2).p_value == 1 / 200


def test_the_right_formulas_are_right_and_the_others_are_not() -> None:
    """Against torch.distributions."""
    mean, log_variance = torch.randn(2, 50, 3, dtype=torch.float64)
    normal = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    unit = torch.distributions.Normal(torch.zeros(()).double(), torch.ones(()).double())
    true = torch.distributions.kl_divergence(normal, unit)
    torch.testing.assert_close(RIGHT.of(mean, log_variance), true)
    for form in DIVERGENCES[1:]:
        assert not torch.allclose(form.of(mean, log_variance), true)
    quarter = torch.tensor(0.25).log()
    assert float(DIVERGENCES[1].of(torch.zeros(()), quarter)) == pytest.approx(0.0965736, abs=1e-6)
    for one, other in itertools.combinations(DRAWS, 2):
        noise = torch.ones_like(mean)
        assert not torch.allclose(
            one.of(mean, log_variance, noise), other.of(mean, log_variance, noise)
        )


def test_modules_are_found_behind_functions() -> None:
    model, inner = Small(), Small()

    class Wrapper:
        def __init__(self) -> None:
            self.held = {"a": inner}

        def decode(self, z: Tensor) -> Tensor:
            return inner.decode(z)

    found = modules_of(lambda x: model.encode(x), Wrapper().decode)
    assert {id(one) for one in found} == {id(model), id(inner)}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"likelihood": "poisson"}, "legal: gaussian, bernoulli"),
        ({"likelihood": "bernoulli"}, "outside"),
        ({"variance": 0.0}, "above 0"),
        ({"variance": "a"}, "variance='a' is no number; give that of the Gaussian decoder"),
        ({"variance": torch.ones(3)}, r"variance=tensor\(\[1., 1., 1.\]\) is no number"),
        ({"beta": None}, "beta=None is no number; give the weight of the prior term"),
        ({"beta": -1}, "beta=-1.0 must be 0 or above"),
        ({"labels": [1, 2]}, "600 samples"),
        ({"labels": 5}, "labels=5 is a single number; give one for each of the 600 samples"),
        ({"labels": ["a"] * 600}, "labels is no array of numbers"),
        ({"loss": lambda x: x @ x}, "failed on 4 samples"),
        ({"x": [[1.0, float("nan")], [0.0, 0.0]]}, "not finite"),
        ({"x": "text"}, "no array of numbers"),
        ({"module": 3}, "nn.Module"),
        ({"held_out": X[:, :1]}, "held_out has samples of shape"),
        ({"history": ["a"]}, r"history is \['a'\]; give one training loss an epoch"),
        ({"history": 3}, "history is 3; give one training loss an epoch"),
        ({"loss": 5}, "loss is 5 and cannot be called; give a function"),
    ],
)
def test_mistakes_are_told_in_one_line(change: dict[str, Any], says: str) -> None:
    model = Small()
    arguments = {"x": X, **change}
    with pytest.raises(DataError, match=says) as caught:
        diagnose(model.encode, model.decode, **arguments)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="encode"):
        diagnose(lambda x: x, model.decode, X)
    with pytest.raises(DataError, match="encode is 5 and cannot be called"):
        diagnose(5, 5, X)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="decode is None and cannot be called"):
        diagnose(model.encode, None, X)  # type: ignore[arg-type]


def test_a_diagnosis_prints_its_evidence_and_remedies() -> None:
    model = Small()
    found = diagnose(model.encode, model.decode, X, loss=loss_of(model, mean_squared))
    text, plain = str(found), found.as_json()
    assert text.startswith("Verdict: ")
    first = found.findings[0]
    assert first.sentence in text and f"-> {first.remedies[0]}" in text
    assert plain["findings"][0]["kind"] == first.kind
    assert set(plain) == {"verdict", "sentence", "findings", "unchecked"}
