"""Logistic regression with classes balanced, by Newton's method."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

RIDGE = 1e-3
"""Weight of the squared weights in a monitor's loss, against a mean of log losses:
defections may be told without error, and the weights must end somewhere."""


@dataclass(frozen=True)
class Logistic:
    """A fitted logistic regression on standardised features.

    Attributes:
        center: of each feature where it was fitted, float64[F].
        scale: standard deviation of each there, float64[F].
        weights: float64[F] of the standardised features.
        bias: log odds at the centre.
    """

    center: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: float

    def __call__(
        self, features: Float[np.ndarray, "*steps feature"]
    ) -> Float[np.ndarray, "*steps"]:
        """Return the probability of each row."""
        odds = (features - self.center) / self.scale @ self.weights + self.bias
        return _sigmoid(odds)


def _sigmoid(odds: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * odds))


def fit_logistic(
    features: Float[np.ndarray, "row feature"],
    labels: Bool[np.ndarray, " row"],
    weights: Float[np.ndarray, " row"],
    origin: bool = False,
) -> Logistic:
    """Return the logistic regression of least ridge-penalised loss, by Newton's method.

    Args:
        features: of each row.
        labels: what is to be told from the features; both kinds occur.
        weights: of each row; the two kinds are then made to weigh the same.
        origin: whether a row of zeros gets even odds, whatever was fitted on.
    """
    weights = np.where(
        labels, weights / weights[labels].sum(), weights / weights[~labels].sum()
    )
    weights = weights / weights.sum()
    center = weights @ features * (not origin)
    spread = np.sqrt(weights @ (features - center) ** 2)
    # A feature that never varies says nothing, whatever it is in another network.
    scale = np.where(spread > 1e-6, spread, np.inf)
    constant = np.full(len(features), 0.0 if origin else 1.0)
    rows = np.column_stack([(features - center) / scale, constant])
    ridge = np.append(np.full(features.shape[1], RIDGE), 0.0)
    found = np.zeros(rows.shape[1])
    for _ in range(50):
        chance = _sigmoid(rows @ found)
        slope = rows.T @ (weights * (chance - labels)) + ridge * found
        curvature = weights * np.maximum(chance * (1 - chance), 1e-9)
        bend = (rows * curvature[:, None]).T @ rows + np.diag(ridge + 1e-9)
        step = np.linalg.solve(bend, slope)
        # Far from the solution a full step overshoots.
        found = found - step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return Logistic(center, scale, found[:-1], float(found[-1]))
