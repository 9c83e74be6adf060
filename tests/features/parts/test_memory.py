"""Peak memory of packing and extraction is that of a shard, not of the dataset."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
N = 800
PADDING = 150_000
SCRIPT = """
import sys
from pathlib import Path
import pandas as pd
from pipeline import images
from pipeline.storage import store
from pipeline.base.compute import Compute
from features.parts.extraction import Extractor
from pipeline.base.sections import Entry, Packing
def say_peak():
    # Not ru_maxrss: that counts what the parent had when it started this process.
    print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
root, n = Path(sys.argv[1]), int(sys.argv[2])
here, folder = Compute(workers=1), root / f"packed-{n}"
posts = pd.DataFrame({"post_id": [str(i) for i in range(n)], "image": [f"{i}.jpg" for i in range(n)]})
images.pack(posts, root / "raw", folder, Packing(max_side=64, shard_images=32), here)
say_peak()
extractor = Extractor.make(Entry("image_stats", "image_stats"), here)
extractor.write(root / f"{n}.arrow", posts, images=folder, cache_root=root / f"cache-{n}", compute=here)
assert store.read_feature(root / f"{n}.arrow").valid.all()
say_peak()
"""


def peaks(root, n):
    """Peak memory, bytes, after packing and after extraction of `n` images in a process of its own."""
    run = [sys.executable, "-c", SCRIPT, str(root), str(n)]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    return [1024 * int(line) for line in done.stdout.split()]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
def test_ten_times_the_images_need_no_more_memory(tmp_path, draw):
    picture = draw["encoded"](np.asarray(Image.new("RGB", (60, 40), "teal")))
    (tmp_path / "raw").mkdir()
    rng = np.random.default_rng(0)
    for i in range(N):
        # Bytes behind the picture's end make files large, and different, while decoding stays quick.
        (tmp_path / f"raw/{i}.jpg").write_bytes(picture + rng.bytes(PADDING))
    few, many = peaks(tmp_path, N // 10), peaks(tmp_path, N)
    for before, after in zip(few, many, strict=True):
        assert after - before < N * PADDING / 4
