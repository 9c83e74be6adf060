"""The text embedding of a CLIP model of open_clip: words in the space of its pictures."""

import logging
from functools import cached_property
from typing import Any

import numpy as np

from features.parts.network import Precision, TextNetworkFeature
from pipeline.base.ranges import Count, Seed

log = logging.getLogger(__name__)


class ClipText(TextNetworkFeature):
    """What open_clip's `encode_text` gives of title, text and tags, with exactly the tokenizer of that model.

    With the same `encoder` and `pretrained`, its numbers lie in the space of `clip_image`. What is longer than the
    model reads, 77 tokens most often, is cut.
    """

    def __init__(
        self,
        *,
        encoder: str,
        pretrained: str | None,
        columns: list[str] | None = None,
        separator: str = " ",
        seed: Seed = 0,
        normalise: bool = False,
        precision: Precision = "auto",
        batch_size: Count | None = None,
        device: str = "cpu",
    ):
        """A model and its weights.

        `encoder` and `pretrained` as `clip_image` takes them; `columns` among title, text and tags, null for those
        the data has; `separator` between them; `seed` of random weights; `normalise` to length one; `precision` of
        the network, auto is bfloat16 on CUDA and float32 elsewhere; `batch_size` of a forward pass; `device` as
        PyTorch names it, from the pipeline.
        """
        super().__init__(
            columns=columns, separator=separator, precision=precision, batch_size=batch_size, device=device
        )
        self.encoder, self.pretrained = encoder, pretrained
        self.seed, self.normalise = seed, normalise

    @cached_property
    def source(self) -> Any:
        """Where the weights come from, found once."""
        from features.parts import open_clip_weights

        if self.pretrained is None:
            log.warning("%s: RANDOM weights (seed %d): these embeddings know nothing of words", self._key, self.seed)
        return open_clip_weights.find(self.encoder, self.pretrained, self._key)

    @cached_property
    def tokenizer(self) -> Any:
        """Of this model, open_clip's own."""
        from features.parts import open_clip_weights

        return open_clip_weights.tokenizer(self.source)

    def build(self) -> Any:
        from features.parts import open_clip_weights

        return open_clip_weights.build(self.source, self.seed, "text")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.source.config["embed_dim"],)

    def fingerprint(self) -> dict[str, Any]:
        return {
            **self.source.fingerprint(self.seed),
            "device": self.device.partition(":")[0],
            "precision": self.precision,
        }

    def prepare(self, content: str) -> np.ndarray:
        """Tokens [t], all that the model reads."""
        return self.tokenizer([content])[0].numpy()

    def forward(self, tokens: Any, there: Any) -> Any:
        from torch.nn.functional import normalize

        values = self.network(tokens)  # [b, d]
        values = (values[0] if isinstance(values, tuple) else values).float()  # CoCa gives tokens beside it
        return normalize(values, dim=-1) if self.normalise else values
