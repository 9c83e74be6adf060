"""What image features made by torchvision's networks share."""

import logging
from abc import abstractmethod
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from features.parts.network import NetworkFeature, Precision

log = logging.getLogger(__name__)


class TorchvisionFeature(NetworkFeature):
    """The output of a layer of one of torchvision's networks."""

    architecture: ClassVar[str]
    """As torchvision names it."""
    classifies: ClassVar[bool] = False
    """Whether its last layer, which leads from features to an answer, is one of those it needs."""

    def __init__(
        self,
        *,
        pretrained: str | None,
        preprocessing: str | None,
        image_size: int,
        seed: int,
        precision: Precision,
        batch_size: int | None,
        device: str,
    ):
        """`image_size` in pixels of both sides of what the network sees; the rest as the features say."""
        super().__init__(precision=precision, batch_size=batch_size, device=device)
        self.pretrained, self.preprocessing = pretrained, preprocessing
        self.image_size, self.seed = image_size, seed

    @abstractmethod
    def skeleton(self) -> Any:
        """The network up to the layer in question, under torchvision's names; its weights may be empty."""

    @cached_property
    def source(self) -> Any:
        """Where the weights come from, found once."""
        from features.parts import torchvision_weights

        if self.pretrained is None:
            log.warning("%s: RANDOM weights (seed %d): these values know nothing of pictures", self._key, self.seed)
        return torchvision_weights.find(self.architecture, self.pretrained, self.preprocessing, self._key)

    @cached_property
    def normalisation(self) -> tuple[list[float], list[float]]:
        """Mean and deviation by channel that the weights need, of pixels from 0 to 1."""
        transforms = self.source.pixels.transforms()
        return transforms.mean, transforms.std

    def build(self) -> Any:
        import torch

        from features.parts import torchvision_weights

        with torch.device("meta"):  # no weights are drawn that others replace
            network = self.skeleton()
        without = () if self.classifies else torchvision_weights.CLASSIFIERS
        return torchvision_weights.fill(network, self.source, self.seed, self._key, without)

    def forward(self, pixels: Any) -> Any:
        from torchvision.transforms.functional import normalize

        return self.network(normalize(pixels, *self.normalisation))

    def fingerprint(self) -> dict[str, Any]:
        import torch
        import torchvision

        mean, deviation = self.normalisation
        return {
            "weights": self.source.sha256() or f"random, seed {self.seed}",
            "libraries": {"torch": torch.__version__, "torchvision": torchvision.__version__},
            "preprocessing": {"mean": mean, "deviation": deviation, "interpolation": "bilinear, antialiased"},
            "device": self.device.partition(":")[0],
            "precision": self.precision,
        }


def scaled(image: np.ndarray, size: int | list[int]) -> Any:
    """A picture, uint8 [h, w, 3], with its shorter side `size`, or of [height, width], as torchvision scales it."""
    from PIL import Image
    from torchvision.transforms.functional import resize

    return resize(Image.fromarray(image), size, antialias=True)
