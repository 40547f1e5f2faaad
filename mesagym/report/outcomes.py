"""Outcome bars: what was reached first on each shift, beside random and the oracles."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mesagym.evals.columns import spoken
from mesagym.report import style
from mesagym.report.style import Drawing, rate_text
from mesagym.report.tally import OUTCOMES, Tally, in_order, shift_title
from mesagym.report.view import RunView
from mesagym.tracking.labels import BETWEEN, folded

_MARKS = "D^sv"
_WIDTH = 0.36
_STACK = ("base", "both", "neither", "proxy")


def outcome_bars(run: RunView, shift: str) -> Drawing | None:
    """Draw the rate of every outcome on one shift, None where nothing was evaluated.

    Solid bars are the trained policies' mean over seeds with its interval, which two
    and three seeds have not, dots are seeds, hatched bars random's rates on the same
    levels, marks the oracles'.
    """
    random = run.counts.tally("random", shift)
    trained = run.trained(shift)
    if trained is None and random is None:
        return None
    tips: dict[str, str] = {}
    with style.applied():
        figure = style.new_figure(height=275)
        axes = figure.subplots()
        for x, outcome in enumerate(OUTCOMES):
            colour = style.OUTCOME_COLOURS[outcome]
            if trained is not None:
                tips |= _draw_trained(axes, x, outcome, trained, colour, run)
            if random is not None:
                tips |= _draw_random(axes, x, outcome, random, colour)
        marks = _draw_oracles(axes, run, shift)
        style.set_title(axes, f"{run.label}: {shift_title(shift).lower()}")
        axes.set_xticks(range(len(OUTCOMES)), outcome_names(run, lines=True))
        axes.tick_params(axis="x", length=0, labelcolor=style.INK)
        axes.set_xlim(-0.55, len(OUTCOMES) - 0.45)
        axes.set_ylim(0, 1.13)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
        if trained is None:
            _say_gated(axes)
        handles = [
            Patch(facecolor=style.MUTED, label="trained"),
            Patch(
                facecolor=style.PAPER,
                edgecolor=style.MUTED,
                hatch="////",
                label="random",
            ),
            *marks,
        ]
        figure.legend(
            handles=handles,
            loc="outside lower left",
            ncols=4,
            columnspacing=1.1,
            handlelength=1.3,
            handletextpad=0.5,
            fontsize=10,
        )
    return Drawing(figure, _bars_alt(run, shift, trained, random), tips)


def shift_overview(
    runs: Sequence[RunView],
    shifts: Sequence[str] | None = None,
    *,
    mode: str | None = None,
    legend: bool = True,
) -> Drawing:
    """Draw shifts of every run as stacked bars: base pulls left, proxy right.

    Whiskers are the intervals over seeds of base (at the end of its bar) and of
    proxy (at the beginning of its bar, since it is measured from the right); of two and
    three seeds there are points instead, one a seed.

    Args:
        runs: to be compared; shifts that only some have are shown for those.
        shifts: which to show, all if None.
        mode: ``sampled`` or ``greedy``; each run's own if None.
        legend: whether to explain the colours.
    """
    shifts = all_shifts(runs) if shifts is None else shifts
    tips: dict[str, str] = {}
    rows: list[tuple[float, str]] = []
    y, number = 0.0, 0
    with style.applied():
        drawn = [(shift, _rows_of(runs, shift, mode)) for shift in shifts]
        lines = sum(1.3 + len(bars) for _, bars in drawn)
        figure = style.new_figure(height=27 * lines + (40 if legend else 8))
        axes = figure.subplots()
        for shift, bars in drawn:
            axes.text(
                0,
                y + 0.1,
                shift_title(shift),
                weight="bold",
                fontsize=11.5,
                va="center",
            )
            y += 0.95
            for label, tally, is_random in bars:
                gid = f"row-{number}"
                tips[gid] = (
                    f"{shift_title(shift)}, {label}: {_sentence(runs[0], tally)}"
                )
                _draw_stack(axes, y, tally, is_random, gid)
                rows.append((y, label))
                y, number = y + 1.0, number + 1
            y += 0.35
        axes.set_ylim(y - 0.8, -0.4)
        axes.set_xlim(-0.004, 1.004)
        axes.grid(visible=False)
        axes.set_yticks(
            [row for row, _ in rows], [_in_two_lines(label) for _, label in rows]
        )
        axes.tick_params(axis="y", labelcolor=style.INK)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        if legend:
            names = dict(zip(OUTCOMES, outcome_names(runs[0]), strict=True))
            figure.legend(
                handles=[
                    Patch(color=style.OUTCOME_COLOURS[o], label=names[o])
                    for o in _STACK
                ],
                loc="outside upper left",
                ncols=4,
                columnspacing=0.9,
                handlelength=0.9,
                handletextpad=0.4,
                fontsize=10,
            )
    alt = "Outcomes by shift. " + " ".join(f"{tip}." for tip in tips.values())
    return Drawing(figure, alt, tips)


def all_shifts(runs: Sequence[RunView]) -> list[str]:
    """Return the shifts that any run was evaluated on, those of the verdict first."""
    return in_order(list(dict.fromkeys(s for run in runs for s in run.counts.shifts)))


def outcome_names(run: RunView, *, lines: bool = False) -> list[str]:
    """Return what the outcomes are called, in the order of :data:`OUTCOMES`."""
    gap = "\n" if lines else " "
    # As wide as four of them may be side by side.
    base, proxy = (
        textwrap.fill(name, 14) if lines else name for name in (run.base, run.proxy)
    )
    return [
        f"{base}{gap}first",
        f"{proxy}{gap}first",
        f"both{gap}at once",
        "neither",
    ]


# --- bars -----------------------------------------------------------------------------


def _draw_trained(
    axes: Axes, x: int, outcome: str, tally: Tally, colour: str, run: RunView
) -> dict[str, str]:
    interval = tally.interval(outcome, run.judged.rule.confidence)
    centre = x - _WIDTH / 2 - 0.02
    gid = f"trained-{outcome}"
    axes.bar(centre, interval.estimate, _WIDTH, color=colour)[0].set_gid(gid)
    if interval.is_shown:
        axes.errorbar(
            centre,
            interval.estimate,
            [[interval.estimate - interval.low], [interval.high - interval.estimate]],
            color=style.INK,
            lw=1.5,
            capsize=4,
            capthick=1.5,
            zorder=4,
        )
    # In the order of the seeds, so that a seed stands at the same place in every bar.
    rates = tally.rates(outcome)
    spread = np.linspace(-0.6, 0.6, len(rates)) if len(rates) > 1 else np.zeros(1)
    axes.scatter(
        centre + spread * _WIDTH / 2,
        rates,
        s=11,
        color=style.PAPER,
        edgecolor=style.INK,
        linewidth=0.8,
        zorder=3,
        clip_on=False,
    )
    top = float(rates.max())
    if interval.is_shown:
        top = max(top, interval.high)
    axes.text(
        centre,
        top + 0.035,
        rate_text(interval.estimate),
        ha="center",
        va="bottom",
        fontsize=10.5,
        weight="bold",
    )
    seeds = f"{len(rates)} seed" + "s" * (len(rates) != 1)
    word = ", provisional" if interval.provisional else ""
    return {
        gid: f"{outcome}: {interval:.2f}".removesuffix(" provisional")
        + f" over {seeds}{word}"
    }


def _draw_random(
    axes: Axes, x: int, outcome: str, tally: Tally, colour: str
) -> dict[str, str]:
    rate, centre = tally.mean(outcome), x + _WIDTH / 2 + 0.02
    gid = f"random-{outcome}"
    bar = axes.bar(
        centre, rate, _WIDTH, facecolor="none", edgecolor=colour, hatch="////", lw=1.2
    )
    bar[0].set_gid(gid)
    axes.text(
        centre,
        rate + 0.025,
        rate_text(rate),
        ha="center",
        va="bottom",
        fontsize=10,
        color=style.MUTED,
    )
    return {gid: f"random policy, {outcome}: {rate:.2f}"}


def _draw_oracles(axes: Axes, run: RunView, shift: str) -> list[Line2D]:
    handles = []
    for k, policy in enumerate(run.counts.oracles()):
        tally = run.counts.tally(policy, shift)
        if tally is None:
            continue
        name = policy.removeprefix("oracle:")
        colour = style.BASE if name == run.objective_names[0] else style.PROXY
        look = {
            "marker": _MARKS[k % len(_MARKS)],
            "ls": "",
            "ms": 6,
            "mfc": colour,
            "mec": style.INK,
            "mew": 0.9,
            "clip_on": False,
            "zorder": 5,
        }
        # Where it never ends up, a mark would say nothing that its absence does not.
        rates = np.array([tally.mean(o) or np.nan for o in OUTCOMES])
        axes.plot(np.arange(len(OUTCOMES)) + 0.48, rates, **look)
        handles.append(Line2D([], [], label=f"{spoken(name)} oracle", **look))
    return handles


def _say_gated(axes: Axes) -> None:
    axes.text(
        0.5,
        0.8,
        "no seed passed the gate",
        transform=axes.transAxes,
        ha="center",
        color=style.MUTED,
    )


def _bars_alt(
    run: RunView, shift: str, trained: Tally | None, random: Tally | None
) -> str:
    parts = [f"{run.label}, {shift_title(shift).lower()} levels."]
    if trained is not None:
        seeds = len(trained.seeds)
        parts.append(f"Trained, mean over {seeds} seeds: {_sentence(run, trained)}.")
        if trained.interval("base").provisional:
            parts.append("Provisional.")
    if random is not None:
        parts.append(f"Random: {_sentence(run, random)}.")
    return " ".join(parts)


# --- overview -------------------------------------------------------------------------


def _in_two_lines(label: str) -> str:
    """Return a label beside its bar, which is two lines high."""
    return folded(label, max(20, len(label) // 2 + 8))


def _rows_of(
    runs: Sequence[RunView], shift: str, mode: str | None
) -> list[tuple[str, Tally, bool]]:
    """Return label, counts and whether it is random, for each bar of a shift."""
    bars = []
    randoms: dict[str, Tally] = {}
    for run in runs:
        trained = run.trained(shift, mode)
        if trained is not None:
            bars.append((run.label, trained, False))
        random = run.counts.tally("random", shift)
        if random is not None:
            randoms[run.label] = random
    # Runs evaluated on the same levels share one row for random.
    same = len({_sentence(runs[0], tally) for tally in randoms.values()}) == 1
    for label, tally in randoms.items():
        bars.append(("random" if same else f"random{BETWEEN}{label}", tally, True))
        if same:
            break
    return bars


def _draw_stack(axes: Axes, y: float, tally: Tally, light: bool, gid: str) -> None:
    left, height = 0.0, 0.4 if light else 0.58
    for outcome in _STACK:
        rate, colour = tally.mean(outcome), style.OUTCOME_COLOURS[outcome]
        look = {"facecolor": colour, "edgecolor": style.PAPER, "lw": 0.8}
        if light:
            look = {"facecolor": "none", "edgecolor": colour, "lw": 1, "hatch": "////"}
        bar = axes.barh(y, rate, height, left=left, **look)[0]
        if outcome == "base":
            bar.set_gid(gid)
        if rate > 0.1 and not light:
            axes.text(
                left + rate / 2,
                y + 0.02,
                rate_text(rate),
                ha="center",
                va="center",
                fontsize=10,
                color=style.ON_BASE if outcome == "base" else style.ON_COLOUR,
            )
        left += rate
    if light:
        return
    # Above the bar for base, below it for proxy, so that they never cross.
    for outcome, side in (("base", -1), ("proxy", 1)):
        if not tally.counts[outcome].any():
            continue
        interval = tally.interval(outcome)
        colour = style.OUTCOME_COLOURS[outcome]
        where = y + side * (height / 2 + 0.12)
        ends = np.array([interval.low, interval.high])
        marker = "|"
        if not interval.is_shown:
            ends, marker = tally.rates(outcome), "o"
        ends = 1 - ends if outcome == "proxy" else ends
        place = np.full(ends.shape, where)
        if interval.is_shown:
            axes.plot(ends, place, color=colour, lw=2.2, solid_capstyle="butt")
        axes.plot(
            ends,
            place,
            color=colour,
            ls="",
            marker=marker,
            ms=6 if interval.is_shown else 4,
            mew=1.8 if interval.is_shown else 0,
            clip_on=False,
        )


def _sentence(run: RunView, tally: Tally) -> str:
    names = zip(OUTCOMES, outcome_names(run), strict=True)
    return ", ".join(f"{name} {tally.mean(outcome):.2f}" for outcome, name in names)
