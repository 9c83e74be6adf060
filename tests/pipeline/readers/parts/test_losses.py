import numpy as np
import pytest

from pipeline.base.errors import UserError
from pipeline.readers.parts import losses
from pipeline.readers.parts.audit import Audit


def check(kept, lost):
    values = [*map(str, kept), *lost]
    numbers = np.array([*kept, *[np.nan] * len(lost)], dtype=np.float64)
    losses.check_size("posts.csv", "likes", values, numbers, np.isnan(numbers), np.arange(len(values)) + 2)


@pytest.mark.parametrize(
    ("kept", "lost", "word"),
    [
        (range(20), ["1,2345", "3,4567", "12,3456"], "larger"),
        (range(20), [f"{i}.500+" for i in range(10, 15)], "larger"),
        (range(1000, 1030), ["5 x", "6 x", "7 x", "8 x"], "smaller"),
    ],
)
def test_losses_of_one_size_stop_the_run(kept, lost, word):
    with pytest.raises(
        UserError, match=rf"targets\.likes: {len(lost)} values are no number and {word} than the others"
    ):
        check(kept, lost)


@pytest.mark.parametrize(
    "lost", [["900 x"], ["many"] * 9, ["2024-05-01"] * 9, ["3 x", "8 x", "15 x", "19 x"], ["https://a/123456"] * 9]
)
def test_others_do_not(lost):
    check(range(20), lost)


def test_a_column_that_never_had_a_value_is_not_lost():
    audit = Audit()
    audit.tag("followers: not there", "posts.csv", [1, 2], "followers")
    losses.check_emptied("posts.csv", "followers", [None, "NaN"], np.array([1, 2]), audit, target=False)
    with pytest.raises(UserError, match=r"'followers': of its 2 values none is left \(not there: 2, first: .*, 'x'\)"):
        losses.check_emptied("posts.csv", "followers", ["x", None], np.array([1, 2]), audit, target=False)
