"""The image vector of Inception-v3: what `inception_svr` reads."""

from typing import Annotated, Any

import numpy as np

from features.parts.network import Precision
from features.parts.torchvision_image import TorchvisionFeature, scaled
from pipeline.base.ranges import Count, Seed, at_least, at_most

InceptionSide = Annotated[int, "75 or more", at_least(75), "4096 or less", at_most(4096)]
"""Pixels; the network's strides need 75."""
CROP, SHORTER = 299, 342


class Inception(TorchvisionFeature):
    """Output of the last pooling layer of torchvision's Inception-v3, 2,048 numbers. Source: `picture-or-words`.

    Szegedy et al. 2015; the paper's "output of the third pooling layer, which is a vector of 2,048". Pixels
    are those torchvision evaluates the official weights with: the shorter side scaled to 342, the central
    299x299, its normalisation, then the network's own `transform_input` (to -1 to 1), which those weights
    need. Random weights and files get the same.
    """

    architecture = "inception_v3"

    def __init__(
        self,
        *,
        pretrained: str | None,
        preprocessing: str | None = None,
        image_size: InceptionSide = CROP,
        crop: bool = True,
        seed: Seed = 0,
        precision: Precision = "auto",
        batch_size: Count | None = None,
        device: str = "cpu",
    ):
        """A network and its weights.

        Args:
            pretrained: a file in torchvision's key layout (.pth, .safetensors), the name of weights of
                torchvision (IMAGENET1K_V1), downloaded where they are not there yet, or null for random ones.
            preprocessing: name of the weights of torchvision whose normalisation a file needs.
            image_size: pixels of both sides; smaller is faster and another feature.
            crop: keep the central square, as torchvision evaluates; otherwise the whole picture is squeezed
                into the square, as the program that the paper's authors started from does.
            seed: of random weights.
            precision: of the network, auto is bfloat16 on CUDA and float32 elsewhere.
            batch_size: images of a forward pass.
            device: as PyTorch names it, from the pipeline.
        """
        super().__init__(
            pretrained=pretrained, preprocessing=preprocessing, image_size=image_size, seed=seed, precision=precision,
            batch_size=batch_size, device=device,
        )  # fmt: skip
        self.crop = crop

    @property
    def shape(self) -> tuple[int, ...]:
        return (2048,)

    def skeleton(self) -> Any:
        from torch import nn
        from torchvision.models import Inception3

        network = Inception3(transform_input=True, aux_logits=False, init_weights=False)
        network.fc = nn.Identity()
        return network

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Scaled and cropped, uint8 [3, image_size, image_size]."""
        from torchvision.transforms.functional import center_crop

        if not self.crop:
            return np.asarray(scaled(image, [self.image_size, self.image_size])).transpose(2, 0, 1)
        shorter = round(self.image_size * SHORTER / CROP)
        return np.asarray(center_crop(scaled(image, shorter), self.image_size)).transpose(2, 0, 1)
