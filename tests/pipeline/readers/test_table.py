import pandas as pd
import pytest

from pipeline.base.errors import UserError
from pipeline.readers.parts.links import Where
from pipeline.readers.table import Table


@pytest.mark.parametrize("file", ["posts.csv", "posts.tsv", "posts.jsonl", "posts.parquet"])
def test_every_format_holds_the_same_posts(posts_folder, make_posts, file):
    folder = posts_folder(n=8, images=False, file=file)
    raw = Table(path=str(folder)).read(["likes"])
    assert raw.file == file
    assert raw.posts["post_id"].tolist() == make_posts(8)["post_id"].tolist()
    assert [float(x) for x in raw.posts["likes"]] == make_posts(8)["likes"].tolist()
    assert raw.audit.read == 8


def test_a_path_may_be_the_table_itself(posts_folder):
    folder = posts_folder(n=4, images=False)
    reader = Table(path=str(folder / "posts.csv"))
    assert len(reader.read(["likes"]).posts) == 4
    assert reader.image_root == Table(path=str(folder)).image_root == folder


def test_columns_are_mapped_kept_and_left_out(tmp_path):
    (tmp_path / "posts.csv").write_text("id,Likes so far,words,n_hashtags,secret,text\na,1,hello,2,x,other\n")
    columns = {"post_id": "id", "likes": "Likes so far", "text": "words"}
    raw = Table(path=str(tmp_path), columns=columns, extra_columns=["n_hashtags"]).read(["likes"])
    assert raw.posts.to_dict("records") == [{"post_id": "a", "likes": "1", "text": "hello", "n_hashtags": "2"}]
    assert raw.audit.left_out == ["secret", "text"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"likes": "Likes"}}, r"columns\.likes: .*posts\.csv has no column 'Likes'; it has post_id"),
        ({"columns": {"lines": "likes"}}, r"columns\.lines: no such column"),
        ({"extra_columns": ["n_tags"]}, r"extra_columns: .*no column 'n_tags'"),
        ({"file": "other.csv"}, r"other\.csv: no such file"),
    ],
)
def test_a_column_or_file_that_is_not_there_is_named(posts_folder, options, message):
    with pytest.raises(UserError, match=message):
        Table(path=str(posts_folder(n=4, images=False)), **options).read(["likes"])


def test_posts_of_few_words_are_left_out_and_drafts_never(tmp_path):
    (tmp_path / "posts.csv").write_text(
        "post_id,likes,title,text\na,1,One two,three four\nb,2,One,2 3 4\nc,3,,\nd,4,猫がいる,Ein Ös\n"
    )
    reader = Table(path=str(tmp_path), minimum_words=3)
    raw = reader.read(["likes"])
    assert raw.posts["post_id"].tolist() == ["a", "b"]  # numbers are words, as the networks read them
    assert raw.rows.tolist() == [2, 3]
    assert dict(raw.audit.filtered) == {"fewer than 3 words": 2}
    assert len(reader.read(None).posts) == 4


def test_rare_words_do_not_count(tmp_path):
    (tmp_path / "posts.csv").write_text("post_id,likes,text\na,1,Sea sun sky\nb,2,the SEA the sun\nc,3,sky sea salt\n")
    raw = Table(path=str(tmp_path), minimum_words=3, minimum_count=2).read(["likes"])
    assert raw.posts["post_id"].tolist() == ["a", "b"]
    assert dict(raw.audit.filtered) == {"fewer than 3 words that occur 2 times": 1}


def test_without_texts_no_post_has_words(tmp_path):
    (tmp_path / "posts.csv").write_text("post_id,likes\na,1\n")
    assert Table(path=str(tmp_path), minimum_words=1).read(["likes"]).posts.empty
    assert len(Table(path=str(tmp_path), minimum_words=0).read(["likes"]).posts) == 1


