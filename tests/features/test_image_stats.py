import colorsys
import math

import numpy as np
import pytest

from features.image_stats import ImageStats, brightness_contrast, colour_entropy, edge_centroid, hue_count

SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])


def picture(height=13, width=17, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def luma_of(image):
    """Rec. 601 luma, rounded, as everything else here written from the definition alone."""
    return np.floor(image @ np.array([0.299, 0.587, 0.114]) + 0.5)


def edges_of(luma):
    padded = np.pad(luma, 1, mode="edge")
    edges = np.zeros(luma.shape)
    for y in range(luma.shape[0]):
        for x in range(luma.shape[1]):
            window = padded[y : y + 3, x : x + 3]
            edges[y, x] = math.hypot((window * SOBEL).sum(), (window * SOBEL.T).sum()) / 8 / 255
    return edges


def hues_of(image):
    counts = [0] * 20
    for red, green, blue in image.reshape(-1, 3) / 255:
        hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
        if saturation > 0.2 and 0.15 < value < 0.95:
            counts[min(int(hue * 20), 19)] += 1
    return sum(count > 0.05 * max(counts) for count in counts) if max(counts) else 0


def entropy_of(image):
    cells = {}
    for pixel in image.reshape(-1, 3):
        cell = tuple(int(v) // 32 for v in pixel)
        cells[cell] = cells.get(cell, 0) + 1
    n = sum(cells.values())
    return sum(-count / n * math.log2(count / n) for count in cells.values())


@pytest.mark.parametrize("size", [(13, 17), (40, 9), (1, 12), (2, 2)])
@pytest.mark.parametrize("seed", [0, 1])
def test_all_seven_by_hand(size, seed):
    image = picture(*size, seed=seed)
    luma = luma_of(image)
    edges = edges_of(luma)
    ordered = np.sort(luma.ravel())
    low, high = (ordered[math.ceil(q * len(ordered)) - 1] for q in (0.01, 0.99))
    total = edges.sum()
    x = sum(edges[:, i].sum() * i for i in range(size[1])) / total
    y = sum(edges[i].sum() * i for i in range(size[0])) / total
    dx, dy = (2 * x - (size[1] - 1)) / size[1], (2 * y - (size[0] - 1)) / size[0]
    expected = [
        edges.mean(),
        hues_of(image),
        (high - low) / 255,
        entropy_of(image),
        dx,
        dy,
        math.hypot(dx, dy) / 2**0.5,
    ]
    got = ImageStats().prepare(image)
    # OpenCV rounds luma with 14 bits: a level of difference in few pixels. Hues at a border of two bins, too.
    np.testing.assert_allclose(np.delete(got, 1), np.delete(expected, 1), atol=0.01)
    assert abs(got[1] - expected[1]) <= 1


def test_hues_of_pure_colours():
    colours = [colorsys.hsv_to_rgb((i + 0.5) / 20, 0.9, 0.7) for i in range(20)]
    image = (np.array(colours)[None].repeat(4, axis=0) * 255).astype(np.uint8)
    assert [hue_count(image[:, :k]) for k in (1, 5, 20)] == [1, 5, 20]
    assert hue_count(np.full((5, 5, 3), 128, np.uint8)) == 0


def test_hues_of_few_pixels_do_not_count():
    image = np.zeros((10, 10, 3), np.uint8)
    image[:] = (180, 20, 20)
    image[0, :4] = (20, 180, 20)
    assert hue_count(image) == 1
    image[0, :6] = (20, 180, 20)
    assert hue_count(image) == 2


def test_brightness_ignores_a_percent_at_either_end():
    luma = np.full((10, 20), 100, np.uint8)
    luma[:5] = 50
    luma[0, 0], luma[0, 1] = 0, 255
    assert brightness_contrast(luma) == 50 / 255


def test_entropy_of_known_histograms():
    image = np.zeros((4, 4, 3), np.uint8)
    assert colour_entropy(image) == 0
    image[:2] = 255
    assert colour_entropy(image) == 1
    every = np.stack(np.meshgrid(*[np.arange(0, 256, 32)] * 3), axis=-1).reshape(64, 8, 3).astype(np.uint8)
    assert colour_entropy(every) == 9


@pytest.mark.parametrize(("at", "offset"), [((0, 0), (-0.9, -0.9)), ((9, 19), (0.95, 0.9)), ((4, 0), (-0.95, -0.1))])
def test_edges_at_a_corner(at, offset):
    edges = np.zeros((10, 20), np.float32)
    edges[at] = 1
    got = edge_centroid(edges)
    assert abs(got[0] - offset[0]) < 0.06
    assert abs(got[1] - offset[1]) < 0.06
    assert got[2] == pytest.approx(math.hypot(*got[:2]) / 2**0.5)


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (20, 30)])
def test_flat_pictures_are_finite_and_centred(value, size):
    got = ImageStats().prepare(np.full((*size, 3), value, np.uint8))
    np.testing.assert_array_equal(got, np.zeros(7))


def test_mirrored_pictures_have_mirrored_centroids():
    image = picture(30, 40)
    got, mirrored = ImageStats().prepare(image), ImageStats().prepare(np.ascontiguousarray(image[:, ::-1]))
    np.testing.assert_allclose(mirrored, got * [1, 1, 1, 1, -1, 1, 1], atol=1e-5)


def test_large_pictures_are_measured_at_one_scale():
    image = picture(20, 30).repeat(20, axis=0).repeat(20, axis=1)
    got, small = ImageStats(max_side=30).prepare(image), ImageStats().prepare(picture(20, 30))
    np.testing.assert_allclose(got, small, atol=1e-6)


def test_it_does_not_matter_where_in_memory_a_picture_lies():
    for seed in range(20):
        image = picture(11, 13 + seed, seed)
        for start in range(8):
            moved = np.empty(image.size + 8, np.uint8)[start : start + image.size].reshape(image.shape)
            moved[:] = image
            np.testing.assert_array_equal(ImageStats().prepare(moved), ImageStats().prepare(image))


def test_contract():
    feature = ImageStats()
    values = feature.embed([feature.prepare(picture()), feature.prepare(picture(seed=1))])
    assert values.shape == (2, 7)
    assert values.dtype == np.float32
    assert len(set(feature.names)) == 7
    assert feature.missing([]) == ["image"]
