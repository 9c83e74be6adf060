"""The page over a small trained project, asked without a browser."""

import html
import re
from pathlib import Path
from tempfile import gettempdir

import pandas as pd
import pytest
from starlette.testclient import TestClient

from pipeline import predict
from pipeline.base import params
from pipeline.base.paths import Paths
from pipeline.storage import store
from pipeline.web import app
from pipeline.web.words import short
from tests.conftest import draw_picture, write_params

pytestmark = pytest.mark.slow


def values(answer, kind="scale"):
    """The numbers of an answer, in its order."""
    return [float(value) for value in re.findall(rf'<data class="{kind}" value="([^"]+)"', answer.text)]


def said(answer):
    """What an answer says is wrong."""
    [found] = re.findall(r'role="alert">(.*?)</p>', answer.text, re.S)
    return html.unescape(found)


DRAFT = {"text_0": "The quiet cake we saw that day", "category_0": "food", "posted_at_0": "2021-03-01T18:00"}


@pytest.mark.parametrize("system", ["trees", "user_mean"])
def test_the_page_gives_the_numbers_of_the_command_line(asked, browser, tmp_path, system):
    data = draw_picture(tmp_path / "a.jpg", 0.8, size=(90, 70)).read_bytes()
    about = {"user_id": "u1", "followers": "1,234", "user_photos": "7", "is_pro": "1"}
    answer = browser(asked).ask(system=system, **about, **DRAFT, text_1="b", files={"0.image": ("../../x", data)})
    assert answer.status_code == 200
    shared = {"user_id": "u1", "followers": 1234, "user_photos": 7, "is_pro": 1, "subcategory": None, "concept": None}
    table = pd.DataFrame(
        [
            {"text": DRAFT["text_0"], "category": "food", "posted_at": "2021-03-01T18:00Z", "image": "a.jpg"},
            {"text": "b"},
        ]
    )
    table.assign(**shared).to_csv(tmp_path / "drafts.csv", index=False)
    expected = predict.predict(asked, params.load(asked.params), system, tmp_path / "drafts.csv")
    assert sorted(values(answer), reverse=True) == values(answer)
    assert sorted(values(answer)) == sorted(expected["likes_log2p1"].tolist())
    assert sorted(values(answer, "best")) == sorted(expected["likes"].tolist())
    ends = sorted(values(answer, "low")), sorted(values(answer, "high"))
    if system == "trees":
        assert ends == (sorted(expected["likes_low"]), sorted(expected["likes_high"]))
        assert "as 80 of 100 such posts" in answer.text
    else:
        assert ends == ([], [])


def test_the_best_system_is_asked_first_and_nothing_is_written(asked, browser):
    board = pd.read_csv(asked.results / "leaderboard.csv")
    best = board.loc[board["part"] == "test", "system"].iloc[0]
    before = {path: path.stat().st_mtime_ns for path in asked.root.rglob("*") if "cache" not in path.parts}
    client = browser(asked)
    assert f"<option selected>{best}</option>" in client.get("/").text
    assert client.ask(system="user_mean", **DRAFT).status_code == 200
    assert before == {path: path.stat().st_mtime_ns for path in asked.root.rglob("*") if "cache" not in path.parts}


def test_a_page_that_starts_asks_once_and_nothing_of_that_is_seen(asked, browser, caplog):
    with TestClient(app.make(asked, warm=True), base_url="http://127.0.0.1") as client:
        assert "section" not in client.get("/").text
    assert not [record for record in caplog.records if record.name == app.__name__]
    assert not list(Path(gettempdir()).glob("likecast-*/drafts.jsonl"))


def test_what_is_left_empty_of_a_known_user_is_of_the_latest_post(asked, browser):
    client = browser(asked)
    known = client.ask(system="trees", user_id="u1", **DRAFT)
    assert "Taken from the latest post of <bdi>u1</bdi>: followers 200" in known.text
    given = client.ask(system="trees", user_id="u1", followers="200", user_photos="51", is_pro="1", **DRAFT)
    assert values(known) == values(given)
    stranger = client.ask(system="trees", user_id="nobody", **DRAFT)
    assert "predicted as for a new user" in stranger.text


