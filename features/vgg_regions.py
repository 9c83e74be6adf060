"""The regions of a picture that attention looks at: VGG-16's last feature map."""

from typing import Annotated, Any

import numpy as np
from beartype.vale import Is

from features.parts.network import Precision
from features.parts.torchvision_image import TorchvisionFeature, scaled
from pipeline.base.ranges import Count, Seed, at_most

STRIDE, CHANNELS = 32, 512
_stride = Is[lambda value: value > 0 and value % STRIDE == 0]
VggSide = Annotated[int, f"a multiple of {STRIDE}", _stride, "2048 or less", at_most(2048)]
"""Pixels; at most 4,096 regions."""


class VggRegions(TorchvisionFeature):
    """Output of VGG-16's last pooling layer, a row of 512 numbers a region. Source: `uhan`.

    The whole picture is squeezed into a square ("we first rescale all images to 448x448"), so region
    `r` of a side of s = image_size / 32 regions is the part of the picture in row r // s and column r % s. Pixels are
    in the normalisation of the network's own weights (**ours**; the released code forgets it).
    """

    architecture = "vgg16"
    batch = {"cpu": 4, "mps": 16, "cuda": 64}  # noqa: RUF012 - 200 MB of activations an image

    def __init__(
        self,
        *,
        pretrained: str | None,
        preprocessing: str | None = None,
        image_size: VggSide = 448,
        seed: Seed = 0,
        precision: Precision = "auto",
        batch_size: Count | None = None,
        device: str = "cpu",
    ):
        """A network and its weights.

        Args:
            pretrained: a file in torchvision's key layout (.pth, .safetensors), the name of weights of
                torchvision (IMAGENET1K_V1, IMAGENET1K_FEATURES), downloaded where they are not there yet, or
                null for random ones.
            preprocessing: name of the weights of torchvision whose normalisation a file needs.
            image_size: pixels of both sides, a multiple of 32; 448 gives 196 regions.
            seed: of random weights.
            precision: of the network, auto is bfloat16 on CUDA and float32 elsewhere.
            batch_size: images of a forward pass.
            device: as PyTorch names it, from the pipeline.
        """
        super().__init__(
            pretrained=pretrained, preprocessing=preprocessing, image_size=image_size, seed=seed, precision=precision,
            batch_size=batch_size, device=device,
        )  # fmt: skip

    @property
    def regions(self) -> int:
        """How many regions a picture has."""
        return (self.image_size // STRIDE) ** 2

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.regions, CHANNELS)

    def skeleton(self) -> Any:
        from torch import nn
        from torchvision.models import vgg16

        network = vgg16(init_weights=False)
        network.avgpool, network.classifier = nn.Identity(), nn.Identity()
        return network

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Squeezed into a square, uint8 [3, image_size, image_size]."""
        return np.asarray(scaled(image, [self.image_size, self.image_size])).transpose(2, 0, 1)

    def forward(self, pixels: Any) -> Any:
        maps = super().forward(pixels)  # [b, 512 * r], region by region within a channel
        return maps.unflatten(1, (CHANNELS, self.regions)).transpose(1, 2)  # [b, r, 512]
