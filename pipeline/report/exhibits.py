"""What the papers show of their data, of the dataset at hand: all its posts, whatever their part.

Table 1 and Figure 1 of `uhan`; Figure 2 of `picture-or-words`, whose counts are raw.
"""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.report import charts, fonts
from pipeline.report.attention.charts import drawable
from pipeline.storage import packs, store

COUNTS = ("retweets", "likes")
USERS, PICTURES = 3, 6
"""Users, and the pictures of each, that Figure 1 shows; the paper has as many users."""


def counts(paths: Paths) -> pd.DataFrame | None:
    """Retweets and likes of the posts that have both; None where the data has not."""
    if not paths.posts.exists() or not set(COUNTS) <= set(store.columns_of(paths.posts)):
        return None
    frame = store.read_frame(paths.posts, list(COUNTS)).dropna()
    return frame if len(frame) else None


def pearson(frame: pd.DataFrame) -> float:
    """Correlation of retweets and likes; NaN where one of them is constant."""
    if (frame.nunique() < 2).any():
        return np.nan
    return float(np.corrcoef(frame[list(COUNTS)].to_numpy(dtype=float).T)[0, 1])


def two_counts(paths: Paths, transforms: Mapping[str, str]) -> Figure | None:
    """Figure 2: how both counts are distributed; None where they are not both targets."""
    frame = counts(paths) if set(COUNTS) <= set(transforms) else None
    return None if frame is None else charts.counts(frame, pearson(frame))


def of_data(paths: Paths, p: Params) -> dict[str, str]:
    """What published_data.csv has of a dataset, here; without what cannot be known."""
    frame = counts(paths) if set(COUNTS) <= set(p.dataset.targets) else None
    correlation = np.nan if frame is None else pearson(frame)
    found = {"pearson": "" if np.isnan(correlation) else f"{correlation:.3f}", "words": _words(paths, p)}
    if paths.posts.exists():
        found |= _users_and_times(paths)
    image_ids = _image_ids(paths)
    found["images"] = f"{len(image_ids):,}" if len(image_ids) else ""
    return {name: value for name, value in found.items() if value}


def _words(paths: Paths, p: Params) -> str:
    """Words that the networks know: those of the training part that are frequent enough there."""
    names = [name for name, entry in p.features.items() if entry.module == "words" and paths.feature(name).exists()]
    known = [(store.feature_metadata(paths.feature(name)).get("state") or {}).get("vocabulary", []) for name in names]
    return f"{len(known[0]):,}" if known and known[0] else ""


def _users_and_times(paths: Paths) -> dict[str, str]:
    there = [column for column in ("user_id", "posted_at") if column in store.columns_of(paths.posts)]
    posts = store.read_frame(paths.posts, there) if there else pd.DataFrame()
    users = posts["user_id"].nunique() if "user_id" in posts else 0
    years = posts["posted_at"].dropna().dt.year if "posted_at" in posts else []
    span = f"{min(years)}-{max(years)}" if len(years) else ""
    return {"users": f"{users:,}" if users else "", "time span": span}


def popular(paths: Paths, target: str) -> Figure | None:
    """Figure 1: a line a user, pictures from the most to the least popular; None without pictures of some users.

    Of the users with most different pictures, evenly by rank; ties by user_id and post_id.
    """
    needed = ["post_id", "user_id", target]
    if not paths.posts.exists() or not set(needed) <= set(store.columns_of(paths.posts)):
        return None
    posts = store.read_frame(paths.posts, needed).join(_image_ids(paths), on="post_id").dropna()
    posts = posts.sort_values([target, "post_id"], ascending=[False, True]).drop_duplicates(["user_id", "image_id"])
    sizes = posts["user_id"].value_counts().rename_axis("user_id").reset_index(name="n")
    most = sizes[sizes["n"] > 1].sort_values(["n", "user_id"], ascending=[False, True])["user_id"].head(USERS)
    if not len(most):
        return None
    chosen = {user: _evenly(posts[posts["user_id"] == user]) for user in most}
    pixels = dict(packs.read_images(paths.images, list({i for rows in chosen.values() for i in rows["image_id"]})))
    with mpl.rc_context({"font.family": fonts.families([target, *map(str, chosen)])}):
        rows = [(drawable(str(user)), _pictures(of_user, target, pixels)) for user, of_user in chosen.items()]
        return charts.gallery(rows, f"Pictures of {len(rows)} users by {target}, the most popular first")


def _pictures(posts: pd.DataFrame, target: str, pixels: Mapping[str, np.ndarray]) -> list[tuple[str, np.ndarray]]:
    """What was counted, and the picture."""
    found = zip(posts[target].astype(float), posts["image_id"], strict=True)
    return [(f"{value:,.2f}".rstrip("0").rstrip("."), pixels[image_id]) for value, image_id in found]


def _image_ids(paths: Paths) -> pd.Series:
    """The packed picture of each post that has one, by post_id."""
    index = paths.images / "index.parquet"
    if not index.exists():
        return pd.Series(dtype=object, name="image_id", index=pd.Index([], name="post_id"))
    return store.read_frame(index, ["post_id", "image_id"]).set_index("post_id")["image_id"].dropna()


def _evenly(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.iloc[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), PICTURES)).round().astype(int))]