def test_two_tables_of_posts_need_a_choice(posts_folder):
    posts_folder(n=4, images=False)
    folder = posts_folder(n=5, images=False, file="posts.jsonl")
    with pytest.raises(UserError, match=r"posts\.csv, posts\.jsonl; name it with dataset\.file"):
        Table(path=str(folder)).read(["likes"])
    assert len(Table(path=str(folder), file="posts.jsonl").read(["likes"]).posts) == 5


def test_a_folder_without_posts_is_named(tmp_path):
    with pytest.raises(UserError, match=r"found no posts\."):
        Table(path=str(tmp_path)).read(["likes"])


def test_drafts_need_neither_targets_nor_all_mapped_columns(tmp_path):
    (tmp_path / "drafts.csv").write_text("words\nhello\n")
    reader = Table(path=str(tmp_path / "drafts.csv"), columns={"text": "words", "likes": "n"}, extra_columns=["x"])
    assert reader.read(None).posts.to_dict("records") == [{"text": "hello"}]


def test_follows_and_interactions_lie_beside(posts_folder):
    folder = posts_folder(n=4, images=False)
    (folder / "follows.csv").write_text("follower_id,followee_id\nu0,u1\n")
    (folder / "interactions.tsv").write_text("user_id\tpost_id\tkind\tat\nu0\tp0001\tretweet\t2021-01-03\n")
    raw = Table(path=str(folder)).read(["likes"])
    assert raw.links["follows"].frame.to_dict("records") == [{"follower_id": "u0", "followee_id": "u1"}]
    assert raw.links["interactions"].frame["kind"].tolist() == ["retweet"]


def test_tables_beside_may_have_names_and_columns_of_their_own(posts_folder):
    folder = posts_folder(n=4, images=False)
    (folder / "shares.tsv").write_text("who\titem\nu0\tp0001\n")
    (folder / "interactions.csv").write_text("another\n1\n")
    (folder / "comments.csv").write_text("post_id,text,stars\np0001,Nice!,5\n")
    where = Where(file="shares.tsv", columns={"user_id": "who", "post_id": "item"})
    raw = Table(path=str(folder), interactions=where).read(["likes"])
    found = raw.links["interactions"]
    assert found.frame.to_dict("records") == [{"user_id": "u0", "post_id": "p0001", "kind": None, "at": None}]
    assert (found.file, found.rows.tolist()) == ("shares.tsv", [2])
    assert raw.links["comments"].audit.left_out == ["stars"]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (Where(file="nothing.csv"), r"nothing\.csv: no such file"),
        (Where(columns={"post_id": "item"}), r"follows\.columns\.post_id: no such column; known: follower_id"),
        (Where(columns={"follower_id": "who"}), r"follows\.csv: no column 'who'; it needs follower_id, followee_id"),
        (Where(file="images"), r"images: unknown ending"),
        (Where(), r"expected one table of follows, found follows\.csv, follows\.tsv; name it with dataset\.follows"),
    ],
)
def test_a_table_beside_that_is_not_there_is_one_line(posts_folder, where, message):
    folder = posts_folder(n=4, images=False)
    for ending in ("csv", "tsv"):
        (folder / f"follows.{ending}").write_text("follower_id,followee_id\nu0,u1\n")
    if where.columns:
        (folder / "follows.tsv").unlink()
    with pytest.raises(UserError, match=message):
        Table(path=str(folder), follows=where).read(["likes"])


def test_follows_without_ids_are_named(posts_folder):
    folder = posts_folder(n=4, images=False)
    (folder / "follows.csv").write_text("a,b\nu0,u1\n")
    with pytest.raises(UserError, match=r"follows\.csv: no column 'follower_id'"):
        Table(path=str(folder)).read(["likes"])


def test_types_of_a_parquet_file_survive(tmp_path):
    frame = pd.DataFrame({"post_id": [1, 2], "comments": [["a"], []], "likes": [1.5, None]})
    frame.to_parquet(tmp_path / "posts.parquet")
    raw = Table(path=str(tmp_path)).read(["likes"])
    assert raw.posts["comments"].tolist() == [["a"], []]
    assert raw.posts["post_id"].tolist() == [1, 2]
