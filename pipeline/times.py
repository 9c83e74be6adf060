"""data/times/ -> data/times.png: what networks and factor models have lost by when, and how long that took here.

`python -m pipeline.times amnl amnl_plus` draws the last training of each, every one that is known if none is named.
Both panels of the paper `amnl`'s Figure 8: the objective and the running time, by updates instead of epochs. Seconds
are of this machine and of what else it did; nothing of it is a result.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from pipeline.base.errors import CommandLine, UserError, run_stage
from pipeline.base.paths import Paths
from pipeline.report import charts, fonts
from pipeline.report.plots import save

log = logging.getLogger(__name__)


def main(paths: Paths = Paths(), arguments: Sequence[str] | None = None) -> None:
    """Read the command line, draw."""
    parser = CommandLine(prog="python -m pipeline.times", description=__doc__.split("\n\n")[0])
    parser.add_argument("systems", nargs="*", help="entries of params.yaml that were trained here; none: all")
    parser.add_argument("--out", type=Path, default=paths.times("any").parent.with_suffix(".png"), help="the picture")
    asked = parser.parse_args(arguments)
    known = {file.stem: file for file in sorted(paths.times("any").parent.glob("*.csv"))}
    systems = list(dict.fromkeys(asked.systems)) or list(known)
    if lacking := [name for name in systems if name not in known]:
        raise UserError(f"{lacking[0]}: no training of it was timed here; {_remedy(lacking[0])}")
    if not systems:
        raise UserError(f"data/times: no training was timed here; {_remedy('<system>')}")
    frames = {name: pd.read_csv(known[name]) for name in systems}
    with mpl.rc_context({**charts.STYLE, "font.family": fonts.families(systems)}):
        save(draw(frames), asked.out)
    for name, frame in frames.items():
        for (target, seed), rows in frame.groupby(["target", "seed"], sort=False):
            last = rows.iloc[-1]
            log.info("%s, %s, seed %d: %d steps in %.1f s", name, target, seed, last["step"], last["seconds"])
    log.info("%s", asked.out)


def _remedy(name: str) -> str:
    return f"dvc repro -s -f train@{name} trains it again, and boosters tell nothing of themselves"


def draw(frames: dict[str, pd.DataFrame]) -> Figure:
    """Loss of training rows and seconds, by step; a colour a system, a line a target and seed."""
    figure = Figure(figsize=(8.4, 3.4), layout="constrained")
    losses, seconds = figure.subplots(1, 2)
    colours = mpl.colormaps["viridis"].resampled(len(frames) + 1)
    for at, (name, frame) in enumerate(frames.items()):
        for number, (_, rows) in enumerate(frame.groupby(["target", "seed"], sort=False)):
            line = {"color": colours(at), "marker": ".", "linewidth": 1, "markersize": 4}
            losses.plot(rows["step"], rows["loss"], **line)
            seconds.plot(rows["step"], rows["seconds"], **line, label=None if number else charts.short(name))
    losses.set(xlabel="step", ylabel="objective, of training rows")
    seconds.set(xlabel="step", ylabel="running time, seconds")
    seconds.legend(loc="best")
    return figure


if __name__ == "__main__":
    run_stage(main, writes=False)
