"""Tiny examples for any system, and how each system is made small. A new system needs its line in `SMALL`."""

import inspect
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from models import base as models
from models.base import system_class
from pipeline.base.sections import Entry
from pipeline.storage.examples import Examples, FeatureValues

TREES = {"n_estimators": 40, "max_depth": 2, "learning_rate": 0.15, "threads": 1}
STACK = {"features": {"base": ["tabular"], "head": ["clip", "stats"]}, "trees": TREES, "folds": 3, "dropout": 0.1}
SEEN = {"features": {"regions": ["regions"], "words": ["words"]}, "hidden": 6, "head": [6], "region_layer": "linear"}
SEEN |= {"epochs": 10, "batch_size": 32, "learning_rate": 0.02, "validate_every": None, "patience": None}

FACETED = {"factors": 6, "hidden": 8, "embedding": 6, "space": 4, "sentences": 2, "length": 6}
FACETED |= {"epochs": 8, "batch_size": 32, "learning_rate": 0.1, "optimizer": "adagrad", "patience": None}

SMALL = {
    "ceiling": {},
    "constant": {},
    "his_ave": {"by": "user"},
    "user_mean": {},
    "popularity": {},
    "followees": {},
    "vbpr": {
        "features": {"image": ["picture"]},
        **{"factors": 3, "visual_factors": 3, "batch_size": 50},
        "descent": {"epochs": 12, "patience": None, "learning_rate": 0.02},
    },
    "citing": {
        "features": {"visual_words": ["words"]},
        **{"factors": 3, "batch_size": 32},
        "descent": {"epochs": 12, "patience": None, "learning_rate": 0.05},
    },
    "amnl": {"features": {"image": ["picture"]}, **FACETED},
    "amnl_plus": {"features": {"regions": ["regions"]}, **FACETED},
    "rrfm": {"factors": 4, "groups": 8, "extra": 10, "descent": {"epochs": 40, "patience": None}},
    "adabpr": {"factors": 4, "batch_size": 256, "descent": {"epochs": 20, "patience": None}},
    "famf": {"factors": 4, "batch_size": 256, "descent": {"epochs": 20, "patience": None}},
    "xgboost": {"features": ["tabular"], **TREES},
    "lightgbm": {"features": ["tabular"], **TREES},
    "catboost": {"features": ["tabular"], "categorical": ["user_id", "category"], **TREES},
    "catboost_window": {
        "features": {"image": ["stats"], "text": ["clip"], "user": ["tabular"]},
        **{"levels": ["category"], "weight": 0.5, **TREES},
    },
    "svr": {"features": ["tabular", "clip", "stats"], "C": 10.0},
    "xgb_clip_pca": {"features": ["tabular", "clip", "stats"], "components": 8, **TREES},
    "xgb_mlp": {**STACK, "epochs": 8, "learning_rate": 0.01},
    "hybrid_cnn": {
        "features": {"image": ["pixels"], "context": ["tabular"]},
        **{"channels": [4, 4], "hidden": [16, 8], "head": "linear", "standardize": True, "epochs": 10},
        "learning_rate": 0.01,
    },
    "uhan": SEEN,
    "dmf": SEEN,
    "dual_att": SEEN,
    "dsn": {
        "features": {"image": ["stats"], "text": ["clip"], "user": ["tabular"]},
        **{"levels": ["category"], "length": 3, "hidden": 8, "heads": 2, "dropout": 0.1, "epochs": 12},
        **{"batch_size": 32, "learning_rate": 0.01, "weight_decay": 0.0},
    },
    "dtcn": {
        "features": {"user": ["tabular"], "image": ["stats"]},
        **{"length": 4, "dense": [12, 6], "hidden": 12, "space": 4, "dropout": 0.05, "epochs": 12, "batch_size": 32},
        **{"learning_rate": 0.01, "patience": None},
    },
    "multi_view": {
        "features": {"image": ["stats"], "text": ["clip"], "user": ["tabular"]},
        **{"length": 3, "image_window": 3, "text_window": 3, "hidden": 8, "heads": 2, "dropout": 0.1, "epochs": 12},
        **{"batch_size": 32, "learning_rate": 0.01, "weight_decay": 0.0},
    },
    "ttc_vlt": {
        "features": {"title": ["words"], "tags": ["clip"], "image": ["regions"], "user": ["tabular"]},
        **{"hidden": 8, "layers": 1, "heads": 2, "dropout": 0.0, "epochs": 10, "batch_size": 32},
        **{"learning_rate": 0.02, "weight_decay": 0.0},
    },
    "att_mlp": {
        "features": {"image": ["stats"], "text": ["clip"], "user": ["tabular"]},
        **{"levels": ["category"], "hidden": 8, "dropout": 0.1},
        **{"epochs": 12, "batch_size": 32, "learning_rate": 0.02, "weight_decay": 0.0},
    },
    "mlp": {
        "features": ["stats", "clip", "tabular"],
        **{"hidden": [16, 8], "dropout": 0.1, "epochs": 12, "batch_size": 32, "learning_rate": 0.02},
    },
    "blend": {"parts": ["lightgbm", "xgboost"]},
    "xgb_conv1d": {**STACK, "epochs": 8, "learning_rate": 0.005, "components": 6, "channels": [4], "hidden": [8]},
}
"""Model -> arguments that train it in well under a second, those of its sections beside its own."""
GIVEN = ("seed", "device", "checkpoint", "scheduler")
SECRET = "expected_log2p1_likes"
"""What the sample alone knows."""


