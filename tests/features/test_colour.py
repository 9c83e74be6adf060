import numpy as np
import pytest
from PIL import Image

from features.colour import CHANNELS, Colour


def measured(image):
    feature = Colour()
    values = feature.embed([feature.prepare(image)])
    assert values.shape == (1, *feature.shape)
    assert values.dtype == np.float32
    return dict(zip(feature.names, values[0], strict=True))


def noise(seed=0, power=1):
    return (255 * np.random.default_rng(seed).random((40, 30, 3)) ** power).astype(np.uint8)


def flat(*colour):
    return np.full((8, 6, 3), colour, np.uint8)


def test_moments_by_hand():
    image = noise(power=3)
    found = measured(image)
    for i, channel in enumerate(CHANNELS[:3]):
        x = image[..., i].astype(np.float64) / 255
        away = x - x.mean()
        assert found[f"{channel}_mean"] == pytest.approx(x.mean())
        assert found[f"{channel}_deviation"] == pytest.approx(x.std())
        assert found[f"{channel}_skewness"] == pytest.approx(np.mean(away**3) ** (1 / 3))
        assert found[f"{channel}_skewness"] > 0.1  # few bright pixels
    assert measured(255 - image)["red_skewness"] == pytest.approx(-found["red_skewness"], abs=1e-6)


def test_hsv_is_that_of_pillow():
    image = noise()
    hsv = np.asarray(Image.fromarray(image).convert("HSV")) / 255.0
    found = measured(image)
    assert found["saturation_mean"] == pytest.approx(hsv[..., 1].mean(), abs=0.005)
    assert found["value_deviation"] == pytest.approx(hsv[..., 2].std(), abs=0.005)
    angle = 2 * np.pi * hsv[..., 0]
    assert found["hue_cosine"] == pytest.approx((hsv[..., 1] * np.cos(angle)).mean(), abs=0.005)
    assert found["hue_sine"] == pytest.approx((hsv[..., 1] * np.sin(angle)).mean(), abs=0.005)


@pytest.mark.parametrize(
    ("colour", "degrees"),
    [((255, 0, 0), 0), ((255, 255, 0), 60), ((0, 255, 0), 120), ((0, 0, 255), 240), ((255, 0, 1), 360)],
)
def test_hue_is_a_point_on_the_circle(colour, degrees):
    found = measured(flat(*colour))
    at = np.deg2rad(degrees)
    np.testing.assert_allclose([found["hue_cosine"], found["hue_sine"]], [np.cos(at), np.sin(at)], atol=0.03)


def test_flat_and_grey():
    found = measured(flat(90, 90, 90))
    assert found["red_mean"] == pytest.approx(90 / 255)
    assert found["value_mean"] == pytest.approx(90 / 255)
    rest = [v for k, v in found.items() if not k.endswith("_mean") or k.startswith("saturation")]
    np.testing.assert_allclose(rest, 0, atol=1e-7)


def test_only_colours_count_not_places():
    image = noise()
    moved = np.random.default_rng(1).permutation(image.reshape(-1, 3)).reshape(20, 60, 3)
    np.testing.assert_allclose(list(measured(moved).values()), list(measured(image).values()), rtol=1e-6)


def test_one_pixel():
    assert np.isfinite(list(measured(np.array([[[1, 2, 3]]], np.uint8)).values())).all()
