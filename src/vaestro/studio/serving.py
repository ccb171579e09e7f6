"""Listening and serving: which addresses are allowed, one socket, one quiet server."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

from vaestro.foundation.errors import RecipeError, UserError
from vaestro.studio.security import LOOPBACK, MOST_BYTES, Hosts

GRACE = 2
"""Seconds in which open pages may take their leave when the studio ends."""


def reached_as(host: str, expose: bool) -> Hosts:
    """The names under which a studio that listens on `host` may be addressed.

    Raises RecipeError for an address that other machines reach unless `expose` says so.
    """
    if _is_loopback(host):
        return Hosts(LOOPBACK | {host.lower()})
    if not expose:
        raise RecipeError(
            f"--host {host} lets other machines reach the studio, which can start runs; legal: an "
            "address of this machine alone such as 127.0.0.1, or add --expose"
        )
    own = {socket.gethostname().lower(), socket.getfqdn().lower(), host.lower()}
    return Hosts(LOOPBACK | own, addresses=True)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket. Raises UserError when the address is taken or not this machine's."""
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.create_server(address[:2], family=kind)
    except OSError as fault:
        raise UserError(
            f"{host}:{port} cannot be listened on ({fault.strerror or fault}); give another --port "
            "(0 takes a free one) or --host"
        ) from None
    with made:
        yield made


def serve(root: Path, token: str, port: int, hosts: Hosts, listener: socket.socket) -> None:
    """Serve the studio until Ctrl-C or a signal to end."""
    import uvicorn

    from vaestro.studio.server import create

    config = uvicorn.Config(
        create(root, token, port, hosts),
        log_level="warning",
        access_log=False,
        ws_max_size=MOST_BYTES,
        ws="websockets-sansio",
        timeout_graceful_shutdown=GRACE,
        server_header=False,
    )
    with suppress(KeyboardInterrupt):  # the server has ended in order and says why again
        uvicorn.Server(config).run(sockets=[listener])