def nest(name: str, flat: dict[str, Any]) -> dict[str, Any]:
    """An entry of params.yaml: what belongs to `training` or to `trees` stands there."""
    entry = dict(flat)
    for section, parameter in inspect.signature(system_class(name)).parameters.items():
        if is_dataclass(parameter.default):
            own = {f.name: entry.pop(f.name) for f in fields(parameter.default) if f.name in entry}
            entry |= {section: {**entry.get(section, {}), **own}}
    return entry


def build(name: str, **arguments) -> Any:
    """An untrained system, as its entry and what the pipeline gives make it."""
    given = {key: arguments.pop(key) for key in GIVEN if key in arguments}
    return models.make(Entry(name, name, arguments=nest(name, arguments)), **given)


def make(name: str, **changes) -> Any:
    """A small untrained system."""
    return build(name, **{**SMALL[name], **changes})


def make_examples(n: int = 120, seed: int = 0) -> Examples:
    """Posts, one an hour, whose target follows the user, a tabular column and a picture's number, each alike.

    Every system finds something: `user_mean` the user, trees `tabular`, stacked ones `stats` too; one of three
    regions shows `stats`, and the first word says `tabular`. One post in ten has no picture, and the same share
    no words.
    """
    rng = np.random.default_rng(seed)
    user = rng.integers(0, 5, n)
    tabular = rng.normal(size=(n, 3)).astype(np.float32)
    stats = rng.normal(size=(n, 2)).astype(np.float32)
    expected = 5 + 1.2 * user + 2 * tabular[:, 0] + 1.5 * stats[:, 0]
    without = rng.random(n) < 0.1
    clip = rng.normal(size=(n, 6)).astype(np.float16)
    bright = np.clip(128 + 40 * stats[:, 0], 0, 255)[:, None, None, None]
    pixels = (bright + rng.normal(0, 5, (n, 8, 8, 3))).astype(np.float16)
    clip[without], stats[without], pixels[without] = np.nan, np.nan, np.nan
    tabular[rng.random(n) < 0.05, 2] = np.nan
    posts = pd.DataFrame(
        {
            "post_id": [f"p{seed}-{i}" for i in range(n)],
            "user_id": pd.Series([f"u{u}" for u in user], dtype="str"),
            "category": pd.Series(rng.choice(["sea", "city", None], n), dtype="str"),
            "posted_at": pd.date_range("2024-01-01", periods=n, freq="h", tz="UTC").as_unit("us"),
            SECRET: expected,
        }
    )
    features = {
        "tabular": FeatureValues(tabular, ["a", "b", "c"]),
        "clip": FeatureValues(clip),
        "pixels": FeatureValues(pixels),
        "stats": FeatureValues(stats, ["clarity", "brightness"]),
        **_regions_and_words(tabular[:, 0], stats[:, 0], seed),
    }
    y = expected + rng.normal(0, 0.2, n)
    return Examples(posts, features, y, "likes", "log2p1", past=Examples(posts.drop(columns=SECRET), features))


def _regions_and_words(said: np.ndarray, shown: np.ndarray, seed: int) -> dict[str, FeatureValues]:
    rng, n = np.random.default_rng([seed, 1]), len(said)
    regions = np.zeros((n, 3, 2))
    regions[np.arange(n), rng.integers(0, 3, n)] = np.stack([shown, np.ones(n)], axis=1)
    regions[np.isnan(shown)] = np.nan
    words = np.stack([4 + np.clip(said, -2, 2).round(), *rng.integers(2, 7, (2, n))], axis=1)
    words[rng.random(n) < 0.1] = 0
    return {
        "regions": FeatureValues(regions.astype(np.float16)),
        "words": FeatureValues(words.astype(np.int32)),
    }


def with_y(posts: Examples, y: np.ndarray | None) -> Examples:
    """The same posts with another target."""
    return replace(posts, y=y)


def with_posts(posts: Examples, **columns) -> Examples:
    """The same posts with other columns, in their past as well where it is these posts."""
    own = {"posts": posts.posts.assign(**columns)}
    if posts.past is not None and len(posts.past) == len(posts):
        own["past"] = with_posts(posts.past, **columns)
    return replace(posts, **own)


def with_features(posts: Examples, change) -> Examples:
    """The same posts with `change(name, values)` as the values of each feature, and in their past."""
    values = {k: FeatureValues(change(k, v.values), v.names) for k, v in posts.features.items()}
    past = None if posts.past is None else with_features(posts.past, change)
    return replace(posts, features=values, past=past)


def rmse(prediction: np.ndarray, posts: Examples) -> float:
    """Root mean squared error."""
    return float(np.sqrt(np.mean((prediction - posts.y) ** 2)))
