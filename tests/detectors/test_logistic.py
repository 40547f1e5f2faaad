"""The regression that monitors are fitted by."""

import numpy as np
import pytest

from mesagym.detectors.logistic import fit_logistic


def test_a_regression_finds_the_feature_that_matters() -> None:
    draws = np.random.default_rng(0)
    rows = draws.normal(size=(400, 3)) * (1.0, 10.0, 0.0)
    labels = rows[:, 0] + 0.3 * draws.normal(size=400) > 0.5
    fitted = fit_logistic(rows, labels, np.ones(400))
    assert fitted.weights[0] > 5 * abs(fitted.weights[1])
    assert ((fitted(rows) > 0.5) == labels).mean() > 0.9


def test_a_regression_through_the_origin_gives_it_even_odds() -> None:
    rows = np.random.default_rng(0).normal(1.0, 1.0, size=(200, 2))
    fitted = fit_logistic(rows, rows.sum(-1) > 2, np.ones(200), origin=True)
    assert fitted(np.zeros((1, 2))) == pytest.approx(0.5)
