"""What image features made by a network share: its device, its precision, and batches through it."""

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from features.base import ImageFeature

Precision = Literal["auto", "float32", "bfloat16"]


class NetworkFeature(ImageFeature):
    """The output of a network on pictures that were prepared as uint8 [3, h, w]."""

    batch: ClassVar[Mapping[str, int]] = {"cpu": 16, "mps": 64, "cuda": 256}
    """Images a forward pass takes at most; on a CPU, as many as its caches like."""
    channels_last: ClassVar[frozenset[str]] = frozenset({"cuda"})
    """Devices on which the network runs faster with the channels of a pixel side by side."""
    pretrained: str | None
    """Where its weights come from; None for random ones."""

    def __init__(self, *, precision: Precision, batch_size: int | None, device: str):
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
    def _kind(self) -> str:
        return self.device.partition(":")[0]

    @property
    def _layout(self) -> Any:
        import torch

        return torch.channels_last if self._kind in self.channels_last else torch.contiguous_format

    @property
    @abstractmethod
    def source(self) -> Any:
        """Where the weights come from, fetched if they are not there; `UserError` where there are none."""

    def check(self) -> None:
        if self.source and not self.untrained:
            self.build()  # weights may lie there and be of another network

    @abstractmethod
    def build(self) -> Any:
        """The network, float32 on the CPU, in evaluation mode."""

    @abstractmethod
    def forward(self, pixels: Any) -> Any:
        """Values [b, ...] that `network` gives for pixels [b, 3, h, w] from 0 to 1, as tensors on its device."""

    @cached_property
    def network(self) -> Any:
        """The network on its device."""
        return self.build().to(self.device, memory_format=self._layout)

    def embed(self, prepared: list[np.ndarray]) -> np.ndarray:
        import torch

        pixels = torch.from_numpy(np.stack(prepared))  # [b, 3, h, w]
        if self._kind == "cuda":
            pixels = pixels.pin_memory().to(self.device, non_blocking=True)
        pixels = pixels.to(self.device, memory_format=self._layout).float().div(255)  # [b, 3, h, w]
        reduced = self.precision == "bfloat16"
        with torch.inference_mode(), torch.autocast(self._kind, torch.bfloat16, enabled=reduced):
            values = self.forward(pixels)  # [b, ...]
        return values.float().cpu().numpy()
