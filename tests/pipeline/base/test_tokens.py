"""What counts as a word."""

import json

import pytest

from pipeline.base import tokens
from pipeline.base.tokens import tokenise


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The END of it!", "the end of it"),
        ("look https://t.co/AbC?x=1&y=2 www.x.org t.co/abc me@mail.example.com now", "look now"),
        ("RT @Bob_1: hi ＠ｂｏｂ", "rt hi"),
        ("#SunSet, #a_b ##twice # ＃wide", "sunset a_b twice wide"),
        ("don't don’t rock'n'roll e-mail", "don't don't rock'n'roll e-mail"),
        ("3.14 10:30 2020", "3.14 10:30 2020"),
        ("... --- !!! _ * @ #", ""),
        ("at the end.then came", "at the end then came"),
        ("<a href='http://x.org/'>Sea</a> &amp; sky &lt;3 &#65;", "sea sky <3 a"),
        ("ＦＵＬＬ 𝓫𝓸𝓵𝓭", "full bold"),
        ("cafe\u0301 café", "café café"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("СОБАКА 한국어 입니다 हिन्दी", "собака 한국어 입니다 हिन्दी"),
    ],
)
def test_words(text, words):
    assert tokenise(text) == tuple(words.split())


def test_emoji_are_words_of_their_own():
    assert tokenise("sea❤️❤👩‍👩‍👧🇯🇵👍🏽so:) :-(") == ("sea", "❤", "❤", "👩‍👩‍👧", "🇯🇵", "👍🏽", "so", ":)", ":-(")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("見てhttps://t.co/abcです、#東京", "見 て で す 東 京"),
        ("ラーメン", "ラ ー メ ン"),
        ("ที่นี่", "ที่ นี่"),
        ("iPhone15が好き", "iphone 15 が 好 き"),
    ],
)
def test_scripts_without_spaces_give_graphemes(text, words):
    assert tokenise(text) == tuple(words.split())


def test_placeholders_stand_for_links_and_mentions():
    found = tokenise("hi @Bob see https://t.co/x", placeholders=True)
    assert found == ("hi", "<user>", "see", "<url>")
    assert tokenise("hi <b>@Bob</b>", placeholders=True) == ("hi", "<user>")


def test_english_keeps_ascii_alone():
    assert tokenise("Tokyo東京 at 5, ❤ sea СОБАКА", english=True) == ("tokyo", "at", "5", "sea")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A Day #desc: don't <b>wait</b>", "day desc don wait"),
        ("IMG_1234 5 67 x https://t.co/ab", "img_1234 67 https co ab"),
        ("-- ! ...", ""),
    ],
)
def test_words_as_uhan_was_released(text, words):
    assert tokenise(text, tokenizer="released") == tuple(words.split())


def test_as_released_english_keeps_ascii_alone():
    assert tokenise("Früh am See", tokenizer="released") == ("früh", "am", "see")
    assert tokenise("Früh am See", english=True, tokenizer="released") == ("fr", "am", "see")


def test_no_text_no_words():
    assert tokenise("") == tokenise(" \n\t\0") == ()


def test_long_texts_lose_nothing():
    assert tokenise("hello wide world " * 5_000) == ("hello", "wide", "world") * 5_000


@pytest.mark.parametrize("piece", ["a", "<a", "(1", "日本 ", "hello world ", "a.", "#"])
def test_patterns_of_quadratic_time_see_little_at_once(piece, monkeypatch):
    seen = []
    library = tokens._tokenizer()
    monkeypatch.setattr(tokens, "_tokenizer", lambda: lambda text: seen.append(len(text)) or library(text))
    tokenise((piece * 10_000)[:10_000])
    assert max(seen) <= tokens.CHUNK
    assert sum(seen) <= 3 * 10_000


def test_stacks_of_marks_are_cut_before_they_are_sorted():
    assert tokenise("a" + "\u0301\u0323" * 200_000 + " b") == (tokenise("a" + "\u0301\u0323" * 4)[0], "b")


def test_words_can_be_written_as_json():
    strange = "a&#xD800;b &#5; &#x110000; &#" + "9" * 5000 + "; \ufffe x\u20e3"
    assert json.dumps(tokenise(strange)).encode("utf-8")
    json.dumps(tokenise(strange), ensure_ascii=False).encode("utf-8")
