"""The adversarial prior: its shapes, its two players' gradients, its estimate, its runs."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import vaestro
from tests.conftest import Silent, random, small_recipe
from tests.test_resume import assert_same_run, train_killed, train_straight, unchanged
from vaestro.experiments import train as training
from vaestro.experiments.assemble import assemble
from vaestro.experiments.recipe import Recipe, apply
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.samples import Given
from vaestro.probability.posterior import Posterior
from vaestro.probability.priors.adversarial import Adversarial, AdversarialConfig
from vaestro.probability.priors.shapes import PetalsConfig, SwissRollConfig, build_shape, turned
from vaestro.training.plan import choose
from vaestro.training.step import Stepper

LABELS = 4


def normal(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(*size, generator=random(seed))


def prior_of(latent: int = 2, labels: int = 0, **fields: Any) -> Adversarial:
    config = AdversarialConfig.parse({"labels": labels > 0, **fields})
    return Adversarial(config, latent, labels, random())


def opinionated(prior: Adversarial) -> Adversarial:
    """With a last layer that is not 0, so that gradients pass through it."""
    last = prior.discriminator.last
    torch.nn.init.normal_(last.weight, std=1 / last.rate, generator=random(5))
    return prior


def estimate(prior: Adversarial, z: Tensor, noise: Tensor, label: Tensor | None = None) -> Tensor:
    return prior.divergence(Posterior(z, None), z, Given(label), noise)


def taught(prior: Adversarial, codes: Any, steps: int = 600, label: Tensor | None = None) -> float:
    """The estimate on fresh draws after the discriminator alone has learnt from `codes(seed)`."""
    optimiser = torch.optim.Adam(prior.parameters(), 3e-3)
    for step in range(steps):
        optimiser.zero_grad()
        noise = normal(256, 2, seed=10_000 + step)
        prior.lesson(codes(step), Given(label), noise).mean().backward()
        optimiser.step()
    fresh = [
        float(
            estimate(prior, codes(5000 + i), normal(256, 2, seed=90_000 + i), label).sum(1).mean()
        )
        for i in range(20)
    ]
    return float(np.mean(fresh))


SHAPES: list[dict[str, Any]] = [
    {"shape": "standard-normal"},
    {"shape": {"kind": "petals", "components": 5}},
    {"shape": "petals", "labels": LABELS},
    {"shape": "swiss-roll"},
    {"shape": "swiss-roll", "labels": LABELS},
]


@pytest.mark.parametrize("fields", SHAPES, ids=str)
def test_density_integrates_to_one_and_fits_the_draws(fields: dict[str, Any]) -> None:
    prior = prior_of(**fields)
    ticks = torch.linspace(-4.5, 4.5, 181)
    grid = torch.cartesian_prod(ticks, ticks)
    cell = float(ticks[1] - ticks[0]) ** 2
    labels = prior.shape.centres.shape[0]
    for label in [None, 0, labels - 1] if prior.by_label else [None]:
        given = Given(None if label is None else torch.full((len(grid),), label))
        density = prior.log_prob(grid, given).exp()
        assert float(density.sum()) * cell == pytest.approx(1.0, abs=2e-3)
        told = Given(None if label is None else torch.full((4000,), label))
        draws = prior.sample(4000, 2, random(1), told)
        mean = (density[:, None] * grid).sum(0) * cell
        power = (density[:, None] * grid.square()).sum(0) * cell
        torch.testing.assert_close(draws.mean(0), mean, atol=0.12, rtol=0)
        torch.testing.assert_close(draws.square().mean(0), power, atol=0.25, rtol=0.05)


@pytest.mark.parametrize("fields", SHAPES, ids=str)
def test_draws_made_of_noise_are_those_of_the_prior(fields: dict[str, Any]) -> None:
    """Training's draws and sampling's have one distribution: moments up to the fourth agree."""
    prior = prior_of(**fields)
    label = torch.arange(8000) * LABELS // 8000 if prior.by_label else None  # sorted, as a split is
    ours = torch.cat([prior.shape.drawn(normal(8000, 2, seed=seed), label) for seed in range(4)])
    given = Given(None if label is None else label.repeat(4))
    theirs = prior.sample(32_000, 2, random(9), given)
    for power in (1, 2, 3, 4):
        left, right = (draws.pow(power).mean(0) for draws in (ours, theirs))
        scale = theirs.pow(power).std(0) / math.sqrt(16_000)
        assert bool(((left - right).abs() < 5 * scale).all()), power


def test_gaussian_of_noise_is_the_noise() -> None:
    noise = normal(6, 3)
    assert torch.equal(prior_of(3).shape.drawn(noise, None), noise)


def test_any_run_of_rows_visits_the_components_evenly() -> None:
    shape = build_shape(PetalsConfig(components=5, along=1e-3, across=1e-3), 2, 0)
    draws = shape.drawn(normal(400, 2), None)
    nearest = torch.cdist(draws, shape.centres[0]).argmin(1)
    for start in (0, 130, 300):
        counts = torch.bincount(nearest[start : start + 100], minlength=5)
        assert int(counts.min()) >= 17
        assert int(counts.max()) <= 23


def test_petals_are_turned_outwards_in_every_pair_of_dimensions() -> None:
    shape = build_shape(PetalsConfig(distance=3.0, along=0.5, across=0.1), 5, LABELS)
    label = torch.ones(5000, dtype=torch.int64)  # at a right angle
    draws = shape.drawn(normal(5000, 5), label)
    expected = torch.tensor([0.0, 3.0, 0.0, 3.0, 0.0])
    torch.testing.assert_close(draws.mean(0), expected, atol=0.05, rtol=0)
    spread = torch.tensor([0.1, 0.5, 0.1, 0.5, 1.0])
    torch.testing.assert_close(draws.std(0), spread, atol=0.03, rtol=0.05)
    angle = torch.tensor([math.pi / 2])
    right = turned(torch.tensor([[1.0, 0.0, 7.0]]), angle)
    torch.testing.assert_close(right, torch.tensor([[0.0, 1.0, 7.0]]), atol=1e-6, rtol=0)


def test_the_swiss_roll_is_a_spiral_and_its_labels_follow_one_another() -> None:
    shape = build_shape(SwissRollConfig(radius=3.0, turns=2.0, thickness=0.02), 2, LABELS)
    radii = shape.centres.norm(dim=2)
    assert bool((radii.diff(dim=1) > 0).all())
    assert bool((radii[1:, 0] > radii[:-1, -1]).all())
    assert float(radii.max()) == pytest.approx(3.0, abs=0.01)
    points = shape.centres.flatten(0, 1)
    assert float(points.diff(dim=0).norm(dim=1)[5:].max()) < 0.02  # closer than it is thick


def test_estimate_is_0_for_the_prior_itself_and_ln_2_far_away() -> None:
    same = taught(prior_of(), lambda seed: normal(256, 2, seed=seed))
    assert abs(same) < 0.02
    far = taught(prior_of(), lambda seed: normal(256, 2, seed=seed) + 20, 200)
    assert far == pytest.approx(math.log(2), abs=0.01)
    assert far <= math.log(2)


def test_estimate_between_agrees_with_the_integral() -> None:
    """N(0, I) against N((1, 0), I): the divergence by numerical integration over one axis."""
    x = np.linspace(-10, 11, 20_001)
    p, q = (np.exp(-0.5 * (x - m) ** 2) / math.sqrt(2 * math.pi) for m in (0.0, 1.0))
    m = (p + q) / 2
    exact = float(np.trapezoid(p * np.log(p / m) + q * np.log(q / m), x) / 2)
    shift = torch.tensor([1.0, 0.0])

    def shifted(seed: int) -> Tensor:
        return normal(256, 2, seed=seed) + shift

    found = taught(prior_of(penalty=0.0), shifted)
    assert found == pytest.approx(exact, abs=0.015)
    # steepness costs: the estimate stays a lower bound, and loses most of it to a heavy penalty
    assert taught(prior_of(penalty=10.0), shifted, 300) < 0.3 * found
    assert 0.7 * found < taught(prior_of(), shifted) < exact + 0.015


def test_labels_tell_apart_what_the_whole_does_not() -> None:
    """Codes that fill N(0, I) together, each label a half of it: only a told critic sees it."""

    def halves(seed: int) -> Tensor:
        z = normal(256, 2, seed=seed)
        sides = torch.where(torch.arange(256) % 2 == 0, 1.0, -1.0)
        return torch.stack([z[:, 0].abs() * sides, z[:, 1]], 1)

    label = torch.arange(256) % 2
    assert abs(taught(prior_of(), halves)) < 0.02
    exact = 0.75 * math.log(4 / 3)
    told = prior_of(labels=2, penalty=0.0)
    assert taught(told, halves, 600, label) == pytest.approx(exact, abs=0.03)


@pytest.mark.parametrize("pull", ["js", "kl"])
def test_the_encoder_minimises_what_the_discriminator_maximises(pull: str) -> None:
    """By hand: the logit a of codes, w = 1 / B. js: d/dz = -w sigmoid(a) a' / 2; kl: -w a'."""
    prior = opinionated(prior_of(pull=pull, penalty=0.0))
    noise, z = normal(6, 2), normal(6, 2, seed=1).requires_grad_()
    value = estimate(prior, z, noise).sum(1).mean()
    value.backward()
    assert all(parameter.grad is None for parameter in prior.parameters())
    ours, z.grad = z.grad, None
    logit = prior.discriminator(z, None, learns=False)
    (slope,) = torch.autograd.grad(logit.sum(), z)
    weight = 0.5 * torch.sigmoid(logit) if pull == "js" else torch.ones(6)
    torch.testing.assert_close(ours, -(weight.detach()[:, None] * slope) / 6)

    lesson = prior.lesson(z, Given(), noise).mean()
    assert lesson.item() == pytest.approx(math.log(2) - value.item(), abs=1e-6)
    lesson.backward()
    assert z.grad is None
    real, codes = prior.discriminator(noise, None, True), prior.discriminator(z, None, True)
    js = math.log(2) + 0.5 * (torch.sigmoid(real).log() + (1 - torch.sigmoid(codes)).log()).mean()
    for parameter, up in zip(
        prior.parameters(), torch.autograd.grad(js, list(prior.parameters())), strict=True
    ):
        torch.testing.assert_close(parameter.grad, -up, atol=1e-6, rtol=1e-4)  # reversed


@pytest.mark.parametrize("labels", [0, LABELS])
def test_the_lesson_costs_the_slope_at_draws_of_the_prior(labels: int) -> None:
    """The slope is autograd's, and so is what the weights learn from it (twice differentiated)."""
    shape = "petals" if labels else "standard-normal"
    prior = opinionated(prior_of(labels=labels, rate=0.7, shape=shape, penalty=0.6))
    label = torch.arange(6) % LABELS if labels else None
    z, noise, given = normal(6, 2, seed=1), normal(6, 2), Given(label)
    draws = prior.shape.drawn(noise, label).requires_grad_()
    logit = prior.discriminator(draws, label, True)
    (slope,) = torch.autograd.grad(logit.sum(), draws, create_graph=True)
    torch.testing.assert_close(prior.discriminator.slope(draws.detach(), label), slope)
    cost = 0.3 * slope.square().sum(1)
    whole = prior.lesson(z, given, noise)
    prior.penalty = 0.0
    extra = whole - prior.lesson(z, given, noise)
    torch.testing.assert_close(extra, cost)
    weights = [p for n, p in prior.named_parameters() if n.endswith("weight")]
    ours, theirs = (torch.autograd.grad(v.sum(), weights, retain_graph=True) for v in (extra, cost))
    for one, other in zip(ours, theirs, strict=True):
        assert float(other.abs().max()) > 0
        torch.testing.assert_close(one, other)


