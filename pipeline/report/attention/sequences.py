"""Which earlier posts a prediction leaned on: results/plots/attention_past.png, as the DSN paper's Figure 4.

Of the first system of params.yaml that asks the posts before a post, its first seed and the first target. The post is
the test post whose absolute error is the median among those with the most posts before them, in a box; beside it, in
order of time, those before it, at most `BEFORE`. Truths are shown and were no input.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from models.trained import Trained
from pipeline.base import targets
from pipeline.base.paths import Paths
from pipeline.report.attention import showcase
from pipeline.report.attention.charts import Cell, figure, png
from pipeline.report.attention.viewer import Viewer
from pipeline.report.charts import number, short
from pipeline.storage import packs, store
from pipeline.storage.examples import post_rows

BEFORE = 7
"""Posts before the one that is predicted, as in the paper."""
TEXTS, LEVELS = ("title", "text"), ("category", "subcategory", "concept")
NO_PICTURE = np.full((72, 96, 3), 235, dtype=np.uint8)


def draw(paths: Paths, systems: Mapping[str, Trained], transforms: Mapping[str, str], folder: Path) -> None:
    """Write the picture into `folder`, where there is a system and a post for it."""
    target, transform = next(iter(transforms.items()))
    for trained in systems.values():
        if trained.run and trained.kind.looks and "past" in _kinds(paths, trained.name):
            drawn = of_system(paths, Viewer(paths, trained, target), targets.label(target, transform))
            if drawn is not None:
                with store.atomic(folder / "attention_past.png") as temporary:
                    temporary.write_bytes(png(drawn))
                return


def _kinds(paths: Paths, name: str) -> list[str]:
    path = paths.attention(name)
    return pq.read_schema(path).names if path.exists() else []


def of_system(paths: Paths, viewer: Viewer, label: str) -> Figure | None:
    """The picture of one system; None where no test post has a post before it."""
    table = pq.read_table(paths.attention(viewer.name), columns=["post_id", "past", "past_post_id"]).to_pandas()
    weights, before = (
        np.stack(table[name].to_list()) if len(table) else np.zeros((0, 0)) for name in table.columns[1:]
    )
    counts = (before != "").sum(axis=1)  # [n]
    if not counts.max(initial=0):
        return None
    longest = table.loc[counts == counts.max(), "post_id"]
    candidates = viewer.predictions()
    (post_id,) = showcase.ordinary(candidates[candidates["post_id"].isin(longest)])
    row = int(np.flatnonzero(table["post_id"] == post_id)[0])
    shown = [place for place in range(before.shape[1])[-BEFORE:] if before[row, place]]
    prediction = candidates.set_index("post_id").loc[post_id, "prediction"]
    *earlier, own = described(paths, viewer, [*before[row, shown], post_id])
    cells = [replace(cell, share=float(share)) for cell, share in zip(earlier, weights[row, shown], strict=True)]
    cells.append(replace(own, title=f"predicted: {number(prediction)}", boxed=True))
    return figure([cells], title=f"{short(viewer.name)}: {label} of one test post, and the posts before it", width=1.7)


def described(paths: Paths, viewer: Viewer, post_ids: Sequence[str]) -> list[Cell]:
    """What is shown of each post, whatever part it is of: its picture, its words and categories, and its truth."""
    columns = [*TEXTS, *LEVELS, viewer.target, "posted_at", "collected_at"]
    posts = post_rows(paths, list(post_ids), columns)
    truth = viewer.trained.transform(viewer.target).apply(
        posts[viewer.target].to_numpy(np.float64, na_value=np.nan), targets.days_online(posts)
    )
    said = posts.reindex(columns=[*TEXTS, *LEVELS]).astype(object).fillna("").astype(str)
    categories = said[list(LEVELS)].agg(lambda levels: " / ".join(filter(None, levels)), axis=1)
    titles = said["title"].where(said["title"] != "", said["text"])
    words = categories.where(categories == "", categories + ": ") + titles
    return [
        Cell(short(post_id, 20), picture, f"real: {number(y)}" if np.isfinite(y) else "", text.strip())
        for post_id, picture, y, text in zip(post_ids, pictures(paths, post_ids), truth, words, strict=True)
    ]


def pictures(paths: Paths, post_ids: Sequence[str]) -> list[np.ndarray]:
    """Packed pixels of posts, uint8 RGB [h, w, 3] each; grey where a post has none."""
    index = store.read_frame(paths.images / "index.parquet", ["post_id", "image_id"]).set_index("post_id")["image_id"]
    image_ids = index.reindex(list(post_ids))
    pixels = dict(packs.read_images(paths.images, image_ids.dropna().tolist()))
    return [NO_PICTURE if pd.isna(image_id) else pixels[image_id] for image_id in image_ids]
