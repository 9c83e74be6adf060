"""The sentences below the leaderboard: what a reader must know beside the numbers."""

from collections.abc import Collection, Iterator, Mapping

import pandas as pd

from models.trained import Trained
from pipeline.base.params import Params
from pipeline.metrics.tasks import POPULARITY, Task
from pipeline.report import published

Systems = Mapping[str, Trained]


def of(frame: pd.DataFrame, systems: Systems, p: Params, task: Task = POPULARITY) -> list[str]:
    """All notes that apply; `frame` is the leaderboard of a task, `systems` are those of params.yaml that it is of."""
    test = frame[frame["part"] == "test"]
    if not systems:
        return [f"No system of params.yaml is one of {task.name}."]
    return [
        *_data(p, set(test["system"]), task),
        *_columns(test, p.evaluate.confidence, task),
        *intervals(test, systems),
        *seeds(systems),
        *_published(test),
        *of_systems(systems),
    ]


def _data(p: Params, ran: Collection[str], task: Task) -> Iterator[str]:
    if p.dataset.reader == "sample":
        yield "Dataset: `sample` is drawn by this project and stands in for no real result."
    if "ceiling" in ran:
        yield (
            "`ceiling` is the expectation the sample was drawn with. No system sees it and none can hope to beat it; "
            "it takes no part in the comparison."
        )
    yield f"Protocol: {task.protocol}. The CSV has the validation part."


def _columns(test: pd.DataFrame, confidence: float, task: Task) -> Iterator[str]:
    head = task.heads[task.leading]
    if test[f"{task.leading}_low"].notna().any():
        held = f"holding {100 * confidence:g}% of the bootstrap resamples of the test {task.units}"
        yield f"interval: of the {head}, {held}."
    if test["p_holm"].notna().any():
        yield (
            f"p: paired t-test of the {task.losses} on the same {task.units} against the system with the "
            f"{task.order.lower().replace(head.lower(), head)}, with Holm's correction."
        )
    yield task.explained
    yield "–: undefined, such as Spearman of a constant, or not applicable."


def intervals(test: pd.DataFrame, systems: Systems) -> Iterator[str]:
    """What the intervals around predictions are to hold, and how they were made."""
    levels: dict[float, list[str]] = {}
    for name, system in systems.items():
        if system.run and system.entry.intervals:
            levels.setdefault(system.entry.intervals.level, []).append(f"`{name}`")
    if levels and "coverage" in test:
        asked = "; ".join(f"{100 * level:g}% by {', '.join(names)}" for level, names in levels.items())
        folded = ", ".join(f"`{name}`" for name, system in systems.items() if system.run and system.folds)
        more = f"; of {folded} on folds of the training part, too" if folded else ""
        yield (
            f"coverage: share of the test posts inside the interval around their prediction; asked for: {asked}. "
            f"width: its mean. Calibrated on the validation part{more}, by models that did not learn from it."
        )


def seeds(systems: Systems) -> Iterator[str]:
    """How often each system was trained."""
    by_seeds: dict[str, list[str]] = {}
    for name, system in systems.items():
        if system.run:
            by_seeds.setdefault(", ".join(map(str, system.seeds)), []).append(name)
    if len(by_seeds) == 1:
        yield f"Seeds: every system was trained with seed {next(iter(by_seeds))}."
    else:
        yield "Seeds: " + "; ".join(f"{which} ({', '.join(names)})" for which, names in by_seeds.items()) + "."
    if any("," in which for which in by_seeds):
        yield "±: standard deviation over seeds; metrics are means over them."


def _published(test: pd.DataFrame) -> Iterator[str]:
    compared = test[test["paper"].notna()]
    for paper in published.papers():
        if paper.paper in set(compared["paper"]):
            yield f"published: the number in the paper `{paper.paper}`, on its own data ({paper.data})."
    starred = compared[compared["differs"].fillna("") != ""]
    for paper, target, differs in starred[["paper", "target", "differs"]].drop_duplicates().itertuples(index=False):
        yield f"*: differs from the paper `{paper}` ({target}): {differs}. The two numbers cannot be compared."


def of_systems(systems: Systems) -> Iterator[str]:
    """What must be known of the features and the training of these systems."""
    yield from (*untrained(systems), *known_words(systems), *combinations(systems), *approximated(systems))
    yield from (*past_labels(systems), *losses(systems), *refitted(systems), *blends(systems), *incomplete(systems))


def untrained(systems: Systems) -> Iterator[str]:
    """Features whose network or vectors are random."""
    users: dict[str, list[str]] = {}
    for name, system in systems.items():
        for feature, metadata in system.features.items():
            if metadata["untrained"]:
                users.setdefault(feature, []).append(name)
    for feature, names in users.items():
        yield f"Untrained: `{feature}` has seeded random weights, no learned ones ({', '.join(names)})."


