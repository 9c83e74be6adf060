"""Sentences on one warm cluster, against the bare encoder in the same workers on texts in memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measure import Measure, seconds, warm_cluster
from features.parts import contents
from features.parts.extraction import Extractor
from features.sentence import Sentence
from pipeline.base.compute import Compute, OnceAWorker, map_shards
from pipeline.base.sections import Entry

TEXTS, WORDS = 8192, 12
SYLLABLES = ["la", "ke", "mor", "ning", "sun", "set", "ber", "lin", "dog", "zug", "brot", "see", "blau", "sea", "for"]


def run(folder: Path) -> Iterator[Measure]:
    """Texts a second, ours and the limit's."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(SYLLABLES, 2)) for _ in range(TEXTS * WORDS)]
    texts = [" ".join(words[i : i + WORDS]) for i in range(0, len(words), WORDS)]
    posts = pd.DataFrame({"post_id": [f"p{i}" for i in range(TEXTS)], "text": texts})
    shards = [texts[i : i + contents.SHARD_TEXTS] for i in range(0, TEXTS, contents.SHARD_TEXTS)]
    shared, rounds = OnceAWorker(Sentence()), iter(range(100))
    with warm_cluster() as compute:
        drain(compute, shards[:8], shared)

        def ours() -> None:
            r = next(rounds)
            where = {"images": folder / "none", "cache_root": folder / f"cache-{r}", "compute": compute}
            extractor = Extractor.make(Entry("sentence", "sentence"), Compute(device="cpu"))
            extractor.write(folder / f"sentence-{r}.arrow", posts, **where)

        ours_s, limit_s = seconds(ours, lambda: drain(compute, shards, shared))
    yield Measure(
        "sentence", "the bare encoder on texts in memory", TEXTS / ours_s, TEXTS / limit_s, "texts/s", "aim 0.9"
    )


def drain(compute: Compute, shards: list[list[str]], shared: OnceAWorker) -> None:
    """Encode the texts of all shards, in the workers."""
    for _ in map_shards(compute, encode, shards, shared, title="limit"):
        pass


def encode(texts: list[str], shared: OnceAWorker) -> None:
    """Run some texts through the encoder; runs in a worker."""
    shared.value.encoder.encode(texts)
