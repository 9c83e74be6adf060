"""Posts of the dataset that are like a draft, with their pictures and what became of them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd

from models.trained import Trained
from pipeline.asking.similar import similar
from pipeline.base.paths import Paths
from pipeline.storage import packs, store
from pipeline.storage.examples import Examples, post_rows

MOST = 3
"""Posts that are shown."""
SIDE = 160
"""Pixels of the longer side of their pictures."""
COLUMNS = ("user_id", "posted_at", "title", "text")


@dataclass(frozen=True)
class Alike:
    """One post of the dataset."""

    words: str
    user: str
    posted: str
    counts: list[tuple[str, float]]
    picture: str | None
    similarity: float


def alike(paths: Paths, trained: Trained, drafts: Examples) -> list[list[Alike]]:
    """Posts like each of the drafts [n], the closest first; none where the system reads no vectors."""
    found = similar(paths, trained, drafts, most=MOST)
    ids = list(dict.fromkeys(post for table in found for post in table["post_id"]))
    if not ids:
        return [[] for _ in found]
    frame = post_rows(paths, ids, [*COLUMNS, *trained.targets]).set_index("post_id")
    pictures = _pictures(paths, ids)
    return [
        [
            _alike(frame.loc[post], list(trained.targets), pictures.get(post), similarity)
            for post, similarity in table.itertuples(index=False)
        ]
        for table in found
    ]


def _alike(row: pd.Series, targets: Sequence[str], picture: str | None, similarity: float) -> Alike:
    words = [str(row[column]) for column in ("title", "text") if column in row and pd.notna(row[column])]
    user = row.get("user_id")
    posted = row.get("posted_at")
    return Alike(
        words[0] if words else "",
        "" if pd.isna(user) else str(user),
        "" if pd.isna(posted) else f"{posted:%Y-%m-%d}",
        [(target, float(row[target])) for target in targets if pd.notna(row[target])],
        picture,
        similarity,
    )


def _pictures(paths: Paths, post_ids: Sequence[str]) -> dict[str, str]:
    """Small copies of the packed pictures of posts, as addresses that hold them."""
    index = paths.images / "index.parquet"
    if not index.exists():
        return {}
    frame = store.read_frame(index, ["post_id", "image_id"]).dropna().set_index("post_id")["image_id"]
    wanted = frame.reindex(post_ids).dropna()
    pixels = dict(packs.read_images(paths.images, wanted.tolist()))
    return {post: _address(pixels[image]) for post, image in wanted.items() if image in pixels}


def _address(rgb: np.ndarray) -> str:
    scale = min(1.0, SIDE / max(rgb.shape[:2]))
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
