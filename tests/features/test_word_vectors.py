"""Files of word vectors in every format they come in, word2vec's as gensim writes them; and files that are none."""

import gzip
import zipfile

import numpy as np
import pytest
from gensim.models import KeyedVectors

from features.word_vectors import load, sha256
from pipeline.errors import UserError

WORDS = ["the", "sea", "日本", "🐟", "<user>", "town"]
VECTORS = np.random.default_rng(0).normal(size=(len(WORDS), 3)).astype(np.float32)


@pytest.fixture
def library():
    vectors = KeyedVectors(3)
    vectors.add_vectors(WORDS, VECTORS)
    return vectors


def lines(words=WORDS, vectors=VECTORS):
    return [f"{word} {' '.join(repr(float(x)) for x in vector)}" for word, vector in zip(words, vectors, strict=True)]


@pytest.fixture
def write(tmp_path):
    def to(*content, name="vectors.txt"):
        (tmp_path / name).write_text("\n".join(content) + "\n", encoding="utf-8")
        return tmp_path / name

    return to


def check(path):
    found = load(path, ["sea", "日本", "🐟", "nowhere", "<user>"], 3)
    assert found.keys() == {"sea", "日本", "🐟", "<user>"}
    for word, vector in found.items():
        np.testing.assert_array_equal(vector, VECTORS[WORDS.index(word)])
        assert vector.dtype == np.float32


def test_gloves_format(write):
    check(write(*lines()))


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("packed", [None, "gzip", "zip"])
def test_word2vecs_formats(library, tmp_path, binary, packed):
    path = tmp_path / "vectors"
    library.save_word2vec_format(str(path), binary=binary)
    content = path.read_bytes()
    if packed == "gzip":
        path.write_bytes(gzip.compress(content))
    if packed == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("folder/", "")
            archive.writestr("folder/some.name", content)
    check(path)


def test_lines_after_binary_vectors_and_spaces_after_numbers(tmp_path):
    records = [word.encode() + b" " + vector.tobytes() + b"\n" for word, vector in zip(WORDS, VECTORS, strict=True)]
    (tmp_path / "c.bin").write_bytes(b"6 3\n" + b"".join(records))
    check(tmp_path / "c.bin")
    (tmp_path / "c.txt").write_text("6 3\r\n" + "".join(f"{line} \r\n" for line in lines()))
    check(tmp_path / "c.txt")


def test_of_several_files_in_a_zip_the_dimensions_choose(tmp_path):
    path = tmp_path / "glove.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("glove.3d.txt", "\n".join(lines()))
        archive.writestr("glove.5d.txt", "sea 1 2 3 4 5")
    check(path)
    assert load(path, ["sea"], 5)["sea"].tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(UserError, match=r"glove\.zip: which of glove\.3d\.txt, glove\.5d\.txt\?"):
        load(path, ["sea"], 4)


def test_words_with_spaces_are_passed_over_and_the_first_of_equals_stays(write):
    path = write("the 1 2 3", "at name@domain.com 4 5 6", ". . . 7 8 9", "sea 1 1 1", "sea 2 2 2", "at 3 3 3")
    found = load(path, ["at", ".", "sea"], 3)
    assert {word: vector.tolist() for word, vector in found.items()} == {"at": [3, 3, 3], "sea": [1, 1, 1]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (["sea 1 2", "the 1 2 3"], "line 1: 2 numbers; expected a word and 3"),
        (["sea 1 2 3", "the 1 2"], "line 2: 2 numbers"),
        (["sea 1 2 3", "the 1 2 3 4"], "line 2: 4 numbers"),
        (["sea 1 2 3", "the 1 2 x"], "line 2: not all are numbers"),
        (["sea 1 2 3", "the 1 nan 3"], "line 2: not all numbers are finite"),
        (["2 3", "sea 1 2 3"], "line 3: the file ends before its 2 words"),
        (["2 5", "sea 1 2 3 4 5"], "line 1: 5 dimensions; expected a word and 3"),
        (["post_id,likes", "a,3"], "line 1: 0 numbers"),
        (["once upon a time", "there was"], "line 1: not all are numbers"),
        (["x" * 2_000_000], "line 1: no word vector"),
        ([""], "line 1"),
    ],
)
def test_what_is_no_file_of_vectors_is_said_in_a_line(write, content, said):
    with pytest.raises(UserError, match=said) as error:
        load(write(*content), ["the", "sea"], 3)
    assert "vectors.txt: line " in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("packing", ["gzip", "zip", "binary"])
def test_torn_files_are_said_to_be(library, tmp_path, packing, share):
    path, many = tmp_path / "vectors", KeyedVectors(3)
    many.add_vectors([f"w{i}" for i in range(500)], np.random.default_rng(0).normal(size=(500, 3)))
    many.save_word2vec_format(str(path), binary=packing == "binary")
    content = path.read_bytes()
    if packing == "gzip":
        content = gzip.compress(content)
    if packing == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("vectors.txt", content)
        content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match=r"vectors: .*(cannot be opened|ends early|ends before|expected a word)"):
        load(path, ["w3"], 3)


def test_pictures_and_empty_files_are_none(tmp_path, picture):
    with pytest.raises(UserError, match="line 1"):
        load(picture(tmp_path / "a.png"), ["sea"], 3)
    (tmp_path / "empty").touch()
    with pytest.raises(UserError, match="line 1: no word vector"):
        load(tmp_path / "empty", ["sea"], 3)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.txt: .*null"):
        sha256(tmp_path / "nowhere.txt")
    with pytest.raises(UserError, match=r"nowhere\.txt: cannot be opened"):
        load(tmp_path / "nowhere.txt", ["sea"], 3)
