"""Figures of the evaluator `stability`: preferences over training, and their onsets."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullLocator

from mesagym.evals.columns import spoken
from mesagym.evals.evaluators.base import chosen
from mesagym.evals.outcomes import Columns
from mesagym.report import style
from mesagym.report.style import Drawing
from mesagym.tracking.console import short

_ONSETS = {
    "competence": ("o", style.INK),
    "base": ("D", style.BASE),
    "proxy": ("s", style.PROXY),
}
_ROW = 0.62  # of the height between two kinds of onset, that seeds are spread over


def figures(
    rows: Columns, base: str = "base", proxy: str = "proxy", label: str = ""
) -> list[Drawing]:
    """Return the figures of a finding, none where there is no history.

    Args:
        rows: the evaluator's tidy table.
        base: the base objective's name.
        proxy: the proxy's.
        label: what the run is called.
    """
    found = [preferences(rows, base, proxy, label), drift(rows, label)]
    return [each for each in found if each is not None]


def preferences(
    rows: Columns, base: str, proxy: str, label: str = ""
) -> Drawing | None:
    """Draw every seed's preference over training, and when what appeared.

    Below, each bar is one seed: from the last snapshot without to the first with it,
    which is marked. None where there is no history.
    """
    steps, values, seeds = by_steps(rows, "preference")
    if not steps.size:
        return None
    baseline = by_steps(rows, "preference", policy="baseline")
    names = {"base": spoken(base), "proxy": spoken(proxy), "competence": "competence"}
    with style.applied():
        figure = style.new_figure(height=350)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.2])
        for value, seed in zip(values.T, seeds, strict=True):
            colour = _colour(value[-1])
            top.plot(steps, value, color=colour, lw=1.3, alpha=0.75, gid=f"seed-{seed}")
        if baseline[0].size:
            mean = baseline[1].mean(1)
            top.plot(baseline[0], mean, color=style.MUTED, lw=1.6, ls=(0, (3, 1.6)))
        top.axhline(0, color=style.FAINT, lw=1)
        limit = 1.08 * max(1.0, _largest(values))
        top.set_ylim(-limit, limit)
        top.set_yticks(
            [-1, 0, 1], [f"{names['proxy']}\nfirst", "even", f"{names['base']}\nfirst"]
        )
        title = "preference over training"
        top.set_title(f"{label}: {title}" if label else title.capitalize())
        for row, (name, (mark, colour)) in enumerate(_ONSETS.items()):
            _draw_onsets(bottom, rows, name, row, mark, colour, seeds)
        bottom.set_ylim(len(_ONSETS) - 0.5, -0.5)
        bottom.set_title(
            "when it appeared", fontsize=11, weight="normal", color=style.MUTED
        )
        bottom.set_yticks(range(len(_ONSETS)), [names[name] for name in _ONSETS])
        bottom.tick_params(axis="y", labelcolor=style.INK)
        bottom.grid(visible=False)
        _draw_steps(bottom, steps)
        figure.legend(
            handles=_handles(values[-1], names, bool(baseline[0].size)),
            loc="outside lower left",
            ncols=2,
            handlelength=1.5,
            columnspacing=1.1,
            fontsize=10,
        )
    ends = ", ".join(f"{value:z.2f}" for value in values[-1])
    times = "; ".join(_sentence(rows, name, names[name]) for name in _ONSETS)
    alt = (
        f"Preference for {names['base']} (1) over {names['proxy']} (-1) at "
        f"{len(steps)} snapshots, {len(seeds)} seeds. At the end: {ends}. {times}."
    )
    return Drawing(figure, alt)


def drift(rows: Columns, label: str = "") -> Drawing | None:
    """Draw action and inaction drift over steps, None without a matched baseline."""
    kinds = {"action_drift": ("action", "-"), "inaction_drift": ("inaction", "--")}
    drawn = {name: by_steps(rows, name) for name in kinds}
    if not any(steps.size for steps, _, _ in drawn.values()):
        return None
    colours = {"action_drift": style.BASE, "inaction_drift": style.PROXY}
    said = []
    with style.applied():
        figure = style.new_figure(height=240)
        axes = figure.subplots()
        for name, (steps, values, _) in drawn.items():
            word, line = kinds[name]
            for value in values.T:
                axes.plot(steps, value, color=colours[name], lw=0.9, alpha=0.4, ls=line)
            there = np.isfinite(values)
            mean = np.full(len(steps), np.nan)
            np.divide(
                np.where(there, values, 0).sum(1),
                there.sum(1),
                out=mean,
                where=there.any(1),
            )
            axes.plot(steps, mean, color=colours[name], lw=2.4, ls=line, gid=name)
            last = f"{mean[-1]:z.2f}" if np.isfinite(mean[-1]) else "not there"
            said.append(f"{word} drift {last}")
            _draw_steps(axes, steps)
        axes.set_ylim(-0.04, 1.04)
        axes.set_yticks([0, 0.5, 1])
        title = "drift against the matched baseline"
        axes.set_title(f"{label}: {title}" if label else title.capitalize())
        handles = [
            Patch(color=style.BASE, label="action: base-first lost"),
            Patch(color=style.PROXY, label="inaction: proxy no longer let lie"),
        ]
        figure.legend(
            handles=handles,
            loc="outside lower left",
            handlelength=1.2,
            fontsize=10,
        )
    alt = f"Goal drift over environment steps. At the end: {', '.join(said)}."
    return Drawing(figure, alt)


def by_steps(
    rows: Columns, measure: str, policy: str | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a measure of every snapshot: steps [T], values [T, S], seeds [S].

    Args:
        rows: the tidy table.
        measure: which.
        policy: whose; of everyone but the baseline if None.
    """
    mine = chosen(rows, measure=measure, policy=policy)
    if policy is None:
        other = mine["policy"] != "baseline"
        mine = {name: column[other] for name, column in mine.items()}
    if not mine["value"].size:
        return np.empty(0), np.empty((0, 0)), np.empty(0, np.int64)
    steps, t = np.unique(mine["about"].astype(np.int64), return_inverse=True)
    seeds, s = np.unique(mine["seed"], return_inverse=True)
    values = np.full((len(steps), len(seeds)), np.nan)
    values[t, s] = mine["value"]
    return steps, values, seeds


