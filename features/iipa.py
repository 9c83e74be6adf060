"""How popular a picture is by itself, whoever posts it: the score of intrinsic image popularity."""

import logging
from functools import cached_property
from typing import Any

import numpy as np

from features.parts.network import Precision
from features.parts.torchvision_image import TorchvisionFeature, scaled
from pipeline.base.ranges import Count, Seed, Side

log = logging.getLogger(__name__)


class Iipa(TorchvisionFeature):
    """Output of a ResNet-50 with one number for its classes, learned from pairs of posts of one user: a column.

    Ding et al. 2019, Intrinsic Image Popularity Assessment. Source: the paper `dsn`'s rival `mlp`. As released, the
    whole picture is squeezed into 224x224, and pixels are from 0 to 1, not normalised. It learns nothing here:
    without its weights it is random, and marked.
    """

    architecture = "resnet50"
    classifies = True
    dtype = "float32"
    normalisation = ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])

    def __init__(
        self,
        *,
        pretrained: str | None,
        image_size: Side = 224,
        seed: Seed = 0,
        precision: Precision = "float32",
        batch_size: Count | None = None,
        device: str = "cpu",
    ):
        """A network and its weights.

        Args:
            pretrained: the file that was released (model-resnet50.pth) or another in its layout (.pth, .safetensors):
                torchvision's ResNet-50 with `fc` of one output; null for random ones.
            image_size: pixels of both sides; smaller is faster and another feature.
            seed: of random weights.
            precision: of the network, auto is bfloat16 on CUDA and float32 elsewhere; of a single number it leaves
                two digits or three.
            batch_size: images of a forward pass.
            device: as PyTorch names it, from the pipeline.
        """
        super().__init__(
            pretrained=pretrained, preprocessing=None, image_size=image_size, seed=seed, precision=precision,
            batch_size=batch_size, device=device,
        )  # fmt: skip

    @cached_property
    def source(self) -> Any:
        """The file, or nothing."""
        from features.parts import torchvision_weights

        if self.pretrained is None:
            log.warning("%s: RANDOM weights (seed %d): this score knows nothing of pictures", self._key, self.seed)
        return torchvision_weights.of_file(self.architecture, self.pretrained, self._key)

    @property
    def shape(self) -> tuple[int, ...]:
        return (1,)

    @property
    def names(self) -> list[str]:
        return ["intrinsic_popularity"]

    def skeleton(self) -> Any:
        from torchvision.models import resnet50

        return resnet50(num_classes=1)

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Squeezed into a square, uint8 [3, image_size, image_size]."""
        return np.asarray(scaled(image, [self.image_size, self.image_size])).transpose(2, 0, 1)
