"""What a run did with its data, in words, and how that differs from what a paper did.

A published number may stand beside a measured one where nothing differs: the data, which `dataset.is` claims, the
posts drawn of it, the split and the transform of the target; of rankers, how their lists were drawn.
"""

from collections.abc import Iterator, Sequence

from pipeline.base.params import Params
from pipeline.base.sections import Ranking, Split
from pipeline.base.targets import SHARES
from pipeline.report import published
from pipeline.report.published import Paper


def of(split: Split, seed: int, transform: str) -> str:
    """How posts were split and targets transformed, e.g. `random 81:9:10 seed 0 log2p1`."""
    return f"{of_split(split)} seed {seed} {transform}"


def of_lists(ranking: Ranking, seed: int) -> str:
    """How shares were dealt and lists drawn, e.g. `shares 70:10:20 seed 0, 2 negatives, all posts seen before`."""
    return f"shares {_percent(ranking.ratios)} seed {seed}, {of_drawing(ranking)}"


def setting(ranking: Ranking) -> str:
    """What a paper calls the share for training, e.g. `80%`: all that is not tested on; validation is taken of it."""
    return f"{100 * (1 - ranking.ratios[2]):g}%"


def of_drawing(ranking: Ranking) -> str:
    """How lists were drawn and what rankers read, e.g. `2 negatives, all posts seen before`."""
    seen = {"both": "all posts seen before", "negatives": "negatives seen before"}[ranking.exposure]
    lately = f" within {ranking.window:g} days" if ranking.window else ""
    comments = ", all comments" if ranking.comments == "all" else ""
    return f"{ranking.negatives} negatives, {seen}{lately}{comments}"


def _percent(ratios: Sequence[float]) -> str:
    return ":".join(f"{100 * share:g}" for share in ratios)


def of_split(split: Split) -> str:
    """Method and shares in percent, e.g. `random 81:9:10`."""
    return f"{split.method} {_percent(split.ratios)}"


def differs(paper: Paper, p: Params, target: str) -> str:
    """All in which the run differs from the paper, in words; empty where it is the paper's protocol on its data."""
    return "; ".join(_differences(paper, p, target))


def is_own(paper: Paper, p: Params) -> bool:
    """Whether the data is the paper's own, as the user says."""
    return p.dataset.claims == paper.dataset


def _differences(paper: Paper, p: Params, target: str) -> Iterator[str]:
    if not is_own(paper, p):
        yield f"data {p.dataset.name} instead of {paper.data}"
    elif paper.unknown:
        yield paper.unknown
    if paper.ranks:
        yield from _of_lists(paper, p.ranking)
    elif of_split(p.split) != paper.split:
        yield f"split {of_split(p.split)} instead of {paper.split}"
    if p.dataset.draw != paper.draw:
        yield f"{_drawn(p.dataset.draw)} instead of {_drawn(paper.draw)}"
    if target == SHARES and paper.ranks:
        return
    if target not in paper.transforms:
        yield f"target {target} instead of {' and '.join(paper.transforms)}"
    elif p.dataset.targets[target] != paper.transforms[target]:
        yield f"{target} by {p.dataset.targets[target]} instead of {paper.transforms[target]}"


def _of_lists(paper: Paper, ranking: Ranking) -> Iterator[str]:
    if setting(ranking) not in (known := published.settings(paper.paper)):
        yield f"{setting(ranking)} of the shares for training instead of {' or '.join(known)}"
    if of_drawing(ranking) != paper.split:
        yield f"{of_drawing(ranking)} instead of {paper.split}"


def _drawn(draw: int | None) -> str:
    return "all posts" if draw is None else f"draw {draw:,}"
