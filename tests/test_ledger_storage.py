"""A storage that is down, full, locked, damaged or none: it is waited for, or said in one line."""

import os
import re
import resource
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from tests.ledgers import asked, finished, opened
from tests.postgres import Server
from tests.test_ledger_races import check
from vaestro.foundation.errors import RecipeError, StorageError, VaestroError
from vaestro.sweeps.ledger import engines
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.schema import sweeps


@contextmanager
def one_line(pattern: str, kind: type[VaestroError] = StorageError) -> Iterator[None]:
    """What is inside raises `kind` in one line that matches `pattern` and tells no password."""
    with pytest.raises(kind) as caught:
        yield
    assert "\n" not in str(caught.value) and "secret" not in str(caught.value)
    assert re.search(pattern, str(caught.value)), caught.value


def test_a_restarted_server_is_waited_for(postgres: Server) -> None:
    """Two threads finish trials while the server is stopped, crashed and started again."""

    def progress(more: int) -> None:
        until = len(acknowledged) + more
        while len(acknowledged) < until:
            assert all(thread.is_alive() for thread in threads)
            time.sleep(0.01)

    said: list[str] = []
    with opened(postgres.database(), said=said) as ledger:
        done = threading.Event()

        def work(number: int) -> None:
            while not done.is_set():
                lease = asked(ledger, 1, f"{number}")
                assert finished(ledger, lease, lease.trials[0].number)
                assert ledger.finish_batch(lease)
                acknowledged.add(lease.batch)

        acknowledged: set[int] = set()
        threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for how in (signal.SIGINT, signal.SIGQUIT):
            progress(10)
            postgres.stop(how)
            time.sleep(0.3)
            postgres.start()
        progress(10)
        done.set()
        for thread in threads:
            thread.join(30)
        batches = {batch.number: batch.state for batch in ledger.batches("s")}
        assert batches == dict.fromkeys(acknowledged, "done")
        check(ledger)
    assert len(said) >= 4 and len(said) % 2 == 0
    assert all(re.search(r"does not answer \(.*again for 30 s$", line) for line in said[::2])
    assert all(line.endswith(" answers again") for line in said[1::2])


def test_a_server_that_stays_down_is_given_up(postgres: Server) -> None:
    said: list[str] = []
    with opened(postgres.database(), 0.6, said=said) as ledger:
        lease = asked(ledger)
        postgres.stop()
        try:
            began = time.monotonic()
            with one_line(r"ledger postgresql\S+ has not answered for 0.6 s \(.*; what it ackno"):
                finished(ledger, lease, 0)
            assert 0.6 <= time.monotonic() - began < 30
            with one_line("has not answered"):
                ledger.sweeps()
            assert len(said) == 1
        finally:
            postgres.start()
        assert finished(ledger, lease, 0)
        assert len(said) == 2


