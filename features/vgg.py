"""The image vector of VGG-16: the deep feature of `uhan_svr`."""

from typing import Any

from features.vgg_regions import CHANNELS, VggRegions


class Vgg(VggRegions):
    """Mean over the regions of `vgg_regions`, 512 numbers.

    **Ours**: the paper says "deep learning based features" and no more.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        return (CHANNELS,)

    def forward(self, pixels: Any) -> Any:
        return super().forward(pixels).float().mean(dim=1)  # [b, 512]
