"""A sweep whose processes are killed, frozen and cut off from their database loses nothing.

The trials, their figures and every byte of their histories are those of the sweep that was left in
peace.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import small_recipe
from tests.postgres import Server
from vaestro.experiments.recipe import Recipe
from vaestro.sweeps.definition import Definition, watched
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Sweep, Trial
from vaestro.sweeps.space import space_of
from vaestro.sweeps.worker import Worker

KILLS, WORKERS, TRIALS = 30, 4, 24
LEASE_SECONDS = 3.0
VARY = "objective.beta=log(0.1,1.5)"

pytestmark = pytest.mark.slow


def recipe() -> Recipe:
    """A trial of some seconds: long enough to be killed in the middle, more than once."""
    return small_recipe(training={"epochs": 80, "batch_size": 100, "checkpoint_seconds": 0.2})


def in_peace(root: Path) -> list[Trial]:
    """The trials of the same sweep, one worker in this process, never disturbed."""
    made = Definition.parse(
        {
            "recipe": watched(recipe()).plain(),
            "space": space_of([VARY], None).plain(),
            "search": "random",
            "batch": 4,
            "width": 4,
        }
    )
    folder = SweepFolder(root)
    root.mkdir()
    folder.create(made.plain(), folder.place_for(None))
    place = folder.read_place()
    ledger = Ledger(place["storage"])
    ledger.create(Sweep(place["id"], "small", str(root), made.plain(), TRIALS, "running", 0, {}))
    assert Worker(ledger, place["id"], print, root).work()
    trials = ledger.trials(place["id"])
    ledger.close()
    return trials


class Chaos:
    """A sweep with several workers, and what befalls it."""

    def __init__(self, root: Path, storage: str | None, seed: int) -> None:
        self.root, self.storage = root, storage
        self.dice = random.Random(seed)
        self.coordinator: subprocess.Popen[bytes] | None = None
        self.kills = self.coordinators = self.frozen = 0
        self.log = (root.parent / "coordinator.log").open("ab")

    def command(self) -> list[str]:
        words = [sys.executable, "-m", "vaestro", "sweep", str(self.root.parent / "small.yaml")]
        words += ["--vary", VARY, "--search", "random", "--trials", str(TRIALS), "--batch", "4"]
        words += ["--width", "4", "--workers", str(WORKERS), "--out", str(self.root), "--json"]
        words += ["--lease-seconds", str(LEASE_SECONDS)]
        return words if self.storage is None else [*words, "--storage", self.storage]

    def kept_alive(self) -> bool:
        """Start the coordinator where there is none; whether the sweep is still going."""
        if self.coordinator is None:
            self.coordinator = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log)
            self.coordinators += 1
        code = self.coordinator.poll()
        if code is not None and code not in (0, -signal.SIGKILL):
            raise AssertionError(self.words())
        if code == -signal.SIGKILL:
            self.coordinator = None
            return True
        return code is None

    def workers(self) -> Iterator[int]:
        """The worker processes of this sweep, those of killed coordinators among them: some were
        forked and have the coordinator's words."""
        own = None if self.coordinator is None else self.coordinator.pid
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                words = (
                    (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
                )
                if str(self.root).encode() in words and int(entry.name) != own:
                    yield int(entry.name)

    def strike(self) -> None:
        """Kill a worker, now and then the coordinator, or freeze a worker beyond its lease."""
        chosen = self.dice.random()
        if chosen < 0.15 and self.coordinator is not None:
            self.coordinator.kill()
            self.coordinator.wait()
            self.coordinator = None
            self.kills += 1
            return
        pids = list(self.workers())
        if not pids:
            return
        pid = self.dice.choice(pids)
        with suppress(ProcessLookupError):
            if chosen < 0.3:
                os.kill(pid, signal.SIGSTOP)
                time.sleep(LEASE_SECONDS + 1)
                os.kill(pid, signal.SIGCONT)
                self.frozen += 1
            else:
                os.kill(pid, signal.SIGKILL)
                self.kills += 1

    def words(self) -> str:
        """What the coordinators and workers said."""
        logs = sorted((self.root / "logs").glob("*.log")) if (self.root / "logs").is_dir() else []
        own = (self.root.parent / "coordinator.log").read_text()
        return "\n".join([own[-2000:], *(path.read_text()[-2000:] for path in logs)])


def history(root: Path, trial: int) -> bytes:
    return (root / "trials" / f"{trial:04d}" / "history.jsonl").read_bytes()


def survived(chaos: Chaos, between: Callable[[], None]) -> None:
    """Carry the sweep to its end under at least KILLS kills; `between` strikes the database."""
    until = time.monotonic() + 900
    while chaos.kept_alive():
        assert time.monotonic() < until, chaos.words()
        time.sleep(chaos.dice.uniform(0.2, 1.6))
        if chaos.kills < KILLS or not chaos.frozen:
            chaos.strike()
            between()


def require_same(chaos: Chaos, peace: list[Trial], root: Path) -> None:
    """Every trial ended once, with the figures and the history of the sweep in peace."""
    folder = SweepFolder(chaos.root)
    place = folder.read_place()
    ledger = Ledger(place["storage"])
    trials = ledger.trials(place["id"])
    batches = ledger.batches(place["id"])
    ledger.close()
    assert all(batch.state == "done" for batch in batches)
    assert sum(batch.attempts for batch in batches) > len(batches), "no batch was taken over"
    assert sorted(trial.told for trial in trials if trial.told is not None) == list(range(TRIALS))
    for ours, theirs in zip(trials, peace, strict=True):
        assert (ours.edits, ours.state, ours.values) == (theirs.edits, theirs.state, theirs.values)
        assert history(chaos.root, ours.number) == history(root, theirs.number)
    summary = json.loads((folder.trials / "0000" / "summary.json").read_text())
    assert summary["status"] == "finished"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_sweep_survives_thirty_kills(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "small.yaml").write_text(recipe().to_yaml())
    storage, restarted = None, 0
    server: Server | None = None
    if kind == "postgresql":
        server = request.getfixturevalue("postgres")
        storage = server.database()
    chaos = Chaos(tmp_path / "s", storage, seed=7)

    def between() -> None:
        nonlocal restarted
        if server is not None and chaos.kills >= 10 * (restarted + 1) and restarted < 2:
            server.restart(signal.SIGQUIT if restarted else signal.SIGINT)  # once as in a crash
            restarted += 1

    try:
        survived(chaos, between)
    finally:
        for pid in chaos.workers():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        chaos.log.close()
    print(f"{chaos.kills} kills, {chaos.frozen} frozen, {chaos.coordinators} coordinators")
    assert chaos.kills >= KILLS and chaos.frozen and chaos.coordinators > 1
    assert server is None or restarted == 2
    require_same(chaos, in_peace(tmp_path / "peace"), tmp_path / "peace")
