"""A PostgreSQL of the tests' own: started from the system's packages, stopped, killed, restarted.

It listens on a Unix socket in a folder of its own, runs as another user when we are root, whom
PostgreSQL refuses, and has the settings that it comes with.
"""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

USER = "vaestro"


def memory() -> str | None:
    """A folder in memory with room for a server, None where there is none.

    Nothing here pulls the plug of the machine, and killed processes lose no files; a busy disk
    would only make the tests slow.
    """
    folder = Path("/dev/shm")
    room = folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free
    return str(folder) if room > 1e9 else None


def binaries() -> Path | None:
    """The folder of PostgreSQL's programs, the newest version's; None where there are none."""
    packaged = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3])
    )
    found = shutil.which("postgres")
    candidates = [*([Path(found).resolve()] if found else []), *packaged]
    return candidates[-1].parent if candidates else None


class Server:
    """A PostgreSQL server that can be stopped, killed and started again on the same data."""

    def __init__(self, programs: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vaestro-pg-", dir=memory()))
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count()
        self._user: str | None = None
        if os.geteuid() == 0:
            self._user = "postgres" if _exists("postgres") else "nobody"
            shutil.chown(self.folder, self._user)
        self._run("initdb", "-D", self._data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C")

    def start(self) -> None:
        """Start and wait until it answers."""
        log = (self.folder / "log").open("ab")
        command = [self._programs / "postgres", "-D", self._data, "-k", self.folder]
        settings = ["-c", "listen_addresses=", "-c", "max_connections=200"]
        with log:
            self._process = subprocess.Popen(
                [*command, *settings], cwd=self.folder, stdout=log, stderr=log, **self._as_user()
            )
        self._wait()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT rolls back what runs, SIGQUIT is a crash of every process of it."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(30)
        self._process = None

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it and start it on the same data."""
        self.stop(how)
        self.start()

    def database(self) -> str:
        """The URL of a new empty schema, which is a database of its own to whoever opens it.

        A real one would be hundreds of files, and after a crash the server syncs every file.
        """
        schema = f"t{next(self._numbers)}"
        self.sql(f"CREATE SCHEMA {schema}")
        return f"{self.url('postgres')}&options=-csearch_path%3D{schema}"

    def url(self, name: str) -> str:
        """The URL of the database `name`."""
        return f"postgresql://{USER}@/{name}?host={self.folder}"

    def sql(self, command: str, database: str = "postgres") -> str:
        """What psql prints for `command`."""
        where = ["-h", self.folder, "-U", USER, "-d", database]
        return self._run("psql", *where, "-XAtqc", command)

    def remove(self) -> None:
        """End it and delete its data."""
        if self._process is not None:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _as_user(self) -> dict[str, object]:
        if self._user is None:
            return {}
        return {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid, "extra_groups": []}

    def _run(self, program: str, *arguments: object) -> str:
        command = [str(self._programs / program), *map(str, arguments)]
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, **self._as_user()
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"
        return done.stdout.strip()

    def _wait(self) -> None:
        until = time.monotonic() + 60
        ready = [self._programs / "pg_isready", "-q", "-h", self.folder]
        while subprocess.run(ready).returncode != 0:
            log = (self.folder / "log").read_text()
            assert self._process is not None and self._process.poll() is None, log
            assert time.monotonic() < until, f"PostgreSQL did not start: {log}"
            time.sleep(0.05)


def _exists(user: str) -> bool:
    return any(entry.pw_name == user for entry in pwd.getpwall())


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A new empty database, once of each kind."""
    if request.param == "sqlite":
        with tempfile.TemporaryDirectory(prefix="vaestro-", dir=memory()) as folder:
            yield f"sqlite:///{folder}/ledger.db"
        return
    server: Server = request.getfixturevalue("postgres")
    yield server.database()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A running server, one for the session; skipped where none is installed, never in CI."""
    programs = binaries()
    if programs is None:
        if os.environ.get("VAESTRO_CI") == "1":
            pytest.fail("CI needs PostgreSQL's programs; list postgresql in .ci/packages")
        pytest.skip("no PostgreSQL on this machine: apt-get install postgresql")
    server = Server(programs)
    try:
        server.start()
        yield server
    finally:
        server.remove()
