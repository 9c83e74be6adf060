"""Who is served now, who waits, and who is asked to come back."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from starlette.exceptions import HTTPException

T = TypeVar("T")
WAITING = 4
"""Requests that wait for their turn; each may hold its pictures in memory."""
RETRY = 5
"""Seconds after which somebody who was sent away may try again."""
BUSY = "Others are being answered just now; please ask again in a few seconds."


class Line:
    """One thread that works, one request after the other, and at most `waiting` that wait for it."""

    def __init__(self, *, waiting: int = WAITING):
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="asking")
        self._most, self._inside = waiting + 1, 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the line, taken before anything of a request is read. Raises a 503 where there is none."""
        if self._inside >= self._most:
            raise HTTPException(503, BUSY, {"Retry-After": str(RETRY), "Connection": "close"})
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """What `work` returns, in the thread; to be called by those who have a place."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def start(self, work: Callable[[], object]) -> None:
        """Do `work` before all that is asked; nobody waits for what it returns."""
        self._pool.submit(work)

    def close(self) -> None:
        """Let the work that runs end, and start none that waits."""
        self._pool.shutdown(cancel_futures=True)