def test_no_dimension_bears_more_than_another() -> None:
    prior = opinionated(prior_of(3))
    kl = estimate(prior, normal(5, 3), normal(5, 3, seed=1))
    assert kl.shape == (5, 3)
    assert torch.equal(kl, kl[:, :1].expand(5, 3))


def test_the_discriminator_steps_at_its_rate() -> None:
    """The same network; the first Adam step moves each weight by rate times the learning rate."""
    moved = {}
    for rate in (1.0, 0.25, 4.0):
        prior = opinionated(prior_of(rate=rate))
        layers = [*prior.discriminator.hidden, prior.discriminator.last]
        before = [layer.rate * layer.weight.detach().clone() for layer in layers]
        optimiser = torch.optim.Adam(prior.parameters(), 1e-3, eps=1e-12)
        prior.lesson(normal(64, 2) + 1, Given(), normal(64, 2, seed=1)).mean().backward()
        optimiser.step()
        moved[rate] = (
            before,
            [
                layer.rate * layer.weight.detach() - b
                for layer, b in zip(layers, before, strict=True)
            ],
        )
    for rate in (0.25, 4.0):
        for one, other in zip(moved[1.0][0], moved[rate][0], strict=True):
            torch.testing.assert_close(one, other)
        for one, other in zip(moved[1.0][1], moved[rate][1], strict=True):
            torch.testing.assert_close(other, rate * one, atol=1e-6, rtol=1e-3)
    assert float(moved[1.0][1][-1].abs().max()) == pytest.approx(1e-3, rel=1e-2)


