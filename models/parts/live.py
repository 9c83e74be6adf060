"""A training shown while it runs: its last losses, by DVCLive, where an experiment of DVC runs.

`dvc exp show`, and editors that ask it, read them from data/live, of which Git knows an empty file alone: an experiment
that has ended shows its results and nothing of this. Without an experiment nobody asks, and nothing is imported.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dvclive import Live

EXPERIMENT = "DVC_EXP_BASELINE_REV"
"""What DVC sets in the environment of the stages of an experiment."""
SECONDS = 0.5
"""Between two writings, at least: an epoch may take less than a file."""


@dataclass
class _Shown:
    folder: Path
    training: str
    live: "Live | None" = None
    """What writes; made when there are losses, for most systems have none and it takes a second to import."""
    written: float = -SECONDS

    def tell(self, step: int, losses: dict[str, float]) -> None:
        if time.monotonic() - self.written < SECONDS:
            return
        live = self.live = self.live or self._made()
        for name, loss in losses.items():
            live.log_metric(name, loss, plot=False)
        live.step = step
        live.next_step()
        self.written = time.monotonic()

    def _made(self) -> "Live":
        from dvclive import Live

        live = Live(dir=str(self.folder), save_dvc_exp=False, dvcyaml=False)
        live.summary["training"] = self.training
        return live

    def end(self) -> None:
        if self.live:
            self.live.end()
            Path(self.live.metrics_file).unlink(missing_ok=True)


_SHOWN: ContextVar[_Shown | None] = ContextVar("training that is shown", default=None)


@contextmanager
def shown(folder: Path, training: str) -> Iterator[None]:
    """What `tell` says inside stands in metrics.json of `folder`, under the name of the `training`, as long as it runs.

    Only in an experiment of DVC.
    """
    if EXPERIMENT not in os.environ:
        yield
        return
    now = _Shown(folder, training)
    token = _SHOWN.set(now)
    try:
        yield
    finally:
        _SHOWN.reset(token)
        now.end()


def tell(step: int, train: float, validation: float | None = None) -> None:
    """The losses after a step, as `Learner.curve` has them; to nobody where no training is `shown`."""
    if now := _SHOWN.get():
        now.tell(step, {"train": train, **({} if validation is None else {"validation": validation})})
