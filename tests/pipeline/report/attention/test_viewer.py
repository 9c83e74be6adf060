from dataclasses import replace

import numpy as np
import pytest

from models.trained import Trained
from pipeline import look as stage
from pipeline.report.attention import viewer
from pipeline.report.attention.viewer import Viewer
from tests.pipeline import sights


@pytest.fixture
def look(project, tmp_path, monkeypatch):
    """`look(entry=..., ...)`: a project of one system with known attention, and its viewer."""

    def build(entry=None, **options):
        paths = project()
        sights.known(monkeypatch)
        sights.write(paths, tmp_path / "raw", systems={"looker": {"model": "lantern", **(entry or {})}}, **options)
        return Viewer(paths, Trained.open(paths, "looker"), "likes")

    return build


def test_regions_lie_as_in_the_picture(look):
    sight = look(side=4, region=(1, 2)).look(["p08"])["p08"]
    assert np.argwhere(sight.visual).tolist() == [[1, 2]]
    assert sight.visual.sum() == 1
    assert viewer.grid(np.arange(6.0)) is None
    assert viewer.grid(np.zeros(0)) is None
    assert viewer.grid(None) is None


def test_words_are_those_of_the_post_without_padding(look):
    sight = look().look(["p08"])["p08"]
    assert sight.words == ["boat", "cat", viewer.RARE, "sky"]
    np.testing.assert_allclose(sight.textual, np.array([2, 3, 1, 5]) / 11)
    assert sight.inter.tolist() == sights.INTER


def test_a_post_without_words_has_none(look):
    words = np.tile(sights.WORDS, (12, 1))
    words[[5, 6]] = [[0] * 6, [-1] * 6]
    found = look(words=words).look(["p05", "p06", "p07"])
    assert [len(found[p].words) for p in ("p05", "p06", "p07")] == [0, 0, 4]
    assert [len(found[p].textual) for p in ("p05", "p06", "p07")] == [0, 0, 4]


def test_posts_come_in_the_order_asked_for_however_many_at_a_time(look, monkeypatch):
    words = np.zeros((12, 3), int)
    words[:, 0] = 2 + np.arange(12) % 4
    looking = look(words=words)
    asked = ["p11", "p04", "p05", "p10", "p07"]
    whole = looking.look(asked)
    monkeypatch.setattr(stage, "POSTS", 4)
    parts = looking.sights(asked, stage.look(looking._paths, looking.trained, "likes", asked))
    assert list(parts) == list(whole) == asked
    for post_id in asked:
        assert parts[post_id].words == whole[post_id].words == [sights.VOCABULARY[int(post_id[1:]) % 4]]
        np.testing.assert_array_equal(parts[post_id].visual, whole[post_id].visual)
    assert looking.look([]) == {}


def as_if_of(looking, user):
    return looking.sights(["p08"], stage.look(looking._paths, looking.trained, "likes", ["p08"], user=user))


def test_another_user_may_look_elsewhere(look):
    looking = look(region=(0, 2))
    lit = {user: np.argwhere(as_if_of(looking, user)["p08"].visual).tolist() for user in (None, "u0", "u1")}
    assert lit == {None: [[0, 2]], "u0": [[0, 2]], "u1": [[2, 0]]}
    own = looking.look(["p09"])["p09"].visual  # of u1
    assert np.argwhere(own).tolist() == [[2, 0]]


def test_where_users_are_unknown_they_change_nothing(look):
    looking = look(entry={"user": False}, users=0)
    assert not looking.users
    assert np.argwhere(as_if_of(looking, "u1")["p08"].visual).tolist() == [[0, 2]]


@pytest.mark.parametrize("looks", [["visual", "textual", "inter"], ["visual", "textual"], ["textual"], []])
def test_kinds_are_what_it_has(look, looks):
    assert look(entry={"looks": looks}).kinds == set(looks)


def test_without_test_posts_it_has_no_kinds(look):
    looking = look(n=sights.VALIDATION)
    assert looking.kinds == set()
    assert len(looking.predictions()) == 0


def test_predictions_are_the_first_seeds_of_the_test_part(look):
    found = look().predictions()
    assert found["post_id"].tolist() == [f"p{i:02d}" for i in range(4, 12)]
    assert (found["prediction"] - found["y"]).tolist() == list(range(4, 12))


def test_what_is_not_text_has_no_vocabulary(look):
    looking = look()
    wordless = replace(looking.trained, features={})
    assert Viewer(looking._paths, wordless, "likes").look(["p04"])["p04"].words == [viewer.RARE] * 4
