"""The ledger's contract, on SQLite and on PostgreSQL alike."""

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vaestro
from tests.ledgers import LONG, OUT, SWEEP, asked, fenced, finished, opened, proposals
from vaestro.foundation.errors import RunFolderError
from vaestro.sweeps.ledger import database, schema
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Proposal, Trial, as_stored, as_text


def test_a_sweep_is_entered_once_and_kept(url: str) -> None:
    with opened(url) as ledger:
        ledger.create(SWEEP._replace(asked=5, state="stopped"))  # it stands: nothing changes
        assert ledger.sweep("s") == SWEEP
        ledger.create(SWEEP._replace(id="r", definition={"range": (1, math.inf)}))
    with opened(url) as ledger:
        assert [sweep.id for sweep in ledger.sweeps()] == ["s", "r"]
        assert ledger.sweep("r").definition == {"range": [1, None]}


def test_another_sweep_under_the_same_id_is_refused(url: str) -> None:
    with opened(url) as ledger:
        with pytest.raises(RunFolderError, match=r"another sweep under the id s; give the def"):
            ledger.create(SWEEP._replace(definition={"recipe": "digits"}))
        assert ledger.sweep("s") == SWEEP
        for call in (ledger.sweep, lambda id: ledger.lease(id, "a", LONG)):
            with pytest.raises(RunFolderError, match=r"no sweep q; it holds s$"):
                call("q")


def test_a_sweep_is_made_longer_never_shorter(url: str) -> None:
    with opened(url) as ledger:
        ledger.extend("s", 2000)
        ledger.extend("s", 1500)
        ledger.set_state("s", "finished")
        assert ledger.sweep("s") == SWEEP._replace(trials=2000, state="finished")


def test_trials_are_asked_in_numbered_batches(url: str) -> None:
    with opened(url) as ledger:
        first, second = asked(ledger, 2), asked(ledger, 3, "b")
        assert (first.batch, first.token, first.owner, first.folder) == (0, 1, "a", None)
        assert [trial.number for trial in second.trials] == [2, 3, 4]
        assert [trial.place for trial in second.trials] == [0, 1, 2]
        params, edits = {"beta": 1.5}, ["objective.beta=1.5"]
        assert second.trials[0] == Trial(
            2, 1, 0, params, edits, {}, "waiting", None, None, {}, None
        )
        assert ledger.trials("s") == [*first.trials, *second.trials]
        assert ledger.sweep("s") == SWEEP._replace(asked=5, search={"asked": 2})
        states = [(b.state, b.owner, b.attempts, b.trials) for b in ledger.batches("s")]
        assert states == [("leased", "a", 1, (0, 1)), ("leased", "b", 1, (2, 3, 4))]


def test_nothing_is_asked_on_stale_knowledge_or_beyond_the_end(url: str) -> None:
    with opened(url) as ledger:
        asked(ledger, 2)
        assert ledger.add_batch("s", 0, proposals(1), {"stale": 1}, "b", LONG) is None
        assert ledger.add_batch("s", 2, proposals(999), {"long": 1}, "b", LONG) is None
        assert ledger.sweep("s") == SWEEP._replace(asked=2, search={"asked": 0})
        assert len(ledger.batches("s")) == 1
        assert ledger.add_batch("s", 2, proposals(998), {}, "b", LONG) is not None


def test_the_oldest_free_batch_is_leased(url: str) -> None:
    with opened(url) as ledger:
        asked(ledger)
        ran_out, released = asked(ledger, seconds=OUT), asked(ledger)
        assert ledger.set_folder(ran_out, "runs/1")
        assert ledger.release(released) and ledger.release(released)
        taken = [ledger.lease("s", "b", LONG) for _ in range(3)]
        assert taken[0] == ran_out._replace(token=2, owner="b", folder="runs/1")
        assert taken[1] == released._replace(token=2, owner="b")
        assert taken[2] is None
        assert [batch.attempts for batch in ledger.batches("s")] == [1, 2, 2]


def test_an_older_token_is_fenced(url: str) -> None:
    with opened(url) as a, opened(url) as b:
        old = asked(a, seconds=OUT)
        new = b.lease("s", "b", LONG)
        assert new is not None and new.token == 2
        assert fenced(a, old)
        assert a.trials("s") == list(old.trials)
        batch = b.batches("s")[0]
        assert (batch.owner, batch.steps, batch.folder) == ("b", 0, None)
        assert b.renew(new, LONG, 5) and finished(b, new, 0) and finished(b, new, 1)
        assert b.finish_batch(new)
        assert fenced(a, old)


def test_what_was_given_back_is_no_longer_held(url: str) -> None:
    with opened(url) as ledger:
        lease = asked(ledger)
        assert ledger.release(lease)
        assert not ledger.renew(lease, LONG, 1) and not finished(ledger, lease, 0)
        assert ledger.reached(lease, 0, 1, 0.0) is None and not ledger.finish_batch(lease)
        assert ledger.batches("s")[0].state == "waiting"
        assert ledger.batches("s")[0].seconds_left is None


def test_a_lease_that_ran_out_and_that_nobody_took_is_renewed(url: str) -> None:
    with opened(url) as ledger:
        lease = asked(ledger, seconds=OUT)
        left = ledger.batches("s")[0].seconds_left
        assert left is not None and -60 < left <= OUT
        assert ledger.renew(lease, LONG, 40)
        batch = ledger.batches("s")[0]
        assert batch.seconds_left is not None and LONG - 60 < batch.seconds_left <= LONG
        assert (batch.steps, batch.token) == (40, 1)
        assert ledger.lease("s", "b", LONG) is None


