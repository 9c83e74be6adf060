"""Folders of tiny pictures, good and bad, and a frame of the posts that show them."""

import io
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.base.compute import Compute
from pipeline.base.sections import Packing
from pipeline.images import pack

ROOT = Path(__file__).parents[1]
HERE = Compute(workers=1)


def noise(width=40, height=30, seed=0, channels=3):
    """A picture no codec can flatten, uint8 [h, w, channels]."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(width=64, height=48):
    """A picture that JPEG keeps almost as it is: red grows to the right, green downwards."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack([x, y, np.full_like(x, 90)], axis=-1).astype(np.uint8)


def encoded(pixels, kind="JPEG", **options):
    """Bytes of a picture in a format."""
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_pictures(folder, n, start=0, size=(24, 18)):
    """`n` different JPEG files; returns a frame of one post each."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(start, start + n):
        (folder / f"{i:05d}.jpg").write_bytes(encoded(noise(*size, seed=i)))
    numbers = range(start + n)
    return pd.DataFrame({"post_id": [f"p{i}" for i in numbers], "image": [f"{i:05d}.jpg" for i in numbers]})


def kill_when(script, ready, folder):
    """Run a Python script and kill it, and only it, with SIGKILL as soon as `ready()` holds."""
    file = folder / "script.py"
    file.write_text(script)
    process = subprocess.Popen([sys.executable, str(file)], cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": ""})
    try:
        deadline = time.monotonic() + 60
        while not ready():
            assert process.poll() is None, "the script ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def here():
    """Everything in this process."""
    return HERE


@pytest.fixture
def draw():
    """The builders above, for tests, which cannot import a conftest."""
    return {"noise": noise, "smooth": smooth, "encoded": encoded, "pictures": write_pictures, "kill_when": kill_when}


@pytest.fixture
def packed(tmp_path):
    """A function that packs a frame of posts into a folder with small shards, in this process."""

    def run(frame, root=tmp_path / "raw", folder=tmp_path / "images", memory=None, **packing):
        root.mkdir(exist_ok=True)
        options = Packing(**{"max_side": 64, "shard_images": 8, **packing})
        return pack(frame, root, folder, options, HERE, memory=memory)

    return run
