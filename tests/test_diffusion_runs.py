"""A diffusion prior as a run in a run's folder: trained, killed, resumed, sampled from, refused."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import Silent, small_recipe
from vaestro.cli.main import main
from vaestro.experiments import train as training
from vaestro.experiments.diffusion.parts import build_parts, told_latents
from vaestro.experiments.diffusion.recipe import (
    DiffusionRecipe,
    own_recipe,
    read_diffusion_recipe,
    with_edits,
)
from vaestro.experiments.diffusion.train import folder_of, resume, start
from vaestro.experiments.run import Run, load
from vaestro.foundation.config import differences, leaves
from vaestro.foundation.errors import DataError, RecipeError, RunFolderError
from vaestro.foundation.samples import Given
from vaestro.foundation.schedules import Horizon
from vaestro.generation.diffusion.monitor import DiffusionMonitor
from vaestro.generation.diffusion.prior import DiffusionPrior
from vaestro.generation.priors.fitted import read_prior
from vaestro.networks.grid_unet import GridUnetConfig
from vaestro.training import step as stepping
from vaestro.training.config import StopConfig, TrainingConfig, WarnConfig
from vaestro.training.optimiser import build_optimiser
from vaestro.training.plan import choose
from vaestro.training.state import Meter, TrainState

SMALL = ("denoiser.width=16", "denoiser.blocks=1", "embedding=8", "sampling.steps=4")
SHORT = ("training.epochs=3", "training.validate_epochs=1", "training.batch_size=200")
CONVOLUTION: dict[str, Any] = {"encoder": {"kind": "convolution", "channels": [4]}}
CONVOLUTION |= {"decoder": {"kind": "convolution", "channels": [4]}}
UNET = {"kind": "unet", "channels": [4, 8]}
BUNDLES: dict[str, Any] = {
    "data": {"kind": "bundles", "streamlines": 190, "points": 16},
    "transform": {"kind": "standardise", "per": "channel", "scale": "one"},
    "training": {"batch_size": 20},
}
GAUSSIAN = {"kind": "gaussian", "variance": {"kind": "optimal"}}
LENGTH = {"kind": "covariates", "names": ["length"]}
MODELS: dict[str, dict[str, Any]] = {
    "flat": {},
    "grid": {"model": {"latent": 2, "spatial": True, **CONVOLUTION}},
    "levels": {"model": {"encoder": UNET, "decoder": UNET | {"channels": [8, 4]}}},
    "points": {"model": {"posterior": "deterministic"}},
    "told": {"model": {"condition": {"kind": "labels"}}},
    "lengths": BUNDLES | {"model": {"likelihood": GAUSSIAN, "condition": LENGTH}},
    "lines": BUNDLES
    | {"model": {"latent": 2, "spatial": True, "likelihood": GAUSSIAN, **CONVOLUTION}},
}


def trained_runs(root: Path, kinds: dict[str, Any]) -> Path:
    """Runs of one epoch, one of each kind."""
    for name, fields in kinds.items():
        short = fields | {"training": fields.get("training", {}) | {"epochs": 1, "monitor": "off"}}
        training.start(small_recipe(**short), root / name, Silent())
    return root


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small runs, one of each kind of latents and conditions."""
    return trained_runs(tmp_path_factory.mktemp("runs"), MODELS)


@pytest.fixture
def flat(trained: Path, tmp_path: Path) -> Run:
    """The plain run, in a folder of its own."""
    return load(shutil.copytree(trained / "flat", tmp_path / "run"))


def recipe_of(run: Run, *edits: str) -> DiffusionRecipe:
    """A recipe that trains in a fraction of a second."""
    own = own_recipe(run)
    short = "training.batch_size=50" if own.training.batch_size < 200 else SHORT[2]
    return with_edits(own, [*SMALL, *SHORT[:2], short, *edits])


