"""New posts -> predictions from a trained system, through the very features it was trained on.

`python -m pipeline.predict --system xgb_mlp --posts drafts.csv` writes drafts.predictions.csv: a row a draft
in their order, the prediction on the scale of training and, where the transform has a way back, as a count. With
`--from packed` in the place of `--system` it asks the system that `pipeline.export` packed into that folder.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

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
    asked = command("predict", __doc__, packed=True).parse_args(arguments)
    out = output(asked, "predictions")
    paths, system = place(asked, paths)
    frame = predict(paths, params.load(paths.params), system, asked.posts, days=asked.days)
    write(frame, out)
    log.info("%s: %d predictions of %s", out, len(frame), system)


def predict(paths: Paths, p: Params, system: str, drafts: Path, *, days: float | None = None) -> pd.DataFrame:
    """Predictions for a table of drafts, a row each in their order, as `Forecaster` has them.

    `days` also say when a draft without `collected_at` is looked at.
    """
    forecaster = Forecaster(paths, p, system)
    return forecaster(read(paths, p, drafts, days=days))


if __name__ == "__main__":
    run_stage(main, writes=False)
