"""The image embedding of a CLIP model of open_clip."""

import logging
from functools import cached_property
from typing import Any, Literal

import numpy as np

from features.base import ImageFeature
from pipeline.errors import UserError

log = logging.getLogger(__name__)

BATCH = {"cpu": 16, "mps": 64, "cuda": 256}
"""Images a forward pass takes at most; on a CPU, as many as its caches like."""


class ClipImage(ImageFeature):
    """What open_clip's `encode_image` gives, from exactly the preprocessing of that model. Source: `xgb-clip`.

    The paper says ResNet-50 with 512 dimensions; CLIP's ResNet-50 gives 1,024, its ResNet-101 and ViT-B 512.
    """

    def __init__(
        self,
        *,
        encoder: str,
        pretrained: str | None,
        seed: int = 0,
        normalise: bool = False,
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        image_size: int | None = None,
        batch_size: int | None = None,
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
        self.encoder = encoder
        self.pretrained = pretrained
        self.seed = seed
        self.normalise = normalise
        self.precision = precision
        self.image_size = image_size
        self.device = device
        self.batch_size = batch_size or BATCH.get(device.partition(":")[0], 16)

    @cached_property
    def source(self) -> Any:
        """Where the weights come from, found once."""
        from features import encoder

        if self.pretrained is None:
            log.warning("clip_image: RANDOM weights (seed %d): these embeddings know nothing of pictures", self.seed)
        return encoder.find(self.encoder, self.pretrained, self.image_size)

    @cached_property
    def network(self) -> Any:
        """The encoder with its weights, on its device."""
        import torch

        from features import encoder

        network = encoder.build(self.source, self.seed)
        on_card = self.device.startswith("cuda")
        return network.to(self.device, memory_format=torch.channels_last if on_card else torch.contiguous_format)

    @cached_property
    def transforms(self) -> tuple[Any, Any]:
        """open_clip's own transform of this model: what runs on one picture, and what on a batch of bytes."""
        from open_clip.transform import image_transform_v2
        from torchvision.transforms import Compose, Normalize

        steps = image_transform_v2(self.source.preprocessing(), is_train=False).transforms
        split = next(i for i, step in enumerate(steps) if "ToTensor" in type(step).__name__)
        if not isinstance(steps[-1], Normalize) or split != len(steps) - 2:
            raise UserError(f"features.clip_image.encoder: {self.encoder} has a preprocessing this version lacks")
        return Compose(steps[:split]), steps[-1]

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.source.config["embed_dim"],)

    def fingerprint(self) -> dict[str, Any]:
        import open_clip
        import torch

        return {
            "weights": self.source.sha256() or f"random, seed {self.seed}",
            "libraries": {"open_clip": open_clip.__version__, "torch": torch.__version__},
            "preprocessing": vars(self.source.preprocessing()),
            "device": self.device.partition(":")[0],
            "precision": self._precision(),
        }

    def _precision(self) -> str:
        automatic = "bfloat16" if self.device.startswith("cuda") else "float32"
        return automatic if self.precision == "auto" else self.precision

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Resized and cropped as the model wants it, uint8 [3, h, w]."""
        from PIL import Image

        return np.asarray(self.transforms[0](Image.fromarray(image))).transpose(2, 0, 1)

    def embed(self, prepared: list[np.ndarray]) -> np.ndarray:
        import torch

        pixels = torch.from_numpy(np.stack(prepared))  # [b, 3, h, w]
        if self.device.startswith("cuda"):
            pixels = pixels.pin_memory().to(self.device, non_blocking=True, memory_format=torch.channels_last)
        pixels = self.transforms[1](pixels.to(self.device).float().div(255))  # [b, 3, h, w]
        reduced = self._precision() == "bfloat16"
        with torch.inference_mode(), torch.autocast(self.device.partition(":")[0], torch.bfloat16, enabled=reduced):
            values = self.network(pixels)  # [b, d]
        values = (values[0] if isinstance(values, tuple) else values).float()  # CoCa gives tokens beside it
        if self.normalise:
            values = torch.nn.functional.normalize(values, dim=-1)
        return values.cpu().numpy()
