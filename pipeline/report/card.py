"""The model card: data, period, systems, protocol, errors, calibration, and what the systems are not for.

After Mitchell et al., Model Cards for Model Reporting, 2019.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from models.trained import Trained, predictions
from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.base.targets import label
from pipeline.metrics.tasks import RANKING, Task
from pipeline.report import notes
from pipeline.report.leaderboard import UNDEFINED, render, wrapped
from pipeline.storage import store
from pipeline.storage.examples import PARTS

MOST_GROUPS = 12
"""Months, or groups of posts by predicted size, that a table has at most."""
NOT_FOR = (
    "Judging people. Counts of one platform and one time are not the worth of a picture, a text or its author.",
    "Causes. A system that errs little knows what goes together with many likes; a change of one thing need not bring "
    "what the same thing is worth elsewhere.",
    "Other data. Users, platforms, languages and years that the posts below do not have are guesses.",
    "Decisions that harm somebody if they are wrong: pay, hiring, moderation, credit.",
    "Finding out who somebody is, or what they look like: pictures are read for what decides counts and nothing else.",
)

Systems = Mapping[str, Trained]
Boards = Sequence[tuple[Task, pd.DataFrame]]


def lines(paths: Paths, p: Params, systems: Systems, boards: Boards) -> Iterator[str]:
    """The card, line by line; `boards` are the leaderboards of the tasks."""
    yield from (f"# Model card: {p.dataset.name}", "")
    yield from _items("What it is for", _purpose(p, boards))
    yield from _items("What it is not for", NOT_FOR)
    yield from _section("Data", [*(line for said in _data(paths, p) for line in wrapped(said)), "", *_parts(paths, p)])
    for task, board in boards:
        if len(board):
            yield from _section(f"Errors: {task.name}", _errors(board, task))
    for target, best in best_of(boards).items():
        frame, transform = _tested(paths, best, target), p.dataset.targets[target]
        about = f"Of `{best}`, the best on {target}; {label(target, transform)}, test part, mean over seeds."
        yield from _section(f"Calibration: {target}", [about, "", *_by_size(frame), "", *_by_time(frame)])
    yield from _items("Systems", _systems(systems))


def best_of(boards: Boards) -> dict[str, str]:
    """The system that leads each target of the task of counts, but for a ceiling, which sees the truth."""
    found = {}
    for task, board in boards:
        tested = board[(board["part"] == "test") & (board["system"] != "ceiling")]
        if task is not RANKING and len(tested):
            order = tested.sort_values(task.leading, ascending=task.lowest, kind="stable")
            found |= order.drop_duplicates("target").set_index("target")["system"].to_dict()
    return found


def _section(title: str, body: Iterable[str]) -> Iterator[str]:
    yield from (f"## {title}", "", *body, "")


def _items(title: str, sentences: Iterable[str]) -> Iterator[str]:
    yield from _section(title, (line for sentence in sentences for line in wrapped(sentence)))


def _purpose(p: Params, boards: Boards) -> Iterator[str]:
    for target, transform in p.dataset.targets.items():
        yield f"To say, before a post is published, how many {target} it will have, as {label(target, transform)}."
    if any(task is RANKING and len(board) for task, board in boards):
        yield "To put posts in order by how likely a user is to share them."
    yield "To compare drafts of one user, and ways of predicting with each other."
    if p.dataset.reader == "sample":
        yield "The sample is drawn by this project: what is learned from it holds for no real post."


def _data(paths: Paths, p: Params) -> Iterator[str]:
    audit = store.read_json(paths.audit)
    yield f"`{p.dataset.name}`, read by `{p.dataset.reader}`: {audit['read']:,} rows, {audit['kept']:,} posts kept."
    for verb, reasons in (("Dropped", "dropped"), ("Filtered", "filtered"), ("Emptied or marked", "tagged")):
        if audit.get(reasons):
            yield f"{verb}: " + "; ".join(f"{reason} ({n:,})" for reason, n in audit[reasons].items()) + "."
    yield "Columns: " + ", ".join(f"{name} ({n:,})" for name, n in audit["columns"].items() if "expected_" not in name)
    if audit.get("left_out"):
        yield f"Not read, for they tell what is to be predicted: {', '.join(audit['left_out'])}."


def _parts(paths: Paths, p: Params) -> list[str]:
    """Posts, users, users unknown to training and days of each part, and the targets' quartiles."""
    there = [c for c in ("user_id", "posted_at", *p.dataset.targets) if c in store.columns_of(paths.posts)]
    frame: Any = store.read_frame(paths.posts, ["post_id", *there]).merge(
        store.read_frame(paths.splits, ["post_id", "part"]), on="post_id", validate="one_to_one"
    )
    parts = {part: frame[frame["part"] == part] for part in PARTS}
    rows = [{"part": part, **_part(own, parts["train"], p)} for part, own in parts.items()]
    return render(pd.DataFrame(rows).fillna(UNDEFINED))


