"""Uploads become packed pictures in a process of their own, which is ended where one takes too long.

Size and pixels bound most formats, and Pillow decodes the first frame of many alone. Of a JPEG they do not bound the
scans: 400 KB may hold a hundred, each of which goes over all pixels. No thread can be ended within a decoder; a process
can. What it hands back is small, and no decoder sees the upload again.
"""

import atexit
import json
import os
import subprocess
import sys
from dataclasses import asdict
from threading import Event, Lock, Timer
from typing import IO

from pipeline.base.code import ROOT
from pipeline.base.sections import Packing
from pipeline.storage import pixels

LONGEST = 15.0
"""Seconds that one picture may take; the largest that are allowed take five."""
SLOW, OK = "slow", "ok"


class Decoder:
    """Packs pictures, one after the other, in a process that it starts for the first and keeps."""

    def __init__(self, longest: float = LONGEST):
        """`longest` seconds that a picture may take."""
        self._longest, self._lock = longest, Lock()
        self._process: subprocess.Popen | None = None

    def pack(self, data: bytes, packing: Packing) -> bytes:
        """What `pixels.pack` keeps of a picture. Raises `Unusable` as that does, or because it is `slow`."""
        with self._lock:
            process = self._process = self._process or _start()
            ended = Event()
            timer = Timer(self._longest, _end, (process, ended))
            timer.start()
            try:
                _send(process.stdin, asdict(packing), data)
                told, packed = _receive(process.stdout)
            except (EOFError, OSError):
                code = self._close()
                if code > 0 and not ended.is_set():  # by itself, and by no signal such as that for lack of memory
                    raise RuntimeError(f"the process that decodes uploads ended with {code}") from None
                raise pixels.Unusable(SLOW) from None
            finally:
                timer.cancel()
        if told["status"] != OK:
            raise pixels.Unusable(told["status"])
        return packed

    def close(self) -> None:
        """End the process, if there is one; the next picture starts another."""
        with self._lock:
            self._close()

    def _close(self) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.kill()
        process.communicate()  # closes its pipes
        return process.returncode


DECODER = Decoder()
"""The one that all pages of this process share."""
atexit.register(DECODER.close)


def _end(process: subprocess.Popen, ended: Event) -> None:
    ended.set()
    process.kill()


def _start() -> subprocess.Popen:
    """The process; it imports nothing of the folder it runs in, and Ctrl-C, which ends its session, is not for it."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-P", "-c", f"from {__name__} import serve; serve()"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, start_new_session=True, **pipes)


def serve() -> None:
    """Pack what comes on the standard input, until that ends."""
    while True:
        try:
            packing, data = _receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            packed, *_ = pixels.pack(data, Packing(**packing))
            _send(sys.stdout.buffer, {"status": OK}, packed)
        except pixels.Unusable as reason:
            _send(sys.stdout.buffer, {"status": str(reason)}, b"")


def _send(pipe: IO[bytes], told: dict, data: bytes) -> None:
    """Write a line of JSON and what follows it."""
    pipe.write(json.dumps([told, len(data)]).encode() + b"\n" + data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> tuple[dict, bytes]:
    """What `_send` wrote. Raises `EOFError` where it ends before."""
    line = pipe.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    told, size = json.loads(line)
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return told, data
