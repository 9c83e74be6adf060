from pathlib import Path

import pytest

from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.readers import dataset


def made(content, section):
    """The reader of a dataset section, as the stages make it."""
    return dataset.make(params.of({**content, "dataset": section}).dataset, Path())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colums": {}}, r"dataset\.colums: nothing reads this key; did you mean 'columns'"),
        ({"max_droped": 0.1}, "did you mean 'max_dropped'"),
        ({"prefix": "train"}, r"dataset\.prefix: nothing reads this key"),
        ({"reader": "tabel"}, "no reader 'tabel'"),
        ({"reader": None}, r"dataset\.reader: None is not str"),
        ({"targets": {"likes": "log"}}, "no transform 'log'; known: identity, log2p1"),
        ({"targets": {}}, "name at least one column"),
        ({"targets": {"text": "identity"}}, "holds no numbers"),
        ({"targets": ["likes"]}, r"dataset\.targets: \['likes'\] is not dict"),
        ({"max_dropped": 1.5}, r"dataset\.max_dropped: 1\.5"),
        ({"missing": "ignore"}, r"dataset\.missing"),
        ({"columns": {"text": 3}}, r"dataset\.columns"),
    ],
)
def test_a_wrong_key_or_value_is_named(make_params, change, message):
    with pytest.raises(UserError, match=message):
        made(make_params(), {**make_params()["dataset"], **change})


def test_a_missing_key_is_named(make_params):
    section = make_params()["dataset"]
    del section["targets"]
    with pytest.raises(UserError, match=r"dataset\.targets: missing"):
        made(make_params(), section)
