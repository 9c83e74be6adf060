"""What the README shows is true: its code fits the contracts, its params bind, its commands and paths exist."""

import pkgutil
import re
import types
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from features import base as features
from features.base import PostsFeature
from models import base as models
from models.base import System
from pipeline.base import params
from pipeline.base.binding import bind
from pipeline.base.errors import UserError
from pipeline.metrics import regression as metrics
from pipeline.readers import dataset as datasets
from pipeline.readers.base import Reader, reader_class
from pipeline.storage.examples import Examples

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.S | re.M)
PYTHON = [block.removeprefix("# ").split("\n", 1) for kind, block in BLOCKS if kind == "python"]
YAMLS = [YAML(typ="safe").load(block) for kind, block in BLOCKS if kind == "yaml"]
SHELL = "".join(block for kind, block in BLOCKS if not kind)


def shown(path, **names):
    """The module a python block of the README shows."""
    [source] = [source for where, source in PYTHON if where == path]
    module = types.ModuleType(Path(path).stem)
    module.__dict__.update(names)
    exec(compile(source, path, "exec"), module.__dict__)  # our own README
    return module


def only_class(module, base):
    [found] = [
        c
        for c in vars(module).values()
        if isinstance(c, type) and issubclass(c, base) and c.__module__ == module.__name__
    ]
    return found


def entries(section):
    return {name: entry for block in YAMLS for name, entry in block.get(section, {}).items()}


def test_all_four_extensions_are_shown():
    assert {Path(path).parts[0] for path, _ in PYTHON} == {"features", "models", "pipeline"}
    assert len(PYTHON) == 4


def test_the_feature_extracts(make_posts):
    cls = only_class(shown("features/text_length.py"), PostsFeature)
    feature = cls(**bind("features.text_length", cls, entries("features")["text_length"]))
    frame = make_posts(5)
    frame.loc[0, "text"] = None
    values = feature.extract(frame[list(feature.columns)])
    assert values.shape == (5, *feature.shape) == (5, len(feature.names))
    assert np.isnan(values[0, 0])
    assert values[1, 0] == len(frame["text"][1])
    assert feature.names[0] in "text_characters"


def test_the_system_trains_and_comes_back(make_posts, tmp_path):
    cls = only_class(shown("models/quantile.py"), System)
    entry = {k: v for k, v in entries("systems")["upper_quartile"].items() if k != "model"}
    system, again = (cls(**bind("systems.upper_quartile", cls, entry)) for _ in range(2))
    train = Examples(posts=make_posts(9)[["post_id"]], y=np.arange(9.0))
    system.fit(train, train)
    system.save(tmp_path)
    again.load(tmp_path)
    np.testing.assert_array_equal(again.predict(train), np.full(9, 6.0))


def test_the_reader_reads(make_posts, to_table, tmp_path):
    cls = only_class(shown("pipeline/readers/my_export.py"), Reader)
    [dataset] = [b["dataset"] for b in YAMLS if b.get("dataset", {}).get("reader") == "my_export"]
    theirs = {"post_id": "id", "posted_at": "created_at", "text": "content", "image": "media", "likes": "favourites"}
    frame = make_posts(5)[list(theirs)].rename(columns=theirs)
    to_table(tmp_path / "statuses.jsonl", frame.assign(created_at=frame["created_at"].astype(str)))
    raw = cls(path=str(tmp_path)).read(dataset["targets"])
    assert sorted(raw.posts) == ["favourites", "image", "post_id", "posted_at", "text"]
    assert len(raw.posts) == 5


def test_the_metric_scores_many_resamples():
    [(name, metric)] = [
        (n, f)
        for n, f in vars(shown("pipeline/metrics/regression.py", np=np)).items()
        if isinstance(f, types.FunctionType)
    ]
    assert name not in metrics.discover()
    np.testing.assert_array_equal(metric(np.zeros((2, 3)), np.array([[1, -2, 0], [3, 0, 0]])), [2, 3])


def test_the_mapping_of_columns_binds():
    mapped = [b["dataset"] for b in YAMLS if b.get("dataset", {}).get("reader") == "table"]
    assert len(mapped) == 2
    for dataset in mapped:
        datasets.make(params.of({**params.read(ROOT / "params.yaml"), "dataset": dataset}).dataset, ROOT)


def test_commands_name_what_there_is():
    assert "dvc repro" in SHELL
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(re.findall(r"^make (\w+)", SHELL, re.M)) <= set(targets)
    for module in re.findall(r"python -m ([\w.]+)", SHELL):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module
    for preset in re.findall(r"presets/\S+\.yaml", README):
        assert (ROOT / preset).is_file(), preset
    p = params.read(ROOT / "params.yaml")
    for key in re.findall(r"-S (\S+)=", SHELL):
        section = p
        for part in key.split("."):
            assert part in section, key
            section = section[part]
    for system in re.findall(r"--system (\w+)", SHELL):
        assert system in p["systems"]


def test_the_list_of_modules_is_complete():
    rows = dict(
        re.findall(r"^\| (readers|features.*?|networks.*?|other systems|baselines|rankers) \| (.*) \|$", README, re.M)
    )
    named = {kind: re.findall(r"`(\w+)`", cells) for kind, cells in rows.items()}
    readers = [m.name for m in pkgutil.iter_modules([str(ROOT / "pipeline/readers")]) if reads(m.name)]
    assert named["readers"] == sorted(readers)
    assert sorted(n for kind in named if kind.startswith("features") for n in named[kind]) == features.discover()
    systems = [kind for kind in named if kind != "readers" and not kind.startswith("features")]
    assert sorted(n for kind in systems for n in named[kind]) == models.discover()


def reads(name):
    try:
        return bool(reader_class(name))
    except UserError:
        return False


@pytest.mark.parametrize("path", sorted(set(re.findall(r"^\| `([\w./]+)` \|", README, re.M))))
def test_the_table_of_places_is_right(path):
    assert path == "data/" or (ROOT / path).exists()


def test_no_line_is_too_long_to_read():
    assert max(len(line) for line in README.splitlines()) <= 120
