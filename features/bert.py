"""The text embedding of BERT, or of any other encoder of texts of Hugging Face."""

from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from features.parts.network import Precision, TextNetworkFeature
from pipeline.base.ranges import Count, Length


class Bert(TextNetworkFeature):
    """What the last layer of an encoder says of title, text and tags: the mean over its tokens, or its first one.

    Devlin et al. 2019; RoBERTa, DistilBERT, MiniLM and their like in any language, as `transformers` runs them.
    """

    def __init__(
        self,
        *,
        encoder: str,
        pooling: Literal["mean", "cls"] = "mean",
        length: Length = 128,
        columns: list[str] | None = None,
        separator: str = " ",
        precision: Precision = "auto",
        batch_size: Count | None = None,
        device: str = "cpu",
    ):
        """An encoder with its weights and its tokenizer.

        Args:
            encoder: a folder in the hub's layout (config.json, model.safetensors, tokenizer.json), or the name of a
                repository on the hub, which is downloaded where it is not there yet.
            pooling: mean over all tokens, or `cls`, the first one, which stands for the sentence in BERT.
            length: tokens of a text that are read, the first; never more than the tokenizer says the encoder reads.
            columns: among title, text and tags, null for those the data has.
            separator: between them.
            precision: of the network, auto is bfloat16 on CUDA and float32 elsewhere.
            batch_size: texts of a forward pass.
            device: as PyTorch names it, from the pipeline.
        """
        super().__init__(
            columns=columns, separator=separator, precision=precision, batch_size=batch_size, device=device
        )
        self.encoder, self.pooling, self.length = encoder, pooling, length

    @cached_property
    def folder(self) -> Path:
        """Where weights and tokenizer lie, found once."""
        from features.parts import transformers_weights

        return transformers_weights.find(self.encoder, self._key)

    @property
    def source(self) -> Path:
        return self.folder

    def files(self) -> list[Path]:
        return sorted(file for file in self.source.glob("*") if file.is_file()) if Path(self.encoder).is_dir() else []

    @cached_property
    def tokenizer(self) -> Any:
        """The encoder's own."""
        from features.parts import transformers_weights

        return transformers_weights.tokenizer(self.folder, self._key)

    @property
    def padding(self) -> int:
        return self.tokenizer.pad_token_id or 0

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """One number a unit of the last layer."""
        from features.parts import transformers_weights

        return (transformers_weights.config(self.folder, self._key).hidden_size,)

    @property
    def untrained(self) -> bool:
        return False

    def build(self) -> Any:
        from features.parts import transformers_weights

        return transformers_weights.build(self.folder, self._key)

    def fingerprint(self) -> dict[str, Any]:
        import torch
        import transformers

        from features.parts import transformers_weights

        return {
            "weights": transformers_weights.fingerprint(self.folder),
            "libraries": {"torch": torch.__version__, "transformers": transformers.__version__},
            "device": self.device.partition(":")[0],
            "precision": self.precision,
        }

    def prepare(self, content: str) -> np.ndarray:
        """Tokens [t], `length` at most, those that begin and end a text among them."""
        longest = min(self.length, self.tokenizer.model_max_length)
        return np.asarray(self.tokenizer(content, truncation=True, max_length=longest)["input_ids"], dtype=np.int64)

    def forward(self, tokens: Any, there: Any) -> Any:
        states = self.network(input_ids=tokens, attention_mask=there.long()).last_hidden_state  # [b, t, d]
        if self.pooling == "cls":
            return states[:, 0]  # [b, d]
        weights = there[..., None].to(states.dtype)  # [b, t, 1]
        return (states * weights).sum(dim=1) / weights.sum(dim=1)  # [b, d]