def test_what_moved_a_prediction_adds_up_to_it(asked, browser):
    answer = browser(asked).ask(system="trees", user_id="u1", **DRAFT)
    [base], moves, [value] = values(answer, "base"), values(answer, "move"), values(answer)
    assert len(moves) == 5
    assert sum(moves) != 0
    assert base + sum(moves) == pytest.approx(value, abs=1e-6)
    assert [abs(move) for move in moves] == sorted(map(abs, moves), reverse=True)
    assert "of this one: no picture" in answer.text


def test_what_matters_in_picture_and_words_is_shown_where_it_is_asked_for(asked, browser, tmp_path):
    picture = draw_picture(tmp_path / "a.jpg", 0.8, size=(90, 70)).read_bytes()
    client = browser(asked)
    assert 'name="why" value="1" checked' in client.get("/").text
    answer = client.ask(system="trees", why="1", **DRAFT, files={"0.image": ("a.jpg", picture)})
    [drawn] = re.findall(r'<svg class="occluded".*?</svg>', answer.text, re.S)
    assert drawn.count("<rect") == 25
    assert "What changes where this is covered" in answer.text
    assert "Words that matter" in answer.text
    assert answer.text.count('">quiet</span>') == 1
    assert 'name="why" value="1" checked' in answer.text
    bare = client.ask(system="trees", **DRAFT, files={"0.image": ("a.jpg", picture)})
    assert values(bare) == values(answer)
    for absent in ("occluded", "Words that matter", "checked"):
        assert absent not in bare.text
    assert "Words that matter" not in client.ask(system="user_mean", why="1", **DRAFT).text


def test_the_best_hours_are_those_of_the_command_line(asked, browser, tmp_path):
    client = browser(asked)
    answer = client.ask(system="trees", user_id="u1", **DRAFT)
    row = {"category": "food", "posted_at": "2021-03-01T18:00Z", "user_id": "u1", "text": "a", "image": None}
    about = {"subcategory": None, "concept": None, "followers": 200, "user_photos": 51, "is_pro": 1}
    pd.DataFrame([row | about]).to_csv(tmp_path / "drafts.csv", index=False)
    hours = predict.when(asked, params.load(asked.params), "trees", tmp_path / "drafts.csv")
    best = hours.loc[hours["likes"].idxmax()]
    assert f"Best: {best['posted_at']:%a %H}:00" in answer.text
    assert f"{hours['likes_as_good'].sum() - 1} other hours may be as good" in answer.text
    assert answer.text.count('<td class="h') == 168
    assert "When to post" not in client.ask(system="user_mean", user_id="u1", **DRAFT).text


def test_posts_like_a_draft_are_shown_with_what_became_of_them(asked, browser):
    client, posts = browser(asked), store.read_frame(asked.posts)
    twin = posts[posts["user_id"] == "u1"].iloc[0]
    texts = ["title", "text", "tags"]
    answer = client.ask(system="trees", user_id="u1", **{f"{name}_0": twin[name] for name in texts})
    [found] = re.findall(r'<ul class="alike">(.*?)</ul>', answer.text, re.S)
    assert found.count("<li>") == 3
    same = posts[(posts[texts] == twin[texts]).all(axis=1)]
    counts = re.findall(r"<b>(\S+) likes</b>", found)
    assert counts[0] in [short(likes) for likes in same["likes"]]
    assert found.count('src="data:image/jpeg;base64,') == 3
    assert "Posts like it" not in client.ask(system="user_mean", user_id="u1", **DRAFT).text


def test_drafts_are_ranked_and_empty_ones_left_out(asked, browser):
    answer = browser(asked).ask(system="trees", user_id="u1", category_0="city", category_2="food")
    assert len(values(answer)) == 2
    assert re.search(r"<h2>Draft [13] first</h2>", answer.text)


def test_other_peoples_text_is_text(asked, browser):
    evil = '"><script>alert(1)</script>'
    client = browser(asked)
    answer = client.ask(system="user_mean", user_id=evil, text_0=evil, title_0=evil, posted_at_0="2021-03-01T18:00")
    assert answer.status_code == 200
    for page in (answer, client.get("/"), client.get("/data"), client.get("/results")):
        assert "<script>" not in page.text
        assert "<b>eve" not in page.text
    assert html.escape(evil, quote=False)[5:] in answer.text.replace("&#34;", '"')
    assert "&lt;b&gt;eve&lt;/b&gt;" in client.get("/").text


