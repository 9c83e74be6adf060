"""New posts -> predictions from a trained system, through the very features it was trained on.

`python -m pipeline.predict --system xgb_mlp --posts drafts.csv` writes drafts.predictions.csv: a row a draft
in their order, the prediction on the scale of training and, where the transform has a way back, as a count.
"""

import argparse
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from features.base import HORIZON, Feature
from features.parts.extraction import Extractor
from models.trained import FILE, Trained
from pipeline import images, posts
from pipeline.base import params, targets
from pipeline.base.errors import CommandLine, MissingColumn, UserError, require, run_stage
from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.storage import store
from pipeline.storage.examples import FeatureValues, unpublished

log = logging.getLogger(__name__)

MOST_DAYS = 36_500
WRITERS = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    ".jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True, force_ascii=False),
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False),
}


def main(paths: Paths = Paths(), arguments: Sequence[str] | None = None) -> None:
    """Read the command line, predict, write the table."""
    asked = command("predict", __doc__).parse_args(arguments)
    out = output(asked, "predictions")
    frame = predict(paths, params.load(paths.params), asked.system, asked.posts, days=asked.days)
    write(frame, out)
    log.info("%s: %d predictions of %s", out, len(frame), asked.system)


def command(stage: str, about: str) -> CommandLine:
    """The arguments of a stage that is asked about drafts; `about` is its docstring."""
    parser = CommandLine(prog=f"python -m pipeline.{stage}", description=about.split("\n\n")[0])
    parser.add_argument("--system", required=True, help="an entry of params.yaml that has been trained")
    parser.add_argument("--posts", required=True, type=Path, help="table of drafts; image paths start from its folder")
    parser.add_argument("--out", type=Path, help="table to write: .csv, .tsv, .jsonl or .parquet")
    parser.add_argument("--days", type=float, help="days online to predict for, where targets or features count them")
    return parser


def output(asked: argparse.Namespace, kind: str) -> Path:
    """Where the answer goes. Raises `UserError`, before any work, where no table is written to a file of that name."""
    out = asked.out or asked.posts.with_name(f"{asked.posts.stem}.{kind}.csv")
    if out.suffix not in WRITERS:
        raise UserError(f"--out {out}: unknown ending; use one of {', '.join(WRITERS)}")
    return out


def write(frame: pd.DataFrame, out: Path) -> None:
    """Write the answer as the ending of its file says."""
    with store.atomic(out, shared=True) as temporary:
        WRITERS[out.suffix](frame, temporary)


@dataclass(frozen=True)
class Drafts:
    """A table of n drafts, in their order."""

    file: Path
    frame: pd.DataFrame
    """Their columns; `post_id` is the number of the row, for in drafts one id may stand twice."""
    post_id: pd.Series
    """What they are called; those that are not have the number of their row in the file."""
    named: np.ndarray
    """Which [n] have an id of their own."""
    image_root: Path
    """The folder that paths of pictures start from."""


def read(paths: Paths, p: Params, file: Path, *, days: float | None = None) -> Drafts:
    """The drafts of a table, looked at after `days` where they do not say when; says how many are by strangers."""
    if days is not None and not 0 < days < MOST_DAYS:
        raise UserError(f"--days {days:g}: expected more than 0 and less than {MOST_DAYS}")
    frame, image_root, _, named = posts.read_drafts(p.dataset, file)
    _count_strangers(paths, frame, file)
    called = frame["post_id"]
    frame["post_id"] = [str(row) for row in range(len(frame))]
    if days is not None:
        _look_after(frame, days)
    return Drafts(file, frame, called, named, image_root)


def predict(paths: Paths, p: Params, system: str, drafts: Path, *, days: float | None = None) -> pd.DataFrame:
    """Predictions for a table of drafts, a row each in their order.

    Columns: `post_id`; `image`, the status of the picture, where the system looks at pictures; for each target
    `<target>_<transform>`, the prediction on the scale of training (mean over seeds), and `<target>`, the count
    it stands for. A count per day comes back only with `days`, which also say when a draft without
    `collected_at` is looked at. Drafts without `user_id` are those of new users. Systems that look back see the posts
    of the dataset that are earlier than a draft. Raises `UserError` where drafts lack another column.
    """
    trained = find(paths, system)
    if trained.ranks:
        raise UserError(
            f"--system {system}: it puts posts in order for users and predicts no count; ask python -m pipeline.rank"
        )
    read_in = read(paths, p, drafts, days=days)
    frame = read_in.frame
    _name_nobody(frame, trained, drafts)
    try:
        values, status = features(paths, p, trained, read_in)
        predictions = {target: _predict(paths, trained, frame, values, target) for target in trained.targets}
    except MissingColumn as error:
        raise error.within(str(drafts)) from None
    table = {"post_id": read_in.post_id}
    if status is not None:
        table["image"] = status
    for target, prediction in predictions.items():
        transform = trained.transform(target)
        table[f"{target}_{transform.name}"] = prediction
        if transform.name != "identity" and (transform.name not in targets.PER_DAY or days):
            table[target] = np.maximum(transform.inverse(prediction, days), 0)
    return pd.DataFrame(table)


