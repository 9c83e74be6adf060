"""Pictures scaled as bytes are those that Pillow scales, within one of 255."""

import numpy as np
import pytest
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from timm.data import create_transform

from features.parts.scaling import of_bytes, transformed
from tests.features.pictures import smooth

pytestmark = pytest.mark.slow
TIMM = {"input_size": (3, 64, 64), "is_training": False, "normalize": False}
SIZES = [(60, 80), (64, 64), (300, 200), (40, 512), (1, 9)]


def open_clip_s(**options):
    return image_transform_v2(PreprocessCfg(size=(64, 64), **options), is_train=False).transforms[:-2]


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize(
    "steps",
    [
        lambda **options: create_transform(**TIMM, **options).transforms,
        lambda **options: create_transform(**TIMM, **options, crop_mode="squash", crop_pct=1.0).transforms,
        lambda **options: create_transform(**TIMM, **options, crop_mode="border").transforms,
        lambda **options: open_clip_s(**options),
        lambda **options: open_clip_s(**options, resize_mode="squash"),
        lambda **options: open_clip_s(**options, resize_mode="longest"),
    ],
)
def test_bytes_are_scaled_as_pillow_scales_them(steps, interpolation):
    steps = steps(interpolation=interpolation)
    different = []
    for seed, (height, width) in enumerate(SIZES):
        image = smooth(seed, height=height, width=width)
        expected = Image.fromarray(image)
        for step in steps:
            expected = step(expected)
        expected = np.asarray(expected)
        if expected.shape[-1] == 3:  # a picture still
            expected = expected.transpose(2, 0, 1)
        found = transformed(image, of_bytes(steps))
        assert found.dtype == np.uint8
        assert found.shape == expected.shape == (3, 64, 64)
        different.append((found.astype(int) - expected).ravel())
    different = np.concatenate(different)
    assert np.abs(different).max() <= 1
    assert (different != 0).mean() < 0.01


@pytest.mark.filterwarnings("error")
def test_mirrored_and_locked_pictures_are_taken():
    transform = of_bytes(open_clip_s())
    image = smooth(0, height=60, width=80)
    locked = image.copy()
    locked.flags.writeable = False
    np.testing.assert_array_equal(transformed(locked, transform), transformed(image, transform))
    mirrored = transformed(image[:, ::-1], transform)
    np.testing.assert_array_equal(mirrored, transformed(np.ascontiguousarray(image[:, ::-1]), transform))
