"""What posts of the sample are about and how they say it: categories, titles, captions, tags, comments."""

import numpy as np

TREE = {
    "nature": {
        "water": ("beach", "lake", "waterfall"),
        "land": ("mountain", "forest", "desert"),
        "sky": ("sunset", "moon", "rainbow"),
    },
    "city": {
        "building": ("tower", "bridge", "house"),
        "traffic": ("bus", "bicycle", "train"),
        "street": ("market", "fountain", "alley"),
    },
    "food": {
        "sweet": ("cake", "donut", "berry"),
        "warm": ("soup", "pizza", "omelette"),
        "drink": ("coffee", "juice", "tea"),
    },
    "animal": {
        "pet": ("cat", "dog", "rabbit"),
        "bird": ("owl", "parrot", "swan"),
        "sea": ("whale", "shark", "crab"),
    },
}
CONCEPTS = [(c, s, k) for c, subs in TREE.items() for s, concepts in subs.items() for k in concepts]
PROPS = ("kite", "flag", "balloon", "lamp")

ADJECTIVES = {
    "golden": 0.8,
    "adorable": 0.7,
    "unbelievable": 0.6,
    "peaceful": 0.3,
    "curious": 0.2,
    "tiny": 0.1,
    "plain": -0.2,
    "ordinary": -0.3,
    "grey": -0.4,
    "blurry": -0.6,
    "boring": -0.6,
    "empty": -0.6,
}
"""What an adjective adds to a post, in doublings; their mean is 0."""

CLOSINGS = {
    "What do you think?": 0.4,
    "Tag a friend who would love it.": 0.3,
    "More pictures will follow soon.": 0.0,
    "I am only testing my new lens.": -0.3,
    "Nothing else happened.": -0.4,
}
"""What a closing sentence adds to a post, in doublings; their mean is 0."""

_OPENINGS = ("I found", "We came across", "My sister showed me", "Here you can see", "I will remember")
_PLACES = (
    "near the old harbour",
    "behind the station",
    "on the way home",
    "at my uncle's place",
    "in the next village",
)
_MOMENTS = ("this morning", "last weekend", "after the rain", "before breakfast", "on a long walk")
_SPARE_TAGS = ("photo", "today", "instagood", "travel", "mood", "nofilter")
_COMMENTS = (
    "I like the {prop} in the corner!",
    "Such {article} {adjective} {concept}.",
    "Where did you take this?",
    "The colours are wonderful.",
    "It is too dark for me.",
    "My {concept} looks different.",
)


def article(word: str) -> str:
    """`a` or `an`, as the first letter of `word` asks."""
    return "an" if word[0] in "aeiou" else "a"


def write(rng: np.random.Generator, *, concept: int, prop: str, adjective: str, closing: str) -> dict:
    """Title, text, tags and comments of one post."""
    category, subcategory, thing = CONCEPTS[concept]
    place, moment = rng.choice(_PLACES), rng.choice(_MOMENTS)
    sentences = [f"{rng.choice(_OPENINGS)} {article(adjective)} {adjective} {thing} {place} {moment}."]
    if rng.random() < 0.3:
        sentences.append(f"There was {article(prop)} {prop} in the corner.")
    sentences.append(closing)
    some = rng.choice(_COMMENTS, size=rng.integers(0, 5), replace=False)
    words = {"prop": prop, "article": article(adjective), "adjective": adjective, "concept": thing}
    return {
        "title": f"{article(adjective).capitalize()} {adjective} {thing} {place}",
        "text": " ".join(sentences),
        "tags": [category, subcategory, thing, *map(str, rng.choice(_SPARE_TAGS, size=2, replace=False))],
        "comments": [str(comment).format(**words) for comment in some],
    }
