"""Many at one ledger, and calls that are cut off: every trial counts once, whatever happens."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.ledgers import LONG, OUT, SWEEP, asked, finished, opened, proposals
from tests.postgres import Server
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Lease


def at_once(count: int, call: Callable[[int], Any]) -> list[Any]:
    """What `call(0)`, `call(1)`, ... return when threads begin them at one moment."""
    ready = threading.Barrier(count)

    def begun(number: int) -> Any:
        ready.wait()
        return call(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begun, range(count)))


def check(ledger: Ledger) -> None:
    """What holds of every ledger at any moment."""
    trials, batches = ledger.trials("s"), ledger.batches("s")
    assert [trial.number for trial in trials] == list(range(ledger.sweep("s").asked))
    told = [trial.told for trial in trials if trial.state != "waiting"]
    assert sorted(told) == list(range(len(told)))  # type: ignore[type-var]
    assert all((trial.told is None) == (trial.state == "waiting") for trial in trials)
    assert [n for batch in batches for n in batch.trials] == [trial.number for trial in trials]
    waits = {trial.batch for trial in trials if trial.state == "waiting"}
    assert not [batch for batch in batches if batch.state == "done" and batch.number in waits]


def test_one_of_many_gets_a_batch(url: str) -> None:
    with opened(url) as ledger, opened(url) as other:
        for token in range(2, 12):
            if token == 2:
                asked(ledger, seconds=OUT)
            taken = at_once(6, lambda i: (ledger, other)[i % 2].lease("s", f"{i}", OUT / 1e9))
            tokens = sorted(lease.token for lease in taken if lease is not None)
            assert tokens and len(set(tokens)) == len(tokens)
            assert ledger.batches("s")[0].token == tokens[-1] >= token


def test_one_of_many_gets_what_one_gave_back(url: str) -> None:
    with opened(url) as ledger, opened(url) as other:
        lease: Lease | None = asked(ledger)
        for _ in range(10):
            assert lease is not None and ledger.release(lease)
            taken = at_once(6, lambda i: (ledger, other)[i % 2].lease("s", f"{i}", LONG))
            (lease,) = [one for one in taken if one is not None]


def test_one_of_many_coordinators_asks(url: str) -> None:
    """They wait for one another in the database itself: to the ledgers nothing fails."""
    said: list[str] = []
    with opened(url, said=said) as ledger, opened(url, said=said) as other:
        for seen in range(0, 20, 2):
            both = at_once(
                6,
                lambda i, seen=seen: (ledger, other)[i % 2].add_batch(
                    "s", seen, proposals(2), {"by": i}, f"{i}", LONG
                ),
            )
            (won,) = [lease for lease in both if lease is not None]
            assert ledger.sweep("s").search == {"by": int(won.owner)}
        check(ledger)
    assert not said


def test_a_ledger_is_made_by_many_at_once(url: str) -> None:
    def enter(number: int) -> str:
        with opened(url) as ledger:
            return ledger.sweep("s").name

    assert at_once(6, enter) == [SWEEP.name] * 6


@pytest.mark.slow
def test_eight_processes_share_a_thousand_batches(url: str, tmp_path: Path) -> None:
    """Each batch is had by one, and each trial finished by the one that had it."""
    with opened(url) as ledger:
        for _ in range(1000):
            assert ledger.release(asked(ledger, 1))
        code = (
            "import sys\n"
            "from tests.ledgers import *\n"
            "with opened(sys.argv[1]) as ledger:\n"
            "    while (lease := ledger.lease('s', sys.argv[2], LONG)) is not None:\n"
            "        assert finished(ledger, lease, lease.batch) and ledger.finish_batch(lease)\n"
            "        print(lease.batch, flush=True)\n"
        )
        workers = [child(code, url, str(number)) for number in range(8)]
        printed = [worker.communicate(timeout=300)[0].split() for worker in workers]
        assert [worker.returncode for worker in workers] == [0] * 8
        assert sorted(int(n) for one in printed for n in one) == list(range(1000))
        assert sum(len(one) > 0 for one in printed) > 1
        assert {batch.token for batch in ledger.batches("s")} == {2}
        check(ledger)


def child(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A process of its own that runs `code`."""
    root = Path(__file__).parents[1]
    paths = os.pathsep.join([str(root), str(root / "src")])
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("before_commit", [True, False])
def test_kill_leaves_all_or_nothing(url: str, before_commit: bool) -> None:
    """A process dies by SIGKILL inside the transaction, or after it was acknowledged."""
    code = (
        "import sys, time\n"
        "from tests.ledgers import *\n"
        "from vaestro.sweeps.ledger import results\n"
        "with opened(sys.argv[1]) as ledger:\n"
        "    lease = ledger.lease('s', 'b', OUT)\n"
        "    def work(connection):\n"
        "        results.finish(connection, lease, 0, 'finished', {'elbo': 1.0}, None, {})\n"
        "        if sys.argv[2] == 'True':\n"
        "            print('inside', flush=True); time.sleep(600)\n"
        "    ledger._database.write(work)\n"
        "    print('acknowledged', flush=True); time.sleep(600)\n"
    )
    with opened(url) as ledger:
        asked(ledger, seconds=OUT)
        process = child(code, url, str(before_commit))
        assert process.stdout is not None
        with process.stdout as lines:
            assert lines.readline().strip() == ("inside" if before_commit else "acknowledged")
            process.kill()
            process.wait()
        taken = ledger.lease("s", "c", LONG)
        assert taken is not None and taken.token == 3
        assert taken.trials[0].state == ("waiting" if before_commit else "finished")
        assert taken.trials[0].told == (None if before_commit else 0)
        assert finished(ledger, taken, 0) == before_commit  # else it has another result
        assert finished(ledger, taken, 1) and ledger.finish_batch(taken)
        check(ledger)