# every kind of latents and conditions


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model_gets_a_prior_that_draws(
    name: str, trained: Path, tmp_path: Path
) -> None:
    run = load(shutil.copytree(trained / name, tmp_path / "run"))
    recipe = recipe_of(run)
    assert recipe.denoiser.kind == ("unet" if name in ("grid", "lines") else "mlp")
    display = Silent()
    summary = start(run, recipe, display)
    assert summary["status"] == "finished"
    assert summary["steps"] == display.steps[-1] > 0
    prior = run.fitted_prior("diffusion")
    assert isinstance(prior, DiffusionPrior)
    shape = {"grid": (2, 4, 4), "lines": (2, 8)}.get(name, (run.vae.latent,))
    assert prior.module.shape == shape
    assert prior.module.standard.mean.shape == shape
    one, again = (run.sample(5, seed=1, source="diffusion") for _ in range(2))
    assert one.shape == (5, *run.spec.shape)
    assert np.isfinite(one).all()
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, run.sample(5, seed=2, source="diffusion"))


def test_what_a_prior_is_told_is_what_the_model_is_told(trained: Path) -> None:
    told = {name: own_recipe(load(trained / name)).condition for name in MODELS}
    assert {name: one.kind for name, one in told.items()} == {
        "flat": "labels",
        "grid": "labels",
        "levels": "labels",
        "points": "labels",
        "told": "labels",
        "lengths": "covariates",
        "lines": "labels",
    }
    for edit in ("condition=none", "condition={kind: covariates, names: straightness}"):
        run = load(trained / "lengths")
        with pytest.raises(RecipeError, match="must be told the same: condition="):
            start(run, recipe_of(run, edit), Silent())
        assert not folder_of(run).root.exists()


def test_a_label_or_covariate_is_asked_of_the_prior(trained: Path, tmp_path: Path) -> None:
    """Also where the model itself is told nothing; what it does not know is refused."""
    run = load(shutil.copytree(trained / "lines", tmp_path / "run"))
    start(run, recipe_of(run, "condition={kind: covariates, names: length}"), Silent())
    short, long = (
        run.sample(4, source="diffusion", covariates={"length": value}) for value in (60, 200)
    )
    assert not np.array_equal(short, long)
    with pytest.raises(DataError, match="told length"):
        run.sample(4, source="diffusion", label=0)
    with pytest.raises(DataError, match="told nothing"):
        run.sample(4, covariates={"length": 60})


# files


def test_the_folder_is_a_run_folder(flat: Run) -> None:
    recipe = recipe_of(flat, "training.snapshot_epochs=2", "training.validate_epochs=2")
    summary = start(flat, recipe, Silent())
    folder = folder_of(flat)
    assert folder.root == flat.folder.root / "priors" / "diffusion"
    assert read_diffusion_recipe(folder.recipe) == recipe
    assert folder.read_summary() == summary
    records = [json.loads(line) for line in folder.history.read_text().splitlines()]
    assert [(r["split"], r["epoch"]) for r in records] == [
        ("validation", 0),
        ("train", 1),
        ("train", 2),
        ("validation", 2),
        ("train", 3),
    ]
    assert folder.read_manifest()["status"] == "finished"
    assert [path.name for path in folder.snapshots.iterdir()] == ["epoch-0002.npz"]
    kept = read_prior(folder.root, "")
    assert kept.config["measured"]["frechet_latent"] > 0
    z = flat.latents("train")
    torch.testing.assert_close(
        kept.tensors["standard.mean"], z.mean.double().mean(0).float(), rtol=1e-5, atol=1e-6
    )
    held = load_file(folder.root / "latents.safetensors")
    torch.testing.assert_close(held["train/mean"], z.mean)


def test_training_weights_are_averaged_and_the_best_are_kept(flat: Run) -> None:
    start(flat, recipe_of(flat, "training.ema=0.9", "training.early_stopping=null"), Silent())
    folder = folder_of(flat)
    state = load_file(next(folder.checkpoints.glob("step-*")) / "state.safetensors")
    kept = read_prior(folder.root, "").tensors
    name = "denoiser.entry.weight"
    assert torch.equal(kept[name], state[f"average/{name}"])
    assert not torch.equal(kept[name], state[f"module/{name}"])


# resume


class Killed(BaseException):
    """Stands for a kill -9 inside the process: nothing catches it."""


EXACT: list[tuple[str, ...]] = [
    ("path=ddpm",),
    ("denoiser.dropout=0.2", "training.ema=0.9"),
    ("training.accumulate=3",),
    ("training.precision=bf16",),
    ("training.early_stopping.patience=50", "training.log_steps=2"),
]


