"""What features made by a network share: its device, its precision, and batches through it."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from features.base import EncodedFeature, ImageFeature, SentenceFeature

Precision = Literal["auto", "float32", "bfloat16"]


class OfNetwork(EncodedFeature):
    """The output of a network on contents that were prepared."""

    batch: ClassVar[Mapping[str, int]] = {"cpu": 16, "mps": 64, "cuda": 256}
    """Contents a forward pass takes at most; on a CPU, as many as its caches like."""
    pretrained: str | None
    """Where its weights come from; None for random ones."""

    def _on(self, *, precision: Precision, batch_size: int | None, device: str) -> None:
        """`precision` of the network, auto is bfloat16 on CUDA and float32 elsewhere; no `batch_size` is `batch`'s."""
        self.device = device
        self.batch_size = batch_size or self.batch.get(self._kind, 16)
        automatic = "bfloat16" if self._kind == "cuda" else "float32"
        self.precision = automatic if precision == "auto" else precision

    @property
    def untrained(self) -> bool:
        return self.pretrained is None

    def files(self) -> list[Path]:
        if self.pretrained is None or not self.source:  # looked up, and fetched, before anything is computed
            return []
        named = Path(self.pretrained)
        return [named] if named.is_file() else sorted(file for file in named.glob("*") if file.is_file())

    @property
    @abstractmethod
    def source(self) -> Any:
        """Where the weights come from, fetched if they are not there; `UserError` where there are none."""

    def check(self) -> None:
        if self.source and not self.untrained:
            self.build()  # weights may lie there and be of another network

    @property
    def _kind(self) -> str:
        return self.device.partition(":")[0]

    @abstractmethod
    def build(self) -> Any:
        """The network, float32 on the CPU, in evaluation mode."""

    @cached_property
    def network(self) -> Any:
        """The network on its device."""
        return self.build().to(self.device)

    def run(self, *inputs: Any) -> np.ndarray:
        """What `forward` gives for a batch that lies on the device."""
        import torch

        reduced = self.precision == "bfloat16"
        with torch.inference_mode(), torch.autocast(self._kind, torch.bfloat16, enabled=reduced):
            values = self.forward(*inputs)  # [b, ...]
        return values.float().cpu().numpy()

    @abstractmethod
    def forward(self, *inputs: Any) -> Any:
        """Values [b, ...] that `network` gives for a batch, as tensors on its device."""


class NetworkFeature(OfNetwork, ImageFeature):
    """The output of a network on pictures that were prepared as uint8 [3, h, w], which it gets from 0 to 1."""

    channels_last: ClassVar[frozenset[str]] = frozenset({"cuda"})
    """Devices on which the network runs faster with the channels of a pixel side by side."""

    def __init__(self, *, precision: Precision, batch_size: int | None, device: str):
        """`precision` of the network, auto is bfloat16 on CUDA and float32 elsewhere; no `batch_size` is `batch`'s."""
        self._on(precision=precision, batch_size=batch_size, device=device)

    @property
    def _layout(self) -> Any:
        import torch

        return torch.channels_last if self._kind in self.channels_last else torch.contiguous_format

    @cached_property
    def network(self) -> Any:
        """The network on its device."""
        return self.build().to(self.device, memory_format=self._layout)

    def embed(self, prepared: list[np.ndarray]) -> np.ndarray:
        import torch

        pixels = torch.from_numpy(np.stack(prepared))  # [b, 3, h, w]
        if self._kind == "cuda":
            pixels = pixels.pin_memory().to(self.device, non_blocking=True)
        return self.run(pixels.to(self.device, memory_format=self._layout).float().div_(255))  # [b, 3, h, w]


class TextNetworkFeature(OfNetwork, SentenceFeature):
    """The output of a network on texts that were prepared as tokens, whole numbers [t], which it gets padded."""

    padding: int = 0
    """The number that stands where a text has no token any more."""

    def __init__(
        self,
        *,
        columns: Sequence[str] | None,
        separator: str,
        precision: Precision,
        batch_size: int | None,
        device: str,
    ):
        """As the features say."""
        SentenceFeature.__init__(self, columns=columns, separator=separator)
        self._on(precision=precision, batch_size=batch_size, device=device)

    def embed(self, prepared: list[np.ndarray]) -> np.ndarray:
        import torch

        there = np.arange(max(map(len, prepared))) < np.array([len(tokens) for tokens in prepared])[:, None]
        batch = np.full(there.shape, self.padding, dtype=np.int64)
        batch[there] = np.concatenate(prepared)
        return self.run(*(torch.from_numpy(array).to(self.device) for array in (batch, there)))  # [b, t] each