def find(paths: Paths, name: str) -> Trained:
    """The system or ranker of that name. Raises `UserError` where it was not trained."""
    found = sorted(path.parent.name for path in paths.model("*").parent.glob(f"*/{FILE}"))
    if name not in found:
        raise UserError(f"--system {name}: not trained here; run dvc repro (trained: {', '.join(found) or 'none'})")
    trained = Trained.open(paths, name)
    if not trained.run:
        raise UserError(f"--system {name}: left out in training: {trained.why}")
    return trained


def _look_after(frame: pd.DataFrame, days: float) -> None:
    """Fill in when drafts are looked at, where neither they nor their time of posting leave it open."""
    if "posted_at" in frame:
        then = (frame["posted_at"] + pd.Timedelta(days=days)).astype(frame["posted_at"].dtype)
        frame["collected_at"] = frame["collected_at"].fillna(then) if "collected_at" in frame else then


def _count_strangers(paths: Paths, frame: pd.DataFrame, drafts: Path) -> None:
    """Say how many drafts are by users that no training post is by: a typing error looks the same."""
    if "user_id" not in store.columns_of(paths.posts):
        return
    known = store.read_frame(paths.posts, ["post_id", "user_id"])
    parts = store.read_frame(paths.splits, ["post_id", "part"])
    trained_on = known["post_id"].isin(parts.loc[parts["part"] == "train", "post_id"])
    n = posts.strangers(frame, known.loc[trained_on, "user_id"].dropna().unique())
    if n:
        log.warning("%s: %d of %d drafts are by users never seen in training", drafts, n, len(frame))


def _name_nobody(frame: pd.DataFrame, trained: Trained, drafts: Path) -> None:
    """Let drafts that do not say whose they are be those of users unseen in training, which all systems predict."""
    if "user_id" not in frame and any("user_id" in trained.needs(target) for target in trained.targets):
        log.warning("%s: no column 'user_id': all drafts are taken as those of new users", drafts)
        frame["user_id"] = pd.Series(None, index=frame.index, dtype="str")


def _check_horizon(feature: Feature, name: str, frame: pd.DataFrame) -> None:
    lacking = [column for column in feature.columns if column in ("posted_at", HORIZON) and column not in frame]
    if feature.reads_horizon and lacking:
        remedy = "give --days" if lacking == [HORIZON] else "add it, and collected_at or --days"
        raise MissingColumn(lacking[:1], f"the feature {name} needs to count the hours online", remedy=remedy)


def features(
    paths: Paths, p: Params, trained: Trained, drafts: Drafts
) -> tuple[dict[str, FeatureValues], pd.Series | None]:
    """The features the system was trained on, of the drafts, and where it looks at pictures the status of theirs.

    Raises `MissingColumn` where they lack what a feature needs.
    """
    frame = drafts.frame
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder)
        index = images.pack(frame, drafts.image_root, packed, p.images, p.compute)
        values, looks = {}, False
        for name, made in trained.features.items():
            extractor = Extractor.restore(name, made, p.compute, images=packed)
            _check_horizon(extractor.feature, name, frame)
            looks |= "image" in extractor.feature.columns
            chunks = list(extractor.extract(frame, images=packed, cache_root=paths.cache, compute=p.compute))
            values[name] = FeatureValues(np.concatenate([v for _, v, _ in chunks]), extractor.feature.names)
    status = index["status"].reset_index(drop=True)
    if looks and (status != "ok").any():
        log.warning("%d of %d drafts have no usable picture: %s", *_unusable(status))
    return values, status if looks else None


def _unusable(status: pd.Series) -> tuple[int, int, str]:
    counts = status[status != "ok"].value_counts()
    return int(counts.sum()), len(status), ", ".join(f"{n} {name}" for name, n in counts.items())


def _predict(
    paths: Paths, trained: Trained, frame: pd.DataFrame, values: dict[str, FeatureValues], target: str
) -> np.ndarray:
    needed = trained.needs(target)
    require(needed, frame, f"the system {trained.name} needs")
    drafts = frame[list(dict.fromkeys(["post_id", *needed]))]
    past = trained.past(paths, target)
    return trained.predict(unpublished(drafts, values, target, trained.transform(target).name, past))


if __name__ == "__main__":
    run_stage(main, writes=False)