def adversarial(beta: float = 0.0, **fields: Any) -> Recipe:
    """Toy bundles through a small autoencoder; `fields` of the prior."""
    return Recipe.parse(
        {
            "data": {"kind": "bundles", "streamlines": 560, "points": 16},
            "transform": {"kind": "standardise", "per": "channel", "scale": "one"},
            "model": {
                "latent": 2,
                "encoder": {"kind": "dense", "widths": [64]},
                "decoder": {"kind": "dense", "widths": [64]},
                "posterior": "deterministic",
                "likelihood": {"kind": "gaussian", "variance": {"kind": "fixed", "value": 1.0}},
                "prior": {"kind": "adversarial", **fields},
            },
            "objective": {"beta": beta},
            "training": {
                "epochs": 300,
                "batch_size": 56,
                "learning_rate": {
                    "kind": "cosine",
                    "start": 3e-3,
                    "end": 1e-5,
                    "length": "1.0 of run",
                },
                "threads": 1,
            },
        }
    )


def codes_after(recipe: Recipe) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """The training split's codes and labels, and the validation figures, after a run in memory."""
    parts = assemble(recipe, choose(recipe.training))
    state = parts.fresh_state()
    stepper = Stepper(parts.task, recipe.training, parts.horizon, recipe.seed)
    parts.vae.train()
    for step in range(parts.horizon.steps):
        stepper.take(state, parts.stream.batch(step))
    parts.vae.eval()
    batches = list(parts.material.batches("train")())
    with torch.inference_mode():
        codes = torch.cat([parts.vae.encode(b.x, b.given).mean for b in batches])
    labels = torch.cat([b.label for b in batches if b.label is not None])
    figures = parts.task.validate(parts.material.batches("validation")(), state.control)
    return codes, labels, figures


