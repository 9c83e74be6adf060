"""Command lines that ask about a table of drafts, and the tables that answer."""

import argparse
from pathlib import Path

import pandas as pd

from pipeline.asking import exported
from pipeline.base.errors import CommandLine, UserError
from pipeline.base.paths import Paths
from pipeline.storage import store

WRITERS = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    ".jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True, force_ascii=False),
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False),
}


def command(stage: str, about: str, *, packed: bool = False) -> CommandLine:
    """The arguments of a stage that is asked about drafts, beside those of `asking`."""
    parser = asking(stage, about, packed=packed)
    parser.add_argument("--posts", required=True, type=Path, help="table of drafts; image paths start from its folder")
    parser.add_argument("--out", type=Path, help="table to write: .csv, .tsv, .jsonl or .parquet")
    return parser


def asking(stage: str, about: str, *, packed: bool = False) -> CommandLine:
    """The arguments of a stage that asks a system; `about` is its docstring.

    Where the system may be a `packed` one, `place` says where that is.
    """
    parser = CommandLine(prog=f"python -m pipeline.{stage}", description=about.split("\n\n")[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--system", help="an entry of params.yaml that has been trained")
    if packed:
        which.add_argument("--from", dest="folder", type=Path, help="a folder that python -m pipeline.export made")
    parser.add_argument("--days", type=float, help="days online to predict for, where targets or features count them")
    return parser


def place(asked: argparse.Namespace, paths: Paths) -> tuple[Paths, str]:
    """The project that is asked, a packed one with `--from`, and the system."""
    return (paths, asked.system) if asked.folder is None else exported.unpack(asked.folder)


def output(asked: argparse.Namespace, kind: str) -> Path:
    """Where the answer goes. Raises `UserError`, before any work, where no table is written to a file of that name."""
    out = asked.out or asked.posts.with_name(f"{asked.posts.stem}.{kind}.csv")
    if out.suffix not in WRITERS:
        raise UserError(f"--out {out}: unknown ending; use one of {', '.join(WRITERS)}")
    return out


def write(frame: pd.DataFrame, out: Path) -> None:
    """Write the answer as the ending of its file says."""
    with store.atomic(out, shared=True) as temporary:
        WRITERS[out.suffix](frame, temporary)
