"""The engine: what it refuses, what it restores, and that nothing the loss reaches is left out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import Silent, assembled, small_recipe
from tests.test_resume import LIKELIHOODS, NETWORKS, POSTERIORS
from vaestro.data.arrays import from_array
from vaestro.experiments import train as training
from vaestro.experiments.assemble import Assembly
from vaestro.experiments.model_files import load_model
from vaestro.foundation.errors import CheckpointError, DataError, RecipeError
from vaestro.foundation.samples import Batch
from vaestro.training import plan as planning
from vaestro.training import step as step_module
from vaestro.training.config import EarlyStoppingConfig, TrainingConfig
from vaestro.training.guard import DivergedError
from vaestro.training.loop import watch_best
from vaestro.training.optimiser import apply_gradients
from vaestro.training.step import Stepper


def stepper(parts: Assembly) -> Stepper:
    return Stepper(parts.task, parts.recipe.training, parts.horizon, parts.recipe.seed)


EVERYTHING: list[dict[str, Any]] = [
    *({"model": {"likelihood": one}} for one in LIKELIHOODS),
    *({"model": {"posterior": one}} for one in POSTERIORS),
    *({"model": {"encoder": one, "decoder": one}} for one in NETWORKS),
]


@pytest.mark.parametrize("case", EVERYTHING, ids=lambda case: json.dumps(case)[:70])
def test_what_the_loss_reaches_is_trained_saved_and_restored(
    case: dict[str, Any], tmp_path: Path
) -> None:
    """Log 003 lost its variance head: off the path to the output, neither trained nor saved."""
    parts = assembled(**case)
    state = parts.fresh_state()
    parts.vae.train()
    terms = parts.task.terms(parts.stream.batch(0), state.control, 0)
    named = dict(parts.vae.named_parameters())
    gradients = torch.autograd.grad(terms.loss, list(named.values()), allow_unused=True)
    reached = {n for n, g in zip(named, gradients, strict=True) if g is not None}
    assert reached == set(named)
    optimised = {id(p) for group in state.optimiser.param_groups for p in group["params"]}
    assert all(id(named[name]) in optimised for name in reached)
    assert reached <= parts.vae.state_dict().keys()
    before = {name: p.detach().clone() for name, p in named.items()}
    stepper(parts).take(state, parts.stream.batch(0))
    still = [n for n in named if torch.equal(before[n], named[n])]
    assert still == []
    root = tmp_path / "run"
    training.start(parts.recipe, root, Silent())
    loaded, _ = load_model(root / "model")
    assert reached <= loaded.state_dict().keys()


def test_the_standalone_decoder_is_the_trained_one(tmp_path: Path) -> None:
    """Log 003's random sampling used fresh, untrained layers."""
    import vaestro

    run = vaestro.train(small_recipe(), run=tmp_path / "r", report=False)
    vae, _ = load_model(tmp_path / "r" / "model")
    batch = next(iter(run.batches("validation", most=5)()))
    whole = vae(batch.x, torch.zeros(5, 4))
    apart = vae.decode(vae.encode(batch.x).mean)
    torch.testing.assert_close(whole.outputs, apart, rtol=0, atol=0)
    np.testing.assert_array_equal(
        run.decode(run.encode("validation").mean[:5].numpy()),
        run.reconstruct("validation", most=5)[1],
    )


def test_beta_of_the_recipe_is_the_beta_in_the_gradient() -> None:
    """Log 001's --beta was parsed and never used: the prior's share of the gradient must scale."""

    def prior_gradient(beta: float) -> torch.Tensor:
        parts = assembled(objective={"beta": beta}, training={"precision": "fp64"})
        batch = parts.stream.batch(0)
        control = parts.fresh_state().control
        terms = parts.task.terms(batch, control, 0)
        weight = parts.vae.head.levels[0].last[0].weight
        whole = torch.autograd.grad(terms.loss, weight, retain_graph=True)[0]
        data = torch.autograd.grad(terms.data_term, weight)[0]
        return whole - data

    torch.testing.assert_close(3 * prior_gradient(1.0), prior_gradient(3.0))


