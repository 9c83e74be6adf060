import logging
import socket

import pytest
import uvicorn

from pipeline import page
from pipeline.base.errors import UserError


@pytest.fixture(autouse=True)
def _loud_again():
    yield
    for room in ("pipeline", "features"):
        logging.getLogger(room).setLevel(logging.NOTSET)


@pytest.fixture
def served(monkeypatch):
    """Settings of the servers that would have run."""
    found = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda server, sockets: found.append(server.config))
    monkeypatch.setattr(page, "_listen", lambda host, port: socket.socket())  # others may listen on 8000
    return found


def test_it_binds_to_the_loopback_unless_told_otherwise(project, served, caplog):
    page.main(project(), [])
    assert (served[0].host, served[0].port) == ("127.0.0.1", 8000)
    assert "password" not in caplog.text
    page.main(project(), ["--host", "0.0.0.0", "--port", "9000"])
    assert (served[1].host, served[1].port) == ("0.0.0.0", 9000)
    assert "--host 0.0.0.0: everybody who reaches this machine can read and ask" in caplog.text


@pytest.mark.parametrize("port", ["0", "70000", "x"])
def test_a_port_that_cannot_be_is_refused(project, served, port):
    with pytest.raises(UserError, match="port"):
        page.main(project(), ["--port", port])
    assert served == []


def test_a_port_that_is_taken_is_one_line(project, monkeypatch):
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: pytest.fail("it serves"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"^--host 127\.0\.0\.1 --port {port}: .*; name others$"):
            page.main(project(), ["--port", str(port)])


def test_an_interrupt_ends_it_quietly(project, monkeypatch):
    def interrupted(_, sockets):
        raise KeyboardInterrupt

    monkeypatch.setattr(page, "_listen", lambda host, port: socket.socket())
    monkeypatch.setattr(uvicorn.Server, "run", interrupted)
    page.main(project(), [])
