"""results/plots/: pictures of the test part, the same bytes for the same numbers.

leaderboard.png, and for each target real_vs_predicted, ranks, error_distribution, importance (of inputs, and by group
of them) and curves (of the networks); leaderboard_ranking.png, auc_of_users.png and curves_shares.png of systems that
rank; image_stats.png where the dataset has images; counts.png where its targets are retweets and likes, and popular.png
where users have pictures, as two of the papers show their data; ratios of each target where `dsn` ran with several
residual ratios; intervals of each where a system gives any: what they hold by month and by predicted size;
modalities.png where a system weighs picture, text and the like against each other; attention_* as
`pipeline.report.attention.seeing`, `.sequences` and `.sharing` say.
results/points.csv holds the best system's panel as numbers, which `dvc plots diff` draws for two revisions over
each other.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from models.trained import Trained
from pipeline.base import targets
from pipeline.base.paths import Paths
from pipeline.base.targets import SHARES
from pipeline.report import calibration, charts, exhibits, fonts, panels, ratios, waterfalls
from pipeline.report.attention import modalities, seeing, sequences, sharing
from pipeline.report.attention.charts import png
from pipeline.report.comparison import Comparison
from pipeline.storage import packs, store

EXAMPLES = 6
"""Pictures that show the image measures."""
POINTS = 500
"""Posts points.csv holds at most."""


def draw(
    paths: Paths,
    comparisons: Sequence[Comparison],
    table: pd.DataFrame,
    systems: Mapping[str, Trained],
    *,
    losses: pd.DataFrame,
    transforms: Mapping[str, str],
    ceilings: Collection[str] = (),
) -> None:
    """Write every picture; `table` is the leaderboard, `systems` those of params.yaml, `losses` what curves.csv has.

    Of a system with several seeds, the panels show the first.
    """
    folder = paths.results / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    tested = {c.target: c for c in comparisons if c.part == "test"}
    rows = {target: table[(table["target"] == target) & (table["part"] == "test")] for target in tested}
    shares = {target: importances(systems, target) for target in tested}
    inputs = [name for of_target in shares.values() for of_system in of_target.values() for name in of_system]
    with mpl.rc_context({**charts.STYLE, "font.family": fonts.families([*systems, *transforms, *inputs])}):
        labels = {target: fonts.readable(targets.label(target, transforms[target])) for target in transforms}
        if tested:
            save(charts.leaderboard({labels[t]: rows[t] for t in tested}, ceilings), folder / "leaderboard.png")
        for target, c in tested.items():
            _save_those(_of_target(c, rows[target], labels[target], shares[target]), folder, f"_{target}")
            more = {"ratios": ratios.draw(systems, rows[target])}
            more |= {"importance_by_group": by_group(paths, systems, target)}
            more |= {"intervals": calibration.draw(paths, systems, c, labels[target])}
            _save_those(more, folder, f"_{target}")
        for target, rows_of_target in losses.groupby("target", sort=False):
            save(panels.curves(rows_of_target, f"square of {labels[target]}"), folder / f"curves_{target}.png")
        weights = modalities.mean_weights(paths, systems)
        drawn = {
            "image_stats": image_measures(paths),
            "counts": exhibits.two_counts(paths, transforms),
            "modalities": charts.importance(weights, "mean weight over the test posts") if weights else None,
        }
        _save_those(drawn, folder)
        if pictures := exhibits.popular(paths, next(iter(transforms))):
            with store.atomic(folder / "popular.png") as temporary:
                temporary.write_bytes(png(pictures))
    seeing.draw(paths, systems, transforms, folder)
    sequences.draw(paths, systems, transforms, folder)
    write_points(paths.results / "points.csv", tested, rows, ceilings)


def _of_target(
    c: Comparison, rows: pd.DataFrame, label: str, shares: Mapping[str, Mapping[str, float]]
) -> dict[str, Figure | None]:
    """The panels of one target by their names."""
    predictions = {name: c.predictions[name][0] for name in rows["system"]}
    return {
        "real_vs_predicted": panels.real_vs_predicted(c.y, predictions, label),
        "error_distribution": panels.error_distribution(c.y, predictions, label),
        "ranks": panels.ranks(c.y, predictions, label),
        "importance": charts.importance(shares) if shares else None,
    }


def _save_those(drawn: Mapping[str, Figure | None], folder: Path, ending: str = "") -> None:
    for name, figure in drawn.items():
        if figure is not None:
            save(figure, folder / f"{name}{ending}.png")


def draw_rankers(
    paths: Paths,
    comparisons: Sequence[Comparison],
    table: pd.DataFrame,
    rankers: Mapping[str, Trained],
    losses: pd.DataFrame,
) -> None:
    """Write the pictures of the systems that rank, beside the others; `table` is their leaderboard."""
    folder = paths.results / "plots"
    rows = table[table["part"] == "test"]
    with mpl.rc_context({**charts.STYLE, "font.family": fonts.families(rows["system"].tolist())}):
        for c in (c for c in comparisons if c.part == "test"):
            save(charts.leaderboard({"shares": rows}, (), c.task), folder / "leaderboard_ranking.png")
            kept = {name: 1 - c.task.loss(c.y, c.predictions[name][0]) for name in rows["system"]}
            save(panels.of_users(kept), folder / "auc_of_users.png")
        if len(losses):
            save(panels.curves(losses, "each ranker's own"), folder / f"curves_{SHARES}.png")
    sharing.draw(paths, rankers, folder)


def save(figure: Figure, path: Path) -> None:
    """Write a PNG without a date or a version in it."""
    if layout := figure.get_layout_engine():  # or Matplotlib draws all of it twice: to lay it out, and to write it
        layout.execute(figure)
        figure.set_layout_engine("none")
    with store.atomic(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def importances(systems: Mapping[str, Trained], target: str) -> dict[str, dict[str, float]]:
    """Share of each input, averaged over seeds, of the systems that know it."""
    found = {}
    for name, system in systems.items():
        by_seed = system.targets[target].importance.values() if system.run else []
        shares = pd.DataFrame([shares for shares in by_seed if shares]).fillna(0).mean()
        if len(shares):
            found[name] = shares.to_dict()
    return found


def by_group(paths: Paths, systems: Mapping[str, Trained], target: str) -> Figure | None:
    """What groups of inputs decide of test posts, of the systems that read several; None where none does."""
    shares = {}
    for name in (name for name in systems if paths.reasons(name).exists()):
        frame = store.read_frame(paths.reasons(name))
        added = frame.loc[frame["target"] == target, [c for c in frame if c not in waterfalls.NO_GROUPS]]
        mean = added.abs().mean().dropna()  # of another target's groups
        if len(mean) > 1 and mean.sum() > 0:
            shares[name] = (mean / mean.sum()).to_dict()
    return charts.importance(shares, "mean absolute contribution to predictions of test posts") if shares else None


def image_measures(paths: Paths) -> Figure | None:
    """The seven measures on pictures from the lowest to the highest of the first; None without pictures."""
    file, index = paths.feature("image_stats"), paths.images / "index.parquet"
    if not file.exists() or not index.exists():
        return None
    feature = store.read_feature(file)
    if not feature.names:  # left out
        return None
    values = pd.DataFrame(feature.values, index=feature.post_id, columns=feature.names)[feature.valid]
    image_id = store.read_frame(index, ["post_id", "image_id"]).set_index("post_id")["image_id"]
    distinct = values.loc[~image_id.reindex(values.index).duplicated()].sort_values(feature.names[0], kind="stable")
    if not len(distinct):
        return None
    chosen = distinct.iloc[np.unique(np.linspace(0, len(distinct) - 1, EXAMPLES).round().astype(int))]
    pixels = dict(packs.read_images(paths.images, image_id[chosen.index].tolist()))
    pictures = {post_id: pixels[image_id[post_id]] for post_id in chosen.index}
    return charts.image_measures(pictures, chosen, values.rank(pct=True).loc[chosen.index])


def write_points(
    path: Path,
    tested: Mapping[str, Comparison],
    rows: Mapping[str, pd.DataFrame],
    ceilings: Collection[str],
) -> None:
    """Truth and prediction of the best system on the first target, evenly thinned."""
    lines = ["y,prediction"]
    for target, c in list(tested.items())[:1]:
        best = next((name for name in rows[target]["system"] if name not in ceilings), rows[target]["system"].iloc[0])
        kept = np.unique(np.linspace(0, len(c.y) - 1, min(len(c.y), POINTS)).astype(int))
        lines += [f"{a:.5g},{b:.5g}" for a, b in zip(c.y[kept], c.predictions[best][0][kept], strict=True)]
    with store.atomic(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
