"""What a user was shown and what of it was shared: results/plots/attention_shares.png, as Figure 9 of the AMNL paper.

Of the first ranker of params.yaml that looks, and its first seed. The user is the one with most test lists; above are
posts of these that were not shared, evenly from the lowest score to the highest; below the shared post with the highest
score, and where each of its sentences looked.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from models.trained import RANKED, Trained, predictions
from pipeline.base.paths import Paths
from pipeline.report.attention.charts import Cell, Sight, figure, png
from pipeline.report.attention.sequences import pictures
from pipeline.report.attention.viewer import attention_of, grid
from pipeline.report.charts import number, short
from pipeline.storage import store
from pipeline.storage.examples import post_rows

OTHERS = 5
"""Posts shown that were not shared."""


def draw(paths: Paths, systems: Mapping[str, Trained], folder: Path) -> None:
    """Write the picture into `folder`, where there is a ranker that looks and pictures to show."""
    for trained in systems.values():
        if trained.run and trained.kind.ranks and paths.attention(trained.name).exists():
            drawn = of_ranker(paths, trained)
            if drawn is not None:
                with store.atomic(folder / "attention_shares.png") as temporary:
                    temporary.write_bytes(png(drawn))
                return


def of_ranker(paths: Paths, trained: Trained) -> Figure | None:
    """The picture of one ranker; None where its sentences looked at nothing."""
    looked = attention_of(paths, trained.name)
    if "regions" not in looked or not len(looked["post_id"]):
        return None
    shown = scored(paths, trained)
    lists = shown.groupby("user_id")["list"].nunique().rename("n").reset_index()
    user = lists.sort_values(["n", "user_id"], ascending=[False, True])["user_id"].iloc[0]
    own = shown[shown["user_id"] == user].sort_values(["score", "post_id"], ascending=[False, True])
    others = own[~own["relevant"]].drop_duplicates("post_id").iloc[::-1]
    chosen = np.unique(np.linspace(0, len(others) - 1, OTHERS).round().astype(int))
    rows = [_plain(paths, others.iloc[chosen]), _looking(paths, own[own["relevant"]].iloc[:1], looked)]
    title = f"{short(trained.name)}: what {short(user, 20)} saw and did not share, and the best of what was shared"
    return figure(rows, title=title, width=1.7)


def scored(paths: Paths, trained: Trained) -> pd.DataFrame:
    """The test lists with the scores of the first seed: `list`, `user_id`, `post_id`, `score`, `relevant`."""
    frame = predictions(paths, trained.name, RANKED)
    frame = frame[(frame["part"] == "test") & (frame["seed"] == trained.seeds[0])]
    drawn = store.read_frame(paths.candidates, ["list", "post_id", "relevant"])
    return frame.merge(drawn, on=["list", "post_id"], validate="one_to_one")


def _plain(paths: Paths, posts: pd.DataFrame) -> list[Cell]:
    """Posts as they are, with the captions that a person reads and their scores."""
    ids = posts["post_id"].tolist()
    texts = post_rows(paths, ids, ["title", "text"]).reindex(columns=["title", "text"]).astype(object).fillna("")
    said = [f"{title} {text}".strip() for title, text in texts.astype(str).to_numpy()]
    return [
        Cell(f"score {number(score)}", picture, short(post_id, 20), text)
        for post_id, score, picture, text in zip(ids, posts["score"], pictures(paths, ids), said, strict=True)
    ]


def _looking(paths: Paths, post: pd.DataFrame, looked: Mapping[str, np.ndarray]) -> list[Cell]:
    """The post as it is, and as each of its sentences looked at it."""
    (cell,) = _plain(paths, post)
    (row,) = np.flatnonzero(looked["post_id"] == post["post_id"].iloc[0])
    said = looked["sentences"][row]  # [m]
    regions = looked["regions"][row].reshape(len(said), -1)  # [m, r]
    seen = [
        Cell(f"sentence {i}", cell.picture, sight=Sight(words.split(), grid(weights)))
        for i, (words, weights) in enumerate(zip(said, regions, strict=True), start=1)
        if words
    ]
    return [cell, *seen]
