"""The monitor: what it says about runs, once for each cause, and what it does about them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import Silent, assembled, small_recipe
from vaestro.data.arrays import from_array
from vaestro.data.dataset import DataSet
from vaestro.experiments import remedied
from vaestro.experiments import train as training
from vaestro.experiments.assemble import Assembly
from vaestro.experiments.forecasting.foreseen import NOTHING, foreseen
from vaestro.experiments.recipe import Recipe, apply, read_recipe
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.schedules import Horizon
from vaestro.health.finding import Finding
from vaestro.health.monitor import causes, checks, collapse, probe, weighting
from vaestro.health.monitor import monitor as monitoring
from vaestro.health.monitor.sight import Known, Sight
from vaestro.health.remedies import cures
from vaestro.probability.objective import Objective, ObjectiveConfig
from vaestro.probability.reduction import Weights
from vaestro.runs.folder import RunFolder
from vaestro.training.config import OffConfig, RemedyConfig, StopConfig, TrainingConfig, WarnConfig
from vaestro.training.elbo import ElboTask

DOOMED: dict[str, Any] = {
    "objective": {"reduction": "mean"},
    "model": {"likelihood": {"kind": "gaussian", "variance": 0.05}},
    "training": {"epochs": 80, "batch_size": 200, "learning_rate": 3e-3},
}
"""Effective beta 64 where 14 is the largest at which anything lives."""


def doomed(kind: str, **fields: Any) -> Recipe:
    return apply(small_recipe(**DOOMED), [f"training.monitor={{kind: {kind}{said(fields)}}}"])


def warned(display: Silent) -> list[str]:
    """What was said of a step of the run."""
    return [text for text in display.said if text.startswith("step ")]


def said(fields: dict[str, Any]) -> str:
    return "".join(f", {name}: {value}" for name, value in fields.items())


def trained(recipe: Recipe, root: Path) -> tuple[dict[str, Any], list[dict[str, Any]], Silent]:
    display = Silent()
    summary = training.start(recipe, root, display)
    return summary, events_of(root), display


def events_of(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / "events.jsonl").read_text().splitlines()]


class Runs:
    """Runs of the doomed recipe, each trained once for the whole file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, tuple[dict[str, Any], list[dict[str, Any]], Silent]] = {}

    def of(self, kind: str) -> tuple[dict[str, Any], list[dict[str, Any]], Silent]:
        if kind not in self.known:
            self.known[kind] = trained(doomed(kind), self.folder / kind)
        return self.known[kind]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("runs"))


# what is said ------------------------------------------------------------------------------------


def test_a_healthy_run_hears_nothing(tmp_path: Path) -> None:
    recipe = small_recipe(training={"epochs": 25})
    summary, events, display = trained(recipe, tmp_path / "r")
    assert summary["verdict"] == "healthy"
    assert (events, warned(display)) == ([], [])


def test_a_doomed_run_is_told_once_in_words_with_a_remedy(runs: Runs) -> None:
    summary, events, display = runs.of("warn")
    assert summary["status"] == "finished"
    assert summary["verdict"] == "collapsed"
    told = [event["cause"] for event in events]
    assert len(told) == len(set(told))
    assert {"no-live-dimension", "collapse"} <= set(told)
    keys = {"step", "epoch", "kind", "cause", "sentence", "evidence", "remedies"}
    assert all(event.keys() == keys for event in events)
    last = next(event for event in events if event["cause"] == "collapse")
    assert last["kind"] == "collapsed"
    assert last["evidence"]["effective_beta"] == pytest.approx(64)
    assert last["remedies"][0] == "objective.reduction=sum"
    assert display.said[-1] == causes.words(last)
    assert display.said[-1].endswith("Try --set 'objective.reduction=sum'.")
    assert all("\n" not in text for text in display.said)


def test_each_remedy_is_a_legal_edit(runs: Runs) -> None:
    recipe = doomed("warn")
    for event in runs.of("warn")[1]:
        for edit in event["remedies"]:
            assert apply(recipe, [edit]) != recipe


def test_off_says_nothing_and_changes_nothing_else(runs: Runs) -> None:
    runs.of("warn")
    _, events, display = runs.of("off")
    assert (events, warned(display)) == ([], [])
    for name in ("history.jsonl", "model/model.safetensors"):
        off, warn = (runs.folder / kind / name for kind in ("off", "warn"))
        assert off.read_bytes() == warn.read_bytes()


