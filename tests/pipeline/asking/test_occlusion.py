"""What matters in pictures and words, on posts of which one bright corner and one word decide."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from features.base import TEXTS
from pipeline.asking import occlusion
from pipeline.asking.drafts import read
from pipeline.asking.forecaster import Forecaster
from pipeline.asking.occlusion import SIDE, WORDS, covered, known_by, words_of
from pipeline.base import params
from pipeline.storage import store
from tests.conftest import build_posts, write_params, write_posts_folder
from tests.stages import run_stages

pytestmark = pytest.mark.slow

N, GOOD, BAD = 90, "sunset", "advert"
READ = ["colour", "bow"]
LINEAR = {"model": "svr", "features": READ, "seeds": 2}
TREES = {"model": "xgboost", "features": READ, "trees": {"n_estimators": 60, "max_depth": 3}}
SYSTEMS = {
    "linear": LINEAR,
    "trees": TREES,
    "blend": {"parts": ["linear", "trees"]},
    "people": {**TREES, "features": ["user_time"]},
    "sentences": {"model": "svr", "features": ["sentence"]},
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Grey posts, popular the brighter they are; one word more than doubles that, another one takes as much."""
    root, rng = tmp_path_factory.mktemp("occluded"), np.random.default_rng(0)
    posts = build_posts(N).assign(title=None, tags=None)
    bright, good, bad = rng.uniform(0.1, 0.9, N), rng.random(N) < 0.5, rng.random(N) < 0.5
    said = zip(good.tolist(), bad.tolist(), strict=True)
    posts["text"] = [f"We saw{f' {GOOD}' * g} the sea{f' {BAD}' * b} at last" for g, b in said]
    posts["likes"] = np.round(2 ** (6 + 5 * bright + 1.5 * good - 1.5 * bad))
    write_posts_folder(root / "raw", posts=posts, images=False)
    table = pd.read_csv(root / "raw/posts.csv").assign(image=posts["image"])
    table.to_csv(root / "raw/posts.csv", index=False)
    (root / "raw/images").mkdir()
    for file, light in zip(posts["image"], bright, strict=True):
        Image.new("RGB", (50, 40), (int(255 * light),) * 3).save(root / "raw" / file)
    features = {"colour": {}, "bow": {"minimum_count": 5}, "user_time": {}, "sentence": {}}
    paths = write_params(root, features=features, systems=SYSTEMS)
    run_stages(paths, results=False)
    return paths


@pytest.fixture
def told(paths, tmp_path):
    """`told(system, text=..., bright=(row, column))`: what matters in a dark draft with a bright region."""
    canvas = np.full((200, 250, 3), 40, np.uint8)

    def ask(system, text=f"Come: the {GOOD}! An {BAD}, a {GOOD}.", bright=(1, 3), **options):
        pixels = canvas.copy()
        pixels[40 * bright[0] :][:40, 50 * bright[1] :][:, :50] = 250
        Image.fromarray(pixels).save(tmp_path / "a.png")
        row = {"post_id": "a", "text": text, "image": "a.png", "user_id": "u1", "posted_at": "2021-06-01T18:00Z"}
        about = {"title": None, "tags": None, "followers": 9, "user_photos": 9, "is_pro": 0}
        pd.DataFrame([row | about] * 2).assign(image=["a.png", None]).to_csv(tmp_path / "drafts.csv", index=False)
        p = params.load(paths.params)
        forecaster = Forecaster(paths, p, system)
        asked = forecaster.ask(read(paths, p, tmp_path / "drafts.csv"))
        return forecaster, asked, occlusion.ask(forecaster, asked, **options)

    return ask


@pytest.mark.parametrize("system", ["linear", "blend"])
def test_the_bright_region_matters_most_and_raises(told, system):
    for bright in ((1, 3), (4, 0)):
        _, _, [first, second] = told(system, bright=bright)
        assert first.picture.shape == (SIDE, SIDE)
        assert np.unravel_index(first.picture.argmax(), first.picture.shape) == bright
        assert first.picture.max() == np.abs(first.picture).max() > 0
        assert second.picture is None


@pytest.mark.parametrize("system", ["linear", "trees", "blend"])
def test_the_words_that_decide_matter_most_each_with_its_sign(told, system):
    for draft in told(system)[2]:
        words = dict(draft.words)
        assert list(words) == ["Come:", "the", f"{GOOD}!", "An", f"{BAD},", "a"]
        assert max(words, key=words.get) == f"{GOOD}!"
        assert min(words, key=words.get) == f"{BAD},"
        assert words[f"{GOOD}!"] > 0.1
        assert words[f"{BAD},"] < -0.1


