"""A training watched while it runs: what it has lost by when, and its last losses where an experiment of DVC runs.

`dvc exp show`, and editors that ask it, read the last losses, which DVCLive writes, from data/live, of which Git knows
an empty file alone: an experiment that has ended shows its results and nothing of this. Without an experiment nobody
asks, and nothing is imported.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
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
        if not losses or time.monotonic() - self.written < SECONDS:
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


@dataclass
class Times:
    """What a training has lost by when; of several in a row, the last."""

    step: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    """Of training rows, the mean since the step before."""
    seconds: list[float] = field(default_factory=list)
    """Since it began, by the clock on the wall."""
    _began: float = 0.0

    def tell(self, step: int, losses: dict[str, float]) -> None:
        if not losses:
            self.step, self.loss, self.seconds, self._began = [], [], [], time.monotonic()
            return
        self.step.append(step)
        self.loss.append(losses["train"])
        self.seconds.append(time.monotonic() - self._began)

    def columns(self) -> dict[str, list]:
        """By name."""
        return {"step": self.step, "loss": self.loss, "seconds": self.seconds}


_Listener = Callable[[int, dict[str, float]], None]  # no losses: a training begins
_LISTENERS: ContextVar[tuple[_Listener, ...]] = ContextVar("who is told of losses", default=())


@contextmanager
def _listening(listener: _Listener) -> Iterator[None]:
    token = _LISTENERS.set((*_LISTENERS.get(), listener))
    try:
        yield
    finally:
        _LISTENERS.reset(token)


@contextmanager
def timed() -> Iterator[Times]:
    """Gives what `tell` says inside, and when."""
    times = Times()
    with _listening(times.tell):
        yield times


@contextmanager
def shown(folder: Path, training: str) -> Iterator[None]:
    """What `tell` says inside stands in metrics.json of `folder`, under the name of the `training`, as long as it runs.

    Only in an experiment of DVC.
    """
    if EXPERIMENT not in os.environ:
        yield
        return
    now = _Shown(folder, training)
    try:
        with _listening(now.tell):
            yield
    finally:
        now.end()


def begin() -> None:
    """A training begins, or goes on from where it was cut off."""
    for listener in _LISTENERS.get():
        listener(0, {})


def tell(step: int, train: float, validation: float | None = None) -> None:
    """The losses after a step, by the labels as the network has them; to nobody where no training is watched."""
    for listener in _LISTENERS.get():
        listener(step, {"train": train, **({} if validation is None else {"validation": validation})})
