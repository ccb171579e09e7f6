"""What the studio's benchmark needs around it: runs to look at, a server, a training beside it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

VAESTRO = [sys.executable, "-m", "vaestro"]
TOYS = ["data.azimuths=4", "data.lightings=1", "data.elevations=2", "data.stereo=left"]
PATIENCE = 900.0


class Server(NamedTuple):
    """A studio that listens: its port, token and process number."""

    port: int
    token: str
    pid: int

    def get(self, path: str, **query: object) -> tuple[Any, float, int]:
        """JSON of an address, the seconds that it took, and its bytes."""
        text = f"http://127.0.0.1:{self.port}/api/{path}?{urlencode(query)}"
        request = urllib.request.Request(text, headers={"Authorization": f"Bearer {self.token}"})
        began = time.perf_counter()
        with urllib.request.urlopen(request) as answer:
            body = answer.read()
        return json.loads(body), time.perf_counter() - began, len(body)

    def processor_seconds(self) -> float:
        """Seconds of the processor that the server has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(root: Path) -> Iterator[Server]:
    """`vaestro studio` over `root` in a process of its own."""
    command = [*VAESTRO, "studio", str(root), "--port", "0", "--no-browser", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        token = parse_qs(urlsplit(said["address"]).query)["token"][0]
        yield Server(said["port"], token, process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def train(folder: Path, size: int, *edits: str) -> None:
    """A run of convolutions on images of `size` x `size` pixels, to its end."""
    command = _training(folder, size, "training.epochs=1", *edits)
    subprocess.run(command, check=True, capture_output=True)


def _training(folder: Path, size: int, *edits: str) -> list[str]:
    chosen = [f"--set={edit}" for edit in (f"data.size={size}", *TOYS, *edits)]
    return [*VAESTRO, "train", "images", "--run", str(folder), "--json", *chosen]


@contextmanager
def training(folder: Path, size: int) -> Iterator[None]:
    """A run that goes on, with the number of threads it chooses, from its first record to the
    end of the block."""
    edits = ("training.epochs=100000", "training.monitor=off", "training.early_stopping=null")
    command = _training(folder, size, *edits)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + PATIENCE
        history = folder / "history.jsonl"
        while not history.is_file() or not history.stat().st_size:
            assert process.poll() is None and time.monotonic() < until, "the training ended"
            time.sleep(0.2)
        yield
        assert process.poll() is None, "the training ended before the measurement did"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def many_runs(root: Path, run: Path, count: int) -> None:
    """`count` runs under `root` that are `run` without its model and checkpoints, by hard links."""
    files = [p for p in run.rglob("*") if p.is_file()]
    kept = [p for p in files if p.relative_to(run).parts[0] not in ("model", "checkpoints")]
    for number in range(count):
        for file in kept:
            place = root / f"run-{number:04d}" / file.relative_to(run)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, place)


def long_run(root: Path, run: Path, steps: int) -> Path:
    """A run under `root` like `run` whose history has `steps` records of training."""
    many_runs(root, run, 1)
    folder = (root / "run-0000").rename(root / "long")
    (folder / "history.jsonl").unlink()
    with (folder / "history.jsonl").open("w") as file:
        for step in range(1, steps + 1):
            term = 100 + 50 * 0.999997**step + (step * 7919 % 1000) / 499
            prior, beta = (
                25 - 20 * 0.99998**step + (step * 6367 % 997) / 991,
                min(1, step / 100_000),
            )
            record = {"step": step, "epoch": step // 1000, "split": "train", "data_term": term}
            more = {"prior_term": prior, "loss": term + beta * prior, "beta": beta}
            more["live_dimensions"] = 20 - 15_000 // (step + 1000)
            file.write(json.dumps({**record, **more, "learning_rate": 0.001}) + "\n")
    return folder
