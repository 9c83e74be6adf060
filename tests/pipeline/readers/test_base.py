import inspect

import pytest

from pipeline.base.errors import UserError
from pipeline.readers import base

READERS = base.discover()


def test_the_readers_are_found():
    assert {"sample", "smpd", "table"} <= set(READERS)


@pytest.mark.parametrize("name", READERS)
def test_a_reader_is_made_from_typed_keywords_and_says_what_they_are(name):
    cls = base.reader_class(name)
    parameters = inspect.signature(cls).parameters
    assert "path" in parameters
    assert all(p.kind is p.KEYWORD_ONLY and p.annotation is not p.empty for p in parameters.values())
    assert cls.__doc__
    assert all(f"`{key}`" in cls.__init__.__doc__ for key in parameters)


@pytest.mark.parametrize("name", READERS)
def test_a_reader_says_that_its_path_is_missing(name, tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        base.reader_class(name)(path=str(tmp_path / "nowhere")).read(["likes"])


@pytest.mark.parametrize("name", ["nothing", "base", "files", "../posts"])
def test_an_unknown_reader_is_named_with_the_known_ones(name):
    with pytest.raises(UserError, match=r"no reader.*known: .*table"):
        base.reader_class(name)
