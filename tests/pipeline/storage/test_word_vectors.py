"""Files of word vectors in every format they come in, word2vec's as gensim writes them; and files that are none."""

import gzip
import io
import re
import zipfile

import numpy as np
import pytest
from gensim.models import KeyedVectors

from pipeline.base.errors import UserError
from pipeline.storage import word_vectors
from pipeline.storage.word_vectors import load, sha256

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


def zipped(content):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("folder/", "")
        file.writestr("folder/some.name", content)
    return archive.getvalue()


def check(path):
    found = load(path, 3)
    assert found.index_to_key == WORDS
    assert "nowhere" not in found
    for word, vector in zip(WORDS, VECTORS, strict=True):
        np.testing.assert_array_equal(found[word], vector)
    assert found.vectors.dtype == np.float32


@pytest.mark.parametrize("packing", [bytes, gzip.compress, zipped])
def test_gloves_format(write, packing):
    path = write(*lines())
    path.write_bytes(packing(path.read_bytes()))
    check(path)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("packing", [bytes, gzip.compress, zipped])
def test_word2vecs_formats(library, tmp_path, binary, packing):
    path = tmp_path / "vectors"
    library.save_word2vec_format(str(path), binary=binary)
    path.write_bytes(packing(path.read_bytes()))
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
    assert load(path, 5)["sea"].tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(UserError, match=r"glove\.zip: which of glove\.3d\.txt, glove\.5d\.txt\?"):
        load(path, 4)


@pytest.mark.parametrize("name", ["vectors.gz", "vectors.bz2", "vectors.txt#1", "vectors.zip"])
def test_content_says_the_format_not_the_name(write, name):
    check(write(*lines(), name=name))


def test_of_equal_words_the_first_stays_and_nothing_is_said(write, caplog):
    found = load(write("the 1 2 3", "sea 1 1 1", "sea 2 2 2", "at 3 3 3"), 3)
    assert {word: found[word].tolist() for word in found.key_to_index} == {
        "the": [1, 2, 3],
        "sea": [1, 1, 1],
        "at": [3, 3, 3],
    }
    assert not caplog.text


def test_broken_letters_make_no_other_word(tmp_path):
    (tmp_path / "vectors.txt").write_bytes(b"sea\xc3 4 5 6\nsea 1 2 3\n\xff\x85 7 8 9\n")
    found = load(tmp_path / "vectors.txt", 3)
    assert len(found) == 3
    assert found["sea"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (["sea 1 2", "the 1 2 3"], "line 1: 2 dimensions"),
        (["sea 1 2 3", "the 1 2"], "'the' has 2 finite numbers of 2"),
        (["sea 1 2 3", "the 1"], "'the' has 1 finite numbers of 1"),
        (["sea 1 2 3", "the 1 2 3 4"], "'the' has 4 finite numbers of 4"),
        (["sea 1 2 3", "", "the 1 2 3"], "'' has 0 finite numbers of 0"),
        (["sea 1 2 3", "the 1 2 x"], "could not convert string to float: 'x'"),
        (["sea 1 2 3", "the 1 nan 3"], "'the' has 2 finite numbers of 3"),
        (["sea 1 2 3", "the 1 1e40 3"], "'the' has 2 finite numbers of 3"),
        (["2 3", "sea 1 2 3"], "line 1: there are not 2 words"),
        (["1 3", "sea 1 2 3", "the 1 2 3"], "line 1: there are not 1 words"),
        (["2 3", "sea x 2 3", "the 1 2 3"], "could not convert string to float: 'x'"),
        (["2 3", "sea 1 2 3", "the 1 2"], "'the' has 2 finite numbers of 2"),
        (["2 5", "sea 1 2 3 4 5"], "line 1: 5 dimensions"),
        (["999999999 3", "sea 1 2 3"], "line 1: there are not 999999999 words"),
        (["0 3"], "line 1: there are not 0 words"),
        (["post_id,likes", "a,3"], "line 1: 0 dimensions"),
        (["once upon a time", "there was"], "could not convert string to float: 'upon'"),
        (["x" * 2_000_000], "line 1: 0 dimensions"),
        (["a b c " + "x" * 10_000], "could not convert string to float: 'b'"),
        ([""], "line 1: 0 dimensions"),
    ],
)
def test_what_is_no_file_of_vectors_is_said_in_a_line(write, content, said):
    with pytest.raises(UserError, match=re.escape(said)) as error:
        load(write(*content), 3)
    assert "vectors.txt: " in str(error.value)
    assert "expected a word without spaces and 3 numbers" in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize(
    ("packing", "binary"), [(gzip.compress, False), (zipped, False), (bytes, True), (bytes, False)]
)
def test_torn_files_are_said_to_be(tmp_path, packing, binary, share):
    path, many = tmp_path / "vectors", KeyedVectors(3)
    many.add_vectors([f"w{i}" for i in range(500)], np.random.default_rng(0).normal(size=(500, 3)))
    many.save_word2vec_format(str(path), binary=binary)
    content = packing(path.read_bytes())
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match=r"vectors: .+; expected a word"):
        load(path, 3)


