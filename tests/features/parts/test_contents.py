"""Features of what the author wrote: equal texts are embedded once, and only what the cache lacks."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.base import SentenceFeature
from features.parts import contents
from features.parts.extraction import Extractor
from pipeline.base.compute import Compute
from pipeline.base.errors import MissingColumn, UserError
from pipeline.base.sections import Entry
from pipeline.storage.cache import ValueCache

WORDS = ["a lake", "Sunset, again", None, "a lake", "  ", "Ünïcode ☀", "a lake"]


class Letters(SentenceFeature):
    """How many letters a text has, and where they stand in the alphabet."""

    shape, dtype, batch_size = (2,), "float32", 2

    def __init__(self, *, columns: list[str] | None = None, separator: str = " "):
        super().__init__(columns=columns, separator=separator)
        self.seen: list[str] = []

    def prepare(self, content):
        self.seen.append(content)
        return [ord(letter) for letter in content]

    def embed(self, prepared):
        return np.array([[len(letters), sum(letters)] for letters in prepared], np.float32)


class Card(Letters):
    """An encoder that claims a card of its own: workers prepare, this process embeds."""

    device = "cuda"


@pytest.fixture
def extract(tmp_path):
    """A function that extracts `feature` from texts; gives values, and which posts have any."""

    def run(feature, words, workers=1):
        posts = pd.DataFrame({"post_id": [f"p{i}" for i in range(len(words))], "text": pd.Series(words, dtype="str")})
        where = {"images": tmp_path / "none", "cache_root": tmp_path / "cache", "compute": Compute(workers=workers)}
        chunks = list(Extractor(Entry("letters", "image_stats"), feature).extract(posts, **where))
        return np.concatenate([c[1] for c in chunks]), np.concatenate([c[2] for c in chunks])

    return run


@pytest.fixture(autouse=True)
def no_packing(monkeypatch):
    monkeypatch.setattr(Extractor, "fingerprint", lambda self, images: {"of": "letters"})


def test_equal_texts_are_embedded_once_and_posts_without_words_have_no_values(extract):
    feature = Letters()
    values, valid = extract(feature, WORDS)
    assert sorted(feature.seen) == sorted(["a lake", "Sunset, again", "Ünïcode ☀"])
    assert valid.tolist() == [True, True, False, True, False, True, True]
    assert np.isnan(values[~valid]).all()
    expected = [[len(w), sum(map(ord, w))] for w in WORDS if w and w.strip()]
    np.testing.assert_array_equal(values[valid], expected)


def test_only_what_is_new_is_embedded(extract):
    extract(Letters(), WORDS)
    feature = Letters()
    values, _ = extract(feature, [*WORDS, "new"])
    assert feature.seen == ["new"]
    assert values[-1, 0] == 3


def test_values_lie_under_the_hash_of_the_text(extract, tmp_path):
    extract(Letters(), WORDS)
    [folder] = (tmp_path / "cache/letters").iterdir()
    key = hashlib.sha256("Ünïcode ☀".encode()).hexdigest()
    stored = ValueCache(folder, shape=(2,), dtype="float32").take(np.array([key], dtype=object))
    assert stored[0, 0] == len("Ünïcode ☀")


@pytest.mark.parametrize("how", ["threads", "card"])
def test_workers_give_the_same(extract, monkeypatch, how):
    monkeypatch.setattr(contents, "SHARD_TEXTS", 2)
    words = [f"word {'x' * (i % 7)}{i}" for i in range(9)]
    values, _ = extract(Card() if how == "card" else Letters(), words, workers=2)
    np.testing.assert_array_equal(values[:, 0], [len(w) for w in words])


def test_a_shard_has_texts_of_like_length(monkeypatch):
    monkeypatch.setattr(contents, "SHARD_TEXTS", 2)
    words = ["four", "a", "six is", "b", "five!", "a"]
    posts = pd.DataFrame({"text": words})
    found = contents.contents_of(Letters(), posts, images=Path("none"))
    assert len(found.distinct) == 5
    shards = found.shards(found.distinct)
    assert [[len(text) for _, text in shard.read()] for shard in shards] == [[1, 1], [4, 5], [6]]
    assert [shard.total for shard in pickle.loads(pickle.dumps(shards))] == [2, 2, 1]


def test_columns_are_joined_as_the_key_says():
    posts = pd.DataFrame({"title": ["At dawn ", None], "text": [" a lake", None], "tags": [None, "sun sea"]})
    assert Letters().texts(posts).tolist() == ["At dawn a lake", "sun sea"]
    assert Letters(separator=". ").texts(posts)[0] == "At dawn. a lake"
    assert Letters(columns=["text", "title"]).texts(posts).tolist() == ["a lake At dawn", None]
    assert Letters().texts(posts[["tags"]]).tolist() == [None, "sun sea"]


def test_what_it_cannot_read_is_said():
    with pytest.raises(MissingColumn, match="needs one of"):
        Letters(columns=["title"]).texts(pd.DataFrame({"text": ["a"]}))
    with pytest.raises(UserError, match=r"columns: \['comments'\] must be some of title, text, tags"):
        Letters(columns=["comments"])
    assert Letters().missing(["image"]) == ["title", "text", "tags"]
    assert Letters().missing(["tags"]) == []
