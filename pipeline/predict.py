"""New posts -> predictions from a trained system, through the very features it was trained on.

`python -m pipeline.predict --system xgb_mlp --posts drafts.csv` writes drafts.predictions.csv: a row a draft
in their order, the prediction on the scale of training and, where the transform has a way back, as a count.
"""

import argparse
import logging
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.base import HORIZON, Feature
from features.parts.extraction import Extractor
from models import base as models
from models import trained
from pipeline import images, posts
from pipeline.base import params, targets
from pipeline.base.compute import Compute
from pipeline.base.errors import UserError, run_stage
from pipeline.base.paths import Paths
from pipeline.storage import store
from pipeline.storage.examples import FeatureValues, unpublished
from pipeline.storage.pixels import Packing

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
    asked = _parse(arguments)
    out = asked.out or asked.posts.with_name(f"{asked.posts.stem}.predictions.csv")
    if out.suffix not in WRITERS:
        raise UserError(f"--out {out}: unknown ending; use one of {', '.join(WRITERS)}")
    frame = predict(paths, params.load(paths.params), asked.system, asked.posts, days=asked.days)
    with store.atomic(out) as temporary:
        WRITERS[out.suffix](frame, temporary)
    log.info("%s: %d predictions of %s", out, len(frame), asked.system)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipeline.predict", description=__doc__.split("\n\n")[0])
    parser.add_argument("--system", required=True, help="an entry of params.yaml that has been trained")
    parser.add_argument("--posts", required=True, type=Path, help="table of drafts; image paths start from its folder")
    parser.add_argument("--out", type=Path, help="table to write: .csv, .tsv, .jsonl or .parquet")
    parser.add_argument("--days", type=float, help="days online to predict for, where targets or features count them")
    return parser.parse_args(arguments)


def predict(paths: Paths, p: dict[str, Any], system: str, drafts: Path, *, days: float | None = None) -> pd.DataFrame:
    """Predictions for a table of drafts, a row each in their order.

    Columns: `post_id`; `image`, the status of the picture, where the system looks at pictures; for each target
    `<target>_<transform>`, the prediction on the scale of training (mean over seeds), and `<target>`, the count
    it stands for. A count per day comes back only with `days`, which also say when a draft without
    `collected_at` is looked at. Drafts without `user_id` are those of new users. Raises `UserError` where they
    lack another column.
    """
    if days is not None and not 0 < days < MOST_DAYS:
        raise UserError(f"--days {days:g}: expected more than 0 and less than {MOST_DAYS}")
    description = _trained(paths, system)
    frame, image_root, _ = posts.read_drafts(p["dataset"], drafts)
    if days is not None:
        _look_after(frame, days)
    _name_nobody(frame, system, description, drafts)
    with _of_drafts(drafts):
        values, status = _features(paths, p, description["features"], frame, image_root)
    table = {"post_id": frame["post_id"]}
    if status is not None:
        table["image"] = status
    for target, learned in description["targets"].items():
        transform = targets.Transform(**learned["transform"])
        with _of_drafts(drafts):
            prediction = _mean_over_seeds(paths, system, description, frame, values, target)
        table[f"{target}_{transform.name}"] = prediction
        if transform.name != "identity" and (transform.name not in targets.PER_DAY or days):
            table[target] = np.maximum(transform.inverse(prediction, days), 0)
    return pd.DataFrame(table)


def _trained(paths: Paths, system: str) -> dict[str, Any]:
    if not (paths.model(system) / "system.json").exists():
        found = sorted(path.parent.name for path in paths.model("*").parent.glob("*/system.json"))
        raise UserError(f"--system {system}: not trained here; run dvc repro (trained: {', '.join(found) or 'none'})")
    description = store.read_json(paths.model(system) / "system.json")
    if not description["run"]:
        raise UserError(f"--system {system}: left out in training: {description['why']}")
    return description


def _look_after(frame: pd.DataFrame, days: float) -> None:
    """Fill in when drafts are looked at, where neither they nor their time of posting leave it open."""
    if "posted_at" in frame:
        then = (frame["posted_at"] + pd.Timedelta(days=days)).astype(frame["posted_at"].dtype)
        frame["collected_at"] = frame["collected_at"].fillna(then) if "collected_at" in frame else then


def _name_nobody(frame: pd.DataFrame, system: str, description: dict[str, Any], drafts: Path) -> None:
    """Let drafts that do not say whose they are be those of users unseen in training, which all systems predict."""
    if "user_id" not in frame and "user_id" in models.make(system, description["entry"]).columns:
        log.warning("%s: no column 'user_id': all drafts are taken as those of new users", drafts)
        frame["user_id"] = pd.Series(None, index=frame.index, dtype="str")


@contextmanager
def _of_drafts(file: Path) -> Iterator[None]:
    """Errors about `posts`, which is what features and systems call what they are given, name the file instead."""
    try:
        yield
    except UserError as error:
        raise UserError(re.sub("^posts(?=: )", lambda _: str(file), str(error))) from None


def _check_horizon(feature: Feature, name: str, frame: pd.DataFrame) -> None:
    lacking = [column for column in feature.columns if column in ("posted_at", HORIZON) and column not in frame]
    if feature.reads_horizon and lacking:
        remedy = "give --days" if lacking == [HORIZON] else "add it, and collected_at or --days"
        raise UserError(f"posts: no column '{lacking[0]}': features.{name} counts the hours online; {remedy}")


def _features(
    paths: Paths, p: dict[str, Any], metadata: dict[str, Any], frame: pd.DataFrame, image_root: Path
) -> tuple[dict[str, FeatureValues], pd.Series | None]:
    """The features the system was trained on, of the drafts, and the status of their pictures."""
    compute = Compute(**p["compute"])
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder)
        index = images.pack(frame, image_root, packed, Packing(**p["images"]), compute)
        values, looks = {}, False
        for name, made in metadata.items():
            extractor = Extractor.restore(name, made, compute, images=packed)
            _check_horizon(extractor.feature, name, frame)
            looks |= "image" in extractor.feature.columns
            chunks = list(extractor.extract(frame, images=packed, cache_root=paths.cache, compute=compute))
            values[name] = FeatureValues(np.concatenate([v for _, v, _ in chunks]), extractor.feature.names)
    status = index["status"].reset_index(drop=True)
    if looks and (status != "ok").any():
        log.warning("%d of %d drafts have no usable picture: %s", *_unusable(status))
    return values, status if looks else None


def _unusable(status: pd.Series) -> tuple[int, int, str]:
    counts = status[status != "ok"].value_counts()
    return int(counts.sum()), len(status), ", ".join(f"{n} {name}" for name, n in counts.items())


def _mean_over_seeds(
    paths: Paths,
    name: str,
    description: dict[str, Any],
    frame: pd.DataFrame,
    values: dict[str, FeatureValues],
    target: str,
) -> np.ndarray:
    predictions = []
    for seed in description["seeds"]:
        system, _ = trained.load(paths, name, target, seed)
        transform = description["targets"][target]["transform"]["name"]
        needed = [c.format(target=target, transform=transform) for c in system.columns]
        for column in needed:
            if column not in frame:
                raise UserError(f"posts: no column '{column}', which the system {name} reads; add it")
        predictions.append(system.predict(unpublished(frame[["post_id", *needed]], values, target, transform)))
    return np.mean(predictions, axis=0)


if __name__ == "__main__":
    run_stage(main)