@pytest.mark.parametrize("packing", [gzip.compress, zipped])
def test_packed_files_with_other_bytes_than_were_packed_are_said_to_be(tmp_path, packing):
    content = bytearray(packing("\n".join(lines()).encode()))
    content[len(content) // 2] ^= 1
    (tmp_path / "vectors").write_bytes(content)
    with pytest.raises(UserError, match=r"vectors: .+; expected a word"):
        load(tmp_path / "vectors", 3)


def test_damaged_text_is_not_taken_for_binary_numbers(write):
    path = write("500 3", *lines([f"w{i}" for i in range(500)], np.zeros((500, 3))))
    path.write_bytes(path.read_bytes().replace(b"0.0", b"0\x07\xff0", 1))
    with pytest.raises(UserError, match="could not convert string to float"):
        load(path, 3)


def test_binary_vectors_that_are_not_finite_are_said_to_be(library, tmp_path):
    library.vectors[2, 1] = np.nan
    library.save_word2vec_format(str(tmp_path / "vectors.bin"), binary=True)
    with pytest.raises(UserError, match=r"vectors\.bin: '日本' has 2 finite numbers of 3"):
        load(tmp_path / "vectors.bin", 3)


def test_pictures_and_empty_files_are_none(tmp_path, picture):
    with pytest.raises(UserError, match=r"a\.png: .*expected a word"):
        load(picture(tmp_path / "a.png"), 3)
    (tmp_path / "empty").touch()
    with pytest.raises(UserError, match="empty: line 1: 0 dimensions"):
        load(tmp_path / "empty", 3)


@pytest.mark.parametrize("packing", [bytes, gzip.compress, zipped])
def test_other_dimensions_are_seen_before_anything_is_unpacked(write, packing):
    path = write(*lines())
    path.write_bytes(packing(path.read_bytes()))
    word_vectors.check(path, 3)
    with pytest.raises(UserError, match=r"vectors\.txt: line 1: 3 dimensions; expected a word .* and 4 numbers a line"):
        word_vectors.check(path, 4)


def test_an_archive_that_is_none_is_seen_before_anything_is_unpacked(tmp_path):
    (tmp_path / "vectors.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(UserError, match=r"vectors\.zip: File is not a zip file; expected"):
        word_vectors.check(tmp_path / "vectors.zip", 3)


@pytest.mark.parametrize("read", [sha256, lambda path: load(path, 3), lambda path: word_vectors.check(path, 3)])
def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(UserError, match=r"nowhere\.txt: No such file or directory; .*null"):
        read(tmp_path / "nowhere.txt")
    with pytest.raises(UserError, match=r"Is a directory; .*null"):
        read(tmp_path)


@pytest.mark.parametrize("packing", [bytes, gzip.compress])
def test_words_with_spaces_are_left_out(write, packing):
    """Some of glove.840B.300d are `. . .` and `at name@domain.com`; the others are read as from any file."""
    own = lines()
    path = write(own[0], ". . . 1 2 3", *own[1:3], "at name@domain.com 0.5 -1 2e-3", *own[3:])
    path.write_bytes(packing(path.read_bytes()))
    check(path)


@pytest.mark.parametrize("line", ["ocean 1 2 3 4", "ocean x 1 2", "an ocean 1 2 x"])
def test_a_damaged_line_is_no_word_with_spaces(write, line):
    with pytest.raises(UserError, match="expected a word without spaces and 3 numbers"):
        load(write(*lines(), line), 3)
