"""Pictures of attention that is known, end to end from files to pixels."""

import numpy as np
import pytest
from PIL import Image

from models.trained import Trained
from pipeline.base.sections import Entry
from pipeline.report import charts
from pipeline.report.attention import seeing
from pipeline.storage import store
from tests.pipeline import sights

pytestmark = pytest.mark.slow

TRANSFORMS = {"likes": "identity", "views": "identity"}
EVERY = {f"attention_{what}.png" for what in ("post", "systems", "cases", "users")}
THREE = {
    "blind": {"model": "blind"},
    "nobody": {"model": "lantern", "user": False},
    "looker": {"model": "lantern"},
    "halves": {"model": "lantern", "looks": ["visual", "textual"]},
}


@pytest.fixture
def made(project, tmp_path, monkeypatch):
    """`made(...)`: a project of systems with known attention; its paths and each system.json."""

    def build(**options):
        paths = project()
        sights.known(monkeypatch)
        return paths, sights.write(paths, tmp_path / "raw", **options)

    return build


@pytest.fixture
def drawn(made, tmp_path):
    """`drawn(...)`: such a project drawn; the pixels of each file by its name."""

    def build(**options):
        paths, systems = made(**options)
        return draw(paths, systems, tmp_path / "plots")

    return build


def draw(paths, systems, folder):
    folder.mkdir(exist_ok=True)
    seeing.draw(paths, systems, TRANSFORMS, folder)
    return {path.name: np.asarray(Image.open(path).convert("RGB")).astype(int) for path in folder.iterdir()}


def test_every_picture_is_drawn_the_same_bytes_for_the_same_numbers(made, tmp_path):
    paths, systems = made(systems=THREE)
    for folder in ("once", "again"):
        assert set(draw(paths, systems, tmp_path / folder)) == EVERY
    for name in EVERY:
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


