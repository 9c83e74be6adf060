"""The plan: what can run on a dataset, and the one line for what cannot."""

import pytest

from features.base import discover, feature_class
from features.clip_image import ClipImage
from pipeline import plan
from pipeline.base.errors import UserError
from pipeline.base.sections import Entry, Intervals
from pipeline.storage import store

TREES = {"model": "xgboost", "features": ["user_time", "category"], "trees": {"n_estimators": 5}}
CLIP = {"encoder": "ViT-B-32", "pretrained": None}
STACK = {"features": {"base": ["user_time", "category"], "head": ["image_stats"]}, "trees": {"n_estimators": 5}}
FEATURES = {"user_time": {}, "category": {}, "image_stats": {}}


FLAT = {"method": "constant"}


@pytest.fixture
def planned(project, make_posts):
    """`planned(drop, **sections)`: run the stage on posts without the columns `drop`; returns the plans."""

    def run(drop=(), **sections):
        sections = {"features": FEATURES, **sections}
        paths = project(**sections)
        store.write_frame(paths.posts, make_posts(30).drop(columns=[*drop, "brightness"]))
        plan.main(paths)
        return {
            kind: {name: store.read_json(paths.plan(kind, name)) for name in sections[kind]}
            for kind in ("features", "systems")
        }

    return run


def test_everything_runs_where_nothing_lacks(planned):
    systems = {"mean": {"model": "constant"}, "user_mean": {}, "trees": TREES, "xgb_mlp": STACK}
    plans = planned(systems=systems)
    assert all(p["run"] and p["why"] is None for kind in plans.values() for p in kind.values())
    assert plans["systems"]["trees"]["features"] == ["user_time", "category"]
    assert plans["systems"]["xgb_mlp"]["features"] == STACK["features"]
    assert plans["systems"]["user_mean"]["features"] == []


def test_a_lacking_column_fails_and_names_column_system_and_remedy(planned):
    with pytest.raises(UserError) as error:
        planned(drop=["image"], systems={"xgb_mlp": STACK})
    text = str(error.value)
    assert "features.image_stats (used by xgb_mlp): the data lacks image" in text
    assert "dataset.missing: drop" in text
    with pytest.raises(UserError, match=r"systems\.user_mean: the data lacks user_id"):
        planned(drop=["user_id"], systems={"user_mean": {}})


def test_drop_leaves_out_what_lacks_and_keeps_the_rest(planned):
    by_user = {"model": "catboost", "features": ["user_time"], "categorical": ["user_id"]}
    systems = {"trees": TREES, "xgb_mlp": STACK, "user_mean": {}, "by_user": by_user}
    lacking = ["category", "subcategory", "concept", "image", "user_id"]
    plans = planned(drop=lacking, systems=systems, dataset={"missing": "drop"})
    assert not plans["features"]["category"]["run"]
    assert plans["features"]["user_time"]["run"]
    trees = plans["systems"]["trees"]
    assert trees["run"]
    assert trees["features"] == ["user_time"]
    assert "without category" in trees["why"]
    for name, why in {"xgb_mlp": "image", "user_mean": "user_id", "by_user": "user_id"}.items():
        assert not plans["systems"][name]["run"]
        assert f"the data lacks {why}" in plans["systems"][name]["why"]


def test_groups_of_intervals_are_columns_where_the_data_has_them(planned):
    trees = {**TREES, "intervals": {"by": "user_id"}}
    (there,) = planned(systems={"trees": trees})["systems"].values()
    assert (there["columns"], there["why"]) == (["user_id"], None)
    (gone,) = planned(drop=["user_id"], systems={"trees": trees}, dataset={"missing": "drop"})["systems"].values()
    assert (gone["run"], gone["columns"]) == (True, [])
    assert gone["why"] == "with intervals not by user_id: the data lacks it"
    ranker = Entry("popularity", "popularity", intervals=Intervals())
    with pytest.raises(UserError, match=r"systems\.popularity\.intervals: a ranker's scores have none"):
        plan.plan_intervals(ranker, {}, None, [], {})


