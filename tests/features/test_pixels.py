"""Pictures as squares of bytes, and what sizes there are."""

import cv2
import numpy as np
import pytest

from features.pixels import Pixels
from pipeline import features, images, plan, posts, split
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.storage import store
from tests.features.entries import make


def test_scales_to_one_square_of_bytes():
    image = np.zeros((30, 50, 3), np.uint8)
    image[:, 25:] = (200, 100, 50)
    pixels = Pixels(image_size=10)
    (made,) = pixels.embed([pixels.prepare(image)])
    assert made.shape == pixels.shape == (10, 10, 3)
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made[0, :5], 0)
    np.testing.assert_array_equal(made[0, 5:], [[200, 100, 50]] * 5)
    np.testing.assert_array_equal(made, cv2.resize(image, (10, 10), interpolation=cv2.INTER_AREA))


def test_a_post_without_a_picture_is_black_and_not_valid(posts_folder, project):
    folder = posts_folder(n=12)
    (folder / "images/p0003.jpg").unlink()
    paths = project(features={"pixels": {"image_size": 8}})
    for stage in (posts, plan, images, split):
        stage.main(paths)
    features.run(paths, params.load(paths.params), "pixels")
    table = store.read_feature(paths.feature("pixels"))
    assert table.values.dtype == np.uint8
    assert table.values.shape == (12, 8, 8, 3)
    assert np.flatnonzero(~table.valid).tolist() == [3]
    assert not table.values[3].any()
    assert all(table.values[i].any() for i in range(12) if i != 3)


@pytest.mark.parametrize("size", [0, -3])
def test_a_side_has_at_least_one_pixel(size):
    with pytest.raises(UserError, match=rf"^features\.pixels\.image_size: {size} cannot be; give 1 or more"):
        make("pixels", {"image_size": size})
    picture = np.full((9, 7, 3), 40, np.uint8)
    assert Pixels(image_size=1).prepare(picture).tolist() == [[[40, 40, 40]]]
