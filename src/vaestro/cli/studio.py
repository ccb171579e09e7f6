"""vaestro studio"""

import json as plain_json
import secrets
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from vaestro.cli.output import Json
from vaestro.foundation.errors import RunFolderError
from vaestro.studio.serving import listening, reached_as, serve

RUNS = Path("runs")
"""Where `train` puts runs when no folder is said."""


def studio(
    root: Path | None = None,
    /,
    *,
    port: Annotated[
        int, Parameter(help="0 takes a free one.", validator=validators.Number(gte=0, lte=65535))
    ] = 8321,
    browser: Annotated[bool, Parameter(help="Open the address in the browser.")] = True,
    host: Annotated[str, Parameter(help="The address to listen on.")] = "127.0.0.1",
    expose: Annotated[
        bool, Parameter(negative="", help="Allow a --host that other machines reach.")
    ] = False,
    json: Json = False,
) -> int:
    """Show the runs and sweeps under ROOT on a local web page, and start new ones.

    ROOT is runs/ when left out. The address that is printed holds a secret token: whoever has it
    can start runs in your name.
    """
    where = _folder(root)
    hosts = reached_as(host, expose)
    token = secrets.token_urlsafe(24)
    with listening(host, port) as socket:
        taken = socket.getsockname()[1]
        named = f"[{host}]" if ":" in host else host
        address = f"http://{named}:{taken}/?token={token}"
        _say(address, where, taken, json)
        if browser:
            webbrowser.open(address)
        serve(where, token, taken, hosts, socket)
    return 0


def _folder(root: Path | None) -> Path:
    if root is None:
        RUNS.mkdir(exist_ok=True)
        return RUNS
    if not root.is_dir():
        raise RunFolderError(f"{root} is no folder; give one that holds runs, or none for runs/")
    return root


def _say(address: str, root: Path, port: int, json: bool) -> None:
    """One line on stdout, before anything is served."""
    record = {"address": address, "root": str(root.resolve()), "port": port}
    print(plain_json.dumps(record) if json else address, flush=True)
    if not json:
        print(f"studio over {root}; Ctrl-C ends it, runs go on", file=sys.stderr)
