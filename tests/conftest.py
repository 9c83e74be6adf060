"""Tiny inputs, made in code: frames of posts, folders of posts with drawn pictures, SMPD folders, projects."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook
from PIL import Image, ImageDraw
from ruamel.yaml import YAML

from pipeline.base.paths import Paths
from pipeline.storage import pixels

pytest_plugins = ["tests.folders"]

# Every call of a function there has the types and shapes its signature says; an int is a float, as in PEP 484.
install_import_hook(["models", "features"], "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

TREE = {"nature": ["sea", "forest"], "city": ["street", "tower"], "food": ["cake", "soup"]}
WORDS = ["golden", "quiet", "broken", "bright", "lonely", "wild"]


def build_posts(n=60, users=6, seed=0):
    """Posts as posts.parquet has them; likes follow user, category, hour and `brightness` (also a column)."""
    rng = np.random.default_rng(seed)
    user, hour = np.arange(n) % users, rng.integers(0, 24, n)
    category = rng.choice(list(TREE), n)
    subcategory = np.array([rng.choice(TREE[c]) for c in category])
    brightness = rng.uniform(0.2, 0.9, n)
    word = rng.choice(WORDS, n)
    log_likes = 5 + 2 * (user / users) + (category == "food") + 0.5 * np.cos(hour * np.pi / 12) + 2 * brightness
    posted = pd.Timestamp("2021-01-01", tz="UTC") + pd.to_timedelta(np.arange(n) * 24 + hour, unit="h")
    posts = pd.DataFrame(
        {
            "post_id": [f"p{i:04d}" for i in range(n)],
            "user_id": [f"u{u}" for u in user],
            "posted_at": posted,
            "collected_at": posted + pd.Timedelta(days=14),
            "title": [f"A {w} {s}" for w, s in zip(word, subcategory, strict=True)],
            "text": [f"The {w} {s} we saw that day, at last." for w, s in zip(word, subcategory, strict=True)],
            "tags": [f"{w} {c}" for w, c in zip(word, category, strict=True)],
            "category": category,
            "subcategory": subcategory,
            "concept": [f"{w}-{s}" for w, s in zip(word, subcategory, strict=True)],
            "image": [f"images/p{i:04d}.jpg" for i in range(n)],
            "followers": 100.0 * 2.0**user,
            "user_photos": 50.0 + user,
            "is_pro": (user % 2).astype(float),
            "likes": np.round(np.exp2(log_likes + rng.normal(0, 0.3, n))),
            "brightness": brightness,
        }
    )
    for column in ("posted_at", "collected_at"):
        posts[column] = posts[column].astype("datetime64[us, UTC]")
    return posts


def draw_picture(path, brightness=0.6, seed=0, size=(48, 36)):
    """A JPEG or PNG with a horizon and a disc; its mean lightness follows `brightness`."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(int(255 * brightness * x) for x in (0.9, 1.0, 0.8)))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, size[1] // 2, *size), fill=tuple(int(255 * brightness * x) for x in rng.uniform(0.4, 1, 3)))
    x, y = rng.integers(8, size[0] - 8), rng.integers(8, size[1] - 8)
    draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=tuple(int(c) for c in rng.integers(0, 255, 3)))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def write_posts_folder(folder, n=60, users=6, images=True, seed=0, file="posts.csv", posts=None, drop=()):
    """A dataset for the `table` reader: posts.csv, and images/ beside it unless `images` is False."""
    posts = build_posts(n, users, seed) if posts is None else posts
    folder.mkdir(parents=True, exist_ok=True)
    if images:
        for i, row in enumerate(posts.itertuples()):
            draw_picture(folder / row.image, row.brightness, seed=i)
    dropped = {"brightness", *drop} | (set() if images else {"image"})
    frame = posts.drop(columns=[c for c in dropped if c in posts])
    for column in ("posted_at", "collected_at"):
        if column in frame:
            frame[column] = frame[column].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    write_table(folder / file, frame)
    return folder


