"""A local page over the trained systems: ask before you post, read what the pipeline found.

`python -m pipeline.page` answers at http://127.0.0.1:8000, to this machine alone. It writes nothing into the project.
"""

import logging
import socket
from collections.abc import Sequence
from contextlib import suppress

import uvicorn

from pipeline.base.errors import CommandLine, UserError, run_stage
from pipeline.base.paths import Paths
from pipeline.web import app
from pipeline.web.guards import is_loopback

log = logging.getLogger(__name__)

IDLE = 10
"""Seconds that a connection may stay open between two requests."""


def main(paths: Paths = Paths(), arguments: Sequence[str] | None = None) -> None:
    """Read the command line and serve until interrupted."""
    parser = CommandLine(prog="python -m pipeline.page", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--host", default="127.0.0.1", help="address to bind to; any but a loopback one is a risk")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on")
    asked = parser.parse_args(arguments)
    if not 0 < asked.port < 2**16:
        raise UserError(f"--port {asked.port}: a port is a number from 1 to {2**16 - 1}")
    if not is_loopback(asked.host):
        log.warning("--host %s: everybody who reaches this machine can read and ask; there is no password", asked.host)
    listening = _listen(asked.host, asked.port)
    page = app.make(paths, host=asked.host, warm=True)
    settings = {"log_level": "warning", "access_log": False, "server_header": False, "proxy_headers": False}
    server = uvicorn.Server(
        uvicorn.Config(page, host=asked.host, port=asked.port, timeout_keep_alive=IDLE, lifespan="on", **settings)
    )
    log.info("http://%s:%d (Ctrl-C ends it)", asked.host, asked.port)
    for room in ("pipeline", "features"):  # what they did with each draft
        logging.getLogger(room).setLevel(logging.WARNING)
    with listening, suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """A socket there. Raises `UserError` where none can be had."""
    try:
        (family, *_), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UserError(f"--host {host} --port {port}: {error.strerror}; name others") from None


if __name__ == "__main__":
    run_stage(main, writes=False)
