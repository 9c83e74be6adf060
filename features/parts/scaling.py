"""The transforms that encoders come with, on bytes instead of Pillow's pictures.

PyTorch scales bytes in a fifth of Pillow's time, which changes one in two hundred, by one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np


def of_bytes(steps: Sequence[Any]) -> Any:
    """A transform of uint8 [3, h, w] from steps that take one of Pillow's pictures: scale it, cut it, convert it."""
    from torchvision.transforms import CenterCrop, Compose, Resize, v2

    scale, *others = steps
    if not isinstance(scale, Resize):  # others fill borders, and know Pillow's pictures alone
        return Compose([v2.ToPILImage(), *steps, v2.PILToTensor()])
    crops = [step for step in others if isinstance(step, CenterCrop)]
    return Compose([v2.Resize(scale.size, scale.interpolation), *crops])


def transformed(image: np.ndarray, transform: Any) -> np.ndarray:
    """What such a transform makes of a picture, uint8 [h, w, 3]: uint8 [3, h, w] of another size."""
    import torch

    own = np.require(image, requirements=["C_CONTIGUOUS", "WRITEABLE"])  # mirrored and locked ones are copied
    return transform(torch.from_numpy(own).permute(2, 0, 1)).numpy()
