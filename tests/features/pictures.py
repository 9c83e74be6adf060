"""Pictures for the networks, drawn."""

import numpy as np


def smooth(seed=0, *, height, width):
    """A smooth picture with a little noise, uint8 RGB [height, width, 3]."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(0, rng.uniform(100, 200), width), np.linspace(0, rng.uniform(100, 200), height))
    return (np.stack([x, y, x + y], axis=-1) / 2 + rng.uniform(0, 50, (height, width, 3))).astype(np.uint8)