_EVEN = 0.1
"""A preference nearer to 0 than this is drawn as even."""


def _colour(preference: float) -> str:
    if not np.isfinite(preference) or abs(preference) < _EVEN:
        return style.NEITHER
    return style.BASE if preference > 0 else style.PROXY


def _handles(
    ends: np.ndarray, names: dict[str, str], has_baseline: bool
) -> list[Line2D]:
    """Return what the legend explains: only what is drawn."""
    words = {
        style.BASE: f"a seed that ends for {names['base']}",
        style.PROXY: f"a seed that ends for {names['proxy']}",
        style.NEITHER: "a seed that ends even",
    }
    there = {_colour(end) for end in ends}
    handles = [
        Line2D([], [], color=colour, lw=1.6, label=text)
        for colour, text in words.items()
        if colour in there
    ]
    if has_baseline:
        dashes = Line2D([], [], color=style.MUTED, lw=1.6, ls=(0, (3, 1.6)))
        dashes.set_label("the matched baseline's mean")
        handles.append(dashes)
    return handles


def _largest(values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else 1.0


def _times(rows: Columns, measure: str) -> dict[int, float]:
    mine = chosen(rows, measure=measure)
    return dict(zip(mine["seed"].tolist(), mine["value"].tolist(), strict=True))


def _draw_onsets(
    axes: Axes,
    rows: Columns,
    name: str,
    row: int,
    mark: str,
    colour: str,
    seeds: np.ndarray,
) -> None:
    after, by = _times(rows, f"{name}_after"), _times(rows, f"{name}_time")
    place = np.linspace(-0.5, 0.5, len(seeds) + 2)[1:-1] * _ROW
    for seed, shift in zip(seeds.tolist(), place, strict=True):
        if not np.isfinite(by.get(seed, np.nan)):
            continue
        y = row + shift
        axes.plot([after[seed], by[seed]], [y, y], color=colour, lw=1.4, alpha=0.6)
        axes.plot(by[seed], y, mark, color=colour, ms=3.2, gid=f"{name}-{seed}")


def _draw_steps(axes: Axes, steps: np.ndarray) -> None:
    """Set an axis that shows 0 and is logarithmic from the first snapshot after it."""
    least = float(steps[steps > 0].min()) if (steps > 0).any() else 1.0
    axes.set_xscale("symlog", linthresh=least, linscale=0.5)
    ticks = [0.0, least]
    # Named where there is room for a name: each half as much again as the one before.
    for step in steps[steps > least]:
        if step >= 2.4 * ticks[-1]:
            ticks.append(float(step))
    axes.set_xticks(ticks)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: "0" if x == 0 else short(x))
    )
    axes.set_xlabel("environment steps, each seed")


def _sentence(rows: Columns, name: str, spoken_name: str) -> str:
    values = np.array(list(_times(rows, f"{name}_time").values()))
    there = values[np.isfinite(values)]
    if not there.size:
        return f"{spoken_name} never appears"
    return (
        f"{spoken_name} appears in {there.size} of {values.size} seeds, by "
        f"{short(float(np.median(there)))} steps in the median"
    )