def test_stop_ends_it_early_and_says_collapsed(runs: Runs) -> None:
    summary, events, _ = runs.of("stop")
    assert summary["status"] == "stopped_early"
    assert summary["verdict"] == "collapsed"
    assert summary["steps"] == events[-1]["step"] < 80 * 6
    assert events[-1]["kind"] == "collapsed"


def test_patience_waits(tmp_path: Path, runs: Runs) -> None:
    patient = trained(doomed("stop", patience=70), tmp_path / "r")[0]
    assert runs.of("stop")[0]["steps"] < patient["steps"]


def test_remedy_goes_again_and_is_written_down(runs: Runs) -> None:
    summary, events, display = runs.of("remedy")
    root = runs.folder / "remedy"
    assert summary["status"] == "finished"
    assert summary["verdict"] == "healthy"
    manifest = json.loads((root / "manifest.json").read_text())
    (entry,) = manifest["remedied"]
    assert entry["kind"] == "collapsed"
    assert entry["set"] == "objective.reduction=sum"
    assert entry["from"] == 0
    assert manifest["effective_beta"] == 1
    assert events[-1]["applied"] == entry["set"]
    assert any("going on from step 0" in text for text in display.said)
    assert "reduction: mean" in (root / "recipe.yaml").read_text()
    rows = [json.loads(r) for r in (root / "history.jsonl").read_text().splitlines()]
    assert [r["step"] for r in rows] == sorted(r["step"] for r in rows)


