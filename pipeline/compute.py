"""Where work runs: a Dask cluster, local by default, and the device networks use."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Compute:
    """The `compute` section of params.yaml."""

    scheduler: str | None = None
    """Address of a running Dask scheduler; None starts a local cluster."""
    workers: int | None = None
    """Local worker processes; None is one a core."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device networks run on; auto takes CUDA, then MPS, then CPU."""

    def pick_device(self) -> str:
        """The device to use, as PyTorch names it."""
        if self.device != "auto":
            return self.device
        import torch

        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
