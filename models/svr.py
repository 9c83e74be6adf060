"""RBF support vector regression on features side by side: the baselines of two papers.

`inception_svr`, `bow_svr` and `glove_svr` (Zhang et al., Picture or Words, section 4.2) differ in their features
only, as does `uhan_svr` (Zhang et al., UHAN, section 4.1.3: "We have tried different combinations of feature
types and report the best results").

Ours, where the papers are silent: inputs are standardised by the training part, C, epsilon and gamma are
scikit-learn's defaults, "best" is the lowest RMSE on the validation part.

Shapes: n posts, d inputs.
"""

import itertools
import logging
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import numpy as np

from models.base import System
from models.parts import boosting, kernel
from models.parts.projection import Projection
from pipeline.base.errors import UserError
from pipeline.base.ranges import Count, NotNegative, Positive, some
from pipeline.storage import store
from pipeline.storage.examples import Examples

log = logging.getLogger(__name__)

Method = Literal["auto", "exact", "nystroem", "accelerated"]
Gamma = Literal["scale", "auto"] | Positive


class Grid(TypedDict, total=False):
    """Values to try of the settings of a machine."""

    C: Annotated[list[Positive], "at least one value", some]
    epsilon: Annotated[list[NotNegative], "at least one value", some]
    gamma: Annotated[list[Gamma], "at least one value", some]


class SVR(System):
    """epsilon-insensitive regression with the kernel exp(-gamma ||a - b||^2); gaps are the training mean."""

    def __init__(
        self,
        *,
        features: list[str],
        C: Positive = 1.0,
        epsilon: NotNegative = 0.1,
        gamma: Gamma = "scale",
        method: Method = "auto",
        exact_rows: Count = 20_000,
        components: Count = 1000,
        standardize: bool = True,
        standardize_target: bool = False,
        tol: Positive = 1e-3,
        grid: Grid | None = None,
        combinations: bool = False,
        seed: int = 0,
    ):
        """A machine on `features`.

        Args:
            features: names of features, side by side.
            C: weight of the errors against the norm of the function.
            epsilon: errors up to this cost nothing.
            gamma: of the kernel; scale is 1 / (d variance of the inputs), auto 1 / d.
            method: exact gives scikit-learn's answer, in 12 n^2 bytes; nystroem approximates the kernel and
                trains a linear machine, in 24 n `components` bytes; accelerated is scikit-learn-intelex, where
                it is installed; auto is exact up to `exact_rows` training posts and nystroem beyond, whatever is
                installed: the same entry trains the same machine everywhere.
            exact_rows: training posts exact may have at most; 20,000 take 5 GB.
            components: posts nystroem approximates the kernel with.
            standardize: divide each input by its deviation in the training part.
            standardize_target: C, epsilon and tol are meant for a target of mean 0 and deviation 1; without, for
                the target as it is, of which scikit-learn's epsilon may cover nearly all (a count divided by its
                maximum).
            tol: the solver stops when no step promises more.
            grid: lists of values of C, epsilon and gamma; the best combination on the validation part is kept.
            combinations: train on every combination of the features, keep the best on the validation part.
            seed: of nystroem's choice and the linear machine.
        """
        self.features = features
        self._settings = {"C": C, "epsilon": epsilon, "gamma": gamma}
        self._method, self._exact_rows, self._components = method, exact_rows, components
        self._standardize, self._standardize_target = standardize, standardize_target
        self._tol, self._grid, self._combinations, self._seed = tol, grid, combinations, seed
        if not features:
            raise UserError("features: an SVR needs at least one feature")

    def fit(self, train: Examples, validation: Examples) -> None:
        if self._combinations and not len(validation):
            raise UserError("combinations: needs a validation part; give split.ratios one or set it to false")
        self._chosen = {"method": self._pick(len(train))}
        found = (self._fit_on(names, train, validation) for names in self._subsets())
        self._used, self._given, self._machine, self._numbers = min(found, key=_validation_rmse)
        if self._combinations:
            self._chosen["features"] = " + ".join(self._used)
            log.info("svr: %s is the best combination on validation", self._chosen["features"])

    def _subsets(self) -> list[list[str]]:
        """What to train on: all features, or each combination of them, the larger first."""
        sizes = range(len(self.features), 0, -1) if self._combinations else [len(self.features)]
        return [list(names) for size in sizes for names in itertools.combinations(self.features, size)]

    def _inputs(self) -> Projection | kernel.Filled:
        return Projection() if self._standardize else kernel.Filled()

    def _fit_on(self, names: list[str], train: Examples, validation: Examples) -> tuple:
        inputs = self._inputs()
        x, watched = inputs.fit(train.matrix(names)), inputs.apply(validation.matrix(names))  # [n, d]
        (machine, numbers), chosen = boosting.search(
            lambda settings: self._train(settings, x, train.y),
            lambda model: model[0].predict(watched),
            self._settings,
            self._grid,
            validation,
        )
        numbers = {**chosen, **numbers, "gamma": machine.gamma, "rows": float(len(x))}
        if self._combinations:
            error = machine.predict(watched) - validation.y
            numbers["validation_rmse"] = float(np.sqrt(np.mean(error**2)))
            log.info("svr: %s: RMSE %.4f on validation", " + ".join(names), numbers["validation_rmse"])
        return names, inputs, machine, numbers

    def _train(self, settings: dict[str, Any], x: np.ndarray, y: np.ndarray) -> tuple[kernel.Machine, dict[str, float]]:
        method = self._chosen["method"]
        mean, deviation = (y.mean(), y.std() or 1.0) if self._standardize_target else (0.0, 1.0)
        options = {**settings, "gamma": kernel.number(settings["gamma"], x), "tol": self._tol}
        if method == "nystroem":
            options |= {"components": self._components, "seed": self._seed}
        machine, numbers = kernel.METHODS[method](x, (y - mean) / deviation, **options)
        return machine.rescaled(float(mean), float(deviation)), numbers

    def _pick(self, rows: int) -> str:
        """The method for so many training posts. Raises `UserError` where exact may not have them."""
        if self._method == "exact" and rows > self._exact_rows:
            need = 12 * rows**2 / 2**30
            raise UserError(
                f"method: exact: {rows} training posts are more than exact_rows: {self._exact_rows}; "
                f"take nystroem or auto, or raise exact_rows where there are {need:.0f} GiB of memory"
            )
        if self._method == "auto":
            return "exact" if rows <= self._exact_rows else "nystroem"
        return self._method

    def predict(self, posts: Examples) -> np.ndarray:
        return self._machine.predict(self._given.apply(posts.matrix(self._used)))

    def save(self, folder: Path) -> None:
        self._machine.save(folder / "machine.safetensors")
        self._given.save(folder / "inputs.safetensors")
        content = {"features": self._used, "numbers": self._numbers, "chosen": self._chosen}
        store.write_json(folder / "svr.json", content)

    def load(self, folder: Path) -> None:
        content = store.read_json(folder / "svr.json")
        self._used, self._numbers, self._chosen = content["features"], content["numbers"], content["chosen"]
        self._machine = kernel.Machine.load(folder / "machine.safetensors")
        self._given = self._inputs()
        self._given.load(folder / "inputs.safetensors")

    def report(self) -> dict[str, float]:
        return dict(self._numbers)

    def chosen(self) -> dict[str, str]:
        return dict(self._chosen)


def _validation_rmse(found: tuple) -> float:
    return found[-1].get("validation_rmse", 0.0)
