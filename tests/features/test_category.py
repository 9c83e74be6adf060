import numpy as np
import pytest

from features.category import Category
from pipeline.base.errors import UserError


def fitted(posts, **arguments):
    feature = Category(**arguments)
    feature.fit(posts)
    return feature


def test_one_hot_by_hand(posts):
    feature = fitted(posts)
    assert feature.names == ["category=a", "category=b", "category=c", "category=ü", "subcategory=x"]
    expected = [[0, 1, 0, 0, 1], [1, 0, 0, 0, 1], [0, 1, 0, 0, 1], [0, 0, 0, 0, 1], [1, 0, 0, 0, 1]]
    np.testing.assert_array_equal(feature.extract(posts), [*expected, [0, 0, 1, 0, 1], [0, 0, 0, 1, 0]])


def test_a_category_first_seen_later_is_all_zeros(posts):
    feature = fitted(posts[:3])
    assert feature.names == ["category=a", "category=b", "subcategory=x"]
    np.testing.assert_array_equal(feature.extract(posts)[5:], [[0, 0, 1], [0, 0, 0]])


def test_order_of_training_rows_does_not_matter(posts):
    assert fitted(posts[::-1]).names == fitted(posts).names


def test_levels_are_chosen(posts):
    assert fitted(posts, levels=["subcategory"]).names == ["subcategory=x"]
    with pytest.raises(UserError, match=r"features\.category\.levels: there is no level 'colour'"):
        Category(levels=["colour"])


def test_it_is_missing_only_without_any_level():
    assert Category().missing(["subcategory", "title"]) == []
    assert Category().missing(["title"]) == ["category", "subcategory", "concept"]
    assert Category().reads({"subcategory": "string", "title": "string"}) == ["subcategory"]


def test_training_rows_without_a_single_category(posts):
    feature = fitted(posts.assign(category=None, subcategory=None))
    assert feature.extract(posts).shape == (7, 0)


def test_state_comes_back(posts):
    feature, again = fitted(posts), Category()
    again.restore(feature.state())
    assert again.names == feature.names
    np.testing.assert_array_equal(again.extract(posts), feature.extract(posts))


def test_a_draft_that_lacks_a_level(posts):
    assert fitted(posts).needed == ["category", "subcategory"]
