"""Who may speak to the studio, and what may be read through it."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import uvicorn
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.sync.client import connect

from tests.made_run import made_run, snapshot
from vaestro.cli.main import main
from vaestro.foundation.errors import RecipeError, UserError
from vaestro.studio import frames
from vaestro.studio.ids import NotThere, find
from vaestro.studio.security import MOST_BYTES, Hosts
from vaestro.studio.server import create
from vaestro.studio.serving import listening, reached_as

TOKEN = "a-token-of-some-length"
HOST = "http://127.0.0.1:8321"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "recipe.yaml").write_text("name: secret\n")
    (tmp_path / "secret" / "manifest.json").write_text('{"name": "secret"}')
    return root


@pytest.fixture
def client(root: Path) -> TestClient:
    return TestClient(create(root, TOKEN, 8321), base_url=HOST, follow_redirects=False)


def get(client: TestClient, address: str, **headers: str) -> Any:
    return client.get(address, headers={**BEARER, **headers})


class TestToken:
    def test_without_it_nothing_is_answered(self, client: TestClient) -> None:
        for address in ("/", "/js/main.js", "/api/runs", "/plotly.min.js", "/none", "/live"):
            answer = client.get(address)
            assert answer.status_code == 403, address
            assert "token" in answer.json()["error"]

    @pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "\u00e9"])
    def test_a_wrong_one_is_refused_everywhere(self, client: TestClient, token: str) -> None:
        assert client.get("/", params={"token": token}).status_code == 403
        bearer = {"Authorization": f"Bearer {token}".encode()}
        assert client.get("/api/runs", headers=bearer).status_code == 403
        client.cookies.set("vaestro-studio-8321", token.encode("ascii", "ignore").decode())
        assert client.get("/api/runs").status_code == 403

    def test_the_first_address_leaves_a_cookie_and_no_token(self, client: TestClient) -> None:
        answer = client.get(f"/?token={TOKEN}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN in cookie
        assert client.get("/").status_code == 200
        assert client.get("/api/runs").json()["ids"] == []

    def test_a_wrong_token_beside_a_good_cookie_is_refused(self, client: TestClient) -> None:
        client.get(f"/?token={TOKEN}")
        assert client.get("/?token=wrong").status_code == 403

    @pytest.mark.parametrize("path", ["//evil.example/x", "/%2F%2Fevil.example", "/\\evil.example"])
    def test_the_way_on_never_leads_to_another_host(self, client: TestClient, path: str) -> None:
        place = client.get(f"{HOST}{path}?token={TOKEN}").headers["location"]
        assert place.startswith("/") and not place.startswith(("//", "/\\"))

    def test_a_cookie_of_another_port_is_not_taken(self, client: TestClient) -> None:
        client.cookies.set("vaestro-studio-9999", TOKEN)
        assert client.get("/api/runs").status_code == 403


class TestHost:
    @pytest.mark.parametrize(
        "host",
        ["evil.example", "127.0.0.1.evil.example", "evil.example:8321", "", "[::2]", "0.0.0.0"],
    )
    def test_a_foreign_name_is_refused_with_the_token(self, client: TestClient, host: str) -> None:
        assert get(client, "/api/runs", Host=host).status_code == 400

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9000", "LOCALHOST", "[::1]:8321"])
    def test_names_of_this_machine_pass(self, client: TestClient, host: str) -> None:
        assert get(client, "/api/runs", Host=host).status_code == 200

    def test_two_host_headers_are_refused(self, client: TestClient) -> None:
        headers = [("Host", "127.0.0.1"), ("Host", "evil.example"), *BEARER.items()]
        assert client.get("/api/runs", headers=headers).status_code == 400

    def test_other_machines_need_the_flag_and_an_address(self) -> None:
        with pytest.raises(RecipeError, match="--expose"):
            reached_as("0.0.0.0", False)
        hosts = reached_as("0.0.0.0", True)
        assert hosts.allow("192.168.1.7:8321") and hosts.allow("localhost")
        assert hosts.allow(socket.gethostname()) and not hosts.allow("evil.example")
        assert reached_as("127.0.0.2", False).allow("127.0.0.2:1")
        assert not Hosts().allow("192.168.1.7")

    def test_a_taken_port_is_one_line(self) -> None:
        with listening("127.0.0.1", 0) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(UserError, match="another --port"), listening("127.0.0.1", port):
                pass


class TestOrigin:
    @pytest.mark.parametrize(
        "origin", ["http://evil.example", "null", "http://127.0.0.1:3000", "https://127.0.0.1:8321"]
    )
    def test_a_foreign_page_may_not_act(self, client: TestClient, origin: str) -> None:
        client.get(f"/?token={TOKEN}")
        answer = client.post("/api/start/check", json={}, headers={"Origin": origin})
        assert answer.status_code == 403
        assert client.post("/api/start/check", json={}).status_code == 403  # no Origin at all

    def test_the_own_page_and_scripts_may(self, client: TestClient) -> None:
        # what they ask is refused for what it says, not for who asks
        assert client.post("/api/start/check", json=[], headers=BEARER).status_code == 400
        client.get(f"/?token={TOKEN}")
        answer = client.post("/api/start/check", json=[], headers={"Origin": HOST})
        assert answer.status_code == 400 and "JSON object" in answer.json()["error"]

    def test_there_is_no_cors(self, client: TestClient) -> None:
        asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
        answers = [
            client.options("/api/runs", headers={**BEARER, **asked}),
            get(client, "/api/runs"),
        ]
        for answer in answers:
            assert not [name for name in answer.headers if name.startswith("access-control")]


class TestSocket:
    @pytest.mark.parametrize(
        ("headers", "cookie"),
        [
            ({"Origin": HOST}, ""),
            ({"Origin": "http://evil.example"}, TOKEN),
            ({}, TOKEN),
            ({"Origin": HOST, "Host": "evil.example"}, TOKEN),
            ({"Origin": HOST}, "wrong"),
        ],
    )
    def test_a_stranger_is_not_let_in(
        self, client: TestClient, headers: dict[str, str], cookie: str
    ) -> None:
        client.cookies.set("vaestro-studio-8321", cookie)
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("ws://127.0.0.1:8321/live", headers=headers),
        ):
            pass

    def test_the_token_in_its_address_opens_nothing(self, client: TestClient) -> None:
        address = f"ws://127.0.0.1:8321/live?token={TOKEN}"
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect(address, headers={"Origin": HOST}),
        ):
            pass

    @pytest.mark.parametrize(
        "frame",
        [b"", b"\x09", b"\x01{", b'\x01{"watch": 1}', b"\x03\xff\xffx", b"\x01" + b"[" * 99999],
    )
    def test_a_damaged_frame_is_answered_and_the_line_stays(
        self, client: TestClient, frame: bytes
    ) -> None:
        headers = {**BEARER, "Origin": HOST}
        with client.websocket_connect("ws://127.0.0.1:8321/live", headers=headers) as line:
            for _ in range(2):
                line.send_bytes(frame)
                answer = line.receive_bytes()
                assert answer[0] == frames.FAILED and json.loads(answer[1:])["error"]


class TestAnswers:
    @pytest.mark.parametrize(
        "address", ["/", "/api/runs", "/api/run?id=none", "/nothing", "/js/api.js"]
    )
    def test_every_answer_is_dressed(self, client: TestClient, address: str) -> None:
        headers = get(client, address).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy and "unsafe-eval" not in policy
        assert "script-src 'self' 'unsafe-inline'" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] in ("no-store", "no-cache")

    def test_refusals_are_dressed_too(self, client: TestClient) -> None:
        assert "content-security-policy" in client.get("/").headers

    def test_the_page_has_no_inline_script_and_nothing_from_elsewhere(
        self, client: TestClient
    ) -> None:
        page = get(client, "/").text
        assert "<script>" not in page and "http://" not in page and "https://" not in page

    def test_a_huge_body_is_refused(self, client: TestClient) -> None:
        huge = b"x" * (MOST_BYTES + 1)
        assert client.post("/api/start/check", content=huge, headers=BEARER).status_code == 413

        def unsaid() -> Iterator[bytes]:
            for _ in range(40):
                yield huge[:65536]

        answer = client.post("/api/start/check", content=unsaid(), headers=BEARER)
        assert answer.status_code == 413 and "MiB" in answer.json()["error"]


CLIMBING = [
    "..",
    "../secret",
    "a/../../secret",
    "/etc",
    "a/./b",
    "a//b",
    "",
    "a\0b",
    "a\\..\\b",
    "x/",
]


class TestIds:
    @pytest.mark.parametrize("identity", [*CLIMBING, "y" * 2000, "%2e%2e/secret", "....//secret"])
    def test_no_id_leads_out(self, client: TestClient, root: Path, identity: str) -> None:
        (root / "a").mkdir()
        with pytest.raises(NotThere):
            find(root, identity)
        for path in ("run", "run/history", "run/kl", "run/report", "explore"):
            answer = client.get(f"/api/{path}", params={"id": identity}, headers=BEARER)
            assert answer.status_code == 404, (path, answer.text)
            assert "secret" not in answer.text.replace(identity, "")

    @pytest.mark.parametrize(
        "path",
        [
            "/../secret/recipe.yaml",
            "/%2e%2e/%2e%2e/secret/recipe.yaml",
            "/js/../../ids.py",
            "/..%2fids.py",
        ],
    )
    def test_no_address_leads_out_of_the_page(self, client: TestClient, path: str) -> None:
        assert get(client, path).status_code == 404

    def test_links_out_of_the_root_are_not_followed(self, client: TestClient, root: Path) -> None:
        (root / "link").symlink_to(root.parent / "secret")
        (root / "loop").symlink_to(root / "loop")
        assert get(client, "/api/runs").json()["ids"] == []
        for identity in ("link", "loop"):
            assert get(client, f"/api/run?id={identity}").status_code == 404

    def test_a_file_that_is_a_link_out_is_not_read(self, client: TestClient, root: Path) -> None:
        run = root / "run"
        run.mkdir()
        (run / "manifest.json").write_text("{}")
        (run / "recipe.yaml").symlink_to(root.parent / "secret" / "recipe.yaml")
        answer = get(client, "/api/run?id=run")
        assert answer.status_code == 400 and "leads out" in answer.json()["error"]
        (row,) = get(client, "/api/runs").json()["rows"]
        assert "leads out" in row["error"] and "secret" not in json.dumps(row)

    def test_a_folder_that_is_a_link_out_is_not_read(self, client: TestClient, root: Path) -> None:
        run, elsewhere = made_run(root / "run"), root.parent / "secret" / "snapshots"
        snapshot(run, "epoch-0001", [1.0])
        picture = "/api/run/picture?id=run&name=thumbnail&epoch=1"
        assert get(client, picture).status_code == 200
        (run / "snapshots").rename(elsewhere)
        (run / "snapshots").symlink_to(elsewhere)
        assert get(client, picture).status_code == 400

    def test_a_report_is_saved_not_shown(self, client: TestClient, root: Path) -> None:
        run = root / "run"
        run.mkdir()
        (run / "report.html").write_text("<script>alert(1)</script>")
        answer = get(client, "/api/run/report?id=run")
        assert answer.headers["content-disposition"].startswith("attachment")
        (run / "report.html").unlink()
        (run / "report.html").symlink_to(root.parent / "secret" / "recipe.yaml")
        assert get(client, "/api/run/report?id=run").status_code == 400


@pytest.fixture
def served(root: Path) -> Iterator[int]:
    """The port of a real server."""
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            create(root, TOKEN, port), log_level="error", ws="websockets-sansio"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield port
        server.should_exit = True
        thread.join()


class TestCommand:
    def test_it_prints_its_address_and_ends_with_ctrl_c(self, root: Path) -> None:
        words = ["studio", str(root), "--no-browser", "--port", "0", "--json"]
        child = subprocess.Popen(
            [sys.executable, "-m", "vaestro", *words], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        told = json.loads(child.stdout.readline())
        assert told["root"] == str(root) and f":{told['port']}/?token=" in told["address"]
        bearer = {"Authorization": f"Bearer {told['address'].partition('token=')[2]}"}
        asked = Request(f"http://127.0.0.1:{told['port']}/api/runs", headers=bearer)
        with urlopen(asked) as answer:
            assert json.load(answer)["ids"] == []
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 0 and child.stdout.read() == ""
        child.stdout.close()

    @pytest.mark.parametrize(
        "words", [["none"], [".", "--host", "0.0.0.0"], [".", "--port", "65536"]]
    )
    def test_a_mistake_is_one_line(
        self, words: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["studio", *words, "--no-browser"])
        assert ended.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_a_change_is_told_through_a_real_socket(root: Path, served: int) -> None:
    headers = {"Cookie": f"vaestro-studio-{served}={TOKEN}"}
    address, origin = f"ws://127.0.0.1:{served}/live", f"http://127.0.0.1:{served}"
    with connect(address, origin=origin, additional_headers=headers) as line:  # type: ignore[arg-type]
        line.send(frames.told(frames.WATCH, {"watch": ["", "new"]}))
        time.sleep(0.3)
        (root / "new").mkdir()
        (root / "new" / "recipe.yaml").write_text("name: new\n")
        told: set[str] = set()
        while told != {"", "new"}:
            frame = line.recv(timeout=10)
            assert isinstance(frame, bytes) and frame[0] == frames.CHANGED
            told |= set(json.loads(frame[1:])["changed"])
