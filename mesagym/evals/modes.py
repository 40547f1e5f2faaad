"""Whether seeds differ by more than chance, and whether they fall into two groups."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import betaln, expit, gammaln, logsumexp

FEWEST_SEEDS = 4
"""Seeds below which two groups cannot be told from one: each needs two."""

_MEANS = expit(np.linspace(-6.0, 6.0, 161))
_FACTORS = np.array([1.0, 1.6, 3.0, 6.0, 15.0, 40.0, 150.0, 1e3, 1e5])
_ROUNDS = 3  # of expectation and maximisation; more change the third digit of p
_AT_ONCE = 25  # simulated runs fitted together, which bounds memory


@dataclass(frozen=True)
class Spread:
    """How far seeds lie apart, and how far chance alone would spread them."""

    between: float
    """Standard deviation between seeds with the noise taken out, at least 0."""
    noise: float
    """Standard deviation that a seed's number has by chance alone."""


def spread(
    values: Float[np.ndarray, "seeds"], variances: Float[np.ndarray, "seeds"]
) -> Spread:
    """Return the standard deviation between seeds and that of chance (moments).

    Args:
        values: one number a seed, two seeds at least.
        variances: sampling variance of each.

    Raises:
        ValueError: fewer than two seeds, or shapes that differ.
    """
    if values.shape != variances.shape or values.size < 2:
        raise ValueError("a spread needs two seeds, and a variance for each")
    noise = float(variances.mean())
    between = max(0.0, float(values.var(ddof=1)) - noise)
    return Spread(between**0.5, noise**0.5)


@dataclass(frozen=True)
class Bimodality:
    """One group of seeds against two."""

    ratio: float
    """Twice the difference of log-likelihoods, two groups less one; at least 0."""
    p: float
    """How often seeds of one group give as large a ratio (parametric bootstrap)."""
    low: float
    """Mean rate of the lower group, as fitted."""
    high: float
    """Mean rate of the higher group."""
    share: float
    """Share of seeds in the higher group."""


def bimodality(
    successes: Int[np.ndarray, "seeds"],
    trials: Int[np.ndarray, "seeds"],
    *,
    draws: int = 499,
    seed: int = 0,
) -> Bimodality:
    """Test two groups of seeds against one, by a likelihood ratio.

    In a group, a seed's rate is Beta(a, b) and its count binomial. Here a beta
    distribution must have one mode (a ≥ 1 or b ≥ 1): unrestricted, a single one that is
    U-shaped fits seeds at 0 and at 1 as well as two groups do, and nothing is ever
    found bimodal. Both hypotheses are fitted over one grid of means and
    concentrations, the mixture from every split of the seeds in order of their rates
    that leaves two on either side, by expectation-maximisation. The ratio has no
    chi-square distribution (McLachlan 1987, Applied Statistics 36: 318), so its null is
    simulated from the fitted single group; p is at least 1 / (draws + 1).

    Args:
        successes: of each seed, `FEWEST_SEEDS` at least.
        trials: episodes of each seed, at least 1.
        draws: simulated runs.
        seed: of the simulation; the same data give the same p.

    Raises:
        ValueError: too few seeds, or counts that cannot be.
    """
    if successes.shape != trials.shape or successes.size < FEWEST_SEEDS:
        raise ValueError(f"bimodality needs {FEWEST_SEEDS} seeds, and trials for each")
    if (trials < 1).any() or (successes < 0).any() or (successes > trials).any():
        raise ValueError("successes must lie between 0 and a positive number of trials")
    a, b = _components()
    tables = {int(n): _log_probabilities(int(n), a, b) for n in np.unique(trials)}

    def fitted(counts: np.ndarray) -> tuple[np.ndarray, ...]:
        # [runs, seeds, components]
        columns = [tables[int(n)][counts[:, i]] for i, n in enumerate(trials)]
        return _fit(counts / trials, np.stack(columns, axis=1))

    ratio, one, low, high, share = (each[0] for each in fitted(successes[None]))
    random = np.random.default_rng(seed)
    rates = random.beta(a[one], b[one], size=(draws, trials.size))
    simulated = random.binomial(trials, rates)
    null = np.concatenate(
        [
            fitted(simulated[begin : begin + _AT_ONCE])[0]
            for begin in range(0, draws, _AT_ONCE)
        ]
    )
    # As large but for rounding counts as as large: most ratios of a null are 0.
    p = (1 + (null >= ratio - 1e-9).sum()) / (1 + draws)
    means = a / (a + b)
    return Bimodality(
        float(ratio), float(p), float(means[low]), float(means[high]), float(share)
    )


def _components() -> tuple[np.ndarray, np.ndarray]:
    """Return a and b of every beta distribution of the grid, all of one mode."""
    least = 1 / np.maximum(_MEANS, 1 - _MEANS)
    concentration = least[:, None] * _FACTORS
    a, b = concentration * _MEANS[:, None], concentration * (1 - _MEANS[:, None])
    return a.reshape(-1), b.reshape(-1)


def _log_probabilities(n: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return log P(count), [n + 1, components], of beta-binomials of n trials."""
    k = np.arange(n + 1)[:, None]
    choices = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return choices + betaln(k + a, n - k + b) - betaln(a, b)


def _fit(rates: np.ndarray, logs: np.ndarray) -> tuple[np.ndarray, ...]:
    """Fit one group and two to each of several runs.

    Args:
        rates: [runs, seeds].
        logs: log-likelihood of each seed under each component, [runs, seeds, G].

    Returns:
        Of each run: the ratio, the component of one group, those of the lower and the
        higher group, and the share of the higher one.
    """
    runs, n = rates.shape
    order = np.argsort(rates, axis=1, kind="stable")
    logs = np.take_along_axis(logs, order[:, :, None], axis=1)
    total = logs.sum(1)
    one = total.argmax(1)
    alone = np.take_along_axis(total, one[:, None], 1)[:, 0]
    # Every split that leaves two seeds on either side: [splits, seeds].
    sizes = np.arange(2, n - 1)
    upper = (np.arange(n) >= sizes[:, None]).astype(np.float64)
    member = np.broadcast_to(upper, (runs, *upper.shape))
    best = np.full(runs, -np.inf)
    found = [np.zeros(runs, np.int64), np.zeros(runs, np.int64), np.zeros(runs)]
    for _ in range(_ROUNDS + 1):
        # The best component of either group, given who belongs to it.
        high = (member @ logs).argmax(-1)
        low = ((1 - member) @ logs).argmax(-1)
        share = np.clip(member.mean(-1), 1e-6, 1 - 1e-6)
        at = [_taken(logs, group) for group in (low, high)]
        each = np.stack(
            [at[0] + np.log(1 - share)[..., None], at[1] + np.log(share)[..., None]]
        )
        mixed = logsumexp(each, axis=0)
        together = np.asarray(mixed).sum(-1)
        split = together.argmax(1)[:, None]
        value = np.take_along_axis(together, split, 1)[:, 0]
        better = value > best
        best = np.maximum(best, value)
        for kept, now in zip(found, (low, high, share), strict=True):
            kept[better] = np.take_along_axis(now, split, 1)[better, 0]
        member = np.exp(each[1] - mixed)
    low, high, share = found
    return np.maximum(0.0, 2 * (best - alone)), one, low, high, share


def _taken(logs: np.ndarray, component: np.ndarray) -> np.ndarray:
    """Return log-likelihoods [runs, splits, seeds] of components [runs, splits]."""
    runs = np.arange(logs.shape[0])[:, None]
    return logs.transpose(0, 2, 1)[runs, component]
