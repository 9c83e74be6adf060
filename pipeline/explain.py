"""Why drafts are predicted as they are: what each group of inputs adds to the prediction of a trained system.

`python -m pipeline.explain --system lightgbm --posts drafts.csv` writes drafts.reasons.csv: a row a draft and target,
in their order, with `base`, what is predicted of a post of which nothing is known; a column a group, of who posts,
when, the category, the picture, the words and what was before; `prediction`, their sum, on the scale of training; and
what is `unknown` of the draft. `--plot reasons.png` draws them.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline.asking import reasons
from pipeline.asking.command import command, output, write
from pipeline.asking.drafts import known_users, read
from pipeline.asking.forecaster import Forecaster
from pipeline.base import params
from pipeline.base.errors import UserError, run_stage
from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.report import waterfalls

log = logging.getLogger(__name__)


def main(paths: Paths = Paths(), arguments: Sequence[str] | None = None) -> None:
    """Read the command line, explain, write the table and the picture."""
    parser = command("explain", __doc__)
    parser.add_argument("--plot", type=Path, help="picture to draw: .png")
    asked = parser.parse_args(arguments)
    out = output(asked, "reasons")
    if asked.plot and asked.plot.suffix != ".png":
        raise UserError(f"--plot {asked.plot}: unknown ending; use .png")
    frame = explain(paths, params.load(paths.params), asked.system, asked.posts, days=asked.days)
    write(frame, out)
    if asked.plot:
        waterfalls.write(asked.plot, frame)
    log.info("%s: %d reasons of %s", out, len(frame), asked.system)


def explain(paths: Paths, p: Params, system: str, drafts: Path, *, days: float | None = None) -> pd.DataFrame:
    """Reasons for the predictions of a table of drafts; `days` as in `pipeline.predict`."""
    forecaster = Forecaster(paths, p, system)
    asked = forecaster.ask(read(paths, p, drafts, days=days))
    users, tables = known_users(paths), []
    for target, posts in asked.examples.items():
        table = forecaster.reasons(posts)
        table.insert(0, "post_id", asked.drafts.post_id)
        table.insert(1, "target", target)
        table["unknown"] = reasons.unknown(asked.drafts.frame, list(table), list(users), asked.status)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


if __name__ == "__main__":
    run_stage(main, writes=False)
