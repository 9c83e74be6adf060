"""The image vector of EfficientNet-Lite0, whose weights come with a Python package: it knows pictures at once."""

from features.parts.network import Precision
from features.timm_image import TimmImage
from pipeline.base.ranges import Count, Seed, Side


class Efficientnet(TimmImage):
    """What EfficientNet-Lite0, trained on ImageNet, gives its layer of classes: 1,280 numbers.

    Tan and Le 2019. The package's weights take pixels from -1 to 1; the ImageNet mean and deviation on its page are
    for other weights.
    """

    def __init__(
        self,
        *,
        network: str = "tf_efficientnet_lite0",
        pretrained: str | None = "package",
        image_size: Side | None = None,
        crop: bool = False,
        seed: Seed = 0,
        precision: Precision = "auto",
        batch_size: Count | None = None,
        device: str = "cpu",
    ):
        """As `timm_image`, but the whole picture squeezed into the square.

        `network`, `pretrained`, `image_size` (null is 224 pixels), `crop`, `seed`, `precision`, `batch_size` and
        `device` say the same.
        """
        super().__init__(
            network=network, pretrained=pretrained, image_size=image_size, crop=crop, seed=seed, precision=precision,
            batch_size=batch_size, device=device,
        )  # fmt: skip