def test_a_crash_of_the_server_keeps_what_it_acknowledged(postgres: Server) -> None:
    with opened(postgres.database()) as ledger:
        lease = asked(ledger)
        assert finished(ledger, lease, 1)
        before = ledger.trials("s")
        postgres.restart(signal.SIGQUIT)
        assert ledger.trials("s") == before
        assert ledger.lease("s", "b", LONG) is None and ledger.renew(lease, LONG, 1)
        assert finished(ledger, lease, 1) and finished(ledger, lease, 0)
        check(ledger)


def lose_acknowledgements(ledger: Ledger, chance: Callable[[], bool]) -> None:
    """Let commits be made and, by `chance`, an error come back for them."""
    dialect: Any = ledger._database.engine.dialect
    commit = dialect.do_commit

    def lossy(connection: Any) -> None:
        commit(connection)
        if chance():
            if dialect.name == "postgresql":
                connection.dbapi_connection.close()
                raise psycopg.OperationalError("server closed the connection unexpectedly")
            fault = sqlite3.OperationalError("database is locked")
            fault.sqlite_errorname = "SQLITE_BUSY"
            raise fault

    dialect.do_commit = lossy


def test_a_call_whose_acknowledgement_got_lost_counts_once(url: str) -> None:
    """Every call is committed, fails on the way back once, and is made again."""
    lost: list[bool] = []
    with opened(url) as ledger:
        lose_acknowledgements(ledger, lambda: lost.pop() if lost else False)

        def twice(call: Callable[..., Any], *arguments: Any) -> Any:
            lost.append(True)
            answer = call(*arguments)
            assert not lost, "the acknowledgement did not get lost"
            return answer

        twice(ledger.create, SWEEP._replace(id="r"))
        twice(ledger.extend, "s", 1200)
        lease = twice(ledger.add_batch, "s", 0, proposals(2), {"n": 1}, "a", LONG)
        assert lease.token == 1 and len(ledger.batches("s")) == 1
        assert twice(ledger.release, lease)
        taken = twice(ledger.lease, "s", "b", LONG)
        assert taken == lease._replace(token=2, owner="b")
        assert twice(ledger.renew, taken, LONG, 3) and twice(ledger.set_folder, taken, "f")
        assert twice(ledger.reached, taken, 1, 2, 0.5) == [0.5]
        for number in (1, 0):
            assert twice(finished, ledger, taken, number)
        assert twice(ledger.finish_batch, taken)
        twice(ledger.set_state, "s", "finished")
        end = {"trials": 1200, "asked": 2, "state": "finished", "search": {"n": 1}}
        assert ledger.sweep("s") == SWEEP._replace(**end)
        assert [trial.told for trial in ledger.trials("s")] == [1, 0]
        check(ledger)


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 2, 3))])
def test_no_interleaving_breaks_the_ledger(url: str, seed: int) -> None:
    """Workers that lose acknowledgements, sleep beyond their leases and die without a word."""
    results: dict[int, tuple[str, float]] = {}

    def work(number: int) -> int:
        luck = random.Random(f"{seed} {number}")
        with opened(url) as ledger:
            lose_acknowledgements(ledger, lambda: luck.random() < 0.1)
            return sum(one_batch(ledger, luck, f"{number}", results) for _ in range(12))

    assert sum(at_once(4, work)) == len(results) > 0
    with opened(url) as ledger:
        check(ledger)
        ended = {t.number: (t.state, (t.values or {})["v"]) for t in ledger.trials("s") if t.values}
        assert ended == results


def one_batch(
    ledger: Ledger, luck: random.Random, owner: str, results: dict[int, tuple[str, float]]
) -> int:
    """Take or ask a batch and do something with it; how many trials it was told to have ended."""
    seconds = luck.choice([OUT, LONG])
    lease = ledger.lease("s", owner, seconds)
    if lease is None:
        seen = ledger.sweep("s").asked
        lease = ledger.add_batch("s", seen, proposals(luck.randint(1, 3)), {}, owner, seconds)
    if lease is None or luck.random() < 0.1:
        return 0
    ledger.renew(lease, seconds, luck.randint(0, 9))
    ended = 0
    for trial in [trial for trial in lease.trials if trial.state == "waiting"]:
        result = (luck.choice(["finished", "pruned", "failed"]), luck.random())
        if ledger.finish_trial(lease, trial.number, result[0], {"v": result[1]}, None, {}):  # type: ignore[arg-type]
            assert results.setdefault(trial.number, result) == result
            ended += 1
    luck.choice([ledger.finish_batch, ledger.release])(lease)
    return ended
