"""Where trained systems looked: results/plots/attention_*.png.

_post shows one post, _systems two posts as several systems see them, _cases those predicted best and worst,
_users posts of two users. All but _systems are of the leading system: the first of params.yaml that weighs
picture against words, one that knows users before one that does not. They are of the first target and the first
seed, and of test posts with a picture and words; which, says `pipeline.report.attention.showcase`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from models.trained import Trained
from pipeline.base import targets
from pipeline.base.paths import Paths
from pipeline.report.attention import showcase
from pipeline.report.attention.charts import Cell, figure, png
from pipeline.report.attention.viewer import Viewer
from pipeline.report.charts import number, short
from pipeline.storage import packs, store
from pipeline.storage.examples import PADDING, post_rows

COLUMNS = 4
"""Cells a row of the picture of several systems."""
TEXTS = ["title", "text"]
MINIMUM_WORDS = 2
"""Words a post must have to be shown: among fewer there is nothing to choose."""
SYSTEMS = 7
"""Systems the picture of several shows."""
LOOKING = {"visual", "textual"}
"""Attention that a system in the pictures has."""


def draw(paths: Paths, systems: Mapping[str, Trained], transforms: Mapping[str, str], folder: Path) -> None:
    """Write the pictures there are systems and posts for into `folder`; `systems` are those of params.yaml, by name.

    `transforms` are the targets of params.yaml. Without pictures, words or systems with attention, nothing.
    """
    target, transform = next(iter(transforms.items()))
    show = prepare(paths, systems, target)
    if show is None:
        return
    for name, drawn in figures(show, targets.label(target, transform)):
        with store.atomic(folder / f"attention_{name}.png") as temporary:
            temporary.write_bytes(png(drawn))


@dataclass(frozen=True)
class Show:
    """Systems that look, the leading one first, and the test posts they can be shown with."""

    paths: Paths
    viewers: list[Viewer]
    posts: pd.DataFrame

    @property
    def leading(self) -> Viewer:
        """Of which most pictures are."""
        return self.viewers[0]


def prepare(paths: Paths, systems: Mapping[str, Trained], target: str) -> Show | None:
    """What there is to show; None where there is nothing."""
    found = viewers(paths, systems, target)
    able = [v for v in found if "inter" in v.kinds]
    if not able:
        return None
    first = min(able, key=lambda viewer: not viewer.users)
    posts = candidates(paths, first)
    return Show(paths, [first, *(v for v in found if v is not first)], posts) if len(posts) else None


def viewers(paths: Paths, systems: Mapping[str, Trained], target: str) -> list[Viewer]:
    """Every trained system with attention to picture and words, in order."""
    found = [Viewer(paths, trained, target) for trained in systems.values() if trained.run and _looks(trained)]
    return [viewer for viewer in found if viewer.kinds >= LOOKING]


def _looks(trained: Trained) -> bool:
    return trained.kind.looks and {"regions", "words"} <= set(trained.entry.arguments.get("features", ()))


def candidates(paths: Paths, viewer: Viewer) -> pd.DataFrame:
    """Test posts with a picture and words, in order of posts.parquet, one for each picture.

    Columns `post_id`, `image_id`, `y`, `prediction`, and `user_id` where there are users.
    """
    index = store.read_frame(paths.images / "index.parquet", ["post_id", "image_id"]).dropna(subset="image_id")
    regions = store.read_feature(paths.feature(viewer.roles["regions"]))
    posts = index[index["post_id"].isin(regions.post_id[regions.valid])]
    posts = posts.merge(viewer.predictions(), on="post_id", validate="one_to_one").drop_duplicates("image_id")
    if not len(posts):
        return posts
    words = viewer.values(viewer.roles["words"], posts["post_id"].tolist())
    posts = posts[(words > PADDING).sum(axis=1) >= MINIMUM_WORDS]
    users = post_rows(paths, posts["post_id"].tolist(), ["user_id"])
    return posts.merge(users, on="post_id", validate="one_to_one").reset_index(drop=True)


def figures(show: Show, label: str) -> Iterator[tuple[str, Figure]]:
    """Each picture by its name; `label` is the score in words."""
    name = short(show.leading.name)
    ordinary = showcase.ordinary(show.posts)
    yield "post", figure([both(show, ordinary)], title=f"{name}: {label} of one test post", width=3.6)
    if len(show.viewers) > 1:
        yield "systems", figure(by_system(show), title=f"{label}: what each system looks at")
    good, bad = showcase.cases(show.posts)
    rows = [both(show, ids) for ids in (good, bad) if ids]
    yield "cases", figure(rows, title=f"{name}: {label}, smallest errors above, largest below")
    if (of_users := showcase.of_users(show.posts)) and show.leading.users:
        yield "users", figure(by_user(show, of_users), title=f"{name}: {label}, posts of two users")


def both(show: Show, post_ids: Sequence[str]) -> list[Cell]:
    """Each post as it is and, beside it, as the leading system sees it."""
    pairs = zip(originals(show, post_ids), seen(show, show.leading, post_ids), strict=True)
    return [cell for pair in pairs for cell in pair]


def by_system(show: Show) -> list[list[Cell]]:
    """The posts the systems disagree on most: each as it is, then as each system sees it, four cells a row."""
    shown = show.viewers[:SYSTEMS]
    predictions = {v.name: v.predictions().set_index("post_id")["prediction"] for v in shown}
    post_ids = showcase.disputed(show.posts, predictions)
    of_systems = [seen(show, viewer, post_ids, viewer.name) for viewer in shown]
    rows = []
    for cells in zip(originals(show, post_ids), *of_systems, strict=True):
        rows += [list(cells[i : i + COLUMNS]) for i in range(0, len(cells), COLUMNS)]
    return rows


def by_user(show: Show, of_users: Mapping[str, Sequence[str]]) -> list[list[Cell]]:
    """For each user a row of posts as they are, and below it the same as the leading system sees them."""
    rows = []
    for user, post_ids in of_users.items():
        rows.append(
            [replace(cell, title=f"{short(user, 12)}, {cell.title}", text="") for cell in originals(show, post_ids)]
        )
        rows.append(seen(show, show.leading, post_ids))
    return rows


def originals(show: Show, post_ids: Sequence[str]) -> list[Cell]:
    """Posts as they are, with their own words."""
    texts = post_rows(show.paths, post_ids, TEXTS)
    own = texts.drop(columns="post_id").fillna("").agg(" ".join, axis=1) if texts.shape[1] > 1 else [""] * len(texts)
    truth = show.posts.set_index("post_id")["y"]
    return [
        Cell(short(post_id, 20), picture, f"real: {number(truth[post_id])}", text)
        for post_id, picture, text in zip(post_ids, pictures(show, post_ids), own, strict=True)
    ]


def seen(show: Show, viewer: Viewer, post_ids: Sequence[str], title: str = "") -> list[Cell]:
    """Posts as a system sees them, with its prediction."""
    sights, predicted = viewer.look(post_ids), viewer.predictions().set_index("post_id")["prediction"]
    return [
        Cell(short(title, 28), picture, f"predicted: {number(predicted[post_id])}", sight=sights[post_id])
        for post_id, picture in zip(post_ids, pictures(show, post_ids), strict=True)
    ]


def pictures(show: Show, post_ids: Sequence[str]) -> list[np.ndarray]:
    """Packed pixels of posts, uint8 RGB [h, w, 3] each."""
    image_id = show.posts.set_index("post_id")["image_id"]
    pixels = dict(packs.read_images(show.paths.images, image_id[list(post_ids)].tolist()))
    return [pixels[image_id[post_id]] for post_id in post_ids]
