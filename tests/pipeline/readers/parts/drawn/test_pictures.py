import numpy as np
import pytest

from pipeline.readers.parts.drawn.pictures import HEIGHT, WIDTH, draw
from pipeline.readers.parts.drawn.words import CONCEPTS, PROPS


def pixels(seed=0, **change):
    look = {"concept": 0, "brightness": 0.5, "colourfulness": 0.5, "offset": 0.5, "prop": "kite", **change}
    return np.asarray(draw(np.random.default_rng(seed), **look)).astype(float)


@pytest.mark.parametrize("concept", range(len(CONCEPTS)))
def test_every_concept_is_drawn_and_no_two_alike(concept):
    picture = pixels(concept=concept)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert not np.array_equal(picture, pixels(concept=(concept + 1) % len(CONCEPTS)))


def test_the_same_generator_draws_the_same_picture():
    assert np.array_equal(pixels(seed=3), pixels(seed=3))


@pytest.mark.parametrize("concept", [0, 9, 18, 27])
def test_brightness_and_colourfulness_are_in_the_pixels(concept):
    grey = [pixels(concept=concept, brightness=b).mean() for b in (0, 0.3, 0.6, 1)]
    assert all(np.diff(grey) > 20)
    colour = [np.ptp(pixels(concept=concept, colourfulness=c), axis=2).mean() for c in (0, 0.5, 1)]
    assert all(np.diff(colour) > 5)


def test_an_offset_moves_the_subject_from_the_centre():
    centre = np.s_[50:70, 70:90]
    near, far = pixels(offset=0.0)[centre], pixels(offset=1.0)[centre]
    assert near.std(axis=(0, 1)).max() < 20  # inside the subject
    assert abs(near.mean(axis=(0, 1)) - far.mean(axis=(0, 1))).max() > 10


def test_each_prop_shows_its_colour():
    means = [pixels(prop=prop) for prop in PROPS]
    assert all(np.abs(a - b).max() > 100 for i, a in enumerate(means) for b in means[:i])