def test_what_does_not_pass_is_said_at_once(postgres: Server) -> None:
    postgres.sql("CREATE ROLE reader LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    reader = postgres.url("postgres").replace("vaestro@", "reader@")
    nowhere = postgres.url("nowhere")
    nobody = nowhere.replace("vaestro@", "ghost:secret@")
    for url, words in {
        nowhere: "no such database: .*: make it with createdb",
        nobody: r"refuses the user: .*: correct the user or the password",
        reader: "the user may not do this: permission denied .* let the user make tables",
    }.items():
        began = time.monotonic()
        with one_line(words):
            Ledger(url)
        assert time.monotonic() - began < 30


def test_a_process_that_stops_inside_a_transaction_holds_up_nobody(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session is ended by the server; when it goes on, its call is made again as a whole."""
    monkeypatch.setattr(engines, "IDLE", 1)
    url = postgres.database()
    with opened(url) as sleeper, opened(url) as other:
        entered, tries = threading.Event(), []

        def work(connection: Any) -> None:
            connection.execute(update(sweeps).values(name=f"try {len(tries)}"))
            tries.append(1)
            entered.set()
            if len(tries) == 1:
                time.sleep(5)

        thread = threading.Thread(target=sleeper._database.write, args=(work,))
        thread.start()
        entered.wait()
        began = time.monotonic()
        other.set_state("s", "stopped")
        assert thread.is_alive() and time.monotonic() - began < 5
        thread.join()
        assert (other.sweep("s").name, other.sweep("s").state) == ("try 1", "stopped")


def test_a_locked_file_is_waited_for_and_given_up(tmp_path: Path) -> None:
    said: list[str] = []
    path = tmp_path / "l.db"
    with opened(f"sqlite:///{path}", 0.3, said=said) as ledger:
        lease = asked(ledger)
        with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as lock:
            lock.execute("BEGIN EXCLUSIVE")
            with one_line(r"l\.db has not answered for 0.3 s \(another process holds it locked\)"):
                finished(ledger, lease, 0)
            release = threading.Timer(0.1, lock.execute, ("ROLLBACK",))
            release.start()
            assert finished(ledger, lease, 0)
            release.join()
        assert [line.rpartition("l.db ")[2] for line in said] == [
            "does not answer (another process holds it locked); nothing is lost, "
            "trying again for 0.3 s",
            "answers again",
        ]


@pytest.mark.parametrize("limit", ["pages", "file"])
def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path, limit: str) -> None:
    with opened(f"sqlite:///{tmp_path}/l.db") as ledger:
        asked(ledger)
        before = ledger.trials("s")
        with filled(ledger, limit), one_line(r"cannot be used: the disk .*: free some space"):
            for _ in range(100):
                before = list(ledger.trials("s"))
                asked(ledger, 50)
        assert ledger.trials("s") == before
        asked(ledger, 50)
        check(ledger)


@contextmanager
def filled(ledger: Ledger, limit: str) -> Iterator[None]:
    """A disk on which a file can have 80 kB."""
    if limit == "file":
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, old[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
            signal.signal(signal.SIGXFSZ, handler)
        return
    engine = ledger._database.engine

    def limited(connection: Any, pages: int = 20) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    event.listen(engine, "begin", limited)
    yield
    event.remove(engine, "begin", limited)
    with engine.connect() as connection:
        limited(connection, 1_000_000)


def test_what_is_no_ledger_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("beta above 1, reconstruction first\n" * 99)
    (tmp_path / "folder.db").mkdir()
    for name, words in {
        "notes.txt": r"notes\.txt cannot be used: it is no SQLite database; .*: give another file",
        "folder.db": r"folder\.db cannot be used: it cannot be opened; .*folder that exists",
        "absent/l.db": r"absent/l\.db cannot be used: it cannot be opened; .*folder that exists",
    }.items():
        with one_line(words):
            Ledger(f"sqlite:///{tmp_path}/{name}")
    assert (tmp_path / "notes.txt").read_text().startswith("beta above 1")


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    with opened(f"sqlite:///{path}") as ledger:
        asked(ledger, 50)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with one_line("cannot be used: it is damaged; .*: restore the file from a copy"):
        Ledger(f"sqlite:///{path}")


def test_a_read_only_folder_is_said() -> None:
    """In a process of its own that is not root, whom no permission stops."""
    with tempfile.TemporaryDirectory() as folder:
        with opened(f"sqlite:///{folder}/old.db") as ledger:
            lease = asked(ledger)
        Path(folder).chmod(0o555)
        answers = [
            as_nobody(lambda: Ledger(f"sqlite:///{folder}/new.db")),
            as_nobody(lambda: finished(Ledger(f"sqlite:///{folder}/old.db"), lease, 0)),
        ]
        Path(folder).chmod(0o755)
    assert re.search(r"new\.db cannot be used: it cannot be opened; .*be written$", answers[0])
    assert re.search(r"old\.db cannot be used: it cannot be written; .*be written$", answers[1])


def as_nobody(call: Any) -> str:
    """What the StorageError of `call` says in a child process without root's rights."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            call()
        except StorageError as fault:
            os.write(writes, str(fault).encode())
        finally:
            os._exit(0)
    os.close(writes)
    os.waitpid(child, 0)
    with os.fdopen(reads) as answer:
        return answer.read()


@pytest.mark.parametrize(
    ("url", "words"),
    {
        "s/ledger.db": "URL cannot be read; legal: sqlite:///FILE or postgresql://USER@HOST/DATAB",
        "sqlite://": "in memory keeps nothing; legal: sqlite",
        "sqlite:///:memory:": "in memory keeps nothing",
        "mysql://me:secret@host/db": "URL begins with mysql://; legal: sqlite",
        "postgresql+asyncpg://host/db": r"begins with postgresql\+asyncpg://; legal",
    }.items(),
)
def test_a_url_that_names_no_ledger_is_refused(url: str, words: str) -> None:
    with one_line(words, RecipeError):
        Ledger(url)


def test_a_missing_driver_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with one_line(r"needs psycopg, .*: pip install 'vaestro\[postgresql\]'$", RecipeError):
        Ledger("postgresql://host/db")