@pytest.mark.slow
def test_most_remedies_and_then_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A remedy that does not help is tried once, and the next collapse is the end."""
    monkeypatch.setattr(remedied, "first_free", lambda *_: "objective.beta=900")
    recipe = apply(doomed("remedy", most=1), ["objective.reduction=sum", "objective.beta=1000"])
    summary, _, _ = trained(recipe, tmp_path / "r")
    manifest = json.loads((tmp_path / "r" / "manifest.json").read_text())
    assert len(manifest["remedied"]) == 1
    assert summary["status"] == "stopped_early"
    assert summary["verdict"] == "collapsed"


@pytest.mark.parametrize(
    ("text", "kind"),
    [("off", OffConfig), ("stop", StopConfig), ("warn", WarnConfig), ("remedy", RemedyConfig)],
)
def test_a_bare_word_is_enough(text: str, kind: type) -> None:
    for edit in (f"training.monitor={text}", f"training.monitor.kind={text}"):
        monitor = apply(small_recipe(), [edit]).training.monitor
        assert isinstance(monitor, kind)
    assert isinstance(TrainingConfig().monitor, WarnConfig)
    again = Recipe.parse(small_recipe(training={"monitor": {"kind": text}}).plain())
    assert isinstance(again.training.monitor, kind)


def test_an_unknown_word_names_the_legal_ones() -> None:
    with pytest.raises(RecipeError, match="stop"):
        apply(small_recipe(), ["training.monitor=stopp"])


NET = {"kind": "dense", "widths": [64, 64], "activation": "tanh"}
RAMP = {"kind": "linear", "start": 0.0, "end": 1.0, "length": "0.3 of run"}
NEAR = [  # share of the largest eigenvalue (0.69), learning rate, beta, seed
    (0.7, 1e-3, 1.0, 0),
    (0.8, 3e-3, 1.0, 0),  # loses its last live dimension at step 950 and has two at step 3,800
    (0.8, 3e-3, 1.0, 1),
    (0.9, 1e-3, RAMP, 1),
    (0.9, 3e-3, 1.0, 1),
    (0.97, 3e-3, RAMP, 0),
]


@pytest.mark.slow
@pytest.mark.parametrize(("share", "rate", "beta", "seed"), NEAR)
def test_near_the_threshold_no_run_that_comes_to_life_is_called_lost(
    share: float, rate: float, beta: Any, seed: int, tmp_path: Path
) -> None:
    recipe = small_recipe(
        seed=seed,
        model={
            "latent": 10,
            "encoder": NET,
            "decoder": NET,
            "likelihood": {"kind": "gaussian", "variance": 0.69 * share},
        },
        objective={"beta": beta},
        training={"epochs": 250, "batch_size": 64, "learning_rate": rate},
    )
    _, events, _ = trained(recipe, tmp_path / "r")
    rows = [json.loads(r) for r in (tmp_path / "r" / "history.jsonl").read_text().splitlines()]
    lost = min((e["step"] for e in events if e["kind"] == "collapsed"), default=math.inf)
    alive = [r["step"] for r in rows if r["live_dimensions"] > 0]
    assert max(alive) < lost


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", "digits-conv", "digits-linear", "digits-pca"])
def test_healthy_recipes_are_not_stopped(name: str, tmp_path: Path) -> None:
    recipe = read_recipe(name, ["training.monitor=stop", "training.early_stopping=null"])
    summary, events, _ = trained(recipe, tmp_path / "r")
    assert summary["status"] == "finished"
    assert {e["kind"] for e in events} <= {"overfitted", "healthy"}


# causes ------------------------------------------------------------------------------------------


def test_a_cause_is_told_once_and_once_more_when_it_ends() -> None:
    memory: causes.Memory = {}
    bad = Finding("at_risk", "Something.", {"n": 1.0}, ("a.b=1",))
    looks = [None, bad, bad, None, bad, None, None, None, bad, None, None]
    news = [causes.told(memory, "pull", look, step) for step, look in enumerate(looks)]
    assert [(n, e["kind"]) for n, e in enumerate(news) if e] == [(1, "at_risk"), (6, "healthy")]
    assert news[6] is not None
    assert news[6]["evidence"] == {"since_step": 1}
    assert not causes.any_open(memory)
    assert json.loads(json.dumps(memory)) == memory


# collapse ----------------------------------------------------------------------------------------


def window(*nats: float, every: int = 100) -> collapse.Window:
    held: collapse.Window = []
    for number, value in enumerate(nats):
        held = collapse.seen(held, number * every, value)
    return held


def test_a_flat_window_long_enough_is_certain() -> None:
    flat = window(*[1e-5] * 40)
    assert collapse.outlook(flat, 500, 5, None).certain
    assert not collapse.outlook(flat, 100_000, 5, None).certain
    assert not collapse.outlook(flat, 500, 41, None).certain
    assert not collapse.outlook(flat[:3], 10, 3, None).certain  # 200 steps


def test_a_growing_window_is_not() -> None:
    """Growing e-fold in 400 steps from 1e-5: live after 2,800 more; fitted to a per mille."""
    growing = window(*(1e-5 * math.exp(step / 4) for step in range(20)))
    told = collapse.outlook(growing, 3000, 5, None)
    assert told.growth == pytest.approx(2.5, rel=1e-3)
    assert not told.certain
    assert not collapse.outlook(growing, 3000, 5, 0.5).certain


def test_a_growing_direction_may_hide_beneath_falling_ones() -> None:
    """9e-3 e^(-t/200) + 2e-5 e^(t/1500): falls for 1,200 steps, is live after 9,300."""
    held: collapse.Window = []
    for step in range(0, 9300, 50):
        nats = 9e-3 * math.exp(-step / 200) + 2e-5 * math.exp(step / 1500)
        held = collapse.seen(held, step, nats)
        assert not collapse.outlook(held, 10_000 - step, 5, None).certain, step


def test_an_eigenvalue_below_one_settles_it_and_one_above_does_not() -> None:
    flat = window(*[1e-4] * 6)
    assert collapse.outlook(flat, 10_000, 5, 0.8).certain
    assert not collapse.outlook(flat, 10_000, 5, 1.1).certain


def test_a_long_window_is_thinned_and_keeps_its_ends() -> None:
    held = window(*range(1, 1000))
    assert len(held) <= collapse.MOST_KEPT
    assert held[0] == [0.0, 1.0]
    assert held[-1] == [99_800.0, 999.0]


@pytest.mark.parametrize(
    ("beta", "settled", "keeps"),
    [
        (1.0, True, True),
        ({"kind": "linear", "length": "0.9 of run"}, False, False),
        ({"kind": "linear", "length": "0.3 of run"}, True, True),
        ({"kind": "cyclical", "length": "1.0 of run", "cycles": 2, "ramp": 0.9}, True, False),
        ({"kind": "rise-and-fall", "end": 0.5}, True, False),
        ({"kind": "geco", "target": 1.0}, True, False),
        ({"kind": "capacity"}, True, False),
    ],
)
def test_where_beta_may_still_fall_nothing_is_certain(
    beta: Any, settled: bool, keeps: bool
) -> None:
    horizon = Horizon(1000, 10)
    objective = Objective(ObjectiveConfig.parse({"beta": beta}), 64, 4, 32, horizon)
    assert weighting.full(objective, 460, horizon) == settled
    assert weighting.lasting(objective, 460, horizon) == keeps
    free = Objective(ObjectiveConfig(free_bits=0.1), 64, 4, 32, horizon)
    assert not weighting.lasting(free, 460, horizon)


# one batch ---------------------------------------------------------------------------------------


def looked_at(parts: Assembly, beta: float = 1.0) -> probe.Probe:
    parts.vae.eval()
    batch = next(iter(parts.material.some("train", 64)))
    noise = torch.randn(64, parts.vae.latent, generator=torch.Generator().manual_seed(0))
    return probe.probe(parts.vae, batch, noise, Weights(1.0, beta))


def test_a_look_leaves_nothing_behind() -> None:
    net = {"kind": "dense", "widths": [16], "normalisation": "batch"}
    parts = assembled(model={"encoder": net, "decoder": net})
    before = {name: t.clone() for name, t in parts.vae.state_dict().items()}
    generator = torch.get_rng_state()
    seen = looked_at(parts)
    assert seen.batch_norm is not None
    assert abs(seen.batch_norm) > 1e-3
    assert all(torch.equal(before[n], t) for n, t in parts.vae.state_dict().items())
    assert all(p.grad is None for p in parts.vae.parameters())
    assert not any(m.training for m in parts.vae.modules())
    assert torch.equal(generator, torch.get_rng_state())


def test_the_pull_is_the_ratio_of_the_gradients() -> None:
    parts = assembled()
    one, four = (looked_at(parts, beta).pull for beta in (1.0, 4.0))
    assert one is not None
    assert four == pytest.approx(4 * one, rel=1e-6)
    assert looked_at(parts, 0.0).pull is None
    assert looked_at(assembled(model={"posterior": "deterministic"})).pull is None
    batch = next(iter(parts.material.some("train", 64)))
    noise = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    result = parts.vae(batch.x, noise, batch.given)
    inside = [*parts.vae.encoder.parameters(), *parts.vae.head.parameters()]
    norms = []
    for term in (result.kl.sum(1).mean(), -result.log_likelihood.mean()):
        gradients = torch.autograd.grad(term, inside, retain_graph=True)
        norms.append(torch.cat([g.flatten() for g in gradients]).norm().item())
    assert one == pytest.approx(norms[0] / norms[1], rel=1e-4)


def test_a_dead_output_is_told_from_a_collapsed_one() -> None:
    """All-zero output and constant mean, both the same for every z; only one is dead."""
    x = torch.rand(200, 6, generator=torch.Generator().manual_seed(0)) + 1
    zero, mean = torch.zeros(200, 6), x.mean(0).expand(200, 6)
    assert probe.dead_share(x, zero, zero) == pytest.approx(1.0)
    assert probe.dead_share(x, mean, mean) == 0.0
    half = torch.cat([zero[:, :3], x[:, 3:]], dim=1)
    share = probe.dead_share(x, half, half.roll(1, 0))
    assert share == pytest.approx(float(x.var(0)[:3].sum() / x.var(0).sum()), rel=1e-6)


def test_silent_layers_are_named() -> None:
    parts = assembled()
    layer = parts.vae.decoder.body.blocks[0].layer[0]
    layer.weight.data.zero_()
    layer.bias.data.fill_(-1.0)
    assert looked_at(parts).silent == ("body.blocks.0.after.0",)
    assert looked_at(assembled()).silent == ()


@pytest.mark.parametrize("scale", ["log-variance", "log-std", "softplus", "linear"])
def test_bounds_that_are_reached_are_seen(scale: str) -> None:
    parts = assembled(model={"posterior": {"scale": {"kind": scale}}})
    assert looked_at(parts)[-2:] == (0.0, 0.0)
    last = parts.vae.head.levels[0].last[0]
    last.bias.data[4:] = -1e6
    assert looked_at(parts).below == 1.0
    last.bias.data[4:] = 1e6
    assert looked_at(parts).above == (1.0 if scale.startswith("log") else 0.0)


def test_looks_are_rare() -> None:
    seen, last = [], None
    for step in range(0, 2000, 19):
        if monitoring.due(last, step):
            seen.append(last := step)
    assert seen == [0, 114, 418, 722, 1026, 1330, 1634, 1938]


# checks ------------------------------------------------------------------------------------------

WELL = {"data_term": 20.0, "prior_term": 5.0, "live_dimensions": 3, "step": 1000}


def sight(**changes: Any) -> Sight:
    progress = {"first": 40.0, "best": 25.0, "at": 900, "train": 24.0}
    fields: dict[str, Any] = {
        "step": 1000,
        "remaining": 500,
        "stochastic": True,
        "effective": 1.0,
        "full": True,
        "lasting": True,
        "known": Known(40.0),
        "train": WELL,
        "validation": WELL,
        "progress": {**progress, "fell_at": 900, "looks": 3, "above": 0},
    }
    return Sight(**{**fields, **changes})


def past(**changes: Any) -> dict[str, Any]:
    return {**sight().progress, **changes}


def clear(**changes: Any) -> probe.Probe:
    return probe.Probe(1.0, 0.0, (), 0.0, 0.0, 0.0)._replace(**changes)


def kind_of(finding: Finding | None) -> str | None:
    return None if finding is None else finding.kind


def test_overfitting_needs_a_risen_loss_and_a_gap() -> None:
    worse, better = WELL | {"data_term": 30.0}, WELL | {"data_term": 12.0}
    gone = past(above=5)
    here = sight(validation=worse, train=better, progress=gone)
    assert kind_of(checks.overfitting(here, ())) == "overfitted"
    assert checks.overfitting(sight(validation=worse, progress=gone), ()) is None  # still learns
    assert checks.overfitting(sight(train=better, progress=gone), ()) is None  # not risen
    assert (
        checks.overfitting(sight(validation=worse, train=better, progress=past(above=4)), ())
        is None
    )
    assert checks.overfitting(sight(validation=worse, train=worse, progress=gone), ()) is None
    assert (
        checks.overfitting(sight(validation=worse, train=better, progress=gone, full=False), ())
        is None
    )


def test_stalled_is_flat_and_no_better_than_a_constant() -> None:
    flat = past(best=41.0, fell_at=600, looks=5)
    assert kind_of(checks.stalled(sight(progress=flat), ())) == "stalled"
    assert checks.stalled(sight(progress=past(fell_at=600, looks=5)), ()) is None
    assert checks.stalled(sight(progress=past(best=41.0, fell_at=800, looks=5)), ()) is None
    dead = WELL | {"live_dimensions": 0}
    assert checks.stalled(sight(progress=flat, validation=dead), ()) is None
    assert checks.stalled(sight(progress=flat, validation=dead, stochastic=False), ()) is not None


def test_behind_ppca_where_that_is_known() -> None:
    flat = past(best=25.0, fell_at=600, looks=5)
    assert checks.behind_ppca(sight(progress=flat), ()) is None
    behind = sight(progress=flat, known=Known(40.0, ppca=22.0))
    assert kind_of(checks.behind_ppca(behind, ())) == "undertrained"
    assert checks.behind_ppca(sight(progress=flat, known=Known(40.0, ppca=26.0)), ()) is None


def test_the_gap_of_batch_norm_is_weighed_against_the_gain() -> None:
    assert checks.batch_norm(sight(), clear(batch_norm=2.0), ()) is None
    assert kind_of(checks.batch_norm(sight(), clear(batch_norm=20.0), ())) == "at_risk"
    assert checks.batch_norm(sight(), clear(batch_norm=None), ()) is None


def test_what_a_look_finds() -> None:
    assert kind_of(checks.prior_dominates(sight(), clear(pull=9.0), ())) == "at_risk"
    assert checks.prior_dominates(sight(), clear(pull=2.0), ()) is None
    assert checks.prior_dominates(sight(step=50), clear(pull=9.0), ()) is None
    assert kind_of(checks.dead_output(sight(), clear(dead=0.5), ())) == "dead_output"
    assert checks.dead_output(sight(), clear(dead=0.1), ()) is None
    low = checks.posterior_bounds(clear(below=0.5), ())
    assert low is not None
    assert "lower bound" in low.sentence
    assert checks.posterior_bounds(clear(above=0.01), ()) is None
    inf = WELL | {"prior_term": math.inf}
    assert kind_of(checks.not_finite(sight(validation=inf), ())) == "exploding"


# remedies ----------------------------------------------------------------------------------------


def test_the_monitor_proposes_what_the_forecast_tried(runs: Runs) -> None:
    told = (
        json.loads((runs.folder / "warn" / "forecast.json").read_text()) if runs.of("warn") else {}
    )
    assert told["verdict"] == "collapse"
    assert told["remedies"] == told["against_collapse"]
    for event in runs.of("warn")[1]:
        if event["cause"] in ("no-live-dimension", "collapse"):
            assert event["remedies"] == told["remedies"]


def test_a_run_is_never_made_longer_by_itself() -> None:
    recipe = small_recipe()
    same = f"objective.beta={recipe.objective.beta.final:g}"  # type: ignore[union-attr]
    edits = ["objective.no=1", same, "training.epochs=900", "objective.beta=0.5"]
    assert remedied.first_free(recipe, edits) == "objective.beta=0.5"
    assert remedied.first_free(recipe, edits[:3]) is None


def test_smaller_and_larger_steps_keep_the_schedule() -> None:
    recipe = read_recipe("digits")
    slower, faster = (
        apply(recipe, [change(recipe.training)]).training.learning_rate
        for change in (cures.slower, cures.faster)
    )
    assert (slower.kind, faster.kind) == ("cosine", "cosine")
    assert slower.start == pytest.approx(2e-3 / 3, rel=1e-2)  # type: ignore[union-attr]
    assert faster.end == pytest.approx(3e-4, rel=1e-2)  # type: ignore[union-attr]


# runs that go wrong ------------------------------------------------------------------------------


def dead(kind: str) -> Recipe:
    """Log 002: negative outputs behind a ReLU are zero for every z, and never come back."""
    layers = {"kind": "layers", "layers": [{"dense": 8}, "dense"], "output_activation": "relu"}
    return small_recipe(
        model={"decoder": layers, "likelihood": {"kind": "gaussian"}},
        training={"batch_size": 50, "monitor": {"kind": kind}},
    )


def negative() -> DataSet:
    return from_array(torch.rand(400, 6, generator=torch.Generator().manual_seed(0)).numpy() - 2)


def test_a_relu_output_that_is_dead_is_named_and_stopped(tmp_path: Path) -> None:
    summary = training.start(dead("stop"), tmp_path / "r", Silent(), negative())
    assert summary["status"] == "stopped_early"
    assert summary["verdict"] == "dead_output"
    assert summary["steps"] == 0
    (event,) = [e for e in events_of(tmp_path / "r") if e["kind"] == "dead_output"]
    assert event["evidence"]["dead_share"] == pytest.approx(1.0)
    assert event["remedies"][0] == "model.decoder.output_activation=none"
    assert event["sentence"] == summary["sentence"]


def test_its_remedy_makes_it_live(tmp_path: Path) -> None:
    summary = training.start(dead("remedy"), tmp_path / "r", Silent(), negative())
    assert summary["status"] == "finished"
    assert (
        summary["validation"]["data_term"]
        < training.start(dead("warn"), tmp_path / "warn", Silent(), negative())["validation"][
            "data_term"
        ]
    )


def test_the_baselines_are_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vaestro.experiments import watch

    calls = []
    honest = watch.constant_data_term
    monkeypatch.setattr(
        watch, "constant_data_term", lambda vae, x: (calls.append(len(x)), honest(vae, x))[1]
    )
    trained(small_recipe(), tmp_path / "r")
    assert len(calls) == 1
    state = json.loads(
        (tmp_path / "r" / "checkpoints" / "step-00000012" / "state.json").read_text()
    )
    known = state["body"]["numbers"]["watched"]["known"]
    assert known[1] is None
    assert known[0] == pytest.approx(
        json.loads((tmp_path / "r" / "summary.json").read_text())["baseline_constant"], rel=1e-6
    )


def test_the_forecast_lets_a_hopeless_run_be_stopped_soon(tmp_path: Path) -> None:
    """Without its eigenvalue the run would have to come to two thirds of its 6,000 steps."""
    recipe = apply(doomed("stop"), ["training.epochs=1000"])
    summary, events, _ = trained(recipe, tmp_path / "r")
    forecast = json.loads((tmp_path / "r" / "forecast.json").read_text())
    assert collapse.LEAST_STEPS <= summary["steps"] < 400
    leading = forecast["eigenvalues_held_out"][0]
    assert events[-1]["evidence"]["largest_eigenvalue"] == pytest.approx(leading)


TOLD: dict[str, Any] = {
    "eigenvalues": [4.0, 1.0],
    "eigenvalues_held_out": [3.0, 1.0],
    "effective_beta": 2.0,
    "effective_variance": None,
    "baselines": {"constant": 40.0, "linear": None, "ppca": 20.0},
    "against_collapse": ["objective.beta=0.5"],
    "findings": [
        {"kind": "exploding", "remedies": ["training.clip_norm=1"]},
        {"kind": "exploding", "remedies": ["second=1"]},
    ],
}


def test_the_forecast_is_carried_over_to_another_beta(tmp_path: Path) -> None:
    parts, folder = assembled(objective={"beta": 8.0}), RunFolder(tmp_path)
    assert foreseen(folder, parts) == NOTHING
    folder.forecast.write_text(json.dumps(TOLD))
    cures = {"exploding": ("training.clip_norm=1",)}
    seen = foreseen(folder, parts)
    assert seen == (pytest.approx(0.75), None, ("objective.beta=0.5",), cures)
    folder.forecast.write_text(json.dumps(TOLD | {"eigenvalues_held_out": []}))
    assert foreseen(folder, parts).eigenvalue == pytest.approx(1.0)


GAUSSIANS = [  # variance, beta now, effective variance then and now, what ppca is known to be
    ("optimal", 1.0, None, 20.0),
    ("optimal", 2.0, None, None),  # of which the loss is no bound
    (0.5, 2.0, 1.0, 30.0),
    (0.25, 2.0, 1.0, None),  # a remedy made the variance smaller since
]


@pytest.mark.parametrize(("variance", "beta", "then", "ppca"), GAUSSIANS)
def test_pca_is_known_where_it_compares(
    variance: Any, beta: float, then: float | None, ppca: float | None, tmp_path: Path
) -> None:
    likelihood = {"kind": "gaussian", "variance": variance}
    parts = assembled(objective={"beta": beta}, model={"likelihood": likelihood})
    baselines = {"constant": 40.0, "linear": 30.0, "ppca": 20.0}
    told = TOLD | {"effective_variance": then, "baselines": baselines}
    RunFolder(tmp_path).forecast.write_text(json.dumps(told))
    seen = foreseen(RunFolder(tmp_path), parts)
    assert seen.ppca == ppca
    if then is not None:
        now = parts.effective["effective_variance"]
        assert now is not None and seen.eigenvalue == pytest.approx(3.0 * then / now)


def test_a_run_that_stands_still_behind_pca_is_told(tmp_path: Path) -> None:
    """One hidden unit before four latents: a line where four directions would pay."""
    narrow = {"kind": "dense", "widths": [1], "activation": "tanh"}
    recipe = small_recipe(
        model={
            "latent": 4,
            "encoder": {"kind": "dense", "widths": [16]},
            "decoder": narrow,
            "likelihood": {"kind": "gaussian", "variance": "optimal"},
        },
        training={"epochs": 150, "batch_size": 100, "learning_rate": 1e-2},
    )
    spread = torch.tensor([3.0, 3.0, 3.0, 3.0, 0.3, 0.3])
    x = torch.randn(600, 6, generator=torch.Generator().manual_seed(0)) * spread
    training.start(recipe, tmp_path / "r", Silent(), from_array(x.numpy()))
    (event,) = [e for e in events_of(tmp_path / "r") if e["cause"] == "behind-ppca"]
    told = json.loads((tmp_path / "r" / "forecast.json").read_text())["baselines"]["ppca"]
    assert event["kind"] == "undertrained"
    assert event["evidence"]["baseline_ppca"] == told < event["evidence"]["train_loss"]
    assert all(apply(recipe, [edit]) != recipe for edit in event["remedies"])


def test_a_validation_that_overflows_is_an_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = ElboTask.validate

    def overflowing(self: ElboTask, *given: Any) -> dict[str, Any]:
        return honest(self, *given) | {"data_term": float("inf")}

    monkeypatch.setattr(ElboTask, "validate", overflowing)
    _, events, _ = trained(small_recipe(), tmp_path / "r")
    assert [(e["cause"], e["kind"]) for e in events] == [("not-finite", "exploding")]
