"""Sweeps: every trial ends once and is on the disk, whatever interrupts the work."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Silent, small_recipe
from tests.test_sweep_ray import Watching
from vaestro.experiments import train as training
from vaestro.experiments.recipe import Recipe, read_recipe
from vaestro.foundation.errors import RecipeError, RunFolderError, StorageError
from vaestro.runs.lock import locked
from vaestro.sweeps import worker as workers
from vaestro.sweeps.definition import Definition, watched
from vaestro.sweeps.earlier import earlier_of
from vaestro.sweeps.folder import SweepFolder, copied
from vaestro.sweeps.goal import Goal
from vaestro.sweeps.holder import Holder
from vaestro.sweeps.keeping import SweepKeeping
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Sweep, Trial
from vaestro.sweeps.space import space_of
from vaestro.sweeps.summary import summary_of, write_outcome
from vaestro.sweeps.sweep import Standing, Wanted
from vaestro.sweeps.sweep import sweep as carried_out
from vaestro.sweeps.worker import Worker


def definition(vary: list[str], recipe: Recipe | None = None, **fields: Any) -> Definition:
    base = watched(small_recipe() if recipe is None else recipe)
    given = {"search": "random", "batch": 4, "width": 4, **fields}
    return Definition.parse(
        {"recipe": base.plain(), "space": space_of(vary, None).plain(), **given}
    )


def opened(root: Path, made: Definition, trials: int) -> tuple[Ledger, str]:
    """A sweep as the command makes it, its ledger open."""
    folder = SweepFolder(root)
    if not folder.exists:
        root.mkdir()
        folder.create(made.plain(), folder.place_for(None))
    place = folder.read_place()
    ledger = Ledger(place["storage"])
    fresh = Sweep(place["id"], "small", str(root), made.plain(), trials, "running", 0, {})
    ledger.create(fresh)
    return ledger, place["id"]


def swept(root: Path, made: Definition, trials: int) -> list[Trial]:
    """The trials of a sweep that one worker in this process carries out."""
    ledger, id = opened(root, made, trials)
    try:
        assert Worker(ledger, id, print, root).work()
        return ledger.trials(id)
    finally:
        ledger.close()


def history(root: Path, trial: int) -> list[dict[str, Any]]:
    lines = (root / "trials" / f"{trial:04d}" / "history.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_every_trial_ends_once_and_its_run_is_there(tmp_path: Path) -> None:
    made = definition(["objective.beta=log(1,4000)", "seed=0,1"])
    trials = swept(tmp_path / "s", made, 8)
    assert [trial.number for trial in trials] == list(range(8))
    assert sorted(trial.told for trial in trials if trial.told is not None) == list(range(8))
    states = {trial.state for trial in trials}
    assert states == {"finished", "pruned"}
    for trial in trials:
        assert trial.values is not None
        if not trial.facts["trained"]:
            assert trial.state == "pruned" and "collapse" in str(trial.reason)
            assert trial.values["prior_term"] == 0 and trial.values["live_dimensions"] == 0
            assert not (tmp_path / "s" / "trials" / f"{trial.number:04d}").exists()
            continue
        run = tmp_path / "s" / "trials" / f"{trial.number:04d}"
        summary = json.loads((run / "summary.json").read_text())
        assert trial.values["mse"] == summary["validation"]["mse"]
        assert trial.values["elbo"] == pytest.approx(
            -summary["validation"]["data_term"] - summary["validation"]["prior_term"]
        )
        assert read_recipe(run / "recipe.yaml") == made.space.recipe(made.recipe, trial.params)


def test_the_figures_of_a_trial_that_is_not_trained_are_those_of_one_that_collapsed(
    tmp_path: Path,
) -> None:
    vary = ["objective.beta=3000,3001"]
    grid = {"search": "grid"}
    told = swept(tmp_path / "told", definition(vary, **grid), 2)
    trained = swept(tmp_path / "trained", definition(vary, screen=False, **grid), 2)
    assert [t.facts["trained"] for t in (*told, *trained)] == [False, False, True, True]
    for known, seen in zip(told, trained, strict=True):
        assert known.values and seen.values
        assert known.values["mse"] == pytest.approx(seen.values["mse"], rel=0.03)
        assert known.values["data_term"] == pytest.approx(seen.values["data_term"], rel=0.03)
        assert known.values["elbo"] == pytest.approx(seen.values["elbo"], rel=0.03)
        assert seen.values["prior_term"] == pytest.approx(0, abs=1)


def test_a_trial_is_the_run_that_its_recipe_makes_alone(tmp_path: Path) -> None:
    made = definition(["objective.beta=0.5,1,1.5"], search="grid")
    trials = swept(tmp_path / "s", made, 3)
    for trial in trials:
        recipe = made.space.recipe(made.recipe, trial.params)
        training.start(recipe, tmp_path / f"{trial.number}", Silent())
        lines = (tmp_path / f"{trial.number}" / "history.jsonl").read_text().splitlines()
        for ours, alone in zip(history(tmp_path / "s", trial.number), lines, strict=True):
            theirs = json.loads(alone)
            assert ours.pop("split") == theirs.pop("split")
            assert ours == pytest.approx(theirs, rel=1e-5)


def test_a_trial_that_cannot_be_built_fails_alone(tmp_path: Path) -> None:
    layers = "[{convolution: {channels: 4, kernel: %d}}]"
    texts = [f"{{kind: layers, layers: {layers % kernel}}}" for kernel in (3, 40)]
    made = definition([f"model.encoder={','.join(texts)}"], search="grid")
    kept, failed = swept(tmp_path / "s", made, 2)
    assert (kept.state, failed.state) == ("finished", "failed")
    assert "40" in str(failed.reason) and "\n" not in str(failed.reason)
    assert failed.values is None


class Interrupting(Holder):
    """A holder that dies, or is asked to stop, after some steps."""

    left = 0

    def progress(self, steps: int = 0) -> None:
        type(self).left -= steps
        if type(self).left == 0:
            raise KeyboardInterrupt
        super().progress(steps)


@pytest.mark.parametrize("steps", [1, 13, 55])
def test_an_interrupted_sweep_goes_on_to_the_same_bits(
    tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe(training={"checkpoint_seconds": 0.05})
    made = definition(["objective.beta=0.2,0.4,0.6,0.8,1,1.5"], recipe, search="grid", width=3)
    whole = swept(tmp_path / "whole", made, 6)
    ledger, id = opened(tmp_path / "s", made, 6)
    with monkeypatch.context() as patched:
        patched.setattr(workers, "Holder", Interrupting)
        Interrupting.left = steps
        assert not Worker(ledger, id, print, tmp_path / "s").work()
    assert ledger.batches(id)[-1].state == "waiting"
    trials = swept(tmp_path / "s", made, 6)
    for one, other in zip(whole, trials, strict=True):
        assert one.values == other.values
        assert history(tmp_path / "s", one.number) == history(tmp_path / "whole", one.number)
    assert len(list((tmp_path / "s" / "batches").iterdir())) == 2  # none is left of the first
    ledger.close()


def test_a_holder_that_slept_too_long_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = definition(["objective.beta=0.5,1,1.5"], search="grid")
    ledger, id = opened(tmp_path / "s", made, 3)
    seen: list[list[Trial]] = []

    class Sleeper(Holder):
        """While it sleeps in the middle of its batch, another worker does all of it."""

        def progress(self, steps: int = 0) -> None:
            if self.steps + steps == 20 and not seen:
                seen.append([])
                self.ledger.release(self.lease)  # as if its lease had run out
                with monkeypatch.context() as awake:
                    awake.setattr(workers, "Holder", Holder)
                    seen[0] = swept(tmp_path / "s", made, 3)
                self._renewed = -1e9  # it is time to renew
            super().progress(steps)

    said: list[str] = []
    monkeypatch.setattr(workers, "Holder", Sleeper)
    assert Worker(ledger, id, said.append, tmp_path / "s").work()
    assert "batch 0: another worker has taken it" in said
    assert "batch 0: 3 at once, as asked." in said  # what its population had to say
    assert ledger.trials(id) == seen[0]
    assert [path.name for path in (tmp_path / "s" / "batches").iterdir()] == ["0000-2"]
    ledger.close()


def test_figures_of_an_evaluation(tmp_path: Path) -> None:
    goal = {"figures": ["nll"]}
    trials = swept(tmp_path / "s", definition(["model.latent=2,3"], search="grid", goal=goal), 2)
    for trial in trials:
        assert trial.values and trial.values["nll"] and trial.values["elbo"]
        assert trial.values["nll"] < -trial.values["elbo"]


def test_what_was_found_is_written(tmp_path: Path) -> None:
    made = definition(["objective.beta=0.5,1,5000"], search="grid")
    root = tmp_path / "s"
    trials = swept(root, made, 3)
    summary = summary_of(root, made, trials, "finished", 1.0)
    assert (summary["trials"], summary["finished"], summary["pruned"]) == (3, 2, 1)
    assert summary["untrained"] == 1 and "1 of them before the first step" in summary["sentence"]
    assert {row["trial"] for row in summary["pareto"]} <= {0, 1}
    write_outcome(SweepFolder(root), made, trials, summary)
    best = summary["best"]["trial"]
    assert read_recipe(root / "best.yaml") == made.space.recipe(made.recipe, trials[best].params)
    head, *lines = (root / "trials.csv").read_text().splitlines()
    assert head.startswith("trial,state,objective.beta,elbo") and len(lines) == 3


def test_an_earlier_sweep_is_told_to_the_search(tmp_path: Path) -> None:
    vary = ["objective.beta=log(1,64)"]
    swept(tmp_path / "first", definition(vary), 4)
    space = space_of(vary, None)
    earlier = earlier_of(tmp_path / "first", space, Goal())
    assert len(earlier) == 4
    plain = [one.plain() for one in earlier]
    told = definition(vary, search="tpe", earlier=plain)
    told.require_sound()
    assert len(swept(tmp_path / "second", told, 4)) == 4
    narrow = space_of(["objective.beta=log(1.001,1.01)"], None)
    with pytest.raises(RecipeError, match="none of its 4 trials has exactly the fields"):
        earlier_of(tmp_path / "first", narrow, Goal())
    for search in ("sobol", "nsga2"):
        with pytest.raises(RecipeError, match="learns nothing from --warm-start; give tpe or gp"):
            definition(vary, search=search, earlier=plain).require_sound()


def test_halving_lets_the_best_of_each_rung_go_on(tmp_path: Path) -> None:
    recipe = small_recipe(training={"epochs": 9})
    goal = {"figures": ["mse"]}
    fields = {"search": "grid", "goal": goal, "halving": {"eta": 3}, "batch": 9, "width": 9}
    vary = ["training.learning_rate=1e-5,1e-4,3e-4,5e-4,1e-3,2e-3,3e-3,5e-3,8e-3"]
    trials = swept(tmp_path / "s", definition(vary, recipe, **fields), 9)
    rungs = [trial.facts.get("rung") for trial in trials]
    assert sorted(rungs, key=str) == [1] * 6 + [3] * 2 + [None]
    for trial in trials:
        records = history(tmp_path / "s", trial.number)
        assert records[-1]["epoch"] == (trial.facts.get("rung") or 9)
        assert trial.state == ("pruned" if "rung" in trial.facts else "finished")
    mse = [
        next(r["mse"] for r in history(tmp_path / "s", n) if r.get("mse") and r["epoch"] == 1)
        for n in range(9)
    ]
    went_on = {n for n, rung in enumerate(rungs) if rung != 1}
    assert went_on == set(sorted(range(9), key=lambda n: mse[n])[:3])


def test_an_earlier_sweep_with_rungs_is_told_as_if_all_had_gone_on(tmp_path: Path) -> None:
    """Where its rungs were of the figure that is wanted; else those alone that went to the end."""
    vary = ["training.learning_rate=1e-5,1e-3,3e-3,8e-3"]
    fields = {"search": "grid", "goal": {"figures": ["mse"]}, "halving": {"eta": 2}, "width": 4}
    trials = swept(tmp_path / "s", definition(vary, small_recipe(), **fields), 4)
    whole = [one for one in trials if one.state == "finished"]
    assert len(whole) == 2
    space = space_of(vary, None)
    assert len(earlier_of(tmp_path / "s", space, Goal(figures=("elbo",)))) == 2
    earlier = earlier_of(tmp_path / "s", space, Goal(figures=("mse",)))
    gained = {one.params["training.learning_rate"]: one.values["mse"] for one in earlier}
    for one in trials:
        assert one.values is not None and one.values["mse"] is not None
        here = gained[one.params["training.learning_rate"]]
        assert (here != one.values["mse"]) == (one not in whole)


def test_halving_one_by_one_compares_with_those_before(tmp_path: Path) -> None:
    recipe = small_recipe(training={"epochs": 3})
    fields = {"search": "grid", "goal": {"figures": ["elbo"]}, "halving": {"eta": 3}, "width": 1}
    vary = ["training.learning_rate=5e-3,1e-5,2e-5"]
    trials = swept(tmp_path / "s", definition(vary, recipe, **fields), 3)
    assert [trial.facts.get("rung") for trial in trials] == [None, 1, 1]
    assert "not among the best after 1 epochs" in str(trials[1].reason)


def test_who_stops_early_at_a_rung_is_no_loser_of_it(tmp_path: Path) -> None:
    """Every trial stops by itself after two epochs, and the better one was not beaten."""
    stopping = {"patience": 1, "margin": 1e6}
    recipe = small_recipe(training={"epochs": 4, "early_stopping": stopping})
    fields = {"search": "grid", "goal": {"figures": ["mse"]}, "halving": {"eta": 2}, "width": 2}
    vary = ["training.learning_rate=1e-5,3e-3"]
    worse, better = swept(tmp_path / "s", definition(vary, recipe, **fields), 2)
    assert (worse.state, worse.facts.get("rung")) == ("pruned", 1)
    assert (better.state, better.facts.get("rung")) == ("finished", None)
    assert history(tmp_path / "s", better.number)[-1]["epoch"] == 2


def test_a_ledger_that_has_gone_is_not_begun_anew(tmp_path: Path) -> None:
    made, root = definition(["objective.beta=1,2"], search="grid"), tmp_path / "s"
    swept(root, made, 2)
    found = sorted(path.name for path in root.iterdir())
    (root / "ledger.sqlite").unlink()
    with pytest.raises(RunFolderError, match=r"the ledger of .* is not at"):
        carried_out(made, None, root, Wanted(), Watching())
    with pytest.raises(RunFolderError, match=r"the ledger of .* is not at"):
        earlier_of(root, made.space, Goal())
    with pytest.raises(RunFolderError, match=r"the ledger of .* is not at"):
        workers.work_in(SweepFolder(root), 60.0, None)
    left = {path.name for path in root.iterdir()} - {".lock"}
    assert left == {*found} - {"ledger.sqlite"} - {".lock"}


def test_halving_needs_rungs_at_which_trials_are_validated() -> None:
    def required(epochs: int, often: int) -> None:
        recipe = small_recipe(training={"epochs": epochs, "validate_epochs": often})
        fields = {"halving": {"eta": 3}, "goal": {"figures": ["mse"]}}
        definition(["objective.beta=1,2"], recipe, **fields).require_sound()

    required(9, 3)
    with pytest.raises(RecipeError, match=r"nobody in training\.epochs=2; give 3 epochs or more"):
        required(2, 1)
    with pytest.raises(RecipeError, match=r"after 1, 3 epochs, and .* after none of these"):
        required(9, 2)
    with pytest.raises(RecipeError, match=r"training\.validate_epochs is varied"):
        goal = {"figures": ["mse"]}
        vary = ["training.validate_epochs=1,2"]
        definition(vary, halving={"eta": 3}, goal=goal).require_sound()


def test_halving_needs_one_figure_of_training(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="--halving compares trials by one figure"):
        definition(["objective.beta=1,2"], halving={"eta": 3}).require_sound()
    goal = {"figures": ["mse"]}
    with pytest.raises(RecipeError, match=r"training\.epochs is varied"):
        definition(["training.epochs=1,2"], halving={"eta": 3}, goal=goal).require_sound()


def test_a_copy_of_a_population_that_changes_is_said(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with pytest.raises(RunFolderError, match="changed while it was copied"):
        copied(tmp_path / "old", tmp_path / "new")


def test_a_population_whose_members_have_not_begun_is_copied(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "population.json").write_text("{}")
    copied(tmp_path / "old", tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["population.json"]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "vaestro", "sweep", *words]
    return subprocess.run(line, capture_output=True, text=True)


@pytest.mark.slow
def test_the_command_goes_on_and_refuses_in_one_line(tmp_path: Path) -> None:
    recipe = tmp_path / "small.yaml"
    recipe.write_text(small_recipe().to_yaml())
    root = tmp_path / "s"
    words = [str(recipe), "--vary", "objective.beta=log(0.1,1)", "--search", "random"]
    words += ["--json", "--out", str(root)]
    first = command(*words, "--trials", "2", "--workers", "2")
    assert first.returncode == 0, first.stderr
    more = command(*words, "--trials", "3")
    assert more.returncode == 0, more.stderr
    told = json.loads(more.stdout)
    assert told["trials"] == 3 and told["status"] == "finished"
    assert told["pareto"] and (root / "best.yaml").is_file()
    other = command(*words, "--trials", "3", "--set", "model.latent=3")
    assert other.returncode == 2
    assert "holds another sweep: recipe.model.latent differ" in other.stderr
    assert len(other.stderr.strip().splitlines()) == 1
    again = command("--out", str(root), "--json")
    assert again.returncode == 0 and json.loads(again.stdout)["trials"] == 3
    remedied = command(*words, "--trials", "3", "--set", "training.monitor=remedy")
    assert remedied.returncode == 2
    assert "changes a trial's setting while it trains" in remedied.stderr
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    words[words.index(str(root))] = str(tmp_path / "full")
    occupied = command(*words, "--trials", "3")
    assert occupied.returncode == 2 and "is not empty and holds no sweep" in occupied.stderr


def test_two_coordinators_of_one_sweep(tmp_path: Path) -> None:
    made, root = definition(["objective.beta=1,2"], search="grid"), tmp_path / "s"
    opened(root, made, 2)[0].close()
    with locked(root), pytest.raises(RunFolderError, match="run `vaestro worker") as fault:
        carried_out(made, None, root, Wanted(), Watching())
    assert "\n" not in str(fault.value)
    assert not (root / "batches").exists()


def test_a_storage_that_is_not_there_leaves_no_folder(tmp_path: Path) -> None:
    made = definition(["objective.beta=1,2"], search="grid")
    wanted = Wanted(storage=f"sqlite:///{tmp_path}/no/such/folder/ledger.sqlite")
    with pytest.raises((StorageError, RecipeError)) as fault:
        carried_out(made, None, tmp_path / "s", wanted, Watching())
    assert "\n" not in str(fault.value) and not (tmp_path / "s").exists()


class Failing(SweepKeeping):
    """What cannot load its page beforehand."""

    loaded = 0

    def load(self) -> None:
        self.loaded += 1
        raise ImportError("no such module")


@pytest.mark.slow
def test_ctrl_c_stops_every_worker_and_the_same_call_goes_on(tmp_path: Path) -> None:
    class Impatient(Watching):
        def looked(self, standing: Standing) -> None:
            if standing.batches and not self.ended:
                self.ended = 1
                os.kill(os.getpid(), signal.SIGINT)

    made, root = definition(["objective.beta=0.5,1,1.5"], search="grid"), tmp_path / "s"
    summary = carried_out(made, None, root, Wanted(), Impatient())
    assert summary["status"] == "interrupted"
    ledger, id = opened(root, made, 3)
    assert ledger.sweep(id).state == "stopped"
    assert not Worker(ledger, id, print, root).work()  # one on another machine
    ledger.close()
    keeping = Failing()
    assert carried_out(None, None, root, Wanted(), Watching(), keeping)["finished"] == 3
    assert keeping.loaded and (root / "report.html").is_file()