@pytest.mark.parametrize(
    ("method", "column"),
    [("chronological", "posted_at"), ("chronological_shuffled", "posted_at"), ("users", "user_id"), ("random", None)],
)
def test_folds_of_intervals_are_cut_as_parts_are(planned, method, column):
    split = {"method": method, "ratios": [0.6, 0.2, 0.2]}
    (found,) = planned(systems={"trees": {**TREES, "intervals": {"folds": 3}}}, split=split)["systems"].values()
    assert found["folds_by"] == column
    assert found["columns"] == ([column] if column else [])
    (alone,) = planned(systems={"trees": {**TREES, "intervals": {}}}, split=split)["systems"].values()
    assert "folds_by" not in alone
    assert alone["columns"] == []


def test_a_column_without_a_value_is_lacking(project, make_posts):
    paths = project(systems={"user_mean": {}})
    store.write_frame(paths.posts, make_posts(30).assign(user_id=None))
    with pytest.raises(UserError, match=r"systems\.user_mean: the data lacks user_id"):
        plan.main(paths)


def test_an_unused_feature_may_lack_its_columns(planned):
    assert not planned(drop=["image"], systems={"trees": TREES})["features"]["image_stats"]["run"]


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"features": {"a": {"model": "nothing"}}}, "features.a: there is no model 'nothing'; known: "),
        ({"features": {"pixel": {}}}, "features.pixel: there is no model 'pixel'; known: "),
        ({"features": {"a": {"model": "pixels", "seeds": 2}}}, "features.a.seeds: nothing reads this key"),
        ({"features": {"a": {"model": "bow", "columns": ["x"]}}}, "features.a.columns: ['x'] must be some of title"),
        ({"systems": {"xgbost": {}}}, "systems: there is no model 'xgbost'; known: "),
        ({"systems": {"a": {"model": "nothing"}}}, "systems: there is no model 'nothing'"),
        ({"systems": {"boosting": {"features": []}}}, "systems: there is no model 'boosting'"),
        ({"systems": {"trees": {**TREES, "tree": 3}}}, "systems.trees.tree: nothing reads this key; did you mean"),
        ({"systems": {"trees": {**TREES, "seed": 3}}}, "systems.trees.seed: nothing reads this key"),
        ({"systems": {"a": {**TREES, "trees": {"max_depth": "3"}}}}, "systems.a.trees.max_depth: '3' is not int"),
        ({"systems": {"a": {**TREES, "trees": {"max_depth": 0}}}}, "systems.a.trees.max_depth: 0 cannot be; give 1 or"),
        ({"systems": {"a": {**TREES, "trees": 3}}}, "systems.a.trees: 3 is not a section of n_estimators, max_depth"),
        (
            {"systems": {"a": {**TREES, "max_depth": 3}}},
            "systems.a.max_depth: this key now stands under trees (systems.a.trees.max_depth)",
        ),
        (
            {"systems": {"xgb_mlp": {**STACK, "epochs": 3}}},
            "systems.xgb_mlp.epochs: this key now stands under training (systems.xgb_mlp.training.epochs)",
        ),
        (
            {"systems": {"xgb_mlp": {**STACK, "training": {"epoch": 3}}}},
            "xgb_mlp.training.epoch: nothing reads this key; did",
        ),
        ({"systems": {"trees": {"model": "xgboost"}}}, "systems.trees.features: missing"),
        ({"systems": {"trees": {**TREES, "features": ["pixel"]}}}, "there is no entry 'features.pixel'"),
        ({"systems": {"trees": {**TREES, "features": []}}}, "systems.trees: features: a booster needs at least one"),
        ({"systems": {"a": {**TREES, "trees": {"grid": {"depth": [1]}}}}}, "systems.a.trees.grid.depth: nothing reads"),
        (
            {"systems": {"a": {**TREES, "trees": {"grid": {"max_depth": []}}}}},
            "max_depth: [] cannot be; give at least one",
        ),
        ({"systems": {"xgb_mlp": {**STACK, "trees": {"folds": 1}}}}, "systems.xgb_mlp.trees.folds: nothing reads"),
        ({"systems": {"xgb_mlp": {**STACK, "checkpoint": "x"}}}, "systems.xgb_mlp.checkpoint: nothing reads this key"),
        ({"systems": {"user_mean": {"seeds": 0}}}, "systems.user_mean.seeds: 0 cannot be; give 1 or more"),
        ({"systems": {"user_mean": {"seeds": "two"}}}, "systems.user_mean.seeds: 'two' is not int"),
        ({"systems": {}}, "systems: expected at least one entry"),
        ({"features": None}, "features: expected at least one entry"),
        ({"features": {"categry": {}}}, "categry"),
        (
            {"features": {"clip_image": {**CLIP, "image_size": 0}}},
            "features.clip_image.image_size: 0 cannot be; give 1",
        ),
        ({"features": {"image_stats": {"max_side": -1}}}, "features.image_stats.max_side: -1 cannot be; give 1"),
        ({"systems": {"xgb_clip_pca": {"features": ["category"], "components": 0}}}, "components: 0 cannot be; give 1"),
        ({"seed": -1}, "seed: -1 cannot be; give 0 or more"),
        ({"seed": 2**31}, "seed: 2147483648 cannot be; give 2147483647 or less"),
        ({"compute": {"workers": 0}}, "compute.workers: 0 cannot be; give 1 or more, or null"),
        ({"images": {"max_side": 64, "quality": 101}}, "images.quality: 101 cannot be; give 1 to 100"),
        ({"images": {"max_side": 70_000}}, "images.max_side: 70000 cannot be; give 65500 or less"),
        ({"dataset": {"draw": 0}}, "dataset.draw: 0 cannot be; give 1 or more, or null"),
        ({"dataset": {"max_dropped": 1.5}}, "dataset.max_dropped: 1.5 cannot be; give 0 to 1"),
        ({"evaluate": {"bootstrap": -1}}, "evaluate.bootstrap: -1 cannot be; give 0 or more"),
        ({"evaluate": {"confidence": 1.0}}, "evaluate.confidence: 1.0 cannot be; give a number between 0 and 1"),
        ({"evaluate": {"confidence": 0}}, "evaluate.confidence: 0 cannot be; give a number between 0 and 1"),
        (
            {"features": {"words": {"length": 10_000_000}}},
            "features.words.length: 10000000 cannot be; give 10000 or less",
        ),
        (
            {"features": {"glove": {"seed": 10**20}}},
            f"features.glove.seed: {10**20} cannot be; give 2147483647 or less",
        ),
        ({"dataset": {"targets": {"likes": "log10"}}}, "no transform 'log10'"),
        ({"dataset": {"targets": {"views": "log2p1"}}}, "needs column 'views'"),
        (
            {"dataset": {"is": "smdp"}},
            "dataset.is: no paper's data is called 'smdp'; known: picture-or-words, flickr179k, smpd, amnl, or null",
        ),
        ({"dataset": {"is": ["smpd"]}}, "dataset.is: ['smpd'] is not str | None"),
        ({"dataset": {"claims": "smpd"}}, "dataset.claims: nothing reads this key"),
        ({"dataset": {"nmae": "x"}}, "dataset.nmae: nothing reads this key; did you mean 'name'"),
        ({"split": {"method": "by_size", "ratios": [0.5, 0.2, 0.3]}}, "split.method: 'by_size' is not"),
        ({"images": {"width": 3}}, "images.width: nothing reads this key"),
        ({"features": {"pixels": {"size": 8}}}, "features.pixels.size: DVC would not see a change"),
        ({"compute": {"device": "gpu"}}, "compute.device: 'gpu' is not"),
        (
            {"features": {"words": {"columns": ["text", "text"]}}},
            "features.words.columns: ['text', 'text'] must be some",
        ),
        ({"features": {"user_time": {"columns": ["a", "a"]}}}, "features.user_time.columns: ['a', 'a'] must name col"),
        ({"features": {"context": {"columns": ["a", "a"]}}}, "features.context.columns: ['a', 'a'] must name col"),
        ({"features": {"category": {"levels": ["concept"] * 2}}}, "features.category.levels: ['concept', 'concept'] "),
        ({"compute": {"workers": "x"}}, "compute.workers: 'x' is not int"),
        ({"compute": {"bogus": 1}}, "compute.bogus: nothing reads this key"),
        (
            {"compute": [1]},
            "compute: expected keys scheduler, workers, device, devices, nodes, narrow_vectors, not [1]",
        ),
        ({"images": None}, "images.max_side: missing"),
        ({"images": {"max_side": "x"}}, "images.max_side: 'x' is not int"),
        ({"dataset": None}, "dataset: expected keys reader, name, path, targets"),
        (
            {"seed": 2**31 - 2, "systems": {"user_mean": {"seeds": 3}}},
            "the last of 3 from seed 2147483646 on is beyond",
        ),
        (
            {"systems": {"user_mean": {"intervals": {"level": 80}}}},
            "systems.user_mean.intervals.level: 80 cannot be; give a number between 0 and 1",
        ),
        (
            {"systems": {"user_mean": {"intervals": {**FLAT, "folds": -1}}}},
            "systems.user_mean.intervals.folds: -1 cannot be; give 0 or more",
        ),
        ({"systems": {"user_mean": {"intervals": {**FLAT, "folds": 21}}}}, "folds: 21 cannot be; give 20 or less"),
        ({"systems": {"user_mean": {"intervals": {}}}}, "systems.user_mean.intervals.method: cqr needs features"),
        (
            {"systems": {"user_mean": {"intervals": {**FLAT, "by": "likes"}}}},
            "column 'likes' is not known before a post",
        ),
        ({"systems": {"user_mean": {"intervals": {**FLAT, "by": "mood"}}}}, "intervals.by: the data lacks mood"),
        ({"evaluate": {"bootstrap": "many"}}, "evaluate.bootstrap: 'many' is not int"),
        ({"seed": "zero"}, "params.seed: 'zero' is not int"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(planned, sections, message):
    with pytest.raises(UserError) as error:
        planned(**sections)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("claim", [None, "smpd"])
def test_a_dataset_may_be_a_papers(planned, claim):
    assert planned(systems={"user_mean": {}}, dataset={"is": claim})["systems"]["user_mean"]["run"]


def test_the_drawn_sample_is_no_papers_data(planned):
    with pytest.raises(UserError, match=r"dataset\.is: the sample is drawn by this project"):
        planned(systems={"user_mean": {}}, dataset={"is": "smpd", "reader": "sample"})


def test_the_horizon_reaches_the_features_that_may_read_it_and_no_other(planned):
    features = {**FEATURES, "context": {}}
    plans = planned(features=features, systems={"people": {**TREES, "features": ["context", "user_time"]}})
    read = {name: set(feature["columns"]) for name, feature in plans["features"].items()}
    assert read["context"] == {"followers", "posted_at", "collected_at"}
    assert [name for name in read if "collected_at" in read[name]] == ["context"]
    assert [name for name in discover() if feature_class(name).reads_horizon] == ["context"]


def test_a_feature_that_does_not_say_so_cannot_read_the_horizon(planned, monkeypatch):
    monkeypatch.setattr(feature_class("context"), "reads_horizon", False)
    with pytest.raises(UserError, match=r"features\.context .*: the data lacks collected_at"):
        planned(features={"context": {}}, systems={"people": {**TREES, "features": ["context"]}})


def test_a_target_is_no_context(planned):
    with pytest.raises(UserError, match=r"features\.context .*: the data lacks likes"):
        planned(features={"context": {"columns": ["likes"]}}, systems={"people": {**TREES, "features": ["context"]}})


def test_without_times_there_is_no_context(planned):
    people = {**TREES, "features": ["context"]}
    with pytest.raises(UserError, match=r"features\.context .*: the data lacks collected_at"):
        planned(drop=["collected_at"], features={"context": {}}, systems={"people": people})


@pytest.mark.parametrize("column", ["likes", "collected_at"])
def test_no_system_reads_what_only_time_will_tell(planned, column):
    cheat = {"model": "catboost", "features": ["user_time"], "categorical": [column]}
    with pytest.raises(UserError, match=f"reads column '{column}', which is not known before"):
        planned(systems={"cheat": cheat})


def test_files_that_features_name_are_linked_one_by_one(project, make_posts, tmp_path, monkeypatch):
    vectors, weights = tmp_path / "vec.txt", tmp_path / "hub"
    vectors.write_text("golden 1 2\n")
    weights.mkdir()
    for name in ("open_clip_config.json", "model.safetensors"):
        (weights / name).write_text('{"model_cfg": {"embed_dim": 8, "vision_cfg": {}}}')
    clip = {"encoder": "my-own", "pretrained": str(weights)}
    features = {**FEATURES, "glove": {"vectors": str(vectors), "dimensions": 2}, "clip_image": clip}
    monkeypatch.setattr(ClipImage, "check", lambda self: None)  # the weights are none
    paths = project(features=features)
    store.write_frame(paths.posts, make_posts(30).drop(columns="brightness"))
    for _ in range(2):
        plan.main(paths)
        links = {
            name: sorted(link.resolve() for link in paths.files("features", name).glob("[0-9]*")) for name in features
        }
        assert links["glove"] == [vectors]
        assert links["clip_image"] == sorted(weights.iterdir())
        assert links["image_stats"] == []
        assert store.read_json(paths.files("features", "image_stats") / "files.json") == []
    vectors.unlink()
    with pytest.raises(
        UserError, match=r"features\.glove\.vectors: .*vec\.txt: no such file; name one of word vectors"
    ):
        plan.main(paths)


@pytest.mark.parametrize("name", ["inception", "vgg", "vgg_regions", "clip_image"])
def test_weights_that_are_not_there_are_said_before_pictures_are_packed(planned, name):
    entry = {"pretrained": "weights/none.pth", **({"encoder": "ViT-B-32"} if name == "clip_image" else {})}
    with pytest.raises(UserError, match=rf"features\.{name}\.pretrained: weights/none.pth: no such file"):
        planned(features={**FEATURES, name: entry})


def test_another_activation_than_in_training_is_said_before_pictures_are_packed(planned):
    with pytest.raises(UserError, match="set encoder: ViT-B-32-quickgelu"):
        planned(features={**FEATURES, "clip_image": {"encoder": "ViT-B-32", "pretrained": "openai"}})


def test_a_card_that_is_not_there_is_said_by_the_plan(planned, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match=r"compute\.device: there is no cuda here"):
        planned(compute={"device": "cuda"})


NO_NAMES = ["a b", "a.b", "it's", "a;touch x", 1, "../x", "", "-a", "_a", "a/b", "$(touch x)", "a\nb"]


@pytest.mark.parametrize("name", NO_NAMES)
@pytest.mark.parametrize("section", ["systems", "features", "dataset.targets"])
def test_names_that_would_not_survive_as_files_or_commands_are_refused(planned, section, name):
    entries = {"systems": {"systems": {name: TREES}}, "features": {"features": {name: {}}}}
    with pytest.raises(UserError, match=rf"{section}: .* is (no name; use letters and digits|not dict\[str, str\])"):
        planned(**entries.get(section, {"dataset": {"targets": {name: "log2p1"}}}))


def test_names_of_any_script_pass(planned):
    systems = dict.fromkeys(["größe", "a-b", "a_b", "日本", "7"], TREES)
    assert set(planned(systems=systems)["systems"]) == set(systems)
