import pytest

from features.base import GROUPS
from pipeline.base.targets import Transform
from pipeline.web.moves import NAMES, added


def test_every_group_has_words():
    assert set(NAMES) == set(GROUPS)


@pytest.mark.parametrize(
    ("name", "said"), [("log2p1", "× 2.00"), ("log2_per_day", "× 2.00"), ("identity", "+1"), ("max", "+1")]
)
def test_what_is_added_to_a_logarithm_multiplies(name, said):
    assert added(1.0, Transform(name)) == said