def test_gradients_do_not_depend_on_how_a_batch_is_split() -> None:
    parts = assembled(training={"precision": "fp64", "batch_size": 256})
    batch = parts.stream.batch(0)
    noise = torch.randn(256, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weight = parts.vae.head.levels[0].last[0].weight

    def gradient(rows: slice) -> torch.Tensor:
        result = parts.vae(batch.x[rows], noise[rows])
        terms = parts.task.objective.terms(result.log_likelihood, result.kl, 1.0, 0)
        return torch.autograd.grad(terms.loss, weight)[0]

    quarters = [gradient(slice(i, i + 64)) for i in range(0, 256, 64)]
    torch.testing.assert_close(gradient(slice(256)), sum(quarters) / 4, rtol=1e-6, atol=1e-9)


def test_a_batch_of_nan_never_reaches_the_weights() -> None:
    parts = assembled(model={"encoder": NETWORKS[0], "decoder": NETWORKS[0]})
    state = parts.fresh_state()
    parts.vae.train()
    steps = stepper(parts)
    steps.take(state, parts.stream.batch(0))
    before = {name: t.clone() for name, t in parts.vae.state_dict().items()}
    slots = {name: t.clone() for name, t in state.tensors().items()}
    good = parts.stream.batch(1)
    x = good.x.clone()
    x[3, 0, 2, 2] = float("nan")
    with pytest.raises(DivergedError, match=f"sample {int(good.indices[3])}"):
        steps.take(state, Batch(x, good.label, good.indices))
    assert all(torch.equal(before[n], t) for n, t in parts.vae.state_dict().items())
    assert all(torch.equal(slots[n], t) for n, t in state.tensors().items())
    assert state.step == 1
    steps.take(state, good)
    assert state.step == 2


@pytest.mark.parametrize(
    ("breakage", "named"),
    [
        ("encoder", "the output of layer encoder.body.blocks.0.after.0"),
        ("parameter", "the parameter decoder.head.bias"),
        ("gradient", "gradient of"),
    ],
)
def test_the_first_bad_tensor_is_named(
    breakage: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = assembled()
    state = parts.fresh_state()
    if breakage == "encoder":
        activation = parts.vae.encoder.body.blocks[0].after[0]
        monkeypatch.setattr(activation, "forward", lambda x: x * float("inf"))
    elif breakage == "parameter":
        parts.vae.decoder.head.bias.data[5] = float("inf")
    else:
        clip = torch.Tensor.exp

        def clipped_after_exp(value: torch.Tensor) -> torch.Tensor:
            return torch.clamp(clip(value + 200), -1e10, 1e10) * 1e-10

        activation = parts.vae.encoder.body.blocks[0].after[0]
        monkeypatch.setattr(activation, "forward", clipped_after_exp)
    with pytest.raises(DivergedError) as caught:
        stepper(parts).take(state, parts.stream.batch(0))
    assert named in str(caught.value)
    assert "step 1" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_shapes_never_broadcast_silently() -> None:
    """Log 002's first bug: (B, 28, 28) against (B, 1, 28, 28) became (B, B, 28, 28)."""
    parts = assembled()
    with pytest.raises(DataError, match=r"\(8, 8\) and the model was built for \(1, 8, 8\)"):
        parts.vae.encode(torch.zeros(3, 8, 8))
    with pytest.raises(DataError, match="shape"):
        parts.vae.likelihood.log_prob(torch.zeros(3, 8, 8), torch.zeros(3, 1, 1, 8, 8))


class Holder:
    """As much of a TrainState as early stopping reads."""

    def __init__(self) -> None:
        self.module = torch.nn.Linear(1, 1)
        self.best: dict[str, torch.Tensor] = {}
        self.best_value: float | None = None
        self.waited = 0
        self.stopped = False


def test_early_stopping_keeps_the_best() -> None:
    state, config = Holder(), EarlyStoppingConfig(patience=2, margin=0.1)
    for value, weight in ((3.0, 1.0), (2.0, 2.0), (1.95, 3.0), (2.5, 4.0)):
        assert not state.stopped
        state.module.weight.data.fill_(weight)
        watch_best(state, config, {"loss": value})  # type: ignore[arg-type]
    assert state.stopped
    assert state.best_value == 2.0
    assert state.best["weight"].item() == 2.0


def test_a_stopped_run_ends_with_its_best_weights(tmp_path: Path) -> None:
    recipe = small_recipe(
        training={"epochs": 40, "early_stopping": {"patience": 3}, "learning_rate": 0.05}
    )
    summary = training.start(recipe, tmp_path / "r", Silent())
    rows = [json.loads(x) for x in (tmp_path / "r" / "history.jsonl").read_text().splitlines()]
    losses = [r["loss"] for r in rows if r["split"] == "validation" and r["step"] > 0]
    assert summary["status"] == "stopped_early"
    assert summary["validation"]["loss"] == min(losses)
    assert losses.index(min(losses)) == len(losses) - 4


def test_averaged_weights_are_the_moving_average() -> None:
    parts = assembled(training={"ema": 0.5})
    state, steps = parts.fresh_state(), stepper(parts)
    values = []
    name = "head.levels.0.last.0.bias"
    for step in range(4):
        steps.take(state, parts.stream.batch(step))
        values.append(dict(parts.vae.named_parameters())[name].detach().clone())
    mean = values[0]
    for t, value in enumerate(values):
        decay = min(0.5, (1 + t) / (10 + t))
        mean = value if t == 0 else decay * mean + (1 - decay) * value
    torch.testing.assert_close(state.average[name], mean)


def test_clipping_bounds_the_update(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = assembled(training={"clip_norm": 1e-3})
    state = parts.fresh_state()
    seen: list[float] = []
    parts.vae.head.levels[0].last[0].weight.register_hook(lambda g: seen.append(float(g.norm())))
    kept = {}

    def look(optimiser: torch.optim.Optimizer) -> None:
        grads = [p.grad for p in parts.vae.parameters() if p.grad is not None]
        kept["norm"] = float(torch.stack([g.norm() for g in grads]).norm())
        apply_gradients(optimiser)

    monkeypatch.setattr(step_module, "apply_gradients", look)
    stepper(parts).take(state, parts.stream.batch(0))
    assert seen[0] > 1e-3
    assert kept["norm"] == pytest.approx(1e-3, rel=1e-4)


def test_an_unknown_weight_is_refused() -> None:
    parts = assembled()
    state = parts.fresh_state()
    tensors = state.tensors() | {"module/extra": torch.zeros(1)}
    with pytest.raises(CheckpointError, match="extra that the model does not have"):
        state.load(tensors, state.numbers())
    tensors = state.tensors() | {"module/decoder.head.bias": torch.zeros(3)}
    with pytest.raises(CheckpointError, match=r"decoder\.head\.bias has shape \(3,\)"):
        state.load(tensors, state.numbers())


def test_figures_that_are_not_finite_become_null(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A validation that overflows ends a run with a verdict, not with a traceback."""
    from vaestro.training.elbo import ElboTask

    honest = ElboTask.validate

    def overflowing(self: ElboTask, *given: Any) -> dict[str, Any]:
        return honest(self, *given) | {"data_term": float("inf"), "loss": float("inf")}

    monkeypatch.setattr(ElboTask, "validate", overflowing)
    summary = training.start(small_recipe(), tmp_path / "r", Silent())
    assert summary["verdict"] == "exploding"
    assert summary["validation"]["data_term"] is None
    rows = (tmp_path / "r" / "history.jsonl").read_text()
    assert '"data_term": null' in rows
    assert "Infinity" not in rows + (tmp_path / "r" / "summary.json").read_text()


def test_bf16_keeps_the_terms(tmp_path: Path) -> None:
    figures = {}
    for precision in ("fp32", "bf16"):
        recipe = small_recipe(training={"precision": precision, "epochs": 10})
        figures[precision] = training.start(recipe, tmp_path / precision, Silent())["validation"]
    assert figures["bf16"]["loss"] == pytest.approx(figures["fp32"]["loss"], rel=0.01)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the compiler's own
def test_compiled_training_follows_eager(tmp_path: Path) -> None:
    figures = {}
    for compiled in (False, True):
        recipe = small_recipe(training={"compile": compiled, "epochs": 3})
        root = tmp_path / str(compiled)
        figures[compiled] = training.start(recipe, root, Silent())["validation"]["loss"]
        manifest = json.loads((root / "manifest.json").read_text())
        assert manifest["plan"]["compile"] is compiled
    assert figures[True] == pytest.approx(figures[False], rel=1e-4)


def test_a_device_that_is_not_here_is_refused() -> None:
    with pytest.raises(RecipeError, match="cuda:7 is not on this machine; legal here: auto, cpu"):
        planning.choose(TrainingConfig(device="cuda:7"))


def test_a_stored_plan_is_followed_or_said() -> None:
    stored = planning.choose(TrainingConfig(threads=1)).describe()
    same, said = planning.resumed(stored, TrainingConfig())
    assert same.describe() == stored
    assert said == []
    elsewhere, said = planning.resumed(stored | {"device": "cuda:7"}, TrainingConfig())
    assert elsewhere.device == planning.choose(TrainingConfig()).device
    assert "cuda:7" in said[0]


def test_the_clock_writes_checkpoints_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    from vaestro.training import checkpoints

    save = checkpoints.save
    monkeypatch.setattr(
        checkpoints, "save", lambda f, state, plan: (saved.append(state.step), save(f, state, plan))
    )
    training.start(small_recipe(training={"checkpoint_seconds": 1e-9}), tmp_path / "r", Silent())
    assert saved == [*range(1, 13)]


def test_mean_reduction_collapses_and_the_sum_learns(tmp_path: Path) -> None:
    """Log 000 in small: the same network, two reductions (threshold beta 0.0218 for the mean)."""
    verdicts = {}
    for reduction in ("mean", "sum"):
        recipe = small_recipe(
            objective={"reduction": reduction},
            model={"likelihood": {"kind": "gaussian", "variance": 0.05}},
            training={"epochs": 60, "batch_size": 100, "learning_rate": 3e-3},
        )
        summary = training.start(recipe, tmp_path / reduction, Silent())
        verdicts[reduction] = summary["verdict"]
        if reduction == "mean":
            constant = summary["baseline_constant"]
            assert summary["validation"]["data_term"] == pytest.approx(constant, rel=0.1)
            assert "none of 4 latent dimensions" in summary["sentence"]
    assert verdicts == {"mean": "collapsed", "sum": "healthy"}


def test_information_budget(tmp_path: Path) -> None:
    """At a converged run beta * KL <= R0 - R, R0 the data term of the best constant."""
    for beta in (1.0, 4.0):
        recipe = small_recipe(
            objective={"beta": beta}, training={"epochs": 40, "learning_rate": 3e-3}
        )
        summary = training.start(recipe, tmp_path / str(beta), Silent())
        gain = summary["baseline_constant"] - summary["train"]["data_term"]
        assert beta * summary["train"]["prior_term"] <= gain + 0.01 * abs(
            summary["baseline_constant"]
        )


def test_transforms_leave_the_nats_comparable(tmp_path: Path) -> None:
    """The same data in metres and in millimetres: densities in natural units differ by D ln 1000,
    and with the transform's log|det| a standardised model is scored in natural units."""
    x = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    base = small_recipe(
        transform={"kind": "standardise"},
        model={"likelihood": {"kind": "gaussian", "variance": {"kind": "optimal"}}},
    )
    small = training.start(base, tmp_path / "m", Silent(), from_array(x))
    large = training.start(base, tmp_path / "mm", Silent(), from_array(1000 * x))
    gap = large["validation"]["data_term"] - small["validation"]["data_term"]
    assert gap == pytest.approx(3 * np.log(1000), abs=1e-3)
    assert large["validation"]["mse"] == pytest.approx(1e6 * small["validation"]["mse"], rel=1e-3)


def test_the_recipe_of_data_from_python_finds_them_again(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((300, 5)).astype(np.float32)
    training.start(
        small_recipe(training={"batch_size": 32}), tmp_path / "r", Silent(), from_array(x)
    )
    summary = training.resume(tmp_path / "r", lambda r: r, Silent())
    assert summary["status"] == "finished"
