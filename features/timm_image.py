"""The image vector of any network of timm: ResNet, Swin, Inception-v4, a thousand others."""

from typing import Any

from features.parts.network import Precision
from features.parts.timm_network import TimmNetwork
from pipeline.base.ranges import Count, Seed, Side


class TimmImage(TimmNetwork):
    """What the network gives its layer of classes, from the preprocessing of its weights.

    An entry a network: `resnet50: {model: timm_image, network: resnet50, pretrained: a1_in1k}`.
    """

    def __init__(
        self,
        *,
        network: str,
        pretrained: str | None,
        image_size: Side | None = None,
        crop: bool = True,
        seed: Seed = 0,
        precision: Precision = "auto",
        batch_size: Count | None = None,
        device: str = "cpu",
    ):
        """A network and its weights.

        Args:
            network: as timm names it, without a tag.
            pretrained: `package` for the weights of an installed package (tf_efficientnet_lite0 has one), a file in
                timm's key layout (.safetensors, .pth), a folder in the hub's layout, a tag of timm's (a1_in1k) or
                `organisation/repository` on the hub, both downloaded where they are not there yet, or null for
                random ones.
            image_size: pixels of both sides, null for those the weights were trained on; smaller is faster and
                another feature.
            crop: keep the central square, as timm evaluates; otherwise the whole picture is squeezed into it.
            seed: of random weights.
            precision: of the network, auto is bfloat16 on CUDA and float32 elsewhere.
            batch_size: images of a forward pass.
            device: as PyTorch names it, from the pipeline.
        """
        super().__init__(
            network=network, pretrained=pretrained, image_size=image_size, crop=crop, seed=seed, precision=precision,
            batch_size=batch_size, device=device,
        )  # fmt: skip

    def encode(self, network: Any, pixels: Any) -> Any:
        return network(pixels)  # [b, d]
