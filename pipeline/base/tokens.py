"""The words of a text: one tokeniser for all features, and for readers that leave out posts of few words.

NLTK's tweet tokeniser finds the words; around it:

| in the text | words |
| --- | --- |
| links, e-mail addresses, @mentions | none, or `<url>`, `<url>`, `<user>` (the words of GloVe's Twitter vectors) |
| #SunSet | `sunset` |
| emoji, emoticons | one word each, whatever joins their parts (skin tones, families, flags) |
| scripts without spaces (Chinese, Japanese, Thai, ...) | a word a grapheme: no dictionary, the same everywhere |
| other punctuation, HTML | none |

Letters are lower-cased in Unicode's compatible form (NFKC), so that full-width and mathematical letters are
letters. Time is linear in the length of a text, whatever stands in it.

Beside it stands the tokeniser of UHAN's released code: any two letters, digits or underscores and more in a row.
"""

import html
import sys
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, Literal

import regex

USER, URL = "<user>", "<url>"
CHUNK = 280
"""Characters the tokeniser gets at once; some of its patterns take time quadratic in them."""

Words = tuple[str, ...]
Tokenizer = Literal["tweets", "released"]
"""NLTK's for tweets, or the pattern that UHAN was released with."""

_ENTITY = regex.compile(r"&#?\w{1,32};")
_STACKED = regex.compile(r"(\p{M}{8})\p{M}+")  # sorting such stacks takes NFKC quadratic time
_INVISIBLE = regex.compile(r"[\uFE0E\uFE0F\u00AD\u200B\u2060\uFEFF\u200E\u200F\u202A-\u202E\u2066-\u2069]")
_MARKUP = regex.compile(r"</?[a-z][^<>]{0,1000}>")
_LINK = regex.compile(r"(?:https?://|www\.)[!-~]*")
_UNSPACED = regex.compile(r"(?=[\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}])\X")
_CHUNKS = regex.compile(rf"(?s).{{1,{CHUNK}}}(?=\s|$)|.{{{CHUNK}}}")
_ADDRESS = regex.compile(r"[\w.+-]+@.+|[a-z0-9.-]+\.[a-z]{2,13}/.*")
_UNFINISHED = regex.compile(r"\w+(?:\.\w+)*\.[a-z]{2,13}")  # "the end.then": the space is missing
_FOREIGN = regex.compile(r"[^\x00-\x7F]")
_RELEASED = regex.compile(r"\b\w\w+\b")
_MEANT = regex.compile(r"[\p{L}\p{N}\p{Extended_Pictographic}\p{Regional_Indicator}]")


def tokenise(text: str, *, english: bool = False, placeholders: bool = False, tokenizer: Tokenizer = "tweets") -> Words:
    """Words of one text, lower-cased, in order.

    `english` keeps ASCII alone, as the UHAN paper does ("we first remove all non-English characters"; ours:
    a removed character ends the word). `placeholders` keeps links and mentions as `<url>` and `<user>`, of which the
    `tokenizer` released knows nothing: to it they are letters.
    """
    if tokenizer == "released":
        text = _FOREIGN.sub(" ", text.lower()) if english else text.lower()
        return tuple(sys.intern(word) for word in _RELEASED.findall(text))
    text = _clean(text)
    text = _FOREIGN.sub(" ", text) if english else _UNSPACED.sub(r" \g<0> ", text)
    text = _LINK.sub(f" {URL} ", text)
    words = (word for chunk in _CHUNKS.findall(text) for token in _tokenizer()(chunk) for word in _words(token))
    return tuple(sys.intern(word) for word in words if placeholders or word not in (USER, URL))


def _clean(text: str) -> str:
    text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    text = unicodedata.normalize("NFKC", _STACKED.sub(r"\1", text)).lower().replace("’", "'")
    return _MARKUP.sub(" ", _INVISIBLE.sub("", text))


@cache
def _tokenizer() -> Callable[[str], list[str]]:
    from nltk.tokenize.casual import TweetTokenizer  # takes seconds

    return TweetTokenizer(match_phone_numbers=False).tokenize


@cache
def _is_emoticon() -> Callable[[str], Any]:
    from nltk.tokenize.casual import EMOTICON_RE

    return EMOTICON_RE.fullmatch


def _words(token: str) -> Sequence[str]:
    """What stays of one of the tokeniser's tokens."""
    token = token.lower()
    if token.isalnum() or token in (USER, URL) or _is_emoticon()(token):
        return [token]
    if token[0] == "@" and len(token) > 1:
        return [USER]
    if _ADDRESS.fullmatch(token):
        return [URL]
    if token[0] == "<" or not _MEANT.search(token):
        return []
    return token.split(".") if _UNFINISHED.fullmatch(token) else [token.strip("#_'-")]


def versions() -> str:
    """What decides the words beside the text and the options."""
    return f"nltk {version('nltk')} tweets, regex {version('regex')}, Unicode NFKC"
