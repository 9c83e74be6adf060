"""Leaderboards of several runs -> results/protocols/: the same systems under several protocols, side by side.

`python -m pipeline.protocols random users results` reads the leaderboards of folders such as results/, and of
experiments and other revisions that DVC knows. protocols.md has a table a protocol, for no column may have two, and
ranks_<target>.png how the order of the systems changes from one to the next; protocols.csv has all rows.
"""

import io
import logging
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import matplotlib as mpl
import pandas as pd

from pipeline.base import params
from pipeline.base.errors import CommandLine, UserError, run_stage
from pipeline.base.paths import Paths
from pipeline.metrics.tasks import POPULARITY
from pipeline.report import charts, fonts, leaderboard, slopes
from pipeline.report.plots import save
from pipeline.storage import store

log = logging.getLogger(__name__)

FILE = "leaderboard.csv"
WORDS = ("system", "target", "dataset", "protocol", "part", "differs")
NEEDED = (*WORDS, "n", "seeds", slopes.LEADING)


def main(paths: Paths = Paths(), arguments: Sequence[str] | None = None) -> None:
    """Read the command line, compare, write tables and pictures."""
    parser = CommandLine(prog="python -m pipeline.protocols", description=__doc__.split("\n\n")[0])
    parser.add_argument("runs", nargs="+", help="folders with a leaderboard.csv, experiments or revisions, in order")
    parser.add_argument("--out", type=Path, default=paths.results / "protocols", help="the folder to write")
    asked = parser.parse_args(arguments)
    frame = together({run: board(paths, run) for run in asked.runs})
    entries = params.load(paths.params).systems if paths.params.exists() else {}
    write(asked.out, frame, {name for name, entry in entries.items() if entry.module == "ceiling"})
    log.info("%s: %s", asked.out, ", ".join(dict.fromkeys(frame["protocol"])))


def board(paths: Paths, run: str) -> pd.DataFrame:
    """The test part's rows of a run's leaderboard. Raises `UserError` where there is none."""
    file = Path(run) / FILE
    text = file.read_text(encoding="utf-8") if file.exists() else _of_revision(paths, run)
    frame = pd.read_csv(io.StringIO(text), dtype=dict.fromkeys(WORDS, "str"))
    if lacking := [name for name in NEEDED if name not in frame]:
        raise UserError(f"{run}: its {FILE} is none of this project's, without {', '.join(lacking)}")
    frame["differs"] = frame["differs"].fillna("")
    return frame[frame["part"] == "test"]


def _of_revision(paths: Paths, run: str) -> str:
    from dvc import api  # a second to import
    from dvc.exceptions import DvcException
    from scmrepo.exceptions import SCMError

    if Path(run).is_dir():
        raise UserError(f"{run}: no {FILE} there; name a folder that the stage evaluate wrote")
    try:
        return api.read(f"results/{FILE}", repo=str(paths.root), rev=run)
    except (DvcException, SCMError, OSError) as error:
        said = " ".join(str(error).split())
        raise UserError(f"{run}: neither a folder nor an experiment or revision with results/{FILE}: {said}") from None


def together(boards: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """All rows, protocols in the order of the runs.

    Raises `UserError` where runs are of several datasets, or two of one protocol.
    """
    seen: dict[tuple[str, str], str] = {}
    for run, frame in boards.items():
        for key in frame[["target", "protocol"]].drop_duplicates().itertuples(index=False, name=None):
            if key in seen:
                raise UserError(f"{seen[key]} and {run} are both of the protocol {key[1]}; name runs of several")
            seen[key] = run
    frame = pd.concat(boards.values(), ignore_index=True)
    if len(datasets := frame["dataset"].unique()) > 1:
        raise UserError(f"runs of several datasets: {', '.join(map(str, datasets))}; protocols are compared on one")
    if not len(frame):
        raise UserError(f"no system was tested in {', '.join(boards)}")
    return frame


def write(folder: Path, frame: pd.DataFrame, ceilings: Collection[str]) -> None:
    """Write protocols.md, protocols.csv and a picture a target."""
    folder.mkdir(parents=True, exist_ok=True)
    leaderboard.write_csv(folder / "protocols.csv", frame)
    lines = ["# Protocols side by side", ""]
    for target, rows in frame.groupby("target", sort=False):
        lines += [f"## {target}", "", *_of_target(folder, str(target), rows, ceilings)]
    lines += leaderboard.wrapped("Numbers of two protocols are of other posts and answer other questions.")
    with store.atomic(folder / "protocols.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _of_target(folder: Path, target: str, rows: pd.DataFrame, ceilings: Collection[str]) -> Iterator[str]:
    found = slopes.places(rows, ceilings)
    if len(found.columns) > 1 and len(found) > 1:
        with mpl.rc_context({**charts.STYLE, "font.family": fonts.families([*found.index, *found.columns, target])}):
            save(slopes.draw(found, fonts.readable(target)), folder / f"ranks_{target}.png")
        yield from (f"![Places of {len(found)} systems under each protocol](ranks_{target}.png)", "")
        for (a, b), tau in slopes.agreement(found).items():
            yield from leaderboard.wrapped(f"Kendall's tau of the order under `{a}` and that under `{b}`: {tau:.2f}.")
        left_out = ", ".join(sorted({*rows["system"]} - {*found.index}))
        without = f" of the systems in every run, no ceiling among them; left out: {left_out}" if left_out else ""
        yield from leaderboard.wrapped(f"Places by {POPULARITY.heads[slopes.LEADING]}{without}.")
        yield ""
    for _, of_protocol in rows.groupby("protocol", sort=False):
        yield from (*leaderboard.section(of_protocol), "")


if __name__ == "__main__":
    run_stage(main, writes=False)
