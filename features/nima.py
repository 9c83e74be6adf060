"""How beautiful people would find a picture: NIMA's score and how much they would differ."""

import logging
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from features.parts.network import NetworkFeature, Precision
from features.parts.torchvision_image import scaled
from pipeline.base.code import hash_file
from pipeline.base.ranges import Count, Seed, at_least, at_most

log = logging.getLogger(__name__)

Backbone = Literal["vgg16", "mobilenet_v2", "inception_resnet_v2", "resnet18", "resnet34", "resnet50", "resnet101"]
NimaSide = Annotated[int, "75 or more", at_least(75), "4096 or less", at_most(4096)]
"""Pixels; the strides of one of the networks need 75."""


class Nima(NetworkFeature):
    """Mean and deviation of the score, from 1 to 10, that a network of ten shares expects people to give: two columns.

    Talebi and Milanfar 2018, Neural Image Assessment, learned from the votes of AVA. Source: the paper `dsn`'s rival
    `mlp`. It learns nothing here: without its weights it is random, and marked.
    """

    dtype = "float32"

    def __init__(
        self,
        *,
        pretrained: str | None,
        network: Backbone = "vgg16",
        image_size: NimaSide | None = None,
        crop: bool = True,
        normalise: bool = True,
        seed: Seed = 0,
        precision: Precision = "float32",
        batch_size: Count | None = None,
        device: str = "cpu",
    ):
        """A network and its weights.

        Args:
            pretrained: a file (.pth, .pkl, .safetensors) of IQA-PyTorch (vgg16, inception_resnet_v2), of nima.pytorch
                (mobilenet_v2, resnet) or of Neural-IMage-Assessment (vgg16), or null for random weights.
            network: its backbone.
            image_size: pixels of both sides, null for 299 of inception_resnet_v2 and 224 of the others.
            crop: the central square, its side the picture's shorter one, as IQA-PyTorch does; otherwise the whole
                picture is squeezed into the square, as nima.pytorch does.
            normalise: pixels by ImageNet's mean and deviation, for inception_resnet_v2 to -1 to 1; false for weights
                of Neural-IMage-Assessment, which got them from 0 to 1.
            seed: of random weights.
            precision: of the network, auto is bfloat16 on CUDA and float32 elsewhere; of a single number it leaves
                two digits or three.
            batch_size: images of a forward pass.
            device: as PyTorch names it, from the pipeline.
        """
        super().__init__(precision=precision, batch_size=batch_size, device=device)
        self.pretrained, self.backbone, self.seed = pretrained, network, seed
        self.image_size = image_size or (299 if network == "inception_resnet_v2" else 224)
        self.crop, self.normalise = crop, normalise

    @cached_property
    def source(self) -> Path | None:
        """The file, or nothing."""
        from features.parts import checkpoints

        if self.pretrained is None:
            log.warning("%s: RANDOM weights (seed %d): this score knows nothing of pictures", self._key, self.seed)
        return checkpoints.file_of(self.pretrained, self._key)

    @property
    def shape(self) -> tuple[int, ...]:
        return (2,)

    @property
    def names(self) -> list[str]:
        return ["aesthetic_score_mean", "aesthetic_score_deviation"]

    def build(self) -> Any:
        from features.parts import nima_network

        return nima_network.build(self.backbone, self.source, self.seed, f"{self._key}.pretrained")

    def fingerprint(self) -> dict[str, Any]:
        import timm
        import torch
        import torchvision

        libraries = {module.__name__: module.__version__ for module in (timm, torch, torchvision)}
        return {
            "weights": hash_file(self.source) if self.source else f"random, seed {self.seed}",
            "libraries": libraries,
            "device": self.device.partition(":")[0],
            "precision": self.precision,
        }

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Scaled and cropped, or squeezed, uint8 [3, image_size, image_size]."""
        from torchvision.transforms.functional import center_crop

        side = self.image_size
        square = center_crop(scaled(image, side), [side, side]) if self.crop else scaled(image, [side, side])
        return np.asarray(square).transpose(2, 0, 1)

    @cached_property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and deviation by channel that the backbone's pixels have, from 0 to 1."""
        from timm.data import constants

        if self.backbone == "inception_resnet_v2":
            return constants.IMAGENET_INCEPTION_MEAN, constants.IMAGENET_INCEPTION_STD
        return constants.IMAGENET_DEFAULT_MEAN, constants.IMAGENET_DEFAULT_STD

    def forward(self, pixels: Any) -> Any:
        import torch
        from torchvision.transforms.functional import normalize

        if self.normalise:
            pixels = normalize(pixels, *self.normalisation)
        shares = self.network(pixels)  # [b, 10]
        scores = torch.arange(1, 11, device=shares.device, dtype=shares.dtype)  # [10]
        mean = (shares * scores).sum(dim=1, keepdim=True)  # [b, 1]
        deviation = (shares * (scores - mean) ** 2).sum(dim=1, keepdim=True).sqrt()  # [b, 1]
        return torch.cat([mean, deviation], dim=1)
