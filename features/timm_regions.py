"""The regions of a picture that attention looks at: a feature map of any network of timm."""

from typing import Any

from features.parts.network import Precision
from features.parts.timm_network import TimmNetwork
from pipeline.base.ranges import Count, Place, Seed, Side


class TimmRegions(TimmNetwork):
    """The last feature map of a network, or an earlier one, a row of numbers a region.

    The whole picture is squeezed into a square, so region `r` of a side of s regions is the part of the picture in
    row r // s and column r % s. EfficientNet-Lite0 at 224 pixels gives 7x7 regions of 1,280 numbers.
    """

    def __init__(
        self,
        *,
        network: str,
        pretrained: str | None,
        layer: Place | None = None,
        image_size: Side | None = None,
        seed: Seed = 0,
        precision: Precision = "auto",
        batch_size: Count | None = None,
        device: str = "cpu",
    ):
        """A network, its weights and one of its maps.

        Args:
            network: as timm names it, without a tag.
            pretrained: `package` for the weights of an installed package (tf_efficientnet_lite0 has one), a file in
                timm's key layout (.safetensors, .pth), a folder in the hub's layout, a tag of timm's (a1_in1k) or
                `organisation/repository` on the hub, both downloaded where they are not there yet, or null for
                random ones.
            layer: which of the maps that timm gives of the network (`forward_intermediates`), from 0, or from the
                last at -1; null for what its pooling layer sees.
            image_size: pixels of both sides, null for those the weights were trained on; the fewer, the fewer regions.
            seed: of random weights.
            precision: of the network, auto is bfloat16 on CUDA and float32 elsewhere.
            batch_size: images of a forward pass.
            device: as PyTorch names it, from the pipeline.
        """
        super().__init__(
            network=network, pretrained=pretrained, image_size=image_size, crop=False, seed=seed, precision=precision,
            batch_size=batch_size, device=device,
        )  # fmt: skip
        self.layer = layer

    def encode(self, network: Any, pixels: Any) -> Any:
        if self.layer is not None:
            return self._earlier(network, pixels).flatten(2).transpose(1, 2)  # [b, r, d]
        maps = network.forward_features(pixels)
        if maps.ndim == 3:  # tokens, those of no place before the others
            return maps[:, getattr(network, "num_prefix_tokens", 0) :]  # [b, r, d]
        if getattr(network, "output_fmt", "NCHW") == "NHWC":
            return maps.flatten(1, 2)  # [b, r, d]
        return maps.flatten(2).transpose(1, 2)  # [b, r, d]

    def _earlier(self, network: Any, pixels: Any) -> Any:
        """The map [b, d, h, w] of `layer`. Raises `UserError` where the network has none of that number."""
        if not hasattr(network, "forward_intermediates"):
            raise self.error("layer", f"timm gives no maps of {self.name} but its last; remove this key")
        try:
            options = {"intermediates_only": True, "output_fmt": "NCHW", "stop_early": True}
            return network.forward_intermediates(pixels, indices=[self.layer], **options)[0]
        except (AssertionError, IndexError):
            raise self.error("layer", f"{self.name} has no map {self.layer}") from None