def test_it_is_what_the_prediction_loses_without_the_part(told, paths, tmp_path):
    forecaster, asked, [draft, _] = told("blend", text=f"the {GOOD} at last")
    predicted = forecaster.predict(asked.examples["likes"])[0]
    table = pd.read_csv(tmp_path / "drafts.csv").head(1).assign(text="the at last")
    table.to_csv(tmp_path / "less.csv", index=False)
    p = params.load(paths.params)
    [less, *_] = forecaster(read(paths, p, tmp_path / "less.csv"))["likes_log2p1"]
    assert dict(draft.words)[GOOD] == pytest.approx(predicted - less)
    pixels = list(covered(np.asarray(Image.open(tmp_path / "a.png"))))[SIDE + 3]
    Image.fromarray(pixels).save(tmp_path / "b.png")
    pd.read_csv(tmp_path / "drafts.csv").head(1).assign(image="b.png").to_csv(tmp_path / "less.csv", index=False)
    [less, *_] = forecaster(read(paths, p, tmp_path / "less.csv"))["likes_log2p1"]
    assert draft.picture[1, 3] == pytest.approx(predicted - less, abs=0.05)  # packed as JPEG


def test_what_is_covered_by_itself_and_read_again_is_as_it_was(tmp_path):
    """Features made anew are those that were asked about, to the last bit, one of other features among them."""
    write_posts_folder(tmp_path / "raw", posts=build_posts(24))
    features = {"colour": {}, "sentence": {}, "retrieval": {"similar": ["efficientnet", "sentence"]}}
    trees = {"model": "xgboost", "features": list(features), "trees": {"n_estimators": 2}}
    paths = write_params(tmp_path, features=features, systems={"trees": trees})
    run_stages(paths, results=False)
    p, rows = params.load(paths.params), np.array([20, 22])
    forecaster = Forecaster(paths, p, "trees")
    asked = forecaster.ask(read(paths, p, tmp_path / "raw/posts.csv"))
    before, pictures = asked.examples["likes"].features, forecaster.pictures(asked)
    frame = asked.drafts.frame.iloc[rows].reset_index(drop=True)
    same = replace(asked.drafts, frame=frame)
    for now in (
        forecaster.repainted(asked, rows, [pictures[row] for row in rows]),
        forecaster.again(asked, same, rows, changed=TEXTS),
    ):
        for name, values in now.examples["likes"].features.items():
            np.testing.assert_array_equal(values.values, before[name].values[rows], err_msg=name)
    other = forecaster.repainted(asked, rows, [pictures[0], pictures[1]]).examples["likes"].features
    words = replace(asked.drafts, frame=frame.assign(title="x", text="y", tags="z"))
    mute = forecaster.again(asked, words, rows, changed=TEXTS).examples["likes"].features
    changed = [[n for n in features if not np.array_equal(v[n][:], before[n][rows], True)] for v in (other, mute)]
    assert changed == [["colour", "retrieval"], ["sentence", "retrieval"]]


def test_nothing_is_said_of_what_a_system_does_not_read_or_is_not_asked_for(told):
    assert [(draft.picture, draft.words) for draft in told("people")[2]] == [(None, [])] * 2
    _, _, [draft, _] = told("sentences", text=f"We saw {GOOD} the sea at last")
    assert draft.picture is None
    assert dict(draft.words)[GOOD] > 0.3
    assert [draft.picture is None for draft in told("linear", picture=False)[2]] == [True, True]
    assert [draft.words for draft in told("linear", words=False)[2]] == [[], []]


def test_long_texts_are_asked_for_their_first_words_alone(told):
    _, _, [draft, _] = told("linear", text=" ".join(f"word{i}" for i in range(WORDS + 7)))
    assert (len(draft.words), draft.others) == (WORDS, 7)
    assert told("linear", text=None)[2][0].words == []


def test_vectors_of_what_is_left_out_are_kept_nowhere(told, paths):
    told("sentences", text="the very first")
    before = sorted(paths.cache.rglob("*"))
    told("sentences", text="the very first")
    assert sorted(paths.cache.rglob("*")) == before
    assert len(store.read_frame(paths.posts)) == N


def test_regions_are_covered_in_turn_and_make_up_the_picture():
    pixels = np.random.default_rng(0).integers(0, 255, (13, 7, 3), dtype=np.uint8)
    every = list(covered(pixels))
    gone = [(one != pixels).any(axis=2) for one in every]
    assert len(every) == SIDE**2
    assert (np.sum(gone, axis=0) == 1).all()
    assert len(np.unique(every[0][gone[0]], axis=0)) == 1
    np.testing.assert_allclose(every[0][gone[0]][0], pixels.mean(axis=(0, 1)), atol=0.51)
    assert len(list(covered(pixels[:1, :1]))) == SIDE**2


def test_words_are_known_whatever_their_case_and_punctuation():
    draft = pd.Series({"title": "Cake, cake & CAKE!", "text": "#cake 🎂 …", "tags": None, "user_id": "cake2"})
    assert words_of(draft) == {"cake": "Cake,", "&": "&", "🎂": "🎂", "…": "…"}
    assert known_by("¿Qué?") == "qué"
