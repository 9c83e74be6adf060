"""params.yaml: what is read, what is refused, and that every file the project ships binds."""

import inspect
import shutil
import typing
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from dvc.utils.hydra import apply_overrides
from dvc_data.hashfile.meta import Meta
from ruamel.yaml import YAML

from features import base as features
from features.base import feature_class
from models import base as models
from models.base import system_class
from pipeline.base import params
from pipeline.base.binding import bind
from pipeline.base.errors import UserError
from pipeline.report import protocol, published

ROOT = Path(__file__).parents[3]
ALL = ROOT / "presets/sample-all.yaml"
FILES = [ROOT / "params.yaml", *sorted((ROOT / "presets").glob("*.yaml"))]


def target(
    *,
    rate: float,
    trees: int = 3,
    names: list[str] | None = None,
    roles: dict[str, list[str]] | None = None,
    how: Literal["a", "b"] = "a",
    on: bool = False,
    rows: Any = None,
) -> None:
    """Something that parameters feed."""


@pytest.mark.parametrize(
    "entry",
    [
        {"rate": 0.5},
        {"rate": 1, "trees": 5, "on": True, "how": "b"},
        {"rate": 1e-3, "names": ["x", "y"], "roles": {"base": ["x"], "head": []}},
        {"rate": 1.0, "names": None},
        {"rate": 1.0, "names": []},
    ],
)
def test_what_fits_comes_back_as_it_is(entry):
    assert bind("section", target, entry) == entry


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "section.rate: missing; it is float"),
        (None, "section.rate: missing; it is float"),
        ({"rate": 1, "tree": 5}, "section.tree: nothing reads this key; did you mean 'trees'?"),
        ({"rate": 1, "zzz": 5}, "section.zzz: nothing reads this key; known: how, names, on, rate, roles"),
        ({"rate": "fast"}, "section.rate: 'fast' is not float"),
        ({"rate": 1, "trees": 2.5}, "section.trees: 2.5 is not int"),
        ({"rate": 1, "trees": True}, "section.trees: True is not int"),
        ({"rate": False}, "section.rate: False is not float"),
        ({"rate": 1, "on": 1}, "section.on: 1 is not bool"),
        ({"rate": 1, "how": "c"}, "section.how: 'c' is not Literal['a', 'b']"),
        ({"rate": 1, "names": "x"}, "section.names: 'x' is not list[str] | None"),
        ({"rate": 1, "roles": {"base": "x"}}, "section.roles: {'base': 'x'} is not dict"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(entry, message):
    with pytest.raises(UserError) as error:
        bind("section", target, entry)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("at", range(6))
def test_every_item_of_a_list_is_looked_at(at):
    names = ["x"] * 6
    names[at] = 5
    with pytest.raises(UserError, match=r"section\.names"):
        bind("section", target, {"rate": 1, "names": names})
    with pytest.raises(UserError, match=r"section\.roles"):
        bind("section", target, {"rate": 1, "roles": {"a": ["x"], "b": names}})


def test_what_the_pipeline_gives_is_not_for_the_file():
    assert bind("section", target, {"rate": 1}, rows=[1], unknown=2) == {"rate": 1, "rows": [1]}
    with pytest.raises(UserError, match=r"section\.rows: nothing reads this key"):
        bind("section", target, {"rate": 1, "rows": [1]}, rows=[2])


def test_classes_and_dataclasses_are_bound_alike():
    @dataclass(kw_only=True)
    class Section:
        size: int = 3

    class Bare:
        pass

    assert bind("s", Section, {"size": 4}) == {"size": 4}
    assert bind("s", Bare, {}) == {}
    with pytest.raises(UserError, match="'4' is not int"):
        bind("s", Section, {"size": "4"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: [", "not valid YAML"),
        ("just words", "expected sections seed, dataset"),
        ("", "expected sections"),
        ("seed: 0\nseed: 1", "not valid YAML"),
        ("sede: 0", "sede: nothing reads this section; did you mean 'seed'?"),
        ("seed: 0", "section 'dataset' is missing"),
    ],
)
def test_files_that_are_none(tmp_path, text, message):
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as error:
        params.read(tmp_path / "params.yaml")
    assert message in str(error.value)


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        params.read(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_bytes(b"seed: \xff\xfe")
    with pytest.raises(UserError, match="not valid YAML"):
        params.read(tmp_path / "params.yaml")


def test_numbers_are_read_as_dvc_reads_them(project):
    paths = project()
    text = paths.params.read_text().replace("seed: 0", "seed: 010").replace("max_side: 64", "max_side: 1e-3")
    paths.params.write_text(text)
    loaded = params.read(paths.params)
    assert loaded["seed"] == 10
    assert loaded["images"]["max_side"] == pytest.approx(0.001)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_entry_binds_to_its_class(path):
    p = params.load(path)
    assert p.systems
    for name, entry in p.features.items():
        _binds_alone(f"features.{name}", feature_class(entry.module), entry.arguments)
        features.make(entry)
    for name, entry in p.systems.items():
        _binds_alone(f"systems.{name}", system_class(entry.module), entry.arguments)
        models.make(entry)


def _binds_alone(where, cls, entry):
    bound = bind(where, cls, entry)
    assert bound.keys() == (entry or {}).keys()
    for key, value in bound.items():
        own = {name: getattr(value, name) for name in entry[key]} if is_dataclass(value) else value
        assert own == entry[key]
    with pytest.raises(UserError, match="nothing reads this key"):
        bind(where, cls, {**(entry or {}), "no_such_key": 1})
    hints = typing.get_type_hints(cls.__init__)
    assert set(inspect.signature(cls).parameters) <= set(hints), f"{cls.__name__} has an argument without a type"


NESTED = ("training", "trees", "descent", "intervals")


def sections_of(path):
    """What stands under `training`, `trees` and the like of the entries of a file."""
    entries = [entry or {} for entry in params.read(path)["systems"].values()]
    return [entry[name] for entry in entries for name in NESTED if name in entry]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_sections_are_an_entry_s_own(path):
    """Of one that several entries share through a merge or an alias, DVC's `-S` would lose the change in silence."""
    sections = sections_of(path)
    assert sections or path.stem == "dsn-ratios", "their entries leave all to the systems"
    assert len({id(section) for section in sections}) == len(sections)


@pytest.mark.parametrize("name", ["dmf", "uhan", "uhan_no_text"])
def test_a_try_changes_its_entry_alone(name, tmp_path):
    """What `dvc exp run -S` does to the file, with entries that are merged into others or have others in them."""
    path, before = shutil.copy(ALL, tmp_path), params.read(ALL)["systems"]
    apply_overrides(path, [f"systems.{name}.training.epochs=5"])
    after = params.read(Path(path))["systems"]
    assert {entry for entry in before if before[entry] != after[entry]} == {name}
    assert after[name]["training"] == {**before[name]["training"], "epochs": 5}


BASELINES = {"mean", "median"}
TABULAR = {"user_mean", "xgboost", "lightgbm", "catboost", "xgb_clip_pca", "xgb_mlp", "xgb_conv1d"}
PICTURE_OR_WORDS = {"hybrid_cnn", "inception_svr", "bow_svr", "glove_svr", "context_svr"}
ATTENTION = {"his_ave", "uhan_svr", "dmf", "dual_att", "uhan"}
ATTENTION |= {f"uhan_no_{part}" for part in ("user", "shortcut", "intra", "inter", "intra_inter", "image", "text")}
ATTENTION |= {"uhan_svr_no_image", "uhan_svr_no_text"}
OWN = {"absolute_lightgbm", "absolute_catboost", "blend"}
TOUR = {"ceiling", "his_ave", "user_mean", "xgboost", "xgb_mlp", "hybrid_cnn", "uhan"}
TOUR |= {"dsn", "popularity", "followees", "amnl", "blend"}


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("params.yaml", TOUR),
        ("presets/sample-all.yaml", TOUR | BASELINES | TABULAR | OWN | PICTURE_OR_WORDS | ATTENTION),
        ("presets/own-posts.yaml", BASELINES | TABULAR | OWN | {"xgb_pictures", "xgb_words"}),
        ("presets/xgb-clip.yaml", BASELINES | TABULAR),
        ("presets/picture-or-words.yaml", BASELINES | PICTURE_OR_WORDS),
        ("presets/uhan.yaml", ATTENTION),
        ("presets/uhan-released.yaml", ATTENTION),
    ],
)
def test_files_have_every_system_they_are_for(file, wanted):
    assert wanted <= set(params.read(ROOT / file)["systems"])


@pytest.mark.parametrize(
    ("preset", "paper", "open_questions"),
    [
        ("uhan", "uhan", ""),
        ("uhan-released", "uhan", ""),
        ("xgb-clip", "xgb-clip", "which 80,000 posts of SMPD it drew, the paper does not say"),
        ("picture-or-words", "picture-or-words", "data tweets instead of 33,558 image tweets"),
    ],
)
def test_a_preset_of_a_paper_has_its_data_and_protocol(preset, paper, open_questions):
    p = params.load(ROOT / f"presets/{preset}.yaml")
    [its] = [one for one in published.papers() if one.paper == paper]
    assert p.dataset.targets == its.transforms
    assert {protocol.differs(its, p, target) for target in p.dataset.targets} == {open_questions}


def test_the_preset_of_picture_or_words_has_its_numbers():
    p = params.read(ROOT / "presets/picture-or-words.yaml")
    assert p["split"] == {"method": "random", "ratios": [0.5, 0, 0.5]}
    assert p["dataset"]["targets"] == {"retweets": "max", "likes": "max"}
    limits = {"minimum_retweets": 100, "minimum_days": 7, "maximum_retweets": 10_000, "maximum_likes": 10_000}
    assert {**limits, "maximum_followers": 100_000}.items() <= p["dataset"].items()
    glove = {"vectors": "data/weights/glove.twitter.27B.zip", "dimensions": 100, "columns": ["text"]}
    assert p["features"] == {
        "pixels": {"image_size": 64},
        "inception": {"pretrained": "IMAGENET1K_V1", "crop": False},
        "bow": {"columns": ["text"], "minimum_count": 51},  # "more than 100 times", in half of the posts
        "glove": glove,
        "context": {"columns": ["followers", "elapsed_hours"]},
    }
    assert {name: p["systems"][name] for name in PICTURE_OR_WORDS} == {
        "hybrid_cnn": {
            "features": {"image": ["pixels"], "context": ["context"]},
            **{"channels": [32, 64], "hidden": [100, 60], "head": "sum"},
            "training": {"learning_rate": 0.001, "epochs": 1000, "batch_size": 32, "patience": None},
        },
        "inception_svr": {"model": "svr", "features": ["inception", "context"]},
        "bow_svr": {"model": "svr", "features": ["bow", "context"]},
        "glove_svr": {"model": "svr", "features": ["glove", "context"]},
        "context_svr": {"model": "svr", "features": ["context"]},
    }


def test_the_preset_of_the_paper_has_its_numbers():
    systems = params.read(ROOT / "presets/xgb-clip.yaml")["systems"]
    best = {"n_estimators": 2000, "max_depth": 18, "learning_rate": 0.01}
    assert all(systems[name]["trees"] == best for name in ("xgboost", "xgb_mlp", "xgb_conv1d"))
    assert systems["xgb_clip_pca"]["trees"] == {**best, "max_depth": 12}
    assert systems["xgb_clip_pca"]["components"] == 300
    assert {"hidden": [128, 64], "dropout": 0.5}.items() <= systems["xgb_mlp"].items()
    assert systems["xgb_mlp"]["training"] == {"learning_rate": 0.0005, "batch_size": 32, "epochs": 30}
    assert {"components": 20, "dropout": 0.75}.items() <= systems["xgb_conv1d"].items()
    conv = {"learning_rate": 0.0001, "batch_size": 32, "epochs": 20}
    assert conv.items() <= systems["xgb_conv1d"]["training"].items()
    assert systems["xgb_conv1d"]["training"]["weight_decay"] > 0


@pytest.mark.parametrize("place", [("features", "pixels"), ("dataset", "targets"), ("systems", "svr", "grid")])
@pytest.mark.parametrize("key", params.HIDDEN)
def test_keys_whose_changes_dvc_overlooks_are_refused(make_params, tmp_path, place, key):
    content = inner = make_params()
    for name in place:
        inner = inner.setdefault(name, {})
    inner[key] = 1
    with (tmp_path / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(content, file)
    with pytest.raises(UserError, match=rf"{'.'.join((*place, key))}: DVC would not see a change"):
        params.read(tmp_path / "params.yaml")


def test_these_are_the_keys_that_dvc_overlooks():
    assert set(params.HIDDEN) == {Meta.PARAM_SIZE, Meta.PARAM_NFILES}
