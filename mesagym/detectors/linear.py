"""Linear readouts in closed form: patches of maps, ridge regression, what they tell."""

from dataclasses import dataclass

import numpy as np

RIDGE = 1e-3
"""Penalty of a standardised weight's square, an example."""


@dataclass(frozen=True)
class Readout:
    """A linear map from features to targets.

    Attributes:
        weights: float64[features, targets], of features as they are.
        offset: float64[targets].
    """

    weights: np.ndarray
    offset: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Return the targets that it tells, [..., targets]."""
        return features @ self.weights + self.offset


def patches(maps: np.ndarray) -> np.ndarray:
    """Return the 3x3 tiles around every tile, zeros beyond the border.

    Args:
        maps: [n, height, width, channels].

    Returns:
        [n, height, width, 9 * channels]; rows, then columns, then channels.
    """
    height, width = maps.shape[1:3]
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [
        padded[:, row : row + height, column : column + width]
        for row in range(3)
        for column in range(3)
    ]
    return np.concatenate(shifted, axis=-1)


def fit(features: np.ndarray, targets: np.ndarray, ridge: float = RIDGE) -> Readout:
    """Fit a readout by ridge regression on standardised features.

    Args:
        features: [examples, features]. What is constant gets no weight.
        targets: [examples, targets].
        ridge: penalty.
    """
    x = features.astype(np.float64)
    mean, spread = x.mean(0), x.std(0)
    # Rounding alone spreads a constant by a few parts in 10^7.
    varies = spread > 1e-6 * (1 + np.abs(mean))
    scale = np.where(varies, 1 / np.where(varies, spread, 1.0), 0.0)
    x = (x - mean) * scale
    y = targets.astype(np.float64)
    middle = y.mean(0)
    gram = x.T @ x + ridge * len(x) * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (y - middle)) * scale[:, None]
    return Readout(weights, middle - mean @ weights)


def one_hot(classes: np.ndarray, count: int) -> np.ndarray:
    """Return float64[n, count], 1 at each class."""
    return np.eye(count)[classes]


def macro_f1(told: np.ndarray, true: np.ndarray, count: int) -> float:
    """Return the mean over classes that occur of F1 = 2 TP / (2 TP + FP + FN).

    Args:
        told: int[n].
        true: int[n], not empty.
        count: of classes.
    """
    scores = []
    for each in range(count):
        hits = ((told == each) & (true == each)).sum()
        misses = ((told == each) ^ (true == each)).sum()
        if (true == each).any():
            scores.append(2 * hits / (2 * hits + misses))
    return float(np.mean(scores))


def explained(told: np.ndarray, true: np.ndarray) -> float:
    """Return R², the share of the variance that is told; below 0 where it misleads."""
    total = np.square(true - true.mean()).sum()
    return float(1 - np.square(told - true).sum() / max(total, 1e-12))