def write_table(path, frame):
    """A frame as csv, tsv, jsonl or parquet, by the ending of `path`."""
    if path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def smpd_tables(n=60, users=6, seed=0):
    """The content of SMPD's files as `{file name: lines, records or parallel lists}`."""
    posts = build_posts(n, users, seed)
    uid = [f"{u[1:]}@N0{u[1:]}" for u in posts["user_id"]]
    pid = [str(100 + i // users) for i in range(n)]  # unique for each user only, as in SMPD
    key = [{"Uid": u, "Pid": p} for u, p in zip(uid, pid, strict=True)]

    def records(**columns):
        return [
            {**k, **dict(zip(columns, row, strict=True))}
            for k, row in zip(key, zip(*columns.values(), strict=True), strict=True)
        ]

    seconds = (posts["posted_at"] - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1)
    score = np.log2(posts["likes"] + 1).round(2)
    return {
        "train_img_filepath.txt": [f"train/{u}/{p}.jpg" for u, p in zip(uid, pid, strict=True)],
        "train_label.txt": [str(s) for s in score],
        "train_category.json": records(
            Category=posts["category"], Subcategory=posts["subcategory"], Concept=posts["concept"]
        ),
        "train_text.json": records(Title=posts["title"], Mediatype=["photo"] * n, Alltags=posts["tags"]),
        "train_temporalspatial_information.json": records(
            Postdate=[str(s) for s in seconds], Latitude=["48.2"] * n, Longitude=["16.4"] * n, Geoaccuracy=["16"] * n
        ),
        "train_additional_information.json": records(
            Pathalias=["None"] * n, Ispublic=["1"] * n, Mediastatus=["ready"] * n
        ),
        "train_user_data.json": {
            "Pid": pid,
            "Uid": uid,
            "ispro": [str(int(x)) for x in posts["is_pro"]],
            "photo_count": [str(int(x)) for x in posts["user_photos"]],
            "photo_firstdate": ["1104537600"] * n,
            "photo_firstdatetaken": ["2004-12-31 10:00:00"] * n,
            "timezone_timezone_id": ["Europe/Vienna"] * n,
            "timezone_offset": ["+01:00"] * n,
            "user_description": ["0,1,0"] * n,
            "location_description": ["1,0,0"] * n,
        },
    }


def write_smpd_folder(folder, n=60, users=6, images=True, seed=0, tables=None):
    """A dataset in the files SMPD ships; `tables` replaces what `smpd_tables` gives."""
    tables = smpd_tables(n, users, seed) if tables is None else tables
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in tables.items():
        text = "\n".join(content) + "\n" if name.endswith(".txt") else json.dumps(content, ensure_ascii=False)
        (folder / name).write_text(text, encoding="utf-8")
    if images:
        brightness = build_posts(n, users, seed)["brightness"]
        for i, path in enumerate(tables["train_img_filepath.txt"]):
            draw_picture(folder / path, brightness[i % n], seed=i)
    return folder


def build_params(**sections):
    """Params for a small run on a table of posts with likes; `sections` replace or, for dicts, update."""
    params = {
        "seed": 0,
        "dataset": {"reader": "table", "name": "tiny", "path": "raw", "targets": {"likes": "log2p1"}},
        "split": {"method": "chronological_shuffled", "ratios": [0.6, 0.2, 0.2]},
        "images": {"max_side": 64},
        "compute": {"workers": 1, "device": "cpu"},
        "features": {"user_time": {}, "category": {}},
        "systems": {"mean": {"model": "constant", "statistic": "mean"}},
        "ranking": {},
        "evaluate": {"bootstrap": 20},
    }
    for key, value in sections.items():
        both = isinstance(value, dict) and key in ("dataset", "split", "images", "compute", "ranking", "evaluate")
        params[key] = {**params[key], **value} if both else value
    return params


def write_params(root, **sections):
    """params.yaml in `root`; returns its `Paths`."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(build_params(**sections), file)
    return Paths(root)


@pytest.fixture(autouse=True)
def _pillow_is_quiet():
    """As in the project; pytest puts filters of its own before those of modules."""
    warnings.filterwarnings(**pixels.QUIET)


@pytest.fixture(scope="module")
def one_thread():
    """PyTorch's threads that wait for each other on shared cores make small networks slow."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make_posts():
    """`make_posts(n, users, seed)`: posts as posts.parquet has them, plus the planted `brightness`."""
    return build_posts


@pytest.fixture
def picture():
    """`picture(path, brightness, seed, size)`: draw one small picture."""
    return draw_picture


@pytest.fixture
def posts_folder(tmp_path):
    """`posts_folder(folder=..., n, users, images, seed, file, posts, drop)`: a folder for the table reader."""
    return lambda folder=None, **options: write_posts_folder(folder or tmp_path / "raw", **options)


@pytest.fixture
def make_smpd_tables():
    """`make_smpd_tables(n, users, seed)`: the content of SMPD's files, to be changed before writing."""
    return smpd_tables


@pytest.fixture
def smpd_folder(tmp_path):
    """`smpd_folder(folder=..., n, users, images, seed, tables)`: a folder in SMPD's files."""
    return lambda folder=None, **options: write_smpd_folder(folder or tmp_path / "raw", **options)


@pytest.fixture
def make_params():
    """`make_params(section=...)`: params of a small run as a dict."""
    return build_params


@pytest.fixture
def project(tmp_path):
    """`project(section=...)`: write params.yaml into `tmp_path`, where `posts_folder` writes raw/; its Paths."""
    return lambda root=None, **sections: write_params(root or tmp_path, **sections)


@pytest.fixture
def to_table():
    """`to_table(path, frame)`: write csv, tsv, jsonl or parquet by the ending."""
    return write_table
