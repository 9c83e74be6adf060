"""Flickr179K, the dataset of the paper `uhan`, in the files it was released in.

| file | what |
| --- | --- |
| data.json | a JSON object a line: `url`, `title`, `desc`; the posts of this dataset |
| train_url.txt, train_label.txt, train_data.txt | a line a post: address, score, numbers |
| TimeZone.txt | `uid zone`, hours east of UTC; may be missing |
| img/train/<user>/<post>.jpg | pictures; user and post are the last two parts of the url |

Posts of data.json are joined to the lines by url; lines of posts that it leaves out are filtered. That line i
of one file goes with line i of the next is checked. Where `train_data.txt` has the ids of the url, they must
be the same. As released it has pseudonyms (`458398 306@N63`): each must stand beside one user of the urls and
no other, so that a post is dropped whose line says otherwise, and files shifted against each other fail as a
whole. Lines of one user cannot be told apart that way, but by the length of the title: a post where it
differs is tagged, for titles are edited, and where most differ the files do not belong together.

The score is log2(views / days + 1) already: `dataset.targets` is `score: identity`.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipeline.base.errors import UserError
from pipeline.base.ranges import Whole
from pipeline.base.tokens import Tokenizer
from pipeline.readers.base import Raw, Reader, text_of
from pipeline.readers.parts import lines
from pipeline.readers.parts.audit import Audit
from pipeline.readers.parts.flickr_lines import AFTER, BEFORE, NUMBERS, URLS, key_of, read_lines, read_zones

POSTS = "data.json"
_TOKENIZER: dict[str, Tokenizer] = {"separate": "tweets", "released": "released"}


class Flickr(Reader):
    """Reads the folder with the released files."""

    def __init__(
        self,
        *,
        path: str,
        images: str = "img/train",
        text_form: Literal["separate", "released"] = "separate",
        minimum_words: Whole | None = None,
        minimum_count: Whole = 1,
        check_titles: bool = True,
        extra_columns: list[str] | None = None,
    ):
        """Flickr179K as released.

        `path` of the folder with the files; `images` is the folder in it that holds `<user>/<post>.jpg`.
        `text_form`: title and description as `title` and `text`, or, as the authors' released code has it,
        both in `text` as "title #desc: description" and only posts that are all ASCII, with its own tokeniser.
        `minimum_words`: only posts with at least as many words in title and description (paper: 5), of those that
        occur at least `minimum_count` times in all posts (paper: 5; released: 1); null keeps all. `check_titles`:
        fail where most titles have another length than train_data.txt says. `extra_columns` are further numbers to
        keep as inputs, all known before publication: has_people, title_length, description_length, tag_count,
        group_count, average_member_count.
        """
        super().__init__(path=path)
        self.images = images
        self.text_form = text_form
        self.minimum_words, self.minimum_count = minimum_words, minimum_count
        self.check_titles = check_titles
        self.extra_columns = extra_columns or []

    @property
    def image_root(self) -> Path:
        return self.path

    def read(self, targets: Collection[str] | None) -> Raw:
        if not self.path.is_dir():
            raise UserError(f"{self.path}: no such folder; dataset.path is the folder with {POSTS}")
        for column in self.extra_columns:
            if column not in BEFORE:
                why = "is known only after publication" if column in AFTER else "is no column of train_data.txt"
                raise UserError(f"dataset.extra_columns: '{column}' {why}; known: {', '.join(BEFORE)}")
        audit = Audit()
        train = read_lines(self.path, audit, labelled=targets is not None)
        texts = _join(self._texts(audit), train, audit)
        self._compare_titles(texts, train, audit)
        posts = self._columns(texts, train.loc[texts["key"]], targets or ())
        audit.left_out += [c for c in (*BEFORE, *AFTER) if c not in posts]
        zones = read_zones(self.path, audit)
        if zones:
            posts["timezone_offset"] = [zones.get(uid) for uid in train.loc[texts["key"], "uid"]]
        return self._filter(Raw(posts, POSTS, texts["row"].to_numpy(), audit))

    def _texts(self, audit: Audit) -> pd.DataFrame:
        """Posts of data.json: `row`, `key`, `title`, `desc`; lines without a url of their own are dropped."""
        found, met, others = [], set(), {}
        for row, record in lines.read_values(self.path / POSTS, POSTS, audit, ("url",)):
            audit.read += 1
            others |= dict.fromkeys(record if isinstance(record, dict) else ())
            key = key_of(record.get("url")) if isinstance(record, dict) else None
            if key is None:
                audit.drop("url: missing, or no address of a photo", POSTS, [row], "url")
            elif key in met:
                audit.drop(f"url: stands twice in {POSTS}", POSTS, [row], "url")
            else:
                met.add(key)
                found.append((row, key, record.get("title"), record.get("desc")))
        audit.left_out = [f"{name} ({POSTS})" for name in others if name not in ("url", "title", "desc")]
        return pd.DataFrame(found, columns=["row", "key", "title", "desc"]).astype({"row": np.int64})

    def _compare_titles(self, texts: pd.DataFrame, train: pd.DataFrame, audit: Audit) -> None:
        said = train["title_length"].loc[texts["key"]]
        lengths = [{str(len(title)), str(len(title.strip()))} for title in texts["title"].map(text_of)]
        differs = np.array([one not in both for one, both in zip(said, lengths, strict=True)], dtype=bool)
        audit.tag("title: not as long as train_data.txt says", POSTS, texts["row"][differs], "title")
        if self.check_titles and differs.sum() > len(texts) / 2:
            raise UserError(
                f"{self.path / POSTS}, row {texts['row'][differs].iloc[0]}: {differs.sum()} of {len(texts)} titles are "
                f"not as long as {NUMBERS} says; are all files of one release? Else set dataset.check_titles: false"
            )

    def _columns(self, texts: pd.DataFrame, train: pd.DataFrame, targets: Collection[str]) -> pd.DataFrame:
        columns: dict[str, Any] = {
            "post_id": train["post"],
            "user_id": train["user"],
            "posted_at": train["posted_at"],
            "image": [f"{self.images}/{user}/{post}.jpg" for user, post in zip(train.user, train.post, strict=True)],
        }
        if "score" in train:
            columns["score"] = train["score"]
        columns |= {c: train[c] for c in (*BEFORE, *AFTER) if c in self.extra_columns or c in targets}
        if self.text_form == "released":
            columns["text"] = [
                f"{text_of(t)} #desc: {text_of(d).strip()}" for t, d in zip(texts.title, texts.desc, strict=True)
            ]
        else:
            columns |= {"title": texts["title"], "text": texts["desc"]}
        return pd.DataFrame({name: list(values) for name, values in columns.items()}, dtype=object)

    def _filter(self, raw: Raw) -> Raw:
        if self.text_form == "released":
            keep = raw.posts["text"].map(str.isascii).to_numpy(dtype=bool)
            raw.filter("text_form released: not all ASCII", ~keep, "text")
            raw = raw.take(keep)
        return raw.with_words(self.minimum_words, self.minimum_count, _TOKENIZER[self.text_form])


def _join(texts: pd.DataFrame, train: pd.DataFrame, audit: Audit) -> pd.DataFrame:
    """The texts whose line is there and sound; the others are dropped, and lines without a text filtered."""
    known = texts["key"].isin(train.index).to_numpy()
    audit.drop(f"url: not in {URLS}", POSTS, texts["row"][~known], "url")
    texts = texts[known]
    fault = train["fault"].loc[texts["key"]].to_numpy(dtype=object)
    for reason in sorted({f for f in fault if f}):
        audit.drop(reason, POSTS, texts["row"][fault == reason], "url")
    bare = ~train.index.isin(texts["key"])
    audit.read += int(bare.sum())
    audit.filter(f"no title and text in {POSTS}", URLS, train["row"][bare])
    return texts[fault == ""].reset_index(drop=True)
