"""Answers of the page on the embedded sample's tour, against bare features and predictions of the same drafts.

Takes the project it is run in: `make repro` first. In seconds of CPU, for a page that waits does not count.
"""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import cv2
import pandas as pd
from starlette.testclient import TestClient

from benchmarks.measure import Measure
from pipeline.asking.drafts import read
from pipeline.asking.forecaster import Forecaster
from pipeline.base import params
from pipeline.base.paths import Paths
from pipeline.storage import packs, store
from pipeline.web import app
from pipeline.web.desk import Desk
from pipeline.web.line import Line

LATER = 5
HOST = "http://127.0.0.1"
TEXT = "The golden lake we saw that day, at last."


def run(folder: Path) -> Iterator[Measure]:
    """The first answer once the page has started, and later ones: of the best system and of one that reads pictures."""
    paths = Paths()
    names = Desk(paths).askable() if paths.params.exists() else []
    if not names:
        return
    pictures = list(_pictures(paths, folder))
    looking = [name for name in names if "image" in Desk(paths).reads(name)]
    for name in dict.fromkeys([names[0], *looking[:1]]):
        bare = _bare(paths, name, pictures)
        taken = _answers(paths, name, pictures)
        limit = f"bare features and prediction of {name}"
        aim = "aim 3 s" if name == names[0] else ""  # the one that the page asks itself beforehand
        yield Measure("page, first answer", limit, taken[0], bare, "s of CPU", aim)
        yield Measure("page, later answers", limit, min(taken[1:]), bare, "s of CPU", "aim 1 s")


def _answers(paths: Paths, name: str, pictures: list[Path]) -> list[float]:
    """What each answer of a page that has just started takes."""
    line, started = Line(), Event()
    with TestClient(app.make(paths, warm=True, line=line), base_url=HOST) as client:
        line.start(started.set)
        started.wait()
        page = client.get("/").text
        token = re.findall('name="token" value="([^"]+)"', page)[0]
        return [_cpu(lambda picture=picture: _ask(client, token, name, picture)) for picture in pictures]


def _pictures(paths: Paths, folder: Path) -> Iterator[Path]:
    """Some pictures of the dataset as files, each once."""
    index = store.read_frame(paths.images / "index.parquet", ["image_id"])["image_id"].dropna().unique()
    for i, (_, pixels) in enumerate(packs.read_images(paths.images, index[: LATER + 1].tolist())):
        cv2.imwrite(str(folder / f"{i}.png"), pixels[..., ::-1])
        yield folder / f"{i}.png"


def _bare(paths: Paths, name: str, pictures: list[Path]) -> float:
    """The best time of one draft by an opened forecaster, whose networks are read."""
    p = params.load(paths.params)
    forecaster = Forecaster(paths, p, name, cache=pictures[0].parent / "cache")
    columns = dict.fromkeys(Desk(paths).reads(name))
    taken = []
    for picture in pictures:
        file = picture.with_suffix(".csv")
        row = {**columns, "text": TEXT, "image": picture.name, "posted_at": "2023-06-01T18:00Z"}
        pd.DataFrame([row]).to_csv(file, index=False)
        taken.append(_cpu(lambda file=file: forecaster(read(paths, p, file, days=7))))
    return min(taken)


def _ask(client: TestClient, token: str, system: str, picture: Path) -> None:
    fields = {
        "token": token,
        "system": system,
        "why": "1",
        "0.text": TEXT,
        "0.posted_at": "2023-06-01T18:00",
        "days": "7",
    }
    with picture.open("rb") as file:
        answer = client.post("/ask", data=fields, files={"0.image": file})
    answer.raise_for_status()


def _cpu(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start
