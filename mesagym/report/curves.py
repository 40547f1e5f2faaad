"""Learning curves: what each objective earned in training, and what α bought."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mesagym.evals.columns import spoken
from mesagym.evals.statistics import FEWEST_FOR_INTERVAL, mean_interval
from mesagym.report import style
from mesagym.report.style import Drawing
from mesagym.report.view import RunView
from mesagym.tracking.console import short
from mesagym.tracking.tables import Table

POINTS = 60
"""Points of a curve at most; the updates between two are averaged."""


def episode_env_steps(config: Mapping[str, Any]) -> int:
    """Return how many environment steps a seed takes while one episode runs out.

    Over all its environments: their number times the time limit. 0 where the run's
    configuration does not say.
    """
    limit = (config.get("env") or {}).get("max_steps")
    environments = (config.get("agent") or {}).get("num_envs")
    return int(limit * environments) if limit and environments else 0


def learning_curves(run: RunView) -> Drawing | None:
    """Draw the return of base and proxy over environment steps, None without metrics.

    Thin lines are seeds, the thick one their mean, the band its interval over seeds, of
    four or more. A point is the mean over the episodes that ended since the point
    before it, at least a time limit of steps. The first time limit has none: all
    environments start together, so that only quick episodes have ended by then, and for
    some time the failed ones end together. Below: how many distinguishing episodes, on
    how many distinct levels, training had seen.
    """
    if run.metrics.num_rows == 0:
        return None
    steps, episodes = by_seed(run.metrics, "distinguishing_episodes", last=True)
    span = episode_env_steps(run.config)
    ends, _ = by_seed(run.metrics, "episodes", span=span)
    returns = {
        name: by_seed(run.metrics, f"return_{name}", span=span)[1]
        for name in run.objective_names
    }
    with style.applied():
        figure = style.new_figure(height=330)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.05])
        colours = _colours(run.objective_names)
        for k, (name, values) in enumerate(returns.items()):
            _draw_band(top, ends, values, colours[name], f"return-{k}", dash=k > 0)
        style.set_title(top, f"{run.label}: return in training")
        _limit(top, np.concatenate(list(returns.values())), run.metrics)
        handles = [
            top.plot([], [], color=colours[name], lw=2.4, label=spoken(name), ls=line)[
                0
            ]
            for name, line in zip(returns, ["-", *[(0, (3, 1.6))] * 9], strict=False)
        ]
        top.legend(handles=handles, loc="lower right", handlelength=2.2)
        levels = by_seed(run.metrics, "distinguishing_levels", last=True)[1]
        _draw_bought(bottom, steps, episodes, levels)
        bottom.set_xlabel("environment steps, each seed")
        bottom.xaxis.set_major_formatter(_SHORT)
        bottom.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    seeds = len(episodes)
    last = ", ".join(
        f"{spoken(name)} {_last(values)}" for name, values in returns.items()
    )
    bought = _last_count(episodes)
    alt = (
        f"Learning curves, {run.label}, {seeds} seeds. Mean return at the end: "
        f"{last}. Distinguishing episodes seen by then, mean over seeds: {bought}."
    )
    tips = {
        f"return-{k}": f"{spoken(name)}: {_last(values)} at the end, mean over seeds"
        for k, (name, values) in enumerate(returns.items())
    }
    return Drawing(figure, alt, tips)


def by_seed(
    metrics: Table, column: str, *, last: bool = False, span: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Thin a metric out to the points of a curve.

    Args:
        metrics: one row a seed and update.
        column: its name.
        last: take the last value of a point's updates (for running totals); else
            their mean, weighted with the episodes that ended in each.
        span: fewest environment steps of a point, and how many at the start are left
            out. The last point takes in what is left.

    Returns:
        environment steps at the points' ends, float64[points], and values,
        float64[seeds, points], NaN where a seed has none. No point where training was
        shorter than twice the span.
    """
    seed, steps = (metrics[name].to_numpy() for name in ("seed", "env_steps"))
    values = metrics[column].to_numpy().astype(np.float64)
    weights = metrics["episodes"].to_numpy().astype(np.float64)
    updates = np.unique(steps)
    ends = updates[
        np.unique(np.linspace(0, len(updates), POINTS + 1, dtype=int)[1:] - 1)
        if len(updates) > POINTS
        else slice(None)
    ]
    ends = _spaced(ends, span)
    point = np.searchsorted(ends, steps)
    within = (point < len(ends)) & (steps > span)
    seeds = np.unique(seed)
    curve = np.full((len(seeds), len(ends)), np.nan)
    for row, one in enumerate(seeds):
        mine = within & (seed == one)
        if last:
            order = np.argsort(steps[mine], kind="stable")
            curve[row, point[mine][order]] = values[mine][order]
            continue
        use = mine & np.isfinite(values) & (weights > 0)
        totals = np.bincount(point[use], weights[use] * values[use], len(ends))
        count = np.bincount(point[use], weights[use], len(ends))
        np.divide(totals, count, out=curve[row], where=count > 0)
    return ends.astype(np.float64), curve


