"""A folder in SMPD's files of any size, with the real label's distribution: `python -m benchmarks.smpd_folder DIR N`.

Of 305,613 real labels the quartiles are 4.70, 6.23 and 7.98, the least is 1, the largest 16.56, the mean 6.41, the
standard deviation 2.47; 486,000 posts are of 69,000 users and stand in 11 categories, 77 subcategories and 668
concepts. The same number of posts gives the same bytes. A label is told by the user, the concept, the user's pictures
and the hour, and by chance.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd

from benchmarks.pictures import draw_photo

USERS, LEVELS = 69_000 / 486_000, (11, 77, 668)
"""Users a post; categories, subcategories and concepts."""
QUARTILES, ENDS = (4.70, 6.23, 7.98), (1.0, 16.56)
BLOCK = 50_000
"""Posts drawn at a time."""
WORDS = 20_000
PERIOD = 1_420_070_400, 63_072_000
"""The first second of 2015, and those of two years."""
PICTURES = 8
"""Posts that have a picture, for a dataset of which not one is found is refused."""
FILES = {
    "category.json": ["Category", "Subcategory", "Concept"],
    "text.json": ["Title", "Mediatype", "Alltags"],
    "temporalspatial_information.json": ["Postdate", "Latitude", "Longitude", "Geoaccuracy"],
    "additional_information.json": ["Pathalias", "Ispublic", "Mediastatus"],
}
OF_USER = ["ispro", "photo_count", "photo_firstdate", "timezone_offset", "user_description", "location_description"]


def write(folder: Path, posts: int, pictures: int = PICTURES) -> None:
    """Write `posts` posts, block by block; the first `pictures` have one."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [*FILES, "user_data.json", "img_filepath.txt", "label.txt"]
    files = {name: (folder / f"train_{name}").open("w", encoding="utf-8", newline="\n") for name in names}
    for start, block in _blocks(posts):
        for name, columns in FILES.items():
            files[name].write(_records(block[["Uid", "Pid", *columns]], first=start == 0))
        files["user_data.json"].write(_records(block[["Uid", "Pid", *OF_USER]], first=start == 0))
        for uid, pid in zip(block["Uid"].head(max(0, pictures - start)), block["Pid"], strict=False):
            (folder / f"train/{uid}").mkdir(parents=True, exist_ok=True)
            draw_photo(folder / f"train/{uid}/{pid}.jpg", 320, 240, seed=int(pid))
        files["img_filepath.txt"].write("".join("train/" + block["Uid"] + "/" + block["Pid"] + ".jpg\n"))
        files["label.txt"].write("".join(f"{label:.2f}\n" for label in block["label"]))
    for name, file in files.items():
        file.write("]\n" if name.endswith(".json") else "")
        file.close()


def _records(block: pd.DataFrame, *, first: bool) -> str:
    """Records without the end of their list, and with its beginning where they are the `first`."""
    return ("[" if first else ", ") + block.to_json(orient="records", force_ascii=False)[1:-1]


def labels(rank: np.ndarray) -> np.ndarray:
    """Labels [n] of standard normal numbers: two halves of normal distributions, which meet at the median."""
    low, middle, high = QUARTILES
    quarter = NormalDist().inv_cdf(0.75)
    return np.clip(middle + rank * np.where(rank < 0, middle - low, high - middle) / quarter, *ENDS)


def _blocks(posts: int) -> Iterator[tuple[int, pd.DataFrame]]:
    """Where a block of posts starts, and its posts with all fields."""
    rng = np.random.default_rng(posts)
    users, words = _users(rng, max(1, round(posts * USERS))), _words(rng)
    share = 1 / (1 + np.arange(LEVELS[2])) ** 0.7  # few concepts have many posts
    share /= share.sum()
    effects = _standard(rng.normal(size=LEVELS[2]), share)
    for start in range(0, posts, BLOCK):
        n = min(BLOCK, posts - start)
        user, concept = rng.choice(len(users), n, p=users["share"]), rng.choice(LEVELS[2], n, p=share)
        seconds = rng.integers(0, PERIOD[1], n)
        told = (
            0.65 * users["effect"].to_numpy()[user] + 0.35 * effects[concept] + 0.2 * np.sin(seconds * np.pi / 43_200)
        )
        block = users[["Uid", *OF_USER]].iloc[user].reset_index(drop=True)
        of_level = {name: concept % size for name, size in zip(FILES["category.json"], LEVELS, strict=True)}
        block = block.assign(
            **{name: _named(name, numbers) for name, numbers in of_level.items()},
            Pid=np.arange(start, start + n).astype(str),
            label=labels((told + 0.65 * rng.normal(size=n)) / np.sqrt(0.65**2 + 0.35**2 + 0.02 + 0.65**2)),
            Title=_joined(rng, words, n, 4),
            Alltags=_joined(rng, words, n, 10),
            Mediatype="photo",
            Postdate=(PERIOD[0] + seconds).astype(str),
            Latitude=rng.uniform(-60, 70, n).round(4),
            Longitude=rng.uniform(-180, 180, n).round(4),
            Geoaccuracy=rng.choice([0, 16, 11], n, p=[0.7, 0.2, 0.1]),
            Pathalias="alias" + block["Uid"],
            Ispublic=1,
            Mediastatus="ready",
        )
        yield start, block


def _users(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Users with their fields, their share of the posts and what they add to a label."""
    share = rng.lognormal(0, 1.2, n)
    share /= share.sum()
    effect = _standard(rng.normal(size=n), share)
    return pd.DataFrame(
        {
            "Uid": [f"{i}@N{i % 100:02d}" for i in range(n)],
            "share": share,
            "effect": effect,
            "ispro": (rng.random(n) < 0.4).astype(int),
            "photo_count": np.exp(6 + 0.8 * effect + rng.normal(size=n)).astype(int),
            "photo_firstdate": (PERIOD[0] - rng.integers(0, 10**8, n)).astype(str),
            "timezone_offset": rng.choice(["+00:00", "-05:00", "+05:30", "+01:00"], n),
            "user_description": _joined(rng, _words(rng), n, 8),
            "location_description": rng.choice(["Lisbon", "Oslo", "Québec", ""], n),
        }
    )


def _standard(effect: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Effects [n] with mean 0 and deviation 1 over posts, of which each has its share."""
    effect = effect - np.sum(share * effect)
    return effect / (np.sqrt(np.sum(share * effect**2)) or 1)


def _words(rng: np.random.Generator) -> np.ndarray:
    letters = rng.integers(ord("a"), ord("z") + 1, (WORDS, 6), dtype=np.uint8)
    return np.array([row.tobytes().decode() for row in letters], dtype=object)


def _joined(rng: np.random.Generator, words: np.ndarray, n: int, most: int) -> list[str]:
    """Texts of up to `most` words, few of which are frequent."""
    drawn = words[(WORDS * rng.random((n, most)) ** 3).astype(int)]
    return [" ".join(row[:length]) for row, length in zip(drawn, rng.integers(1, most + 1, n), strict=True)]


def _named(level: str, numbers: np.ndarray) -> np.ndarray:
    return np.array([f"{level.lower()} {i}" for i in range(numbers.max() + 1)], dtype=object)[numbers]


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