def test_right_to_left_and_long_texts_are_answered(asked, browser):
    client = browser(asked)
    answer = client.ask(system="user_mean", text_0="שלום " * 2000, title_0="مرحبا")
    assert answer.status_code == 200
    assert 'dir="auto"' in answer.text
    endless = client.ask(system="user_mean", text_0="x" * 70_000, files={"0.image": ("", b"")})
    assert endless.status_code == 400
    assert "a text may have 64 KiB" in said(endless)


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"system": "nothing"}, 404, "No system called 'nothing' is trained here"),
        ({"system": "../../etc"}, 404, "No system called"),
        ({"system": "mean", "posted_at_0": "soon"}, 422, "Draft 1: 'soon' is no day and hour"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_sentence(asked, browser, fields, status, sentence):
    answer = browser(asked).ask(**fields)
    assert answer.status_code == status
    assert said(answer).startswith(sentence)


@pytest.mark.parametrize("data", [b"no picture", b"", b"\xff\xd8\xff\xe0broken", b"<svg/>"])
def test_malformed_pictures_are_refused_and_what_was_filled_in_stays(asked, browser, data):
    answer = browser(asked).ask(system="trees", text_0="kept as it was", files={"0.image": ("a.jpg", data)})
    assert answer.status_code == 422
    assert said(answer).startswith("Draft 1: the picture cannot be used")
    assert "kept as it was" in answer.text


def test_forms_of_others_and_too_many_pictures_are_refused(asked, browser):
    client = browser(asked)
    for token in ("", "x", "é"):
        answer = client.post("/ask", data={"token": token, "system": "mean"})
        assert (answer.status_code, "earlier start" in said(answer)) == (403, True)
    assert client.post("/ask", content=b"{}", headers={"content-type": "application/json"}).status_code == 403
    assert client.post("/ask", content=b"--", headers={"content-type": "multipart/form-data"}).status_code == 400
    many = {f"{i}.image": ("a.jpg", b"x") for i in range(9)}
    assert client.ask(system="mean", files=many).status_code == 400


def test_results_card_and_dataset_are_read(asked, browser):
    client = browser(asked)
    assert '<td class="number">' in client.get("/results").text
    assert "user_mean" in client.get("/results").text
    assert client.get("/results/plots/leaderboard.png").headers["content-type"] == "image/png"
    assert "What it is not for" in client.get("/card").text
    assert "40" in client.get("/data").text
    for path in (
        "/results/plots/",
        "/results/plots/..%2f..%2fparams.yaml",
        "/static/",
        "/static/..%2fapp.py",
        "/nowhere",
    ):
        assert client.get(path).status_code == 404
    assert said(client.get("/share")).startswith("Nothing that ranks is trained here")


def test_a_fault_of_ours_is_one_sentence_too(asked, monkeypatch):
    def fail(*_):
        raise RuntimeError("secret")

    monkeypatch.setattr("pipeline.web.app.dataset.summary", fail)
    client = TestClient(app.make(asked), base_url="http://127.0.0.1", raise_server_exceptions=False)
    answer = client.get("/data")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert said(answer).startswith("Something went wrong (RuntimeError)")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_half_finished_run_is_said_on_every_page(tmp_path, browser):
    client = browser(Paths(tmp_path))
    assert (client.get("/").status_code, "no such file" in said(client.get("/"))) == (503, True)
    write_params(tmp_path)
    assert said(client.get("/")) == "Nothing is trained here yet: run make repro, then load this page again."
    for path in ("/results", "/card", "/data"):
        assert client.get(path).status_code == 404
        assert "make repro" in said(client.get(path))


def test_what_is_damaged_is_said_and_what_is_new_is_read(mine, browser):
    client = browser(mine)
    assert client.ask(system="user_mean", **DRAFT).status_code == 200
    table = store.read_frame(mine.posts)
    store.write_frame(mine.posts, pd.concat([table, table.assign(post_id="n" + table["post_id"], user_id="new")]))
    assert '<option value="new">' in client.get("/").text
    (mine.model("trees") / "system.json").write_text("{}")
    damaged = client.ask(system="trees", **DRAFT)
    assert damaged.status_code == 503
    assert "is damaged" in said(damaged)
