"""One thread a test: libraries that wait for each other on shared cores make tiny trainings slow."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """PyTorch on one thread; small systems ask their boosters for one."""
    torch.set_num_threads(1)
