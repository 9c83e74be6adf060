"""New posts -> predictions from a trained system, through the very features it was trained on.

`python -m pipeline.predict --system xgb_mlp --posts drafts.csv` writes drafts.predictions.csv: a row a draft
in their order, the prediction on the scale of training and, where the transform has a way back, as a count. With
`--hours` drafts.hours.csv has a row for each of the 168 hours from a draft's time on, or from now. With
`--from packed` in the place of `--system` it asks the system that `pipeline.export` packed into that folder.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline.asking import hours
from pipeline.asking.command import command, output, place, write
from pipeline.asking.drafts import read
from pipeline.asking.forecaster import Forecaster
from pipeline.base import params
from pipeline.base.errors import run_stage
from pipeline.base.params import Params
from pipeline.base.paths import Paths

log = logging.getLogger(__name__)


def main(paths: Paths = Paths(), arguments: Sequence[str] | None = None) -> None:
    """Read the command line, predict, write the table."""
    parser = command("predict", __doc__, packed=True)
    parser.add_argument("--hours", action="store_true", help="predict each of the next 168 hours: when to post")
    asked = parser.parse_args(arguments)
    out, ask = output(asked, "hours" if asked.hours else "predictions"), when if asked.hours else predict
    paths, system = place(asked, paths)
    frame = ask(paths, params.load(paths.params), system, asked.posts, days=asked.days)
    write(frame, out)
    log.info("%s: %d predictions of %s", out, len(frame), system)


def predict(paths: Paths, p: Params, system: str, drafts: Path, *, days: float | None = None) -> pd.DataFrame:
    """Predictions for a table of drafts, a row each in their order, as `Forecaster` has them.

    `days` also say when a draft without `collected_at` is looked at.
    """
    forecaster = Forecaster(paths, p, system)
    return forecaster(read(paths, p, drafts, days=days))


def when(
    paths: Paths,
    p: Params,
    system: str,
    drafts: Path,
    *,
    days: float | None = None,
    now: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Predictions for a table of drafts at each hour of a week, as `pipeline.asking.hours.ask` has them."""
    now = pd.Timestamp.now(tz="UTC") if now is None else now
    forecaster = Forecaster(paths, p, system)
    return hours.ask(paths, forecaster, read(paths, p, drafts, days=days), now=now)


if __name__ == "__main__":
    run_stage(main, writes=False)
