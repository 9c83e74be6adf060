"""The image embedding of a CLIP model of open_clip."""

import logging
from functools import cached_property
from typing import Any

import numpy as np

from features.parts.network import NetworkFeature, Precision
from features.parts.scaling import of_bytes, transformed
from pipeline.base.ranges import Count, Seed, Side

log = logging.getLogger(__name__)


class ClipImage(NetworkFeature):
    """What open_clip's `encode_image` gives, from the preprocessing of that model. Source: `xgb-clip`.

    The paper says ResNet-50 with 512 dimensions; CLIP's ResNet-50 gives 1,024, its ResNet-101 and ViT-B 512.
    """

    def __init__(
        self,
        *,
        encoder: str,
        pretrained: str | None,
        seed: Seed = 0,
        normalise: bool = False,
        precision: Precision = "auto",
        image_size: Side | None = None,
        batch_size: Count | None = None,
        device: str = "cpu",
    ):
        """A model and its weights.

        `encoder` as open_clip names it, `-quickgelu` included; `pretrained`: a file, a folder in the hub's
        layout, a tag of open_clip or `organisation/repository` on the hub, null for random weights drawn
        with `seed`; `normalise` to length one (**ours**: the paper does not say, so off by default);
        `precision` of the network, auto is bfloat16 on CUDA and float32 elsewhere; `image_size` in pixels
        instead of the model's own, position embeddings interpolated; `batch_size` of a forward pass;
        `device` as PyTorch names it, from the pipeline.
        """
        super().__init__(precision=precision, batch_size=batch_size, device=device)
        self.encoder = encoder
        self.pretrained = pretrained
        self.seed = seed
        self.normalise = normalise
        self.image_size = image_size

    @cached_property
    def source(self) -> Any:
        """Where the weights come from, found once."""
        from features.parts import open_clip_weights

        if self.pretrained is None:
            log.warning("%s: RANDOM weights (seed %d): these embeddings know nothing of pictures", self._key, self.seed)
        return open_clip_weights.find(self.encoder, self.pretrained, self._key, self.image_size)

    def build(self) -> Any:
        from features.parts import open_clip_weights

        return open_clip_weights.build(self.source, self.seed)

    @cached_property
    def transforms(self) -> tuple[Any, Any]:
        """open_clip's own transform of this model: what runs on one picture, and what on a batch of bytes."""
        from open_clip.transform import image_transform_v2
        from torchvision.transforms import Normalize

        steps = image_transform_v2(self.source.preprocessing(), is_train=False).transforms
        split = next(i for i, step in enumerate(steps) if "ToTensor" in type(step).__name__)
        if not isinstance(steps[-1], Normalize) or split != len(steps) - 2:
            raise self.error("encoder", f"{self.encoder} has a preprocessing this version lacks")
        return of_bytes(steps[:split]), Normalize(steps[-1].mean, steps[-1].std, inplace=True)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.source.config["embed_dim"],)

    def fingerprint(self) -> dict[str, Any]:
        return {
            **self.source.fingerprint(self.seed),
            "preprocessing": {**vars(self.source.preprocessing()), "scaled": "bytes, by PyTorch"},
            "device": self.device.partition(":")[0],
            "precision": self.precision,
        }

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Resized and cropped as the model wants it, uint8 [3, h, w]."""
        return transformed(image, self.transforms[0])

    def forward(self, pixels: Any) -> Any:
        from torch.nn.functional import normalize

        values = self.network(self.transforms[1](pixels))  # [b, d]
        values = (values[0] if isinstance(values, tuple) else values).float()  # CoCa gives tokens beside it
        return normalize(values, dim=-1) if self.normalise else values