@pytest.mark.parametrize("edits", EXACT, ids=" ".join)
def test_a_killed_training_goes_on_bit_for_bit(
    edits: tuple[str, ...], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, killed = (load(shutil.copytree(trained / "flat", tmp_path / n)) for n in "ab")
    recipe = recipe_of(straight, "training.checkpoint_steps=4", *edits)
    start(straight, recipe, Silent())
    take = stepping.Stepper.take

    def dying(self: stepping.Stepper, state: Any, batch: Any) -> None:
        if state.step == 6:
            raise Killed
        take(self, state, batch)

    with monkeypatch.context() as patched:
        patched.setattr(stepping.Stepper, "take", dying)
        with pytest.raises(Killed):
            start(killed, recipe, Silent())
    with pytest.raises(RunFolderError, match="no whole prior"):
        killed.fitted_prior("diffusion")
    display = Silent()
    resume(killed, lambda stored: stored, display)
    assert display.steps[0] == 4
    one, other = folder_of(straight), folder_of(killed)
    assert one.history.read_bytes() == other.history.read_bytes()
    ours, theirs = (load_file(f.root / "prior.safetensors") for f in (one, other))
    assert [n for n in ours if not torch.equal(ours[n], theirs[n])] == []


@pytest.mark.slow
def test_kill_9_of_a_real_process(trained: Path, tmp_path: Path) -> None:
    """A real SIGKILL in the middle, and then to the end: the history of a run left alone."""
    edits = [*SMALL, "training.epochs=200", "training.validate_epochs=20"]
    edits += ["training.checkpoint_steps=50", "training.batch_size=200"]
    sets = [part for edit in edits for part in ("--set", edit)]

    def spawned(name: str, *more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "vaestro", "diffuse", str(tmp_path / name), *sets, *more],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    for name in ("straight", "killed"):
        shutil.copytree(trained / "flat", tmp_path / name)
    assert spawned("straight").wait(120) == 0
    process = spawned("killed")
    folder = tmp_path / "killed" / "priors" / "diffusion"
    deadline = time.monotonic() + 60
    while not list(folder.glob("checkpoints/step-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "config.json").exists()
    assert spawned("killed", "--resume").wait(120) == 0
    whole = tmp_path / "straight" / "priors" / "diffusion"
    assert (whole / "history.jsonl").read_bytes() == (folder / "history.jsonl").read_bytes()
    one, other = (load_file(place / "prior.safetensors") for place in (whole, folder))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_resume_takes_more_epochs_and_another_way_to_draw_and_nothing_else(flat: Run) -> None:
    with pytest.raises(RunFolderError, match="no diffusion prior to go on with"):
        resume(flat, lambda stored: stored, Silent())
    first = start(flat, recipe_of(flat), Silent())
    with pytest.raises(RunFolderError, match="add --resume to go on"):
        start(flat, recipe_of(flat), Silent())
    display = Silent()
    assert resume(flat, lambda stored: stored, display) == first
    assert "nothing to do" in display.said[-1]
    for edit in ("denoiser.width=17", "training.epochs=2", "condition=none", "path=ddpm"):
        with pytest.raises(RecipeError, match="--resume with a changed recipe"):
            resume(flat, lambda stored, edit=edit: with_edits(stored, [edit]), Silent())  # type: ignore[misc]
    more = resume(flat, lambda stored: with_edits(stored, ["training.epochs=5"]), Silent())
    assert more["steps"] == 5 * first["steps"] / 3
    before = run_digest(flat)
    resume(flat, lambda stored: with_edits(stored, ["sampling.steps=7"]), Silent())
    prior = flat.fitted_prior("diffusion")
    assert isinstance(prior, DiffusionPrior)
    assert prior.sampling.steps == 7
    assert run_digest(flat) == before


def run_digest(run: Run) -> bytes:
    return (folder_of(run).root / "prior.safetensors").read_bytes()


def trained_on(run: Run) -> Run:
    """The same run after more epochs: another model."""
    training.resume(
        run.folder.root,
        lambda stored: stored.model_copy(
            update={"training": stored.training.model_copy(update={"epochs": 3})}
        ),
        Silent(),
    )
    return load(run.folder.root)


def test_latents_of_another_model_are_refused(flat: Run) -> None:
    start(flat, recipe_of(flat), Silent())
    run, display = trained_on(flat), Silent()
    for attempt in (
        lambda: resume(run, lambda stored: stored, Silent()),
        lambda: run.fitted_prior("diffusion"),
    ):
        with pytest.raises(RunFolderError, match="vaestro diffuse") as fault:
            attempt()
        assert "\n" not in str(fault.value)
    start(run, recipe_of(run), display)
    assert "replacing" in display.said[0]
    assert isinstance(run.fitted_prior("diffusion"), DiffusionPrior)


# mistakes


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ("path=cosine", "path.kind is 'cosine'"),
        ("denoiser=unet", "kind=dense"),
        ("denoiser.widht=3", "did you mean width"),
        ("sampling.sampler=ddim", "does not go along path=rectified-flow"),
        ("sampling.guidance=-1", "greater than or equal to 0"),
        ("condition={kind: covariates, names: age}", "no such covariate"),
        ("training.batch_size=100000", "larger than"),
        ("training.monitor=remedy", "off, warn or stop"),
        ("training.threads=auto", "give a number"),
        ("training.channels_last=true", "takes false"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(edit: str, words: str, flat: Run) -> None:
    with pytest.raises((RecipeError, DataError), match=words) as fault:
        start(flat, with_edits(own_recipe(flat), [edit]), Silent())
    assert "\n" not in str(fault.value)
    assert not folder_of(flat).root.exists()


def test_the_commands(flat: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = str(flat.folder.root), tmp_path / "x.npz"
    sample = ["sample", run, "--from", "diffusion", "--out", str(out), "--n", "3"]

    def said(*arguments: str) -> tuple[Any, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        return ended.value.code, capsys.readouterr().err

    code, words = said(*sample)
    assert code == 2
    assert f"vaestro diffuse {run}" in words
    sets = [part for edit in (*SMALL, *SHORT) for part in ("--set", edit)]
    assert said("diffuse", run, *sets, "--json")[0] == 0
    assert said(*sample, "--steps", "3", "--guidance", "2", "--label", "3")[0] == 0
    with np.load(out) as held:
        assert next(iter(held.values())).shape[0] == 3
    code, words = said(*sample, "--label", "11")
    assert (code, words.count("\n")) == (2, 1)
    assert "no such label" in words
    code, words = said("diffuse", run)
    assert code == 2
    assert "--resume" in words


@pytest.mark.slow
def test_a_label_is_drawn_as_it_is_asked_for(tmp_path: Path) -> None:
    """The nearest class mean of what is drawn is that of the label as often as for real latents;
    with guidance more often."""
    recipe = small_recipe(training={"epochs": 60, "batch_size": 50})
    training.start(recipe, tmp_path / "run", Silent())
    run = load(tmp_path / "run")
    edits = ("denoiser.width=64", "training.epochs=60", "training.learning_rate=3e-3")
    edits = (*edits, "training.validate_epochs=60", "training.ema=0.98")
    start(run, recipe_of(run, *edits), Silent())
    prior, latents = run.fitted_prior("diffusion"), run.latents("train")
    assert isinstance(prior, DiffusionPrior)
    label = latents.given.label
    assert label is not None
    means = torch.stack([latents.mean[label == k].mean(0) for k in range(10)])

    def right(z: torch.Tensor, of: torch.Tensor) -> float:
        return float((torch.cdist(z, means).argmin(1) == of).float().mean())

    asked = torch.arange(10).repeat(50)
    draws = {
        scale: prior.asked(guidance=scale).draw(500, torch.Generator().manual_seed(0), Given(asked))
        for scale in (1.0, 3.0)
    }
    real = right(latents.draw(0), label)
    assert real > 0.4
    assert right(draws[1.0], asked) > 0.75 * real
    assert right(draws[3.0], asked) > right(draws[1.0], asked)


# every field


FIELDS: dict[str, list[str]] = {
    "lines": [
        "path=ddpm",
        "denoiser=mlp",
        "denoiser.width=24",
        "denoiser.channels=[8, 8]",
        "denoiser.kernel=5",
        "denoiser.blocks=2",
        "denoiser.activation=relu",
        "denoiser.normalisation=none",
        "denoiser.normalise_last=true",
        "denoiser.initialisation=xavier",
        "denoiser.residual=false",
        "denoiser.dropout=0.3",
        "embedding=9",
        "seed=1",
        "condition=none",
        "condition.dropout=0.5",
        "condition={kind: covariates, names: length}",
        "sampling.steps=3",
        "sampling.sampler=euler",
        "sampling.guidance=3",
    ],
    "lengths": ["condition.names=[length, straightness]", "condition.labels=true"],
    "flat": [
        "path.levels=500",
        "denoiser.width=24",
        "denoiser.blocks=2",
        "sampling.sampler={kind: ddim, eta: 0.5}",
        "sampling.sampler=ancestral",
    ],
}


def outcome(run: Run, recipe: DiffusionRecipe) -> torch.Tensor:
    """What is drawn after three steps of training."""
    plan = choose(recipe.training)
    latents = {
        name: told_latents(run, recipe, name, run.latents(name)) for name in ("train", "validation")
    }
    parts = build_parts(run, recipe, plan, **latents)
    at = parts.fresh_state()
    stepper = stepping.Stepper(parts.task, recipe.training, parts.horizon, recipe.seed)
    for step in range(3):
        stepper.take(at, parts.stream.batch(step))
    parts.module.eval()
    return parts.prior.draw(8, torch.Generator().manual_seed(0))


@pytest.mark.slow
def test_every_field_changes_what_is_drawn(trained: Path) -> None:
    seen = set()
    for name, edits in FIELDS.items():
        run = load(trained / name)
        base = recipe_of(run, *(["path=ddpm"] if name == "flat" else []))
        usual = outcome(run, base)
        for edit in edits:
            recipe = with_edits(base, [edit])
            seen |= set(differences(base.plain(), recipe.plain()))
            assert not torch.equal(outcome(run, recipe), usual), edit
        named = {path for path, _ in leaves(base.plain())}
        assert {p for p in named - seen if not p.startswith("training.")} <= {"denoiser.kind"}


# the monitor


def figures(loss: float, gaussian: float = 1.0) -> dict[str, Any]:
    return {"loss": loss, "gaussian_loss": gaussian}


def state() -> TrainState:
    module = torch.nn.Linear(1, 1)
    device = torch.device("cpu")
    control = torch.zeros(())
    optimiser = build_optimiser(TrainingConfig(), module)
    return TrainState(module, optimiser, control, Meter.empty(0, device))  # type: ignore[arg-type]


def test_the_monitor_says_once_that_a_denoiser_learns_by_heart() -> None:
    for config, act in ((WarnConfig(), "warn"), (StopConfig(patience=5), "stop")):
        monitor, at = DiffusionMonitor(config, Horizon(100, 10)), state()
        quiet = [monitor.validated(at, figures(loss)) for loss in (0.5, 0.4, *[0.41] * 4)]
        assert quiet == [[]] * 6
        assert monitor.trained(at, None) == []  # type: ignore[arg-type]
        told = [monitor.validated(at, figures(0.41)) for _ in range(2)]
        assert [len(one) for one in told] == [1, 0]
        assert told[0][0].act == act
        assert told[0][0].fields["kind"] == "overfitted"
        assert "0.41" in told[0][0].fields["sentence"]
        assert not monitor.good(at)


def test_the_monitor_says_when_nothing_but_a_gaussian_was_learnt() -> None:
    monitor, at = DiffusionMonitor(WarnConfig(), Horizon(100, 10)), state()
    assert monitor.validated(at, figures(1.0)) == []
    at.step = 50
    (notice,) = monitor.validated(at, figures(0.99))
    assert notice.fields["kind"] == "stalled"
    monitor, at = DiffusionMonitor(WarnConfig(), Horizon(100, 10)), state()
    at.step = 50
    assert monitor.validated(at, figures(0.97)) == []


def test_the_own_recipe_fits_the_grid(trained: Path) -> None:
    run = load(trained / "grid")
    denoiser = own_recipe(run).denoiser
    assert isinstance(denoiser, GridUnetConfig)
    assert denoiser.channels == (128,)  # of 4 x 4 places, halved once
    recipe = own_recipe(run)
    assert DiffusionRecipe.parse(recipe.plain()) == recipe
    assert with_edits(recipe, ["path=ddpm", "path.levels=50"]).path.plain()["levels"] == 50
