"""Rankers through plan, candidates, inputs and train: what runs, what is left out, what is written."""

import numpy as np
import pandas as pd
import pytest

from models.trained import PREDICTED, RANKED, Trained
from pipeline import candidates, inputs, plan, predict, train
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.storage import store
from pipeline.storage.feed import Feeds
from tests.sharing import TIME, build_sharing

SYSTEMS = {"mean": {"model": "constant"}, "popularity": {}, "friends": {"model": "followees", "seeds": 2}}


@pytest.fixture
def ready(project):
    """`ready(systems, without, **sections)`: a project up to and with the stage `inputs`; `without` rows of a table."""

    def build(systems=None, without=None, comments=0, **sections):
        section = {"ratios": [0.6, 0.1, 0.3], **sections.pop("ranking", {})}
        paths = project(
            systems=SYSTEMS if systems is None else systems, features={"user_time": {}}, ranking=section, **sections
        )
        tables = dict(zip(("posts", "interactions", "follows"), build_sharing(), strict=True))
        if without:
            tables[without] = tables[without].iloc[:0]
        for name, table in tables.items():
            store.write_frame(getattr(paths, name), table)
        said = pd.DataFrame({"post_id": "p000", "user_id": "u00", "at": pd.NaT, "text": ["nice"] * comments})
        store.write_frame(paths.comments, said.assign(at=pd.to_datetime(said["at"], utc=True).astype(TIME)))
        ids = tables["posts"]["post_id"]
        part = np.array(["train"] * 40 + ["validation"] * 10 + ["test"] * 10)
        store.write_frame(paths.splits, pd.DataFrame({"post_id": ids, "part": part}))
        with store.FeatureWriter(
            paths.feature("user_time"), shape=(1,), dtype="float32", names=["x"], metadata={}
        ) as w:
            w.append(ids.to_numpy(), np.zeros((len(ids), 1), np.float32), np.ones(len(ids), dtype=bool))
        plan.main(paths)
        candidates.main(paths)
        inputs.main(paths)
        return paths

    return build


def run(paths, name):
    train.train(paths, params.load(paths.params), name)
    return store.read_frame(paths.predictions(name))


def test_a_ranker_scores_the_lists_of_validation_and_test(ready):
    paths = ready()
    frame, drawn = run(paths, "friends"), store.read_frame(paths.candidates)
    assert list(frame) == ["list", "user_id", "post_id", "score", "part", "seed"]
    for seed in (0, 1):
        own = frame[frame["seed"] == seed].reset_index(drop=True)
        expected = drawn[drawn["part"] != "train"]
        for column in ("list", "user_id", "post_id", "part"):
            assert own[column].tolist() == expected[column].tolist()
    trained = Trained.open(paths, "friends")
    assert (trained.kind.ranks, trained.run, trained.seeds) == (True, True, (0, 1))
    assert set(trained.targets) == {"shares"}
    users, posts = Feeds(paths, features=[], columns=[], comments="all").part("validation").pairs()
    assert trained.score(users, posts).tolist() == frame["score"][: len(users)].tolist()


def test_systems_beside_rankers_run_as_ever(ready):
    paths = ready()
    assert list(run(paths, "mean")) == list(PREDICTED)
    assert not Trained.open(paths, "mean").kind.ranks


@pytest.mark.parametrize("without", ["interactions", "follows"])
def test_without_interactions_or_follows_nothing_ranks(ready, without):
    with pytest.raises(UserError, match=rf"systems\.\w+: the data lacks {without}"):
        ready(without=without)
    paths = ready(without=without, dataset={"missing": "drop"})
    assert store.read_json(paths.plan("candidates", "ranking")) == {"run": False}
    assert run(paths, "popularity").empty
    assert list(run(paths, "popularity")) == list(RANKED)
    assert Trained.open(paths, "popularity").why == f"the data lacks {without}"
    assert len(run(paths, "mean"))


def test_lists_that_could_not_be_drawn_are_said(ready):
    paths = ready(ranking={"negatives": 50})
    with pytest.raises(UserError, match=r"systems\.popularity: no list could be drawn for train and test; .*json says"):
        run(paths, "popularity")
    paths = ready(ranking={"negatives": 50}, dataset={"missing": "drop"})
    assert run(paths, "popularity").empty
    assert "no list could be drawn" in Trained.open(paths, "popularity").why


def test_nothing_is_drawn_where_nothing_ranks(ready):
    paths = ready(systems={"mean": {"model": "constant"}}, without="follows")
    assert store.read_frame(paths.candidates).empty
    assert store.read_json(paths.drawn) == {}


def test_inputs_of_a_ranker_name_what_it_is_fed(ready):
    before = {name: store.read_json(ready().inputs(name)) for name in SYSTEMS}
    assert set(before["popularity"]["feed"]) == {"candidates", "shares", "follows", "comments"}
    assert set(before["popularity"]["posts"]) == {"user_id", "posted_at"}
    assert "feed" not in before["mean"]
    for changed in ({"comments": 3}, {"ranking": {"comments": "all"}}, {"ranking": {"negatives": 1}}):
        paths = ready(**changed)
        assert store.read_json(paths.inputs("popularity")) != before["popularity"]
        assert store.read_json(paths.inputs("mean")) == before["mean"]


def test_predict_names_what_a_ranker_is_for(ready, tmp_path):
    paths = ready()
    run(paths, "popularity")
    (tmp_path / "drafts.csv").write_text("post_id\na\n")
    with pytest.raises(UserError, match="--system popularity: it puts posts in order for users and predicts no count"):
        predict.predict(paths, params.load(paths.params), "popularity", tmp_path / "drafts.csv")
