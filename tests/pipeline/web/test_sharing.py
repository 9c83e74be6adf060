"""Who of a user's followers would share a draft, asked on the page."""

import re

import numpy as np
import pandas as pd
import pytest

from pipeline import rank
from pipeline.base import params
from tests.conftest import build_posts, write_params, write_posts_folder
from tests.pipeline.web.test_pages import said
from tests.stages import run_stages

pytestmark = pytest.mark.slow
N, USERS, SHARES = 40, 6, 200


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Paths of a project where everybody follows everybody but `u0`, whom `u1` and `u2` follow."""
    root, rng, posts = tmp_path_factory.mktemp("shared"), np.random.default_rng(0), build_posts(N, USERS)
    write_posts_folder(root / "raw", posts=posts, images=False)
    names = [f"u{i}" for i in range(USERS)]
    pairs = [(a, b) for a in names for b in names if a != b and (b != "u0" or a in ("u1", "u2"))]
    pd.DataFrame(pairs, columns=["follower_id", "followee_id"]).to_csv(root / "raw/follows.csv", index=False)
    what = rng.integers(0, N, SHARES)
    at = posts["posted_at"].iloc[what] + pd.to_timedelta(rng.integers(1, 200, SHARES), unit="h")
    shares = {"user_id": rng.choice(names, SHARES), "post_id": posts["post_id"].iloc[what], "at": at.astype(str)}
    pd.DataFrame(shares).to_csv(root / "raw/interactions.csv", index=False)
    systems = {"mean": {"model": "constant"}, "followees": {}, "popularity": {}}
    paths = write_params(root, features={"category": {}}, systems=systems, ranking={"ratios": [0.6, 0.1, 0.3]})
    run_stages(paths, results=False)
    return paths


def test_followers_are_ranked_as_on_the_command_line(shared, browser, tmp_path):
    answer = browser(shared).ask("/share", system="followees", user_id="u0", text_0="a", text_1="b")
    assert answer.status_code == 200
    pd.DataFrame([{"text": "a", "user_id": "u0"}]).to_csv(tmp_path / "drafts.csv", index=False)
    table = rank.for_followers(shared, params.load(shared.params), "followees", tmp_path / "drafts.csv", "u0")
    expected = [(f"{row.rank}", row.user_id, f"{row.score:.4g}") for row in table.itertuples()]
    rows = re.findall(r'<tr><td>(\d+)</td><td><bdi>(.*?)</bdi></td><td class="number">(.*?)</td>', answer.text)
    assert rows == 2 * expected
    assert {user for _, user, _ in rows} == {"u1", "u2"}


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"system": "followees"}, 422, "Whose followers are asked about"),
        ({"system": "followees", "user_id": "<i>x"}, 422, "Nobody in the dataset follows that user"),
        ({"system": "mean", "user_id": "u0"}, 404, "Mean ranks nothing"),
    ],
)
def test_what_cannot_be_ranked_is_one_clear_sentence(shared, browser, fields, status, sentence):
    answer = browser(shared).ask("/share", **fields)
    assert (answer.status_code, said(answer)[: len(sentence)]) == (status, sentence)
    assert "<i>x" not in answer.text


def test_rankers_are_asked_there_alone(shared, browser):
    answer = browser(shared).ask(system="popularity", text_0="a")
    assert answer.status_code == 404
    assert said(answer).startswith("Popularity predicts no count")