def energy_distance(left: Tensor, right: Tensor) -> float:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'|, 0 for equal distributions (Szekely and Rizzo 2013)."""
    across, one, other = (torch.cdist(a, b) for a, b in ((left, right), (left, left), (right,) * 2))
    n, m = len(left), len(right)
    within = one.sum() / (n * (n - 1)) + other.sum() / (m * (m - 1))
    return float(2 * across.mean() - within)


@pytest.mark.slow
def test_codes_become_draws_of_the_gaussian() -> None:
    """Against the same autoencoder at beta 0: by the energy distance, by moments, by the figure.

    Data of 48 numbers weigh about as much as 10 times a divergence of at most ln 2 nats.
    """
    free, _, unled = codes_after(apply(adversarial(0.0), ["training.epochs=100"]))
    codes, _, led = codes_after(adversarial(10.0))
    target = normal(2000, 2)
    apart, close = energy_distance(free, target), energy_distance(codes, target)
    assert close < 0.15 * apart
    assert close < 0.1
    assert float(codes.mean(0).abs().max()) < 0.25
    assert float((codes.std(0) - 1).abs().max()) < 0.3
    assert float((codes.norm(dim=1) < 3).float().mean()) > 0.97
    assert unled["prior_term"] > 0.3
    assert abs(led["prior_term"]) < 0.1
    assert led["mse"] < 0.1 * 1580  # mm^2, of the data's variance: it still tells them apart


