"""Peak memory of packing and extraction, of 10,000 images against 1,000."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import Measure
from benchmarks.pictures import draw_photo

FEW, MANY = 1_000, 10_000


def run(folder: Path) -> Iterator[Measure]:
    """Bytes of the whole process, everything in one."""
    draw_photo(folder / "photo.jpg", 480, 360, seed=0)
    photo, rng = (folder / "photo.jpg").read_bytes(), np.random.default_rng(0)
    (folder / "raw").mkdir()
    for i in range(MANY):
        # Bytes behind the end of a JPEG belong to the file, not to the picture: every file is another image.
        (folder / f"raw/{i}.jpg").write_bytes(photo + rng.bytes(16))
    few, many = (_peaks(folder, n) for n in (FEW, MANY))
    for name, ours, limit in zip(("packing", "image_stats"), many, few, strict=True):
        yield Measure(f"peak memory, {name}, {MANY:,} images", f"{FEW:,} images", ours, limit, "MB", "aim about 1")


def _peaks(folder: Path, n: int) -> list[float]:
    run_here = [sys.executable, "-m", "benchmarks.memory", str(folder), str(n)]
    return [float(x) for x in subprocess.run(run_here, capture_output=True, text=True, check=True).stdout.split()]


def _main(folder: Path, n: int) -> None:
    import pandas as pd

    from features.parts.extraction import Extractor
    from pipeline.base.compute import Compute
    from pipeline.base.sections import Entry, Packing
    from pipeline.images import pack

    here, packed = Compute(workers=1), folder / f"packed-{n}"
    posts = pd.DataFrame({"post_id": [str(i) for i in range(n)], "image": [f"{i}.jpg" for i in range(n)]})
    pack(posts, folder / "raw", packed, Packing(max_side=512), here)
    _say_peak()
    extractor = Extractor.make(Entry("image_stats", "image_stats"), here)
    extractor.write(folder / f"{n}.arrow", posts, images=packed, cache_root=folder / f"cache-{n}", compute=here)
    _say_peak()


def _say_peak() -> None:
    # Linux counts into ru_maxrss what the parent had when it started this process; VmHWM is this one's own.
    status = Path("/proc/self/status")
    if status.exists():
        print(int(status.read_text().split("VmHWM:")[1].split()[0]) / 1e3)
    else:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
