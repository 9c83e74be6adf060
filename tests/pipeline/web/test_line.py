import asyncio
import contextlib
import threading
import time

import httpx2
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from pipeline.web.line import Line

AT_ONCE = 100


def test_of_a_hundred_at_once_each_is_answered_and_one_at_a_time():
    line, running, most, threads = Line(waiting=3), [], [], set()

    def work():
        running.append(1)
        most.append(len(running))
        threads.add(threading.get_ident())
        time.sleep(0.002)
        running.pop()
        return "done"

    async def answer(_):
        with line.place():
            return PlainTextResponse(await line.run(work))

    async def ask():
        transport = httpx2.ASGITransport(Starlette(routes=[Route("/", answer)]))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            first = await asyncio.gather(*(client.get("/") for _ in range(AT_ONCE)))
            return first, await client.get("/")

    answers, later = asyncio.run(ask())
    served = [a for a in answers if a.status_code == 200]
    refused = [a for a in answers if a.status_code == 503]
    assert 4 <= len(served) < AT_ONCE / 2
    assert len(served) + len(refused) == AT_ONCE
    assert all(int(a.headers["retry-after"]) > 0 and "ask again" in a.text for a in refused)
    assert max(most) == 1
    assert len(threads) == 1
    assert later.text == "done"
    line.close()


def test_a_place_is_free_again_after_work_that_failed():
    line = Line(waiting=0)

    def fail():
        raise ValueError

    async def ask():
        for _ in range(3):
            with line.place(), contextlib.suppress(ValueError):
                await line.run(fail)
            with line.place():
                assert await line.run(lambda: 1) == 1

    asyncio.run(ask())
    line.close()
