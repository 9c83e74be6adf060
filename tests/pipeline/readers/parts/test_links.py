"""Tables beside posts: whatever they hold, a counted row, or one line that a person can act on."""

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.base.errors import UserError
from pipeline.readers import linking
from pipeline.readers.judging import to_table
from pipeline.readers.parts import links
from pipeline.readers.parts.links import BESIDE, NEEDED, TABLES, Links, Where
from pipeline.readers.parts.times import UNTOLD

POSTS = pd.DataFrame(
    {"post_id": ["1", "2"], "user_id": ["a", "b"], "posted_at": pd.to_datetime(["2024-05-01", None], utc=True)}
)
VALUES = st.one_of(
    st.none(),
    st.sampled_from(
        ["1", "2", 1, 2.0, "a", "b", "", "nan", "2024-05-02", "1969-01-01", "9999-12-31", "\ud800", "1e400"]
    ),
    st.integers(),
    st.floats(),
    st.text(st.characters(codec=None), max_size=6),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.none(), max_size=1),
)


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=60)
@given(data=st.data())
def test_every_row_is_kept_or_counted(name, data):
    n = data.draw(st.integers(0, 6))
    columns = {column: data.draw(st.lists(VALUES, min_size=n, max_size=n)) for column in TABLES[name]}
    found = {other: links.nothing(other) for other in TABLES}
    found[name] = Links(
        pd.DataFrame(columns, index=range(n), dtype=object),
        f"{name}.csv",
        pd.RangeIndex(2, n + 2).to_numpy(),
        links.Audit(),
    )
    found[name].audit.read = n
    frame = linking.clean(found, POSTS, UNTOLD)[name]
    assert found[name].audit.kept == len(frame)
    assert frame[list(NEEDED[name])].notna().all(axis=None)
    assert not frame.duplicated().any()
    to_table(frame)
    json.dumps(found[name].audit.as_dict(), ensure_ascii=False).encode()
    if "post_id" in frame:
        assert set(frame["post_id"]) <= {"1", "2"}
    if "at" in frame:
        posted = frame["post_id"].map(POSTS.set_index("post_id")["posted_at"])
        assert not (frame["at"] < posted).any()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"interactions\.csv: no rows"),
        (b"user_id,user_id\na,b\n", r"column 'user_id' stands there twice"),
        (
            b"who,what\na,b\n",
            r"no column 'user_id'; it needs user_id, post_id; map them: dataset\.interactions\.columns",
        ),
    ],
)
def test_a_table_that_is_none_is_one_line(tmp_path, content, message):
    (tmp_path / "interactions.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        links.read(tmp_path, "interactions", BESIDE)


def test_torn_rows_are_counted_and_a_folder_without_the_table_has_none(tmp_path):
    assert links.read(tmp_path, "follows", BESIDE).frame.empty
    (tmp_path / "edges.tsv").write_text("a\tb\n1\t2\n3\n")
    found = links.read(tmp_path, "follows", Where(file="edges.tsv", columns={"follower_id": "a", "followee_id": "b"}))
    assert (found.audit.read, found.audit.kept, found.rows.tolist()) == (2, 1, [2])
