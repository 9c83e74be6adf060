"""What image features made by timm's networks share."""

import logging
from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from features.parts.network import NetworkFeature, Precision
from features.parts.scaling import of_bytes, transformed
from pipeline.storage import packages

log = logging.getLogger(__name__)


class TimmNetwork(NetworkFeature):
    """What a network of timm makes of a picture, up to its layer of classes."""

    channels_last = frozenset({"cpu", "cuda"})

    def __init__(
        self,
        *,
        network: str,
        pretrained: str | None,
        image_size: int | None,
        crop: bool,
        seed: int,
        precision: Precision,
        batch_size: int | None,
        device: str,
    ):
        """As the features say."""
        super().__init__(precision=precision, batch_size=batch_size, device=device)
        self.name, self.pretrained = network, pretrained
        self.image_size, self.crop, self.seed = image_size, crop, seed

    @abstractmethod
    def encode(self, network: Any, pixels: Any) -> Any:
        """Values [b, ...] of normalised pixels [b, 3, h, w]."""

    @cached_property
    def source(self) -> Any:
        """Where the weights come from, found once."""
        from features.parts import timm_weights

        if self.pretrained is None:
            log.warning("%s: RANDOM weights (seed %d): these values know nothing of pictures", self._key, self.seed)
        return timm_weights.find(self.name, self.pretrained, self._key)

    def files(self) -> list[Path]:
        return [self.source.file] if self.source.package else super().files()

    def check(self) -> None:
        if not self.source.package:  # those are known by their hash
            super().check()

    @property
    def _packages(self) -> dict[str, str]:
        return packages.libraries(self.source.package) if self.source.package else {}

    @cached_property
    def preprocessing(self) -> dict[str, Any]:
        """How pixels become the network's input; of what the weights say, `image_size` and `crop` change a part."""
        known = self.source.preprocessing()
        side = self.image_size or known["input_size"][-1]
        whole = {} if self.crop else {"crop_pct": 1.0, "crop_mode": "squash"}
        return {**known, **whole, "input_size": (3, side, side)}

    @cached_property
    def transform(self) -> Any:
        """Timm's own transform of one picture, uint8 [3, h, w]."""
        from timm.data import create_transform

        return of_bytes(create_transform(**self.preprocessing, is_training=False, normalize=False).transforms)

    @cached_property
    def normalisation(self) -> Any:
        """Of pixels from 0 to 1, in place."""
        from torchvision.transforms import Normalize

        return Normalize(self.preprocessing["mean"], self.preprocessing["std"], inplace=True)

    @cached_property
    def _shape(self) -> tuple[int, ...]:
        """Found on a network without weights, which calculates shapes alone."""
        import torch

        from features.parts import timm_weights

        pixels = torch.empty(1, *self.preprocessing["input_size"], device="meta")
        try:
            with torch.device("meta"), torch.inference_mode():
                return tuple(self.encode(timm_weights.skeleton(self.name), pixels).shape[1:])
        except (AssertionError, RuntimeError) as error:
            side = self.preprocessing["input_size"][-1]
            problem = f"{self.name} cannot look at {side}x{side} pixels ({timm_weights.short(error)})"
            raise self.error("image_size", problem) from None

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    def fingerprint(self) -> dict[str, Any]:
        import timm
        import torch

        return {
            "weights": self.source.fingerprint(self.seed),
            "libraries": {"timm": timm.__version__, "torch": torch.__version__, **self._packages},
            "preprocessing": {**self.preprocessing, "scaled": "bytes, by PyTorch"},
            "device": self.device.partition(":")[0],
            "precision": self.precision,
        }

    def build(self) -> Any:
        from features.parts import timm_weights

        return timm_weights.build(self.source, self.seed, self._key)

    @cached_property
    def network(self) -> Any:
        """The network on its device; what batch norms do is in the convolutions before them."""
        import torch

        from features.parts.folding import folded

        pixels = torch.rand(1, *self.preprocessing["input_size"], generator=torch.Generator().manual_seed(0))
        lighter = folded(self.build(), self.encode, self.normalisation(pixels))
        return lighter.to(self.device, memory_format=self._layout)

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Scaled and cropped, or squeezed, as the weights want it, uint8 [3, h, w]."""
        return transformed(image, self.transform)

    def forward(self, pixels: Any) -> Any:
        return self.encode(self.network, self.normalisation(pixels))
