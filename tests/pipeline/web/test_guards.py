import asyncio

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from pipeline.web.guards import DRAINED, HEADERS, Guard, is_loopback


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


def client(host="127.0.0.1", largest=100, url="http://127.0.0.1:8000"):
    app = Guard(Starlette(routes=[Route("/", echo, methods=["GET", "POST"])]), host=host, largest=largest)
    return TestClient(app, base_url=url)


@pytest.mark.parametrize("name", ["localhost", "localhost:9", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"])
def test_the_page_answers_under_names_of_this_machine(name):
    assert client().get("/", headers={"host": name}).status_code == 200


@pytest.mark.parametrize(
    "name", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "192.168.0.7", "", "[::2]"]
)
def test_a_rebound_name_is_not_answered(name):
    answer = client().get("/", headers={"host": name})
    assert answer.status_code == 421
    assert "own address" in answer.text


def test_beyond_the_loopback_numbers_and_the_name_it_is_bound_to_are_known():
    wide, named = client("0.0.0.0"), client("box.local")
    assert wide.get("/", headers={"host": "192.168.0.7:8000"}).status_code == 200
    assert wide.get("/", headers={"host": "evil.example"}).status_code == 421
    assert named.get("/", headers={"host": "box.local:8000"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:8000"},
    ],
)
def test_what_other_pages_send_is_not_read(headers):
    assert client().post("/", content=b"x", headers=headers).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}])
def test_what_the_page_itself_sends_is_read(headers):
    assert client().post("/", content=b"x", headers=headers).text == "1"


def test_other_pages_may_not_read_answers_nor_frame_them():
    headers = client().get("/", headers={"origin": "http://evil.example"}).headers
    assert "access-control-allow-origin" not in headers
    assert headers.items() >= {name.lower(): value for name, value in HEADERS.items()}.items()
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_refusals_bear_the_headers_too():
    assert client().get("/", headers={"host": "evil.example"}).headers["x-content-type-options"] == "nosniff"


def chunks(n):
    for _ in range(n):
        yield b"x" * 40


def test_a_body_is_cut_off_whatever_its_headers_say():
    assert client().post("/", content=b"x" * 100).text == "100"
    assert client().post("/", content=b"x" * 101).status_code == 413
    assert client().post("/", content=chunks(2)).text == "80"
    answer = client().post("/", content=chunks(3))
    assert answer.status_code == 413
    assert "choose smaller ones" in answer.text


def sent_to(app, parts, headers=()):
    """What an application answers to a body in parts, and how many of them it took."""
    answers, taken = [], []

    async def receive():
        taken.append(1)
        return {"type": "http.request", "body": b"x" * 40, "more_body": len(taken) < parts}

    async def send(message):
        answers.append((message, len(taken)))

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"host", b"127.0.0.1"), *headers]}
    asyncio.run(app(scope, receive, send))
    return answers[0][0]["status"], answers[0][1]


async def refuse(scope, receive, send):
    await PlainTextResponse("busy", 503)(scope, receive, send)


def test_a_refused_body_is_read_before_the_answer_as_far_as_is_bearable():
    assert sent_to(Guard(refuse, host="127.0.0.1", largest=100), 3) == (503, 3)
    assert sent_to(Guard(refuse, host="127.0.0.1", largest=100), 10_000) == (503, DRAINED * 100 // 40 + 1)
    foreign = [(b"origin", b"http://evil.example")]
    assert sent_to(Guard(refuse, host="127.0.0.1", largest=100), 3, foreign) == (403, 3)


@pytest.mark.parametrize(("host", "own"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)])
def test_which_hosts_are_this_machine_alone(host, own):
    assert is_loopback(host) is own
