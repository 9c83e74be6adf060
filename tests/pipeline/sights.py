"""A project of systems whose attention is known: a region's and a word's own number. Nothing is trained."""

import numpy as np
import pandas as pd
from PIL import Image

from models import base
from models.base import Kind, System
from models.trained import Learned, Trained
from pipeline import images, look
from pipeline.base.compute import Compute
from pipeline.base.sections import Entry, Packing
from pipeline.storage import store

VALIDATION = 4
"""Posts of the validation part, the first; the others are of the test part."""
VOCABULARY = ["boat", "cat", "dog", "sky"]
WORDS = [2, 3, 1, 5, 0, 0]
"""boat cat [rare] sky, and padding."""
INTER = [0.75, 0.25]


class Lantern(System):
    """Looks at regions as their first number says, at words as they are numbered; `u1` at regions from the end."""

    looks = True

    def __init__(self, *, features, user=True, looks=("visual", "textual", "inter")):
        self.features, self._looks = features, looks
        self.columns = ("user_id",) if user else ()

    def attention(self, posts):
        regions = np.nan_to_num(posts.features["regions"].values[..., 0].astype(np.float32))
        if self.columns:
            turned = (posts.posts["user_id"] == "u1").to_numpy()
            regions[turned] = regions[turned, ::-1]
        words = np.maximum(posts.features["words"].values, 0)
        weights = {"visual": share(regions), "textual": share(words), "inter": np.tile(INTER, (len(posts), 1))}
        return {kind: weights[kind] for kind in self._looks}

    def load(self, folder):
        pass

    fit = predict = save = load


def share(numbers):
    return numbers / np.maximum(numbers.sum(axis=1, keepdims=True), 1)


class Blind(System):
    """Has no attention."""

    def __init__(self, *, features):
        self.features = features

    def load(self, folder):
        pass

    fit = predict = save = load


STUBS = {"lantern": Lantern, "blind": Blind}


def known(monkeypatch):
    """Let params.yaml name the stubs as models."""
    real = base.system_class
    monkeypatch.setattr(base, "system_class", lambda name: STUBS.get(name) or real(name))


def lit(n, side, region):
    """Values [n, side², 2] of which one region (row, column) has all."""
    values = np.zeros((n, side, side, 2), np.float16)
    values[:, region[0], region[1], 0] = 1
    return values.reshape(n, side**2, 2)


def write(paths, folder, *, n=12, side=3, region=(0, 2), size=(60, 40), words=None, users=2, systems=None, same=0):
    """All that evaluation reads; `same` of the last posts have the picture of the first test post.

    `words` are [n, w] numbers; 0 `users` leaves the column out; `systems` are entries by name.
    """
    post_id = [f"p{i:02d}" for i in range(n)]
    posts = pd.DataFrame({"post_id": post_id, "title": [f"Post {i}" for i in range(n)], "text": "of a boat"})
    if users:
        posts["user_id"] = [f"u{i % users}" for i in range(n)]
    store.write_frame(paths.posts, posts)
    _pictures(paths, folder, posts, size, same)
    words = np.tile(WORDS, (n, 1)) if words is None else np.asarray(words)
    metadata = {"state": {"vocabulary": VOCABULARY}, "untrained": False}
    _feature(paths, "regions", post_id, lit(n, side, region), {})
    _feature(paths, "words", post_id, words.astype(np.int32), metadata)
    described = {}
    for i, (name, entry) in enumerate((systems or {"looker": {"model": "lantern"}}).items()):
        arguments = {"features": {"regions": ["regions"], "words": ["words"]}, **entry}
        made = Entry(name, arguments.pop("model"), arguments=arguments)
        kind, learned = Kind.of(base.make(made)), Learned({"name": "identity"}, base.make(made).columns)
        targets = dict.fromkeys(("likes", "views"), learned)
        features = {"regions": {"untrained": False}, "words": metadata}
        described[name] = Trained(paths.model(name), made, True, None, (3, 4), features, targets, kind)
        described[name].write()
        store.write_frame(paths.predictions(name), predictions(post_id, i))
        if described[name].kind.looks:
            look.write(paths, described[name], "likes")
    return described


def predictions(post_id, system=0):
    """Errors grow with the post's number, and those of the second seed are other ones."""
    at = np.arange(len(post_id), dtype=float)
    part = np.where(at < VALIDATION, "validation", "test")
    y = {3: 5 + at, 4: 5 + at}
    found = {3: y[3] + at * (1 + system), 4: y[4] - 40}
    frames = [
        pd.DataFrame({"post_id": post_id, "target": target, "part": part, "seed": s, "y": y[s], "prediction": found[s]})
        for target in ("likes", "views")
        for s in (4, 3)
    ]
    return pd.concat(frames, ignore_index=True)


def _feature(paths, name, post_id, values, metadata):
    kind = {"shape": values.shape[1:], "dtype": str(values.dtype), "names": None, "metadata": metadata}
    valid = ~np.isnan(values.astype(float)).reshape(len(values), -1).any(axis=1)
    with store.FeatureWriter(paths.feature(name), **kind) as writer:
        for start in range(0, len(values), 5):
            rows = slice(start, start + 5)
            writer.append(post_id[rows], values[rows], valid[rows])


def _pictures(paths, folder, posts, size, same):
    """Grey pictures, each of its own shade."""
    folder.mkdir(parents=True, exist_ok=True)
    n = len(posts)
    of = [VALIDATION if i >= n - same else i for i in range(n)]
    for i in set(of) if size else ():
        Image.new("L", size, 60 + 5 * i).convert("RGB").save(folder / f"{i}.png")
    named = posts[["post_id"]].assign(image=[f"{i}.png" if size else None for i in of])
    images.pack(named, folder, paths.images, Packing(max_side=64), Compute(workers=1))
