"""Predictions -> the file that the SMP Challenge takes, in the form of its image track.

`python -m pipeline.submit --system dsn --posts data/smpd-test` writes submission.json: a score for each post of that
folder, which has SMPD's files `test_*`, or of a table of drafts. Without `--posts` it has those of the dataset's test
part, which rehearses a submission. The form is that of http://smp-challenge.com/challenge.html, and the name of a post
in it `post<Pid>`, as in the files of its winners (HyFea, 2020).
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from models.trained import Trained, predictions
from pipeline.asking.command import asking, place
from pipeline.asking.drafts import read
from pipeline.asking.forecaster import Forecaster
from pipeline.base import params, targets
from pipeline.base.errors import UserError, run_stage
from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.storage import store

log = logging.getLogger(__name__)

VERSION = "VERSION 1.2"
"""What the challenge calls the form."""
SCORES = ("identity", "log2_per_day")
"""Transforms whose scale may be the challenge's, log2(views / days) + 1: as SMPD ships it, and of one's own views."""


def main(paths: Paths = Paths(), arguments: Sequence[str] | None = None) -> None:
    """Read the command line, predict, write the file."""
    parser = asking("submit", __doc__, packed=True)
    parser.add_argument("--posts", type=Path, help="folder of SMPD's test_* files, or a table; else the test part")
    parser.add_argument("--target", help="which to submit, where several were trained")
    parser.add_argument("--external", help="data beside the challenge's that was used; else the weights of features")
    parser.add_argument("--out", type=Path, default=Path("submission.json"), help="file to write: .json")
    asked = parser.parse_args(arguments)
    if asked.out.suffix != ".json":
        raise UserError(f"--out {asked.out}: unknown ending; use .json")
    if asked.folder and not asked.posts:
        raise UserError("--from: a packed system has no test part; give --posts")
    paths, system = place(asked, paths)
    scores, trained = score(paths, params.load(paths.params), system, asked.posts, asked.target, days=asked.days)
    details = asked.external or "; ".join(external(trained.features))
    with store.atomic(asked.out, shared=True) as temporary:
        content = json.dumps(submission(scores, details), indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(content + "\n", encoding="utf-8")
    log.info("%s: %d scores of %s; external data: %s", asked.out, len(scores), system, details or "none")


def score(
    paths: Paths, p: Params, system: str, posts: Path | None, target: str | None = None, *, days: float | None = None
) -> tuple[pd.Series, Trained]:
    """Scores [n] by `post_id`, mean over seeds, and the system they are of.

    `posts` are drafts, `days` as in `pipeline.predict`; None is the test part. Raises `UserError` where the `target` is
    not said and there are several, and where drafts have no name or one of them twice.
    """
    forecaster = Forecaster(paths, p, system)
    target = _target(forecaster.trained, target)
    if posts is None:
        said = predictions(paths, system)
        said = said[(said["part"] == "test") & (said["target"] == target)]
        return said.groupby("post_id", sort=False)["prediction"].mean(), forecaster.trained
    drafts = read(paths, p, posts, days=days)
    if not drafts.named.all():
        raise UserError(f"{posts}: {(~drafts.named).sum()} posts have no post_id, and scores are told by it")
    column = f"{target}_{forecaster.trained.transform(target).name}"
    return forecaster(drafts).set_index("post_id")[column], forecaster.trained


def _target(trained: Trained, asked: str | None) -> str:
    """What to submit; says so where it is not what the challenge scores."""
    known = list(trained.targets)
    target = known[0] if asked is None and len(known) == 1 else asked
    if target not in known:
        raise UserError(f"--target: {trained.name} was trained on {', '.join(known)}; name one of them")
    transform = trained.transform(target).name
    if transform not in SCORES:
        said = targets.label(target, transform)
        log.warning("the challenge scores log2(views / days) + 1, and these are predictions of %s", said)
    return target


def submission(scores: pd.Series, details: str) -> dict[str, Any]:
    """The content of the file: `scores` [n] by post_id; `details` say what other data was used, if any."""
    if (twice := scores.index[scores.index.duplicated()]).size:
        raise UserError(f"post_id {twice[0]} stands more than once among the posts, and takes one score")
    names = scores.index.map(named)
    if shared := names.duplicated(keep=False).sum():
        log.warning("%d posts of several users have a Pid together, and the challenge names posts by it alone", shared)
    found = zip(names, scores.round(6), strict=True)
    return {
        "version": VERSION,
        "result": [{"post_id": name, "popularity_score": float(value)} for name, value in found],
        "external_data": {"used": "true" if details else "false", "details": details},
    }


def named(post_id: str) -> str:
    """`post<Pid>`: SMPD's posts are `Uid/Pid` here."""
    return f"post{post_id.rpartition('/')[2].removeprefix('post')}"


def external(features: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What weights and vectors came from elsewhere, of features by name."""
    for name, metadata in features.items():
        arguments = metadata["fingerprint"]["arguments"]
        if not metadata["untrained"] and ("weights" in metadata["fingerprint"] or arguments.get("vectors")):
            told = (arguments[key] for key in ("encoder", "network", "pretrained", "vectors") if arguments.get(key))
            yield " ".join([f"{name}:", metadata["module"], *(Path(value).name for value in told)])


if __name__ == "__main__":
    run_stage(main, writes=False)
