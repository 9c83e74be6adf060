"""Which pass a factor model is taken from."""

import numpy as np
import pytest

from models.parts.descent import Course, Descent, auc, check_stopping, descend
from pipeline.base.errors import UserError


def course(aucs, patience, losses=None, **options):
    """A training whose parameter counts passes and whose AUCs are given; and that parameter in the end."""
    at = {"at": np.zeros(1)}
    losses = losses or [1.0] * len(aucs)

    def epoch():
        at["at"] += 1
        return losses[int(at["at"][0]) - 1]

    validate = (lambda: aucs[int(at["at"][0]) - 1]) if aucs[0] is not None else None
    descent = Descent(epochs=len(aucs), patience=patience)
    return descend(at, epoch, validate, descent, **options), at["at"][0]


def test_the_best_on_the_validation_lists_is_taken():
    told, at = course([0.5, 0.7, 0.6, 0.7, 0.6, 0.9], 3)
    assert at == told.chosen == 2
    assert len(told.loss) == len(told.auc) == 5
    assert told.report() == {"epochs": 2, "validation_auc": 0.7}


def test_without_patience_it_is_the_last():
    told, at = course([0.9, 0.7, 0.6], None)
    assert at == told.chosen == 3
    assert told.curve() == {"step": [1, 2, 3], "train": [1.0] * 3, "validation": pytest.approx([0.1, 0.3, 0.4])}


def test_without_lists_there_is_no_curve_of_them():
    told, at = course([None] * 4, None)
    assert at == 4
    assert told.report() == {"epochs": 4}
    assert set(told.curve()) == {"step", "train"}


def test_it_stops_where_it_is_settled():
    told, at = course([None] * 9, None, settled=lambda losses: len(losses) > 4)
    assert at == told.chosen == 5


def test_no_number_is_named():
    with pytest.raises(
        UserError, match=r"training left all numbers behind after 2 epochs; lower descent.learning_rate"
    ):
        course([None] * 3, None, losses=[1.0, float("nan"), 1.0])


def test_patience_needs_lists():
    with pytest.raises(UserError, match=r"descent\.patience"):
        check_stopping(Descent(patience=2), [])
    check_stopping(Descent(patience=None), [])


def test_ties_count_half():
    assert auc(np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 2.0]])) == (1 + 0.5 + 0.5 + 0) / 4
    assert Course().report() == {"epochs": 0}
