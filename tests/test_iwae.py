"""The importance-weighted objective, on models whose likelihood is known exactly."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.distributions import MultivariateNormal

from vaestro.foundation.errors import RecipeError
from vaestro.foundation.log_mean import log_mean_exp
from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch, Given, SampleSpec
from vaestro.foundation.schedules import Horizon
from vaestro.models import importance
from vaestro.models.build import build_vae
from vaestro.models.config import ModelConfig
from vaestro.models.importance import ImportancePass, importance_pass
from vaestro.models.vae import VAE
from vaestro.probability.importance_objective import (
    ImportanceConfig,
    importance_bound,
    importance_terms,
    require_weights,
)
from vaestro.probability.objective import Objective, ObjectiveConfig
from vaestro.probability.posterior import DeterministicConfig, GaussianConfig
from vaestro.training.elbo import ElboTask
from vaestro.training.importance import ImportanceTask
from vaestro.training.plan import Plan
from vaestro.transforms.identity import Identity

DIGITS = torch.from_numpy(load_digits().data / 16)
DIGITS = DIGITS - DIGITS.mean(0)
LATENT, VARIANCE = 10, 0.1


def ppca(widening: float = 1.0) -> tuple[VAE, Tensor]:
    """The linear VAE at its analytic optimum with the posterior's variance widened, and the exact
    log p(x) of the digits."""
    linear = {"kind": "dense", "widths": []}
    likelihood = {"kind": "gaussian", "variance": VARIANCE}
    vae = model(64, latent=LATENT, encoder=linear, decoder=linear, likelihood=likelihood).double()
    values, vectors = torch.linalg.eigh(DIGITS.T @ DIGITS / len(DIGITS))
    top, u = values.flip(0)[:LATENT], vectors.flip(1)[:, :LATENT]
    w = u * (top - VARIANCE).sqrt()
    last: Any = vae.head.levels[0].last[0]  # type: ignore[index]
    out: Any = vae.decoder.head
    with torch.no_grad():
        out.weight.copy_(w)
        out.bias.zero_()
        last.weight[:LATENT] = (w / top).T
        last.weight[LATENT:] = 0
        last.bias[LATENT:] = (VARIANCE / top * widening).log()
    covariance = w @ w.T + VARIANCE * torch.eye(64, dtype=torch.float64)
    exact = MultivariateNormal(torch.zeros(64, dtype=torch.float64), covariance)
    return vae, exact.log_prob(DIGITS)


def model(features: int, spec: SampleSpec | None = None, **fields: object) -> VAE:
    small = {"kind": "dense", "widths": [8], "activation": "tanh"}
    values = {"latent": 3, "encoder": small, "decoder": small, "likelihood": "gaussian"}
    spec = spec or SampleSpec((features,), "real")
    return build_vae(ModelConfig.parse(values | fields), spec, Identity(), torch.zeros(features), 0)


def noise(samples: int, rows: int, latent: int = LATENT, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(samples, rows, latent, generator=random, dtype=torch.float64)


def bound(vae: VAE, x: Tensor, samples: int, seed: int = 0) -> Tensor:
    with torch.no_grad():
        result = importance_pass(vae, x, noise(samples, len(x), vae.latent, seed))
    return importance_bound(result.log_likelihood + result.log_ratio)


def task(vae: VAE, samples: int, precision: str = "fp32", compiled: bool = False) -> ImportanceTask:
    plan = Plan("cpu", 1, precision, compiled, "contiguous", False)
    objective = Objective(ObjectiveConfig(), 64, vae.latent, 1, Horizon(1, 1))
    return ImportanceTask(ElboTask(vae, objective, plan, seed=0), samples)


def batch(x: Tensor) -> Batch:
    return Batch(x, None, torch.arange(len(x)))


def test_bound_by_hand() -> None:
    logs = torch.tensor([[0.0, 800.0, -900.0], [math.log(3), 800.0, -900.0]])
    expected = torch.tensor([math.log(2), 800.0, -900.0])
    torch.testing.assert_close(importance_bound(logs), expected)
    torch.testing.assert_close(log_mean_exp(logs[:1]), logs[0])


@pytest.mark.parametrize("samples", [1, 7])
def test_the_exact_posterior_makes_the_bound_tight(samples: int) -> None:
    """Every weight is p(x) itself."""
    vae, exact = ppca()
    got = bound(vae, DIGITS[:200], samples)
    torch.testing.assert_close(got, exact[:200], rtol=0, atol=1e-10)


@pytest.mark.parametrize(("widening", "gap"), [(1.5, 0.472674), (2.0, 1.534264)])
def test_one_draw_costs_the_gap_of_the_elbo(widening: float, gap: float) -> None:
    vae, exact = ppca(widening)
    missing = exact - bound(vae, DIGITS, 1)
    error = float(missing.std()) / math.sqrt(len(missing))
    assert float(missing.mean()) == pytest.approx(gap, abs=4 * error)
    assert error < gap / 10


def test_more_draws_never_loosen_the_bound() -> None:
    vae, exact = ppca(2.0)
    bounds = [float(bound(vae, DIGITS, samples).mean()) for samples in (1, 2, 5, 20, 100)]
    assert bounds == sorted(bounds)
    assert bounds[-1] < float(exact.mean())
    assert bounds[-1] == pytest.approx(float(exact.mean()), abs=0.05)


def test_one_draw_is_the_elbo_with_a_sampled_kl() -> None:
    """The same noise, a prior whose KL is estimated from it: the same loss, terms and gradients."""
    vae = model(6, prior="mixture").double()
    x = torch.randn(20, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    both = task(vae, 1)
    ours = both.terms(batch(x), both.initial_control(x.device), 4)
    theirs = both.elbo.terms(batch(x), both.initial_control(x.device), 4)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    parameters = list(vae.parameters())
    gradients = [torch.autograd.grad(terms.loss, parameters) for terms in (ours, theirs)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_one_draw_is_the_elbo_in_expectation_with_a_closed_kl() -> None:
    vae = model(6).double()
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    one = task(vae, 1)
    control = one.initial_control(x.device)
    with torch.no_grad():
        pairs = [
            (one.terms(batch(x), control, s).loss, one.elbo.terms(batch(x), control, s).loss)
            for s in range(1500)
        ]
    apart = torch.tensor([float(a - b) for a, b in pairs])
    assert abs(apart.mean()) < 4 * apart.std() / math.sqrt(len(apart))
    assert apart.std() > 0.01


def test_terms_are_means_over_draws_and_the_loss_is_below_their_sum() -> None:
    log_likelihood = torch.tensor([[-3.0, -5.0], [-1.0, -7.0]])
    log_ratio = torch.tensor([[-1.0, -2.0], [-0.5, -1.0]])
    kl = torch.tensor([[[0.5, 0.5], [1.0, 1.0]], [[0.25, 0.25], [0.5, 0.5]]])
    terms = importance_terms(log_likelihood, log_ratio, kl)
    assert terms.data_term == 4.0
    assert terms.prior_term == 1.125
    assert terms.kl_per_dimension.tolist() == [0.5625, 0.5625]
    weights = [[-4.0, -7.0], [-1.5, -8.0]]
    by_hand = [math.log(sum(map(math.exp, column)) / 2) for column in zip(*weights, strict=True)]
    assert terms.loss.item() == pytest.approx(-sum(by_hand) / 2, rel=1e-6)
    assert terms.loss < terms.data_term + terms.prior_term
    closed = importance_terms(log_likelihood, log_ratio, kl.mean(0))
    assert closed.kl_per_dimension.tolist() == terms.kl_per_dimension.tolist()


def test_the_gradient_weighs_draws_by_their_importance() -> None:
    """Burda et al. 2016, section 3."""
    vae = model(6).double()
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    result = importance_pass(vae, x, noise(4, 5, 3))
    logs = result.log_likelihood + result.log_ratio
    weights = torch.softmax(logs.detach(), 0)
    assert weights.max() > 0.3
    parameters = list(vae.parameters())
    ours = torch.autograd.grad(importance_bound(logs).sum(), parameters, retain_graph=True)
    theirs = torch.autograd.grad((weights * logs).sum(), parameters)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("held", [1, 90])
def test_decoding_in_parts_changes_nothing(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One draw at a time, or three of seven: the same values and gradients."""
    vae = model(6).double()
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def run() -> tuple[ImportancePass, tuple[Tensor, ...]]:
        result = importance_pass(vae, x, noise(7, 5, 3))
        loss = importance_terms(*result).loss
        return result, torch.autograd.grad(loss, list(vae.parameters()))

    whole, gradients = run()
    monkeypatch.setattr(importance, "HELD", held)
    parts, others = run()
    torch.testing.assert_close(parts.log_likelihood, whole.log_likelihood, rtol=0, atol=1e-12)
    for one, other in zip(gradients, others, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_parts_keep_fewer_activations(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the backward pass holds no longer grows with every draw's hidden layers."""
    vae = model(6, decoder={"kind": "dense", "widths": [200]}).double()
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def held() -> int:
        sizes: list[int] = []

        def pack(tensor: Tensor) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            importance_pass(vae, x, noise(50, 5, 3))
        return sum(sizes)

    whole = held()
    monkeypatch.setattr(importance, "HELD", 30)
    assert held() < whole / 10


def test_dropout_in_parts_is_the_same_backward_as_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recomputed parts draw the masks again: the gradient is that of the value, by differences."""
    monkeypatch.setattr(importance, "HELD", 30)
    drop = {"kind": "dense", "widths": [8], "dropout": 0.5}
    vae = model(6, decoder=drop).double().train()
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    last: Any = vae.decoder.head
    bias: Tensor = last.bias

    def loss() -> Tensor:
        torch.manual_seed(0)
        return importance_terms(*importance_pass(vae, x, noise(4, 5, 3))).loss

    (gradient,) = torch.autograd.grad(loss(), [bias])
    with torch.no_grad():
        bias[0] += 1e-5
        above = loss()
        bias[0] -= 2e-5
        below = loss()
    assert float((above - below) / 2e-5) == pytest.approx(float(gradient[0]), rel=1e-6)


def test_each_draw_keeps_its_samples_condition() -> None:
    """A batch gives each sample what it gets alone."""
    spec = SampleSpec((6,), "real", label_count=3)
    vae = model(6, spec, condition="labels", prior="mixture").double()
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    label, draws = torch.tensor([2, 0, 1]), noise(4, 3, 3)
    together = importance_pass(vae, x, draws, Given(label))
    for i in range(3):
        alone = importance_pass(vae, x[[i]], draws[:, [i]], Given(label[[i]]))
        for one, all_of_them in zip(alone, together, strict=True):
            torch.testing.assert_close(one[:, 0], all_of_them[:, i], rtol=0, atol=1e-12)
    other = importance_pass(vae, x, draws, Given(label.roll(1)))
    assert (other.log_likelihood - together.log_likelihood).abs().min() > 1e-6


def test_validation_scores_the_bound_beside_the_elbos_figures() -> None:
    vae, _ = ppca(2.0)
    both = task(vae, 20)
    control = both.initial_control(DIGITS.device)

    def stream() -> Iterator[Batch]:
        return (batch(part) for part in DIGITS[:500].split(200))

    figures, elbo = both.validate(stream(), control), both.elbo.validate(stream(), control)
    expected = []
    for number, part in enumerate(DIGITS[:500].split(200)):
        random = generator(0, Stream.VALIDATION, number)
        size = (20, len(part), LATENT)
        draws = torch.randn(size, generator=random, dtype=torch.float64)
        with torch.no_grad():
            result = importance_pass(vae, part, draws)
        expected.append(importance_bound(result.log_likelihood + result.log_ratio))
    assert figures["loss"] == pytest.approx(-float(torch.cat(expected).mean()), rel=1e-12)
    assert list(figures) == list(elbo)
    assert {**figures, "loss": 0} == {**elbo, "loss": 0}
    assert figures["loss"] < elbo["loss"] - 0.5
    assert both.validate(stream(), control) == figures


def test_training_by_the_bound_lowers_it_and_depends_on_the_step_alone() -> None:
    vae = model(64, likelihood={"kind": "gaussian", "variance": VARIANCE})
    learner = task(vae, 8)
    control = learner.initial_control(DIGITS.device)
    data = batch(DIGITS[:200].float())
    first = learner.terms(data, control, 0)
    assert torch.equal(first.loss, learner.terms(data, control, 0).loss)
    assert not torch.equal(first.loss, learner.terms(data, control, 1).loss)
    before = learner.validate([data], control)["loss"]
    optimiser = torch.optim.Adam(learner.module.parameters(), 1e-2)
    for step in range(100):
        optimiser.zero_grad()
        terms = learner.terms(data, control, step)
        terms.loss.backward()
        optimiser.step()
        control = learner.advanced(control, terms, step)
    assert learner.weight(control, 5) == 1
    assert learner.validate([data], control)["loss"] < before - 2


def test_half_precision_gives_finite_terms_in_32_bits() -> None:
    learner = task(model(64), 4, precision="bf16")
    terms = learner.terms(batch(DIGITS[:20].float()), learner.initial_control(DIGITS.device), 0)
    full = task(learner.module, 4).terms(batch(DIGITS[:20].float()), None, 0)  # type: ignore[arg-type]
    assert terms.loss.dtype == torch.float32
    assert terms.loss.item() == pytest.approx(full.loss.item(), rel=0.02)


# The recipe


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"samples": 5, "beta": 1.0, "reduction": "sum", "free_bits": 0},
        {"beta": {"kind": "constant", "value": 1.0}},
    ],
)
def test_what_changes_nothing_may_be_said(values: dict[str, object]) -> None:
    assert ImportanceConfig.parse(values).plain() == {"kind": "iwae", "samples": 5}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"beta": 4}, "only with beta=1, and beta=4 was given"),
        ({"beta": {"kind": "geco", "target": 3}}, "only with beta=1"),
        ({"beta": "linear"}, "only with beta=1, and beta=linear"),
        ({"free_bits": 0.5}, "only with free_bits=0"),
        ({"reduction": "mean"}, "only with reduction=sum"),
        ({"samples": 0}, "samples is 0"),
        ({"sample": 5}, "did you mean samples"),
    ],
)
def test_what_would_weigh_a_term_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message) as fault:
        ImportanceConfig.parse(values)
    assert "\n" not in str(fault.value)


def test_weights_need_the_density_that_was_drawn_from() -> None:
    require_weights(GaussianConfig())
    with pytest.raises(ValueError, match="posterior with a density"):
        require_weights(DeterministicConfig())
    with pytest.raises(ValueError, match=r"epsilon_std=0\.5 draws from another Gaussian"):
        require_weights(GaussianConfig(epsilon_std=0.5))
    with pytest.raises(ValueError, match="no density"):
        importance_pass(
            model(6, posterior="deterministic").double(), DIGITS[:2, :6], noise(1, 2, 3)
        )