def test_a_trial_ends_once(url: str) -> None:
    with opened(url) as ledger:
        lease = asked(ledger, 3)
        values = {"elbo": -90.5, "nll": math.nan, "kl": math.inf}
        assert ledger.finish_trial(lease, 2, "finished", values, None, {"seconds": 0.1 + 0.2})
        assert ledger.finish_trial(lease, 0, "failed", None, "diverged\0", {})
        before = ledger.trials("s")
        assert ledger.finish_trial(lease, 2, "finished", values, None, {"seconds": 0.1 + 0.2})
        assert not ledger.finish_trial(lease, 2, "pruned", values, None, {"seconds": 0.1 + 0.2})
        assert not ledger.finish_trial(lease, 2, "finished", {"elbo": 0.0}, None, {})
        assert ledger.trials("s") == before
        assert before[2].values == {"elbo": -90.5, "nll": None, "kl": None}
        assert before[2].facts == {"seconds": 0.1 + 0.2}
        assert [(t.state, t.told) for t in before] == [
            ("failed", 1), ("waiting", None), ("finished", 0),
        ]  # fmt: skip
        assert (before[0].values, before[0].reason) == (None, "diverged")


def test_an_earlier_result_of_a_fenced_holder_stands(url: str) -> None:
    with opened(url) as ledger:
        old = asked(ledger, seconds=OUT)
        assert finished(ledger, old, 0)
        new = ledger.lease("s", "b", LONG)
        assert new is not None and new.trials[0].state == "finished"
        assert finished(ledger, old, 0)  # it hears late that its result was taken
        assert not finished(ledger, old, 1)
        assert not finished(ledger, new, 0)  # the same, but not its own
        assert [trial.told for trial in ledger.trials("s")] == [0, None]


def test_a_batch_is_done_when_its_trials_are(url: str) -> None:
    with opened(url) as ledger:
        lease = asked(ledger)
        assert finished(ledger, lease, 1) and not ledger.finish_batch(lease)
        assert finished(ledger, lease, 0)
        assert ledger.finish_batch(lease) and ledger.finish_batch(lease)
        assert finished(ledger, lease, 0)  # it has this result
        assert not ledger.renew(lease, LONG, 1) and not ledger.release(lease)
        assert ledger.batches("s")[0].state == "done"
        assert ledger.lease("s", "b", LONG) is None
        with pytest.raises(AssertionError, match="another batch"):
            finished(ledger, lease, 2)


def test_a_rung_holds_the_first_value_of_each_trial(url: str) -> None:
    with opened(url) as ledger:
        lease, other = asked(ledger, 2), asked(ledger, 1)
        assert ledger.reached(other, 2, 3, -1 / 3) == [-1 / 3]
        assert ledger.reached(lease, 0, 3, 2.5) == [2.5, -1 / 3]
        assert ledger.reached(lease, 0, 3, 7.0) == [2.5, -1 / 3]
        values = ledger.reached(lease, 1, 3, math.inf)
        assert values is not None and math.isnan(values[1]) and values[::2] == [2.5, -1 / 3]
        assert ledger.reached(lease, 0, 9, 4.0) == [4.0]


def test_the_clock_is_the_servers_where_there_is_one(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(url) as ledger:
        asked(ledger)
        monkeypatch.setattr(database, "time", SimpleNamespace(time=lambda: 2e10))  # far ahead
        taken = ledger.lease("s", "b", LONG)
        assert (taken is None) == url.startswith("postgresql")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.dictionaries(st.text(), JSON, max_size=3), min_size=1, max_size=3), st.text())
def test_json_comes_back_as_it_went(
    shared_ledger: Ledger, params: list[dict[str, object]], words: str
) -> None:
    given_ = [Proposal(one, [words], {"words": words}) for one in params]
    seen = shared_ledger.sweep("s").asked
    lease = shared_ledger.add_batch("s", seen, given_, {"words": words}, "a", LONG)
    assert lease is not None
    shared_ledger.finish_trial(lease, seen, "failed", None, words, {"words": words})
    trial = shared_ledger.trials("s")[seen]
    assert trial.params == as_stored(params[0])
    assert (trial.edits, trial.attrs, trial.facts) == ([words], *[{"words": words}] * 2)
    assert trial.reason == as_text(words)


@pytest.fixture
def shared_ledger(url: str) -> Iterator[Ledger]:
    """A ledger for many examples, which it holds one after the other."""
    with opened(url) as ledger:
        yield ledger


def test_a_newer_ledger_is_refused(url: str) -> None:
    with opened(url) as ledger:
        change = schema.versions.update().values(version=schema.VERSION + 1)
        ledger._database.write(lambda connection: connection.execute(change))
    with pytest.raises(RunFolderError, match=r"version 2, which a newer vaestro wrote; this one"):
        Ledger(url)


def test_sqlite_writes_so_that_an_acknowledged_result_stays(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/l.db") as ledger:
        connection = ledger._database.engine.raw_connection()
        asked_of = ("journal_mode", "synchronous", "foreign_keys")
        found = [connection.cursor().execute(f"PRAGMA {name}").fetchone()[0] for name in asked_of]
        connection.close()
        assert found == ["delete", 3, 1]


def test_only_the_ledger_loads_its_database(tmp_path: Path) -> None:
    """The command line and the ledger's values load no SQLAlchemy; nothing else imports it."""
    code = (
        "import sys, vaestro.cli.main, vaestro.sweeps.ledger.rows\n"
        "assert not {'sqlalchemy', 'psycopg'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    files = Path(vaestro.__file__).parent.rglob("*.py")
    users = {path.parent.name for path in files if "sqlalchemy import" in path.read_text()}
    assert users == {"ledger"}
