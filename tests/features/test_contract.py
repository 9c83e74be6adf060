"""What every feature must do, over all that are found in features/: a new one is tested the moment it exists."""

import inspect
import json

import numpy as np
import pandas as pd
import pytest

from features.base import GROUPS, ImageFeature, PostsFeature, SentenceFeature, discover, feature_class
from features.parts.past import Past, PastFeature
from pipeline.posts import to_table
from tests.conftest import build_posts
from tests.features import berts

SMALL = {
    "activity": {},
    "bert": {"encoder": "small_bert"},
    "bow": {"minimum_count": 1},
    "category": {},
    "clip_image": {"encoder": "tiny-vit", "pretrained": None},
    "clip_text": {"encoder": "tiny-text", "pretrained": None},
    "colour": {},
    "context": {},
    "efficientnet": {"pretrained": None, "image_size": 32},
    "fasttext": {"dimensions": 4, "minimum_count": 1, "buckets": 50, "epochs": 1},
    "glove": {"vectors": None, "dimensions": 4},
    "history": {},
    "iipa": {"pretrained": None, "image_size": 32},
    "image_stats": {},
    "inception": {"pretrained": None, "image_size": 75},
    "lda": {"topics": 3, "minimum_count": 1, "passes": 2},
    "nima": {"pretrained": None, "network": "resnet18", "image_size": 75},
    "pixels": {"image_size": 8},
    "retrieval": {"similar": ["tags", "category"]},
    "sentence": {},
    "text_stats": {},
    "tfidf": {},
    "timm_image": {"network": "mobilenetv3_small_050", "pretrained": None, "image_size": 32},
    "timm_regions": {"network": "mobilenetv3_small_050", "pretrained": None, "image_size": 64},
    "user_time": {},
    "user_vector": {},
    "vgg": {"pretrained": None, "image_size": 32},
    "vgg_regions": {"pretrained": None, "image_size": 64},
    "word2vec": {"dimensions": 4, "minimum_count": 1, "epochs": 1},
    "words": {"minimum_count": 1, "length": 12},
}
"""Feature -> keyword arguments that make it cheap."""

FEATURES = discover()
OF_POSTS = [name for name in FEATURES if issubclass(feature_class(name), PostsFeature)]
OF_IMAGES = [name for name in FEATURES if issubclass(feature_class(name), ImageFeature)]
OF_TEXTS = [name for name in FEATURES if issubclass(feature_class(name), SentenceFeature)]
POSTS = build_posts(60).drop(columns="brightness")
TRAIN, TEST = POSTS[:40].reset_index(drop=True), POSTS[40:].reset_index(drop=True)


@pytest.mark.parametrize("name", FEATURES)
def test_says_what_it_is_about(name):
    cls = feature_class(name)
    assert cls.group in GROUPS, "reasons of predictions are told by group"
    assert cls.group_of("x") == cls.group


def test_times_among_numbers_of_users_are_about_when():
    user_time, context = feature_class("user_time"), feature_class("context")()
    assert [user_time.group_of(name) for name in ("followers", "posted_hour_utc_3")] == ["who", "when"]
    assert [context.group_of(name) for name in context.names] == ["who", "when"]


@pytest.fixture(scope="module", autouse=True)
def small_bert(tmp_path_factory):
    """The folder that the entry of `bert` names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SMALL, "bert", {"encoder": str(berts.write(tmp_path_factory.mktemp("bert")))})
        yield


@pytest.fixture(scope="module")
def images():
    """Pictures of several sizes, one of them flat and one a single pixel."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((40, 60), (64, 64), (33, 20))]
    return [*drawn, np.full((30, 30, 3), 128, np.uint8), np.full((1, 1, 3), 9, np.uint8)]


@pytest.fixture(scope="module")
def made():
    """Each feature made once, those of posts fitted on TRAIN."""
    built = {}

    def get(name):
        if name not in built:
            built[name] = fitted(name) if name in OF_POSTS else feature_class(name)(**SMALL[name])
        return built[name]

    return get


def given(name, posts):
    """The columns the pipeline would give the feature."""
    types = {f.name: str(f.type) for f in to_table(POSTS.drop(columns="likes")).schema}
    return posts[["post_id", *feature_class(name)(**SMALL[name]).reads(types)]]


def fitted(name, train=TRAIN, past=POSTS):
    feature = feature_class(name)(**SMALL[name])
    feature.fit(given(name, train))
    look_back(feature, past)
    return feature


def look_back(feature, posts=POSTS):
    """Show a feature of the posts before a post all posts, and the labels of TRAIN."""
    if isinstance(feature, PastFeature):
        y = np.where(np.arange(len(posts)) < len(TRAIN), np.log2(posts["likes"] + 1), np.nan)
        part = np.repeat(np.array(["train", "test"], dtype=object), [len(TRAIN), len(TEST)])
        seen = Past(posts[["post_id", *feature.given]], part, y if feature.parts else y * np.nan)
        feature.see(seen, {"target": "likes", "transform": "log2p1"} if feature.parts else None)


def embedded(feature, images):
    return feature.embed([feature.prepare(image) for image in images])


def test_features_are_found_and_each_has_a_small_entry():
    assert {"user_time", "category", "image_stats", "clip_image"} <= set(FEATURES)
    assert set(FEATURES) == set(SMALL), "give every feature its line in SMALL"
    assert sorted(OF_POSTS + OF_IMAGES + OF_TEXTS) == FEATURES