def _part(own: Any, train: Any, p: Params) -> dict[str, str]:
    told = {"posts": f"{len(own):,}"}
    if "user_id" in own:
        users = own["user_id"].dropna().drop_duplicates()
        told |= {"users": f"{len(users):,}", "new users": f"{(~users.isin(train['user_id'])).sum():,}"}
    if "posted_at" in own and own["posted_at"].notna().any():
        told |= {"from": f"{own['posted_at'].min():%Y-%m-%d}", "to": f"{own['posted_at'].max():%Y-%m-%d}"}
    for target in (target for target in p.dataset.targets if own[target].notna().any()):
        told[f"{target}, quartiles"] = ", ".join(f"{q:,.4g}" for q in own[target].quantile([0.25, 0.5, 0.75]))
    return told


def _errors(board: pd.DataFrame, task: Task) -> list[str]:
    """The test part of a leaderboard, its leading metrics alone with their intervals."""
    test = board[board["part"] == "test"]
    rows = []
    for row in test.to_dict("records"):
        heads = {head: _with_interval(row, metric) for metric, head in task.heads.items()}
        rows.append({"system": row["system"], "of": row["target"], **heads})
    first = test.iloc[0]
    about = f"{first['protocol']}, test part, n = {first['n']}{task.counted}; intervals are the leaderboard's."
    return [about, "", *render(pd.DataFrame(rows))]


def _with_interval(row: Mapping[str, Any], metric: str) -> str:
    value, low, high = row[metric], row[f"{metric}_low"], row[f"{metric}_high"]
    if pd.isna(value):
        return UNDEFINED
    return f"{value:.3f}" if pd.isna(low) else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _tested(paths: Paths, name: str, target: str) -> pd.DataFrame:
    """`y`, `prediction` (mean over seeds) and, where the data has it, `posted_at` of the test posts."""
    frame = predictions(paths, name)
    own = frame[(frame["part"] == "test") & (frame["target"] == target)]
    mean: Any = own.groupby("post_id")[["y", "prediction"]].mean().reset_index()
    if "posted_at" not in store.columns_of(paths.posts):
        return mean
    return mean.merge(store.read_frame(paths.posts, ["post_id", "posted_at"]), on="post_id", validate="one_to_one")


def _by_size(frame: pd.DataFrame) -> list[str]:
    """What became of posts that were predicted alike: fifths, where there are enough different predictions."""
    groups = pd.qcut(frame["prediction"], min(5, max(1, len(frame) // 10)), duplicates="drop")
    if len(groups.cat.categories) < 2:
        return ["All posts are predicted alike, or too few were tested to put them into groups."]
    return _groups("predicted", [(f"{g.left:.2f} to {g.right:.2f}", own) for g, own in frame.groupby(groups)])


def _by_time(frame: pd.DataFrame) -> list[str]:
    """The error as time goes on: by month, or by stretches of as many posts where there are many months."""
    if "posted_at" not in frame or frame["posted_at"].isna().all():
        return ["No post has a time."]
    frame = frame.dropna(subset="posted_at").sort_values("posted_at", kind="stable")
    months = frame["posted_at"].dt.strftime("%Y-%m")
    if months.nunique() <= MOST_GROUPS:
        return _groups("posted", list(frame.groupby(months)))
    stretches = [frame.iloc[rows] for rows in np.array_split(np.arange(len(frame)), MOST_GROUPS // 2)]
    days = [(own["posted_at"].iloc[0], own["posted_at"].iloc[-1], own) for own in stretches if len(own)]
    return _groups("posted", [(f"{first:%Y-%m-%d} to {last:%Y-%m-%d}", own) for first, last, own in days])


def _groups(head: str, groups: Sequence[tuple[str, pd.DataFrame]]) -> list[str]:
    rows = [
        {
            head: name,
            "n": str(len(own)),
            "predicted, mean": f"{own['prediction'].mean():.2f}",
            "real, mean": f"{own['y'].mean():.2f}",
            "MAE": f"{(own['prediction'] - own['y']).abs().mean():.2f}",
        }
        for name, own in groups
    ]
    return render(pd.DataFrame(rows))


def _systems(systems: Systems) -> Iterator[str]:
    for name, system in systems.items():
        if system.run:
            read = ", ".join(system.features) or "no features"
            yield f"`{name}` ({system.entry.module}): {read}."
    yield from notes.of_systems(systems)
