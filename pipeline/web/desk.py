"""What the page keeps of the project: parameters, trained systems, opened forecasters; made anew once files change."""

import logging
import shutil
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir
from threading import RLock
from typing import Any, TypeVar

import pandas as pd

from models.trained import FILE, Trained
from pipeline.asking import forecaster
from pipeline.asking.drafts import known_users
from pipeline.asking.forecaster import Forecaster
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.metrics.tasks import POPULARITY, RANKING, Task
from pipeline.storage import store
from pipeline.web.past import Past

log = logging.getLogger(__name__)

T = TypeVar("T")
OPENED = 3
"""Forecasters that stay open, the last asked."""


class NotThere(UserError):  # noqa: N818 - says what is wrong
    """What was asked for is not there, or not yet."""


class Desk:
    """One project as the page sees it. Forecasters are for one thread alone; all else may be asked by any."""

    def __init__(self, paths: Paths):
        self.paths = paths
        self._kept: dict[Hashable, tuple[Any, Any]] = {}
        self._opened: OrderedDict[str, tuple[Any, Forecaster]] = OrderedDict()
        self._lock = RLock()
        self._vectors = Path(gettempdir()) / f"likecast-{token_hex(16)}"

    def keep(self, key: Hashable, files: Sequence[Path], make: Callable[[], T]) -> T:
        """What `make` returns, made again once one of the `files` is another; who else asks then, waits."""
        stamp = [_stamp(file) for file in files]
        with self._lock:
            if key not in self._kept or self._kept[key][0] != stamp:
                self._kept[key] = (stamp, make())
            return self._kept[key][1]

    def params(self) -> Params:
        """params.yaml, as it is now."""
        return self.keep(("params",), (self.paths.params,), partial(params.load, self.paths.params))

    def trained(self, name: str) -> Trained:
        """A system or ranker. Raises `UserError` where there is none."""
        if name not in forecaster.names(self.paths):
            raise NotThere(f"no system called {name!r} is trained here; choose one of the list, or run make repro")
        file = self.paths.model(name) / FILE
        return self.keep(("trained", name), (file,), partial(Trained.open, self.paths, name))

    def askable(self, *, ranks: bool = False) -> list[str]:
        """Names of what can be asked, the best of the leaderboard first, then in the order of params.yaml.

        Systems that predict counts, or those that rank. Ceilings see the truth, which drafts do not have.
        """
        order = [*self._board(RANKING if ranks else POPULARITY), *self.params().systems]
        named = forecaster.names(self.paths)
        return [name for name in dict.fromkeys([*order, *named]) if name in named and self._can(name, ranks)]

    def _can(self, name: str, ranks: bool) -> bool:
        try:
            trained = self.trained(name)
        except UserError as error:  # one that is damaged leaves the others
            log.warning("%s", error)
            return False
        return trained.run and trained.kind.ranks == ranks and trained.entry.module != "ceiling"

    def _board(self, task: Task) -> list[str]:
        """Systems of the first target's leaderboard, the best first; none before there is one."""
        file = self.paths.results / f"{task.file('leaderboard')}.csv"
        if not file.exists():
            return []
        frame = self.keep(("board", task.name), (file,), partial(_order, file))
        tested = frame[frame["part"] == "test"]
        return tested.loc[tested["target"] == tested["target"].iloc[0], "system"].tolist() if len(tested) else []

    def forecaster(self, name: str) -> Forecaster:
        """An opened system. Raises `UserError` where there is none, or what it was trained with has changed."""
        self.trained(name)
        stamp = [_stamp(file) for file in (self.paths.model(name) / FILE, self.paths.params, self.paths.posts)]
        if name not in self._opened or self._opened[name][0] != stamp:
            self._opened[name] = (stamp, Forecaster(self.paths, self.params(), name, cache=self._vectors))
        self._opened.move_to_end(name)
        while len(self._opened) > OPENED:
            self._opened.popitem(last=False)
        return self._opened[name][1]

    @contextmanager
    def vectors(self) -> Iterator[None]:
        """Vectors of the drafts that are asked about meanwhile are gone afterwards, where the project keeps its own."""
        self._vectors.mkdir(mode=0o700)
        try:
            yield
        finally:
            shutil.rmtree(self._vectors)

    def known(self) -> list[str]:
        """Users of training posts."""
        files = (self.paths.posts, self.paths.splits)
        return self.keep(("known",), files, lambda: list(known_users(self.paths)))

    def past(self) -> Past:
        """The posts of the dataset, as far as answers speak of them."""
        targets = list(self.params().dataset.targets)
        files = (self.paths.posts, self.paths.params)
        return self.keep(("past",), files, partial(Past, self.paths, targets))

    def reads(self, name: str) -> list[str]:
        """Columns of posts that a system or ranker and its features read, as the stage `plan` found."""
        plan = _plan(self.paths.plan("systems", name))
        of_features = [
            _plan(self.paths.plan("features", feature))["columns"] for feature in self.trained(name).features
        ]
        return list(dict.fromkeys([*plan["columns"], *(column for columns in of_features for column in columns)]))


def _plan(path: Path) -> dict[str, Any]:
    return store.read_object(path, {"columns": list[str]}, "run make repro")


def _order(file: Path) -> pd.DataFrame:
    """The order of a leaderboard. Raises `UserError` for a file that is none."""
    with store.intact(file):
        return pd.read_csv(file, usecols=["system", "target", "part"])


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