@pytest.mark.parametrize("name", FEATURES)
def test_says_what_it_is(name):
    cls = feature_class(name)
    assert cls.__doc__
    parameters = [p for p in inspect.signature(cls).parameters.values() if p.name != "device"]
    assert all(p.kind is p.KEYWORD_ONLY and p.annotation is not p.empty for p in parameters)
    said = " ".join(c.__init__.__doc__ or "" for c in cls.__mro__ if "__init__" in vars(c)) + cls.__doc__
    assert all(p.name in said for p in parameters), "an argument has no line"


@pytest.mark.parametrize("name", FEATURES)
def test_says_whether_its_weights_are_random(name, made):
    """Here all are that can be: nothing is downloaded."""
    assert made(name).untrained == bool({"pretrained", "vectors"} & set(SMALL[name]))


@pytest.mark.parametrize("name", FEATURES)
def test_names_stand_for_dimensions(name, made):
    feature = made(name)
    if feature.names is not None:
        assert (len(feature.names),) == feature.shape
        assert len(set(feature.names)) == len(feature.names)
        assert feature.dtype == ("float16" if name == "category" else "float32")  # zeros and ones
    json.dumps(feature.fingerprint())


@pytest.mark.parametrize("name", OF_POSTS)
def test_values_of_posts_have_the_declared_shape_and_inputs_stay(name, made):
    posts = given(name, TEST)
    before = posts.copy(deep=True)
    values = made(name).extract(posts)
    assert values.shape == (len(TEST), *made(name).shape)
    assert np.isfinite(values).all()
    pd.testing.assert_frame_equal(posts, before)
    np.testing.assert_array_equal(made(name).extract(posts), values)


@pytest.mark.parametrize("name", OF_POSTS)
def test_state_brings_back_the_same_values(name, made):
    restored = feature_class(name)(**SMALL[name])
    restored.restore(json.loads(json.dumps(made(name).state())))
    look_back(restored)
    posts = given(name, TEST)
    np.testing.assert_array_equal(restored.extract(posts), made(name).extract(posts))
    assert restored.shape == made(name).shape


@pytest.mark.parametrize("name", OF_POSTS)
def test_a_row_depends_on_itself_alone(name, made):
    posts = given(name, TEST)
    together = made(name).extract(posts)
    for row in (0, 7):
        np.testing.assert_array_equal(made(name).extract(posts.iloc[[row]].reset_index(drop=True)), together[[row]])
    order = np.random.default_rng(0).permutation(len(posts))
    turned = posts.iloc[order].reset_index(drop=True)[posts.columns[::-1]]
    np.testing.assert_array_equal(made(name).extract(turned), together[order])


@pytest.mark.parametrize("name", OF_POSTS)
def test_order_of_training_rows_and_names_of_users_do_not_matter(name, made):
    other = TRAIN.iloc[::-1].reset_index(drop=True).assign(user_id="somebody", likes=0.0)
    posts = given(name, TEST)
    np.testing.assert_array_equal(fitted(name, other).extract(posts), made(name).extract(posts))


@pytest.mark.parametrize("name", OF_POSTS)
def test_all_times_a_week_later_change_the_month_at_most(name, made):
    def later(posts):
        return posts.assign(**{c: posts[c] + pd.Timedelta(days=7) for c in ("posted_at", "collected_at")})

    values = made(name).extract(given(name, TEST))
    moved = fitted(name, later(TRAIN), later(POSTS)).extract(given(name, later(TEST)))
    keep = [i for i, n in enumerate(made(name).names or []) if "month" not in n] or slice(None)
    np.testing.assert_allclose(moved[:, keep], values[:, keep], rtol=1e-5, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_IMAGES)
def test_values_of_images_have_the_declared_shape_and_inputs_stay(name, made, images):
    before = [image.copy() for image in images]
    values = embedded(made(name), images)
    assert values.shape == (len(images), *made(name).shape)
    assert np.isfinite(values).all()
    for image, copy in zip(images, before, strict=True):
        np.testing.assert_array_equal(image, copy)


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_IMAGES)
def test_an_image_depends_on_itself_alone_and_on_the_seed(name, made, images):
    together = embedded(made(name), images)
    scale = np.abs(together).max()
    np.testing.assert_allclose(embedded(made(name), images[1:2]), together[1:2], rtol=1e-4, atol=1e-5 * scale)
    again = feature_class(name)(**SMALL[name])
    np.testing.assert_array_equal(embedded(again, images), together)


TEXTS = ["A lake at dawn", "Ein See am Morgen", "☀ 湖の朝", "x", "sunset " * 50, "\u200b"]


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_TEXTS)
def test_values_of_texts_have_the_declared_shape_and_depend_on_their_own_alone(name, made):
    feature = made(name)
    together = embedded(feature, TEXTS)
    assert together.shape == (len(TEXTS), *feature.shape)
    assert np.isfinite(together.astype(feature.dtype)).all()
    assert len(np.unique(together.round(4), axis=0)) == len(TEXTS)
    for row in (0, 3):
        np.testing.assert_allclose(embedded(feature, TEXTS[row : row + 1]), together[[row]], atol=1e-5)
    np.testing.assert_allclose(embedded(feature, TEXTS[::-1]), together[::-1], atol=1e-5)
    np.testing.assert_array_equal(embedded(feature_class(name)(**SMALL[name]), TEXTS), together)


@pytest.mark.parametrize("name", OF_TEXTS)
def test_texts_are_those_of_the_columns_it_is_given(name, made):
    posts = given(name, TEST)
    before = posts.copy(deep=True)
    texts = made(name).texts(posts)
    assert len(texts) == len(TEST)
    assert sum(text is not None for text in texts) > len(TEST) / 2
    pd.testing.assert_frame_equal(posts, before)