@pytest.mark.parametrize("size", [(60, 20), (30, 60)])
@pytest.mark.parametrize("region", [(0, 3), (2, 1)])
def test_orange_lies_where_the_system_looked(drawn, size, region):
    pixels = drawn(side=4, region=region, size=size, users=0, systems={"looker": {"model": "lantern", "user": False}})
    picture = pixels["attention_post.png"]
    left, right = (x * picture.shape[1] // 2 for x in (0, 1))
    assert not orange(picture[40:, left:right]).any(axis=1)[: picture.shape[0] // 2].any()
    rows, columns = shown(picture, right)
    seen = orange(picture[rows, columns])
    side = [length // 4 for length in seen.shape]
    middle = [slice(i * s + s // 3, i * s + 2 * s // 3) for i, s in zip(region, side, strict=True)]
    assert seen[tuple(middle)].all()
    i, j = np.nonzero(seen)
    assert (np.abs((i + 0.5) / side[0] - region[0] - 0.5) < 1.1).all()
    assert (np.abs((j + 0.5) / side[1] - region[1] - 0.5) < 1.1).all()


def orange(pixels):
    return pixels[..., 0] > pixels[..., 2] + 30


def shown(pixels, left):
    """Rows and columns of the picture that begins in column `left`: not white for long."""
    dark = (pixels[:, left:] < 250).any(axis=-1)
    there = dark[:, 5:].sum(axis=1) > 0.2 * dark[:, 5:].sum(axis=1).max()
    longest = max(np.split(np.flatnonzero(there), np.flatnonzero(np.diff(np.flatnonzero(there)) > 1) + 1), key=len)
    columns = np.flatnonzero(dark[longest].mean(axis=0) > 0.9)
    return slice(longest[0], longest[-1] + 1), slice(left + columns[0], left + columns[-1] + 1)


def test_the_leading_system_weighs_picture_and_words_and_knows_users(made):
    paths, systems = made(systems=THREE)
    show = seeing.prepare(paths, systems, "likes")
    assert [v.name for v in show.viewers] == ["looker", "nobody", "halves"]
    paths, systems = made(systems={name: THREE[name] for name in ("halves", "nobody")})
    assert [v.name for v in seeing.prepare(paths, systems, "likes").viewers] == ["nobody", "halves"]


def test_shown_are_test_posts_with_two_words_and_pictures_of_their_own(made):
    words = np.tile(sights.WORDS, (12, 1))
    words[5] = 0
    words[6] = [2, 0, 0, 0, 0, 0]
    words[7] = [2, 2, 0, 0, 0, 0]
    paths, systems = made(words=words, same=2)
    show = seeing.prepare(paths, systems, "likes")
    assert show.posts["post_id"].tolist() == ["p04", "p07", "p08", "p09"]
    assert show.posts["image_id"].is_unique
    assert show.posts["user_id"].tolist() == ["u0", "u1", "u0", "u1"]


def test_cells_say_what_is_real_and_what_was_predicted(made):
    show = seeing.prepare(*made(), "likes")
    [own] = seeing.originals(show, ["p09"])
    assert (own.title, own.caption, own.text, own.sight) == ("p09", "real: 14.00", "Post 9 of a boat", None)
    [seen] = seeing.seen(show, show.leading, ["p09"], "looker")
    assert (seen.title, seen.caption) == ("looker", "predicted: 23.00")
    np.testing.assert_array_equal(seen.picture, own.picture)
    assert (own.picture == 60 + 5 * 9).all()
    assert seen.sight.words == ["boat", "cat", "[rare]", "sky"]


def test_pairs_stand_side_by_side_and_rows_are_as_wide_as_the_figure(made):
    show = seeing.prepare(*made(systems=THREE), "likes")
    assert [cell.sight is None for cell in seeing.both(show, ["p05", "p06"])] == [True, False, True, False]
    rows = seeing.by_system(show)
    assert [[cell.title for cell in row] for row in rows] == [["p11", "looker", "nobody", "halves"], ["p10", *NAMES]]
    of_users = seeing.by_user(show, {"u0": ["p04", "p06"], "u1": ["p05", "p07"]})
    assert [len(row) for row in of_users] == [2, 2, 2, 2]
    assert of_users[0][0].title == "u0, p04"


NAMES = ["looker", "nobody", "halves"]


def test_more_systems_than_fit_are_left_out(made):
    systems = {f"system {i}": {"model": "lantern"} for i in range(seeing.SYSTEMS + 2)}
    show = seeing.prepare(*made(systems=systems), "likes")
    rows = seeing.by_system(show)
    assert sum(cell.sight is not None for row in rows for cell in row) == seeing.SYSTEMS * 2
    assert max(map(len, rows)) <= seeing.COLUMNS


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"systems": {"looker": {"model": "lantern"}}}, {"post", "cases", "users"}),
        ({"users": 0, "systems": {"looker": {"model": "lantern", "user": False}}}, {"post", "cases"}),
        ({"users": 1}, {"post", "cases"}),
        ({"n": 5}, {"post", "cases"}),
        ({"n": 6}, {"post", "cases"}),
        ({"n": 6, "systems": THREE}, {"post", "cases", "systems"}),
    ],
    ids=["one system", "no users", "one user", "one post", "two posts", "two posts of three systems"],
)
def test_what_cannot_be_shown_is_not_drawn(drawn, options, names):
    assert set(drawn(**options)) == {f"attention_{name}.png" for name in names}


@pytest.mark.parametrize(
    "options",
    [
        {"n": sights.VALIDATION},
        {"size": None},
        {"words": np.zeros((12, 6))},
        {"words": np.tile([3, 0], (12, 1))},
        {"systems": {"blind": {"model": "blind"}}},
        {"systems": {"looker": {"model": "lantern", "looks": ["textual", "inter"]}}},
        {"systems": {"looker": {"model": "lantern", "looks": ["visual", "textual"]}}},
    ],
    ids=["no test posts", "no pictures", "no words", "one word", "no attention", "half of it", "no balance"],
)
def test_nothing_to_see_draws_nothing(drawn, options):
    assert drawn(**options) == {}


def test_systems_that_were_left_out_or_read_other_features_are_no_viewers(made, tmp_path):
    paths, systems = made()
    absent = Trained(paths.model("absent"), Entry("absent", "lantern"), False, "the data lacks user_id")
    mean = Trained(paths.model("mean"), Entry("mean", "constant"), True)
    entry = Entry("table", "svr", arguments={"features": ["regions", "words"]})
    others = {"absent": absent, "mean": mean, "table": Trained(paths.model("table"), entry, True)}
    assert seeing.viewers(paths, others, "likes") == []
    assert [v.name for v in seeing.viewers(paths, {"absent": absent, **systems}, "likes")] == ["looker"]


def test_posts_without_title_and_text_are_shown_without(made):
    paths, systems = made()
    frame = store.read_frame(paths.posts)
    for columns in ({"title": None, "text": None}, {"title": "$Only \\a title", "text": None}):
        store.write_frame(paths.posts, frame.assign(**columns))
        [cell] = seeing.originals(seeing.prepare(paths, systems, "likes"), ["p05"])
        assert cell.text.strip() == (columns["title"] or "")
    store.write_frame(paths.posts, frame.drop(columns=["title", "text"]))
    assert [c.text for c in seeing.originals(seeing.prepare(paths, systems, "likes"), ["p05", "p06"])] == ["", ""]


@pytest.mark.parametrize(
    ("value", "text"),
    [(7.254, "7.25"), (-0.3, "-0.30"), (0.00123, "0.0012"), (0.0, "0"), (12345.6, "12,346"), (-2000, "-2,000")],
)
def test_numbers_keep_two_digits(value, text):
    assert charts.number(value) == text
