"""Captions and comments as sentences of numbered words, as section III-A of the paper of `amnl` prepares them.

Image Retweet Prediction via Attentional Multi-Faceted Ranking Network Learning: "filter all emoji and interjection",
four sentences a post, twelve words a sentence, the last comment repeated where there are fewer, `<unk>` for words
outside the vocabulary and `<eos>` at the end.

Ours. A sentence ends at a full stop, a question or exclamation mark with a space behind it, or with its line; captions
stand before comments, these in order of time; of all, the first four that have words. `<eos>` is the last of the
twelve. Emoji are words without a letter or digit, and emoticons; interjections those of `INTERJECTIONS`, however long
their vowels. Words are counted in the sentences that are read, of posts known when training ended.

Shapes: n posts, m sentences a post, w words a sentence.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import regex

from pipeline.base import tokens
from pipeline.storage.examples import PADDING, UNKNOWN_WORD

END = UNKNOWN_WORD + 1
"""The number of `<eos>`; those of words come behind it."""
INTERJECTIONS = """
ah aha ahem alas argh aw ay bah boo bravo duh eek eh em er erm eww gah gee gosh grr ha hah hee heh hello hey hi hm ho
hoho hooray hurrah hurray hush huh jeez lmao lol meh mhm mm nah nope oh oho oi ok okay omg ooh oops ouch ow oy pff pfft
phew psst rofl sh tsk tut ugh uh uhm um wahey whee whoa wow wtf xd yah yay yeah yep yikes yippee yo yuck yuk yum zzz
"""
_END = regex.compile(r"(?<=[.!?…。！？])\s+|(?<=[。！？])|[\r\n]+")
_LAUGH = regex.compile(r"a?(?:[hj]+[aei]+)+[hj]*|l+o+l+(?:o+l+)*")
_LONG = regex.compile(r"(.)\1+")
_SHORT = frozenset(_LONG.sub(r"\1", word) for word in INTERJECTIONS.split())
_SAYING = regex.compile(r"[\p{L}\p{N}]")
_EMOTICON = regex.compile(r"[:;=x8][-o']?[dpo3]|<3|[dpo][-']?[:;=]")

Sentence = tuple[str, ...]


def sentences(text: object) -> list[Sentence]:
    """The sentences of a text that have words, without emoji and interjections."""
    if not isinstance(text, str):
        return []
    parts = (tuple(word for word in tokens.tokenise(part) if _says(word)) for part in _END.split(text) if part)
    return [words for words in parts if words]


def _says(word: str) -> bool:
    return not (
        _SAYING.search(word) is None
        or _EMOTICON.fullmatch(word)
        or _LAUGH.fullmatch(word)
        or _LONG.sub(r"\1", word) in _SHORT
    )


def of_posts(posts: pd.DataFrame, columns: Sequence[str], first: int) -> list[list[Sentence]]:
    """The `first` sentences of each post, column after column."""
    told: list[list[Sentence]] = [[] for _ in range(len(posts))]
    for column in columns:
        for own, text in zip(told, posts[column], strict=True):
            if len(own) < first:
                own.extend(sentences(text)[: first - len(own)])
    return told


def with_comments(told: list[list[Sentence]], comments: pd.DataFrame, first: int) -> np.ndarray:
    """Add sentences of comments on the posts of these rows, up to `first`; which posts [n] have any comment."""
    there = comments[comments["post"].between(0, len(told) - 1)]
    for post, text in zip(there["post"], there["text"], strict=True):
        if len(told[post]) < first:
            told[post].extend(sentences(text)[: first - len(told[post])])
    return np.isin(np.arange(len(told)), there["post"])


def vocabulary(told: Sequence[Sequence[Sentence]], length: int, most: int) -> list[str]:
    """The `most` frequent words that are read, sorted; of equals the alphabet's first."""
    counts = Counter(word for post in told for sentence in post for word in sentence[: length - 1])
    return sorted(sorted(counts, key=lambda word: (-counts[word], word))[:most])


def numbered(told: Sequence[Sequence[Sentence]], index: Mapping[str, int], *, first: int, length: int) -> np.ndarray:
    """Numbers of words [n, m, w], `PADDING` behind the end; the last sentence again where there are fewer.

    A post without any sentence has padding alone.
    """
    numbers = np.full((len(told), first, length), PADDING, dtype=np.int32)
    for row, post in zip(numbers, told, strict=True):
        for place, sentence in zip(row, post, strict=False):
            own = [index.get(word, UNKNOWN_WORD) for word in sentence[: length - 1]]
            place[: len(own) + 1] = [*own, END]
        row[len(post) :] = row[len(post) - 1] if post else PADDING
    return numbers


def index_of(words: Sequence[str]) -> dict[str, int]:
    """The number of each word of a vocabulary."""
    return {word: number for number, word in enumerate(words, start=END + 1)}


def in_words(numbers: np.ndarray, words: Sequence[str]) -> str:
    """A sentence [w] as a person reads it; an ellipsis for each word outside the vocabulary."""
    known = (words[number - END - 1] if number > END else "…" for number in numbers if number not in (PADDING, END))
    return " ".join(known)
