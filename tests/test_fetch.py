"""Fetching public data sets by name, against a server of our own."""

import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from vaestro.cli.fetch import fetch as fetch_command
from vaestro.data import transfer
from vaestro.data.downloads import DOWNLOADS, MNIST, Download, RemoteFile
from vaestro.data.fetch import Fetched, fetch
from vaestro.foundation.errors import DataError, StorageError

CONTENT = np.random.default_rng(0).bytes(1_000_000)
HALF = 400_000


@dataclass
class Site:
    """What the server serves, how it misbehaves, and what it was asked: (path, range)."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    break_after: list[int] = field(default_factory=list)
    stall_after: int | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    base: str = ""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "*")
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, self.headers.get("Range")))
            content = site.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            start = 0
            wanted = self.headers.get("Range")
            if wanted and site.ranges:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(content)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end = site.break_after.pop(0) if site.break_after else len(content)
            site.sent.append(max(0, end - start))
            self.wfile.write(content[start:end])
            if site.stall_after is not None:
                self.wfile.flush()
                time.sleep(site.stall_after)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    site.base = f"http://127.0.0.1:{server.server_address[1]}"
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


def sha(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def one_file(*urls: str, checksum: str = sha(CONTENT)) -> dict[str, Download]:
    file = RemoteFile("a.bin", checksum, urls, len(CONTENT))
    return {"small": Download("small", "a test", (file,), ("data=idx",), "digits")}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refused(folder: Path, known: dict[str, Download]) -> str:
    with pytest.raises(DataError) as fault:
        fetch("small", folder, known=known)
    assert "\n" not in str(fault.value)
    return str(fault.value)


def test_a_file_is_fetched_once_and_whole(site: Site, tmp_path: Path) -> None:
    site.files["/a"] = CONTENT
    known = one_file(f"{site.base}/a")
    told: list[tuple[str, int, int | None]] = []
    got = fetch("small", tmp_path / "deep" / "er", lambda *now: told.append(now), known)
    folder = tmp_path / "deep" / "er"
    assert (folder / "a.bin").read_bytes() == CONTENT
    assert names(folder) == ["a.bin"]
    assert got == Fetched(
        "small", folder, ("a.bin",), len(CONTENT), ("a.bin",), ("data=idx", f"data.path={folder}")
    )
    sizes = [size for _, size, _ in told]
    assert sizes == sorted(sizes) and sizes[0] == 0 and sizes[-1] == len(CONTENT)
    assert {(name, total) for name, _, total in told} == {("a.bin", len(CONTENT))}
    again = fetch("small", folder, known=known)
    assert again.new == () and again.bytes == len(CONTENT)
    assert site.asked == [("/a", None)]
    json.dumps(again.record())


def test_a_wrong_file_that_lies_there_is_replaced(site: Site, tmp_path: Path) -> None:
    site.files["/a"] = CONTENT
    (tmp_path / "a.bin").write_bytes(CONTENT[:-1])
    assert fetch("small", tmp_path, known=one_file(f"{site.base}/a")).new == ("a.bin",)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_broken_connection_is_taken_up_where_it_broke(site: Site, tmp_path: Path) -> None:
    site.files["/a"] = CONTENT
    site.break_after = [HALF, 700_000]
    fetch("small", tmp_path, known=one_file(f"{site.base}/a"))
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert site.asked == [("/a", None), ("/a", f"bytes={HALF}-"), ("/a", "bytes=700000-")]
    assert sum(site.sent) == len(CONTENT)


def test_a_later_fetch_asks_only_for_the_rest(site: Site, tmp_path: Path) -> None:
    site.files["/a"] = CONTENT
    site.break_after = [HALF] * transfer.TRIES
    text = refused(tmp_path, one_file(f"{site.base}/a"))
    assert "broke off" in text and "400,000 bytes" in text
    assert names(tmp_path) == ["a.bin.part"]
    assert (tmp_path / "a.bin.part").read_bytes() == CONTENT[:HALF]
    site.asked.clear()
    fetch("small", tmp_path, known=one_file(f"{site.base}/a"))
    assert site.asked == [("/a", f"bytes={HALF}-")]
    assert site.sent[-1] == len(CONTENT) - HALF
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert names(tmp_path) == ["a.bin"]


def test_a_server_without_ranges_starts_anew(site: Site, tmp_path: Path) -> None:
    site.files["/a"], site.ranges = CONTENT, False
    (tmp_path / "a.bin.part").write_bytes(b"other bytes")
    fetch("small", tmp_path, known=one_file(f"{site.base}/a"))
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert site.asked == [("/a", "bytes=11-")]


def test_remains_of_another_file_are_dropped(site: Site, tmp_path: Path) -> None:
    site.files["/a"] = CONTENT
    for remains in (b"other bytes", CONTENT + b"more", CONTENT[::-1]):
        (tmp_path / "a.bin.part").write_bytes(remains)
        (tmp_path / "a.bin").unlink(missing_ok=True)
        fetch("small", tmp_path, known=one_file(f"{site.base}/a"))
        assert (tmp_path / "a.bin").read_bytes() == CONTENT
        assert names(tmp_path) == ["a.bin"]


def test_remains_that_are_whole_are_taken_without_a_byte(site: Site, tmp_path: Path) -> None:
    site.files["/a"] = CONTENT
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    fetch("small", tmp_path, known=one_file(f"{site.base}/a"))
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert site.sent == []


def test_a_wrong_checksum_leaves_nothing(site: Site, tmp_path: Path) -> None:
    site.files["/a"] = b"not what was published"
    text = refused(tmp_path, one_file(f"{site.base}/a"))
    assert sha(CONTENT).removeprefix("sha256:") in text
    assert sha(site.files["/a"]).removeprefix("sha256:") in text
    assert "a.bin" in text and "removed" in text
    assert names(tmp_path) == []
    digits = hashlib.md5(CONTENT).hexdigest()
    site.files["/a"] = CONTENT
    assert fetch("small", tmp_path, known=one_file(f"{site.base}/a", checksum=f"md5:{digits}")).new


def test_mirrors_are_tried_in_order(site: Site, tmp_path: Path) -> None:
    site.files |= {"/wrong": b"x", "/a": CONTENT, "/never": CONTENT}
    urls = [f"{site.base}/{name}" for name in ("absent", "wrong", "a", "never")]
    fetch("small", tmp_path, known=one_file(*urls))
    assert [path for path, _ in site.asked] == ["/absent", "/wrong", "/a"]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    (tmp_path / "a.bin").unlink()
    assert "404" in refused(tmp_path, one_file(urls[0]))


def test_without_a_network_one_line_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    known = one_file(f"http://127.0.0.1:{port}/a", "http://no-such-host.invalid/b/a.bin")
    text = refused(tmp_path, known)
    assert f"127.0.0.1:{port}" in text and "refused" in text and "no-such-host.invalid" in text
    assert f"http://127.0.0.1:{port}/a as a.bin" in text
    assert f"put them into {tmp_path}" in text
    assert "--set data=digits" in text
    assert names(tmp_path) == []


def test_what_is_named_to_be_fetched_elsewhere_is_what_is_missing(tmp_path: Path) -> None:
    gone = "http://no-such-host.invalid/"
    files = tuple(RemoteFile(name, sha(b"1"), (gone + name,)) for name in ("one", "two", "three"))
    (tmp_path / "one").write_bytes(b"1")
    known = {"small": Download("small", "", files, ("data=idx",), "toys")}
    text = refused(tmp_path, known)
    assert f"{gone}two; {gone}three; or train" in text and f"{gone}one" not in text
    for name in ("two", "three"):
        (tmp_path / name).write_bytes(b"1")
    assert fetch("small", tmp_path, known=known).bytes == 3


def test_a_server_that_stalls_is_given_up(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(transfer, "TRIES", 1)
    site.files["/a"], site.break_after, site.stall_after = CONTENT, [HALF], 1
    assert "timed out" in refused(tmp_path, one_file(f"{site.base}/a"))
    assert (tmp_path / "a.bin.part").stat().st_size <= HALF


def test_a_killed_process_leaves_only_the_part(site: Site, tmp_path: Path) -> None:
    site.files["/a"], site.break_after, site.stall_after = CONTENT, [HALF], 30
    program = (
        "from pathlib import Path; from vaestro.data.fetch import fetch;"
        "from vaestro.data.downloads import Download, RemoteFile;"
        f"f = RemoteFile('a.bin', '{sha(CONTENT)}', ('{site.base}/a',));"
        f"fetch('s', Path({str(tmp_path)!r}), known={{'s': Download('s', '', (f,), (), 'toys')}})"
    )
    process = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "no_proxy": "*"})
    part = tmp_path / "a.bin.part"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (part.exists() and part.stat().st_size >= 262_144):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert names(tmp_path) == ["a.bin.part"]
    left = part.read_bytes()
    assert left and left == CONTENT[: len(left)]
    site.stall_after = None
    site.asked.clear()
    fetch("small", tmp_path, known=one_file(f"{site.base}/a"))
    assert site.asked == [("/a", f"bytes={len(left)}-")]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_an_archive_is_unpacked_once(site: Site, tmp_path: Path) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in ("deep/one.trk", "../two.trk", "__MACOSX/deep/._one.trk", "deep/"):
            archive.writestr(name, b"" if name.endswith("/") else name)
    site.files["/a"] = held.getvalue()
    file = RemoteFile("a.zip", sha(held.getvalue()), (f"{site.base}/a",))
    small = Download("small", "", (file,), ("data=streamlines",), "bundles", "lines", "lines")
    folder = tmp_path / "here"
    got = fetch("small", folder, known={"small": small})
    assert got.settings == ("data=streamlines", f"data.path={folder / 'lines'}")
    assert names(folder) == ["a.zip", "lines"] and names(tmp_path) == ["here"]
    assert names(folder / "lines") == ["one.trk"]
    (folder / "lines" / "one.trk").write_bytes(b"mine")
    fetch("small", folder, known={"small": small})
    assert (folder / "lines" / "one.trk").read_bytes() == b"mine"


def test_unfit_names_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="'mnits' to fetch: did you mean mnist"):
        fetch("mnits")
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(DataError, match="is a file; give a folder"):
        fetch("mnist", file)
    with pytest.raises(StorageError, match="cannot be written"):
        fetch("mnist", file / "below")
    monkeypatch.setenv("VAESTRO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    known = one_file("http://no-such-host.invalid/a")
    with pytest.raises(DataError, match=str(tmp_path / "cache" / "small")):
        fetch("small", known=known)


def test_the_command(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site.files["/a"] = CONTENT
    monkeypatch.setitem(DOWNLOADS, "small", one_file(f"{site.base}/a")["small"])
    folder = tmp_path / "a folder"
    fetch_command("small", to=folder)
    said = capsys.readouterr()
    assert "1 file, 1.0 MB" in said.out and "(1 fetched)" in said.out
    assert f"use it with --set data=idx --set 'data.path={folder}'" in said.out
    assert "fetching a.bin (1.0 MB)" in said.err
    fetch_command("small", to=folder, json=True)
    said = capsys.readouterr()
    record = json.loads(said.out)
    assert record["new"] == [] and record["bytes"] == len(CONTENT)
    assert record["set"] == ["data=idx", f"data.path={folder}"]
    assert "all there already" in said.err and "fetching" not in said.err


def test_the_register_is_sound() -> None:
    for name, known in DOWNLOADS.items():
        assert name == known.name and known.files and known.about
        assert known.stand_in in ("digits", "toys", "sprites", "bundles")
        for file in known.files:
            algorithm, digits = file.checksum.split(":")
            assert len(digits) == {"sha256": 64, "md5": 32}[algorithm]
            assert set(digits) <= set("0123456789abcdef")
            assert file.urls and all(url.startswith("http") for url in file.urls)
        assert len({file.checksum for file in known.files}) == len(known.files)


def test_real_files_have_the_published_checksums(real_data: Path) -> None:
    """The training images of this folder were compressed anew; the others are as published."""
    for file in MNIST.files[1:]:
        content = (real_data / "mnist" / file.name).read_bytes()
        assert (sha(content), len(content)) == (file.checksum, file.size)
