"""results/, data/ -> results/CARD.md: what was trained on what, how well it does, and what it is not for.

One card for all systems of params.yaml; what it says of errors, of their size and of the time that passes, is of the
best one of each target.
"""

import pandas as pd

from models.trained import Trained
from pipeline.base import params
from pipeline.base.errors import run_stage
from pipeline.base.paths import Paths
from pipeline.metrics.tasks import TASKS
from pipeline.report import card
from pipeline.storage import store


def main(paths: Paths = Paths()) -> None:
    """Write the model card of what params.yaml describes and `evaluate` has scored."""
    p = params.load(paths.params)
    systems = {name: Trained.open(paths, name) for name in p.systems}
    boards = [(task, pd.read_csv(store.existing(paths.results / f"{task.file('leaderboard')}.csv"))) for task in TASKS]
    with store.atomic(paths.results / "CARD.md") as temporary:
        temporary.write_text("\n".join(card.lines(paths, p, systems, boards)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_stage(main)