@pytest.mark.slow
def test_each_label_lies_at_its_own_petal() -> None:
    recipe = adversarial(10.0, labels=True, shape={"kind": "petals", "distance": 3.0})
    codes, labels, _ = codes_after(recipe)
    centres = build_shape(PetalsConfig(distance=3.0), 2, 7).centres[:, 0]
    nearest = torch.cdist(codes, centres).argmin(1)
    assert float((nearest == labels).float().mean()) > 0.95


def test_batches_hold_several_labels() -> None:
    """The data are sorted by bundle; the original trained on batches of one."""
    parts = assemble(adversarial(), choose(adversarial().training))
    labels = parts.material.data.labels
    assert labels is not None
    assert bool((np.diff(np.asarray(labels)) != 0).any())
    for step in range(2 * parts.stream.steps_per_epoch):
        batch = parts.stream.batch(step)
        assert batch.label is not None
        assert len(torch.unique(batch.label)) >= 5


CASES: list[dict[str, Any]] = [
    {},
    {"labels": True, "shape": "petals", "rate": 0.5},
    {"shape": "swiss-roll", "pull": "js"},
]


@pytest.mark.parametrize("fields", CASES, ids=str)
def test_killed_in_mid_epoch_equals_straight(
    fields: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = apply(adversarial(1.0, **fields), ["training.epochs=2", "training.checkpoint_steps=4"])
    summary = train_straight(recipe, tmp_path / "straight")
    train_killed(recipe, tmp_path / "killed", 11, monkeypatch)
    display = Silent()
    training.resume(tmp_path / "killed", unchanged, display)
    assert display.steps[0] == 8
    assert_same_run(tmp_path / "straight", tmp_path / "killed")
    assert summary["verdict"] == "undertrained"  # 2 epochs


def test_the_lesson_is_no_part_of_the_loss_and_heeds_no_beta() -> None:
    gradients = []
    for beta in (0.0, 7.0):
        recipe = adversarial(beta)
        parts = assemble(recipe, choose(recipe.training))
        parts.vae.train()
        opinionated(parts.vae.prior)  # type: ignore[arg-type]
        state = parts.fresh_state()
        terms = parts.task.terms(parts.stream.batch(0), state.control, 0)
        expected = terms.data_term.item() + beta * terms.prior_term.item()
        assert terms.loss.item() == pytest.approx(expected, rel=1e-6)
        terms.loss.backward()
        gradients.append([p.grad for p in parts.vae.prior.parameters()])
    for low, high in zip(*gradients, strict=True):
        assert float(low.abs().max()) > 0
        torch.testing.assert_close(low, high)


def test_validation_teaches_nothing() -> None:
    recipe = adversarial(1.0)
    parts = assemble(recipe, choose(recipe.training))
    parts.vae.eval()
    batch = parts.stream.batch(0)
    result = parts.vae(batch.x, normal(len(batch.x), 2), batch.given)
    assert result.lesson is None
    assert result.kl.shape == (len(batch.x), 2)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"posterior": "gaussian", "prior": "adversarial"}, "give posterior.kind=deterministic"),
    (
        {"posterior": "deterministic", "prior": {"kind": "adversarial", "shape": "petals"}},
        "give sh",
    ),
    (
        {
            "posterior": "deterministic",
            "prior": {
                "kind": "adversarial",
                "labels": True,
                "shape": {"kind": "petals", "components": 3},
            },
        },
        "one petal a label",
    ),
    ({"posterior": "deterministic", "prior": {"kind": "adversarial", "rate": 0}}, "rate"),
]