def _spaced(ends: np.ndarray, span: int) -> np.ndarray:
    """Return those of ascending ends that lie at least ``span`` from one another.

    The first of them that far from ``span`` itself. The last one is the last of all, so
    that nothing is left over.
    """
    kept: list[int] = []
    for end in ends.tolist():
        if end - (kept[-1] if kept else span) >= span:
            kept.append(end)
    if kept:
        kept[-1] = int(ends[-1])
    return np.array(kept, ends.dtype)


# --- drawing --------------------------------------------------------------------------

_SHORT = FuncFormatter(lambda value, _: "0" if value == 0 else _plain(short(value)))


def _plain(number: str) -> str:
    """Write 1.00M as 1M."""
    unit = number[-1] if number[-1].isalpha() else ""
    digits = number.removesuffix(unit)
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) + unit


def _colours(names: tuple[str, ...]) -> dict[str, str]:
    colours = (style.BASE, *style.PROXIES)
    return {name: colours[min(k, len(colours) - 1)] for k, name in enumerate(names)}


def _draw_band(
    axes: Axes, steps: np.ndarray, values: np.ndarray, colour: str, gid: str, dash: bool
) -> None:
    for seed in values:
        axes.plot(steps, seed, color=colour, lw=0.8, alpha=0.35)
    # Of fewer seeds their lines are all: an interval would take in nearly everything.
    enough = np.isfinite(values).sum(0) >= FEWEST_FOR_INTERVAL
    intervals = [
        mean_interval(column, drop_nan=True) if good else None
        for column, good in zip(values.T, enough, strict=True)
    ]
    low = np.array([each.low if each else np.nan for each in intervals])
    high = np.array([each.high if each else np.nan for each in intervals])
    axes.fill_between(steps, low, high, color=colour, alpha=0.18, lw=0)
    if np.isfinite(values).any():
        line = (0, (3, 1.6)) if dash else "-"
        mean = _mean(values)
        axes.plot(steps, mean, color=colour, lw=2 if dash else 2.8, ls=line, gid=gid)


def _draw_bought(
    axes: Axes, steps: np.ndarray, episodes: np.ndarray, levels: np.ndarray
) -> None:
    axes.set_title(
        "distinguishing episodes seen", fontsize=11, weight="normal", color=style.MUTED
    )
    axes.yaxis.set_major_formatter(_SHORT)
    if not np.nansum(episodes):
        axes.set_ylim(0, 1)
        axes.set_yticks([0])
        axes.axhline(0, color=style.INK, lw=2)
        axes.text(
            0.5,
            0.5,
            "none",
            transform=axes.transAxes,
            ha="center",
            va="center",
            color=style.MUTED,
        )
        return
    for seed in episodes:
        axes.plot(steps, seed, color=style.INK, lw=0.8, alpha=0.3)
    axes.plot(steps, _mean(episodes), color=style.INK, lw=2, label="episodes")
    axes.plot(
        steps,
        _mean(levels),
        color=style.MUTED,
        lw=1.6,
        ls=(0, (1, 1.6)),
        label="distinct levels",
    )
    axes.set_ylim(0, float(np.nanmax(episodes)) * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(2))
    axes.legend(loc="upper left", fontsize=10, handlelength=1.6, borderpad=0)


def _limit(axes: Axes, values: np.ndarray, metrics: Table) -> None:
    """Show what the seeds did; an interval of few seeds may be cut off."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        ended = metrics["episodes"].to_numpy().sum() > 0
        # There is no point where nothing is known yet of episodes that take long.
        why = "too short for a curve" if ended else "no episode ended"
        axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center")
        return
    low, high = float(finite.min()), float(finite.max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    margin = 0.04 * (high - low or 1)
    axes.set_ylim(low - margin, high + margin)


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over seeds where there is one, NaN elsewhere."""
    count = np.isfinite(values).sum(0)
    mean = np.full(values.shape[1], np.nan)
    return np.divide(np.nansum(values, 0), count, out=mean, where=count > 0)


def _last(values: np.ndarray) -> str:
    mean = _mean(values)
    finite = mean[np.isfinite(mean)]
    return f"{finite[-1]:z.2f}" if finite.size else "unknown"


def _last_count(values: np.ndarray) -> str:
    """Return the mean over seeds of running totals, each at its own end."""
    ends = [seed[np.isfinite(seed)][-1] for seed in values if np.isfinite(seed).any()]
    return f"{np.mean(ends):,.0f}" if ends else "unknown"