def known_words(systems: Systems) -> Iterator[str]:
    """How much of the texts the word vectors of a file know."""
    features = {name: metadata for system in systems.values() for name, metadata in system.features.items()}
    for feature, metadata in features.items():
        state = metadata.get("state") or {}
        if "known_share" in state and not metadata["untrained"]:
            yield (
                f"`{feature}`: {state['known_share']:.1%} of the words of the training part have a vector; "
                f"posts there without any: {state['posts_without_known_word']}."
            )


def combinations(systems: Systems) -> Iterator[str]:
    """Which of its features a system that chooses among them took."""
    for name, system in systems.items():
        for target, trained in system.targets.items():
            kept = [chosen["features"] for chosen in trained.chosen.values() if "features" in chosen]
            if which := " or ".join(dict.fromkeys(kept)):
                yield f"`{name}` has the features that are best for {target} on the validation part: {which}."


def past_labels(systems: Systems) -> Iterator[str]:
    """Features that tell what became of earlier posts, and of which."""
    features = {name: metadata for system in systems.values() for name, metadata in system.features.items()}
    for feature, metadata in features.items():
        if label := (metadata.get("state") or {}).get("label"):
            parts = "training and validation parts" if metadata["arguments"].get("validation") else "training part"
            yield f"`{feature}`: labels ({label['target']}) of earlier posts of the {parts}, never of the test part."


def losses(systems: Systems) -> Iterator[str]:
    """Which systems make something else than squared errors small."""
    for loss, names in _that_chose(systems, "loss").items():
        yield f"Loss: {', '.join(names)} learned to make small: {loss}; RMSE is of squared errors all the same."


def refitted(systems: Systems) -> Iterator[str]:
    """Which systems learned from the validation part in the end."""
    for parts, names in _that_chose(systems, "refit").items():
        yield (
            f"Refitted: {', '.join(names)} learned from {parts} once the validation part had chosen how; their metrics "
            "of that part are from before."
        )


def blends(systems: Systems) -> Iterator[str]:
    """What averages of other systems are made of."""
    for parts, names in _that_chose(systems, "blend").items():
        yield f"Blend: {', '.join(names)} is a weighted average: {parts}."


def _that_chose(systems: Systems, what: str) -> dict[str, list[str]]:
    """Names of systems by what they chose."""
    found: dict[str, list[str]] = {}
    for name, system in systems.items():
        told = [chosen.get(what) for learned in system.targets.values() for chosen in learned.chosen.values()]
        for words in dict.fromkeys(filter(None, told)):
            found.setdefault(words, []).append(f"`{name}`")
    return found


def approximated(systems: Systems) -> Iterator[str]:
    """Support vector machines that are none with the whole kernel."""
    if names := _that_chose(systems, "method").get("nystroem"):
        yield (
            f"Approximated: the kernel of {', '.join(names)}, by Nyström's method, for the training posts are too many "
            "for an exact one or the entry says so."
        )


def of_data(paper: str, data: Mapping[str, str]) -> Iterator[str]:
    """What a paper's text says of its data, and what was measured."""
    told = {fact.name: fact.value for fact in published.facts(paper)}
    if "pearson" in told and "pearson" in data:
        yield (
            f"Pearson's correlation of retweets and likes, over all posts: {data['pearson']}; published: "
            f"{told['pearson']} (Figure 2 there, plots/counts.png here)."
        )
    if "words" in told and "words" in data:
        yield "words: as measured, those that the networks know: of the training part, as often as `words` asks for."


def contradictions(paper: str) -> Iterator[str]:
    """Published rows in which RMSE, mean error and variance of the error cannot all be, by more than rounding."""
    rows = [row for row in published.load() if row.paper == paper]
    for system, target in dict.fromkeys((row.system, row.target) for row in rows):
        own = {row.metric: row.value for row in rows if (row.system, row.target) == (system, target)}
        if {"rmse", "mean_error", "error_variance"} <= set(own):
            squared, parts = own["rmse"] ** 2, own["error_variance"] + own["mean_error"] ** 2
            rounding = 0.001 * own["rmse"] + 0.005 + 0.01 * abs(own["mean_error"])  # of 3, 2 and 2 decimals
            if abs(squared - parts) > rounding + 1e-4:
                yield (
                    f"The paper's row of `{system}` contradicts itself: RMSE squared is {squared:.3f}, the error's "
                    f"variance and its mean squared are {parts:.3f} together."
                )


def incomplete(systems: Systems) -> Iterator[str]:
    """Systems that could not run, or not with all their features, together where the reason is the same."""
    names: dict[tuple[bool, str], list[str]] = {}
    for name, system in systems.items():
        if not system.run or system.why:
            names.setdefault((system.run, system.why), []).append(f"`{name}`")
    for (runs, why), alike in names.items():
        which = ", ".join(alike)
        verb = "run" if len(alike) > 1 else "runs"
        yield f"Incomplete: {which} {verb} {why}." if runs else f"Left out: {which}, because {why}."