@pytest.mark.parametrize(("model", "words"), REFUSED, ids=lambda one: str(one)[:50])
def test_refused_when_the_recipe_is_read(model: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words) as caught:
        small_recipe(model=model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("latent", "shape", "words"),
    [(3, "swiss-roll", "model.latent=2"), (1, {"kind": "petals", "components": 3}, "2 or more")],
)
def test_shapes_that_need_other_latents_are_refused(latent: int, shape: Any, words: str) -> None:
    recipe = apply(adversarial(0.0, shape=shape), [f"model.latent={latent}"])
    with pytest.raises(RecipeError, match=words):
        assemble(recipe, choose(recipe.training))


def test_labels_are_asked_for() -> None:
    prior = prior_of(labels=LABELS)
    with pytest.raises(RecipeError, match="give it with every sample"):
        estimate(prior, normal(3, 2), normal(3, 2))
    with pytest.raises(ValueError, match="noise"):
        prior_of().divergence(Posterior(normal(3, 2), None), normal(3, 2))
    recipe = small_recipe(
        data={"kind": "molecules", "size": 6, "samples": 400, "molecules": 12},
        model={
            "posterior": "deterministic",
            "likelihood": {"kind": "gaussian"},
            "prior": {"kind": "adversarial", "labels": True},
        },
    )
    with pytest.raises(RecipeError, match="labelled data"):
        assemble(recipe, choose(recipe.training))


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        ({"kind": "iwae"}, "give objective.kind=elbo"),
        ({"free_bits": 0.1}, "give objective.free_bits=0"),
        ({"beta": {"kind": "capacity"}}, "give objective.beta a number or a schedule"),
    ],
    ids=["iwae", "free bits", "capacity"],
)
def test_objectives_that_cannot_weigh_it_are_refused(objective: Any, words: str) -> None:
    values = adversarial().plain() | {"objective": objective}
    with pytest.raises(RecipeError, match=rf"codes as a whole.*{words}") as caught:
        Recipe.parse(values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "objective",
    [{"beta": 3, "reduction": "mean"}, {"beta": "linear"}, {"beta": {"kind": "geco", "target": 9}}],
    ids=str,
)
def test_other_objectives_can_weigh_it(objective: Any) -> None:
    assert Recipe.parse(adversarial().plain() | {"objective": objective})


@pytest.mark.parametrize("fields", [{}, {"labels": True, "shape": "petals"}], ids=str)
def test_a_run_samples_encodes_and_evaluates(fields: dict[str, Any], tmp_path: Path) -> None:
    recipe = apply(adversarial(10.0, **fields), ["training.epochs=2"])
    training.start(recipe, tmp_path / "r", Silent())
    run = vaestro.load(tmp_path / "r")
    assert run.sample(5).shape == (5, 3, 16)
    record, encoded = run.evaluate("test"), run.encode("test")
    assert record["prior_term"] <= math.log(2)
    assert float(encoded.kl.sum(1).mean()) == pytest.approx(record["prior_term"], abs=1e-5)
    assert (record["elbo"], record["nll"], encoded.log_variance) == (None, None, None)
    stored = np.asarray(load_file(tmp_path / "r" / "model" / "model.safetensors").keys())
    assert not any("shape" in name for name in stored.tolist())


def test_a_label_of_a_conditional_model_is_drawn_from_its_petal(tmp_path: Path) -> None:
    recipe = apply(
        adversarial(1.0, labels=True, shape={"kind": "petals", "distance": 9.0}),
        ["training.epochs=1", "model.condition=labels"],
    )
    training.start(recipe, tmp_path / "r", Silent())
    run = vaestro.load(tmp_path / "r")
    drawn: list[Tensor] = []
    run.vae.decoder.register_forward_hook(lambda m, inputs, out: drawn.append(inputs[0][0]))
    run.sample(40, label=2)
    assert isinstance(run.vae.prior, Adversarial)
    centres = run.vae.prior.shape.centres[:, 0]
    assert bool((torch.cdist(torch.cat(drawn), centres).argmin(1) == 2).all())
