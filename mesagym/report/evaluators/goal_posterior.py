"""Shares of levels that each hypothesis explains, stacked, one bar a policy."""

from matplotlib.patches import Patch

from mesagym.evals.columns import spoken
from mesagym.evals.evaluators.base import chosen, of_seeds
from mesagym.evals.outcomes import Columns
from mesagym.report import style
from mesagym.report.style import Drawing, rate_text

_TILE = style.FAINT
_LEAST_WRITTEN = 0.1


def figures(rows: Columns) -> list[Drawing]:
    """Draw what explains each policy on clean levels; none where there are no rows.

    Args:
        rows: of the evaluator `mesagym.evals.evaluators.goal_posterior`.
    """
    shares = chosen(rows, shift="clean", measure="share")
    who = list(dict.fromkeys(zip(shares["policy"], shares["mode"], strict=True)))
    about = list(dict.fromkeys(shares["about"].tolist()))
    if not who:
        return []
    colours = dict(zip(about, (style.BASE, *style.PROXIES), strict=False))
    colours |= {"other_tile": _TILE, "no_objective": style.NEITHER}
    tips, sentences = {}, []
    with style.applied():
        figure = style.new_figure(height=70 + 34 * len(who))
        axes = figure.subplots()
        for y, (policy, mode) in enumerate(who):
            left, said = 0.0, []
            mine = chosen(shares, policy=policy, mode=mode)
            for name in about:
                of = chosen(mine, about=name)
                share = float(of_seeds(of["seed"], of["value"]).mean())
                bar = axes.barh(
                    y, share, 0.62, left=left, color=colours[name], ec=style.PAPER
                )[0]
                bar.set_gid(f"share-{y}-{name}")
                tips[f"share-{y}-{name}"] = (
                    f"{spoken(policy)}, {spoken(name)}: {share:z.2f} of levels"
                )
                if share > _LEAST_WRITTEN:
                    dark = name in (about[0], "other_tile", "no_objective")
                    axes.text(
                        left + share / 2,
                        y,
                        rate_text(share),
                        ha="center",
                        va="center",
                        color=style.ON_BASE if dark else style.ON_COLOUR,
                    )
                    said.append(f"{spoken(name)} {share:z.2f}")
                left += share
            sentences.append(f"{spoken(policy)} ({mode}): {', '.join(said)}.")
        axes.set_ylim(len(who) - 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.grid(visible=False)
        axes.set_yticks(range(len(who)), [spoken(policy) for policy, _ in who])
        axes.tick_params(axis="y", labelcolor=style.INK)
        axes.set_xticks([0, 0.5, 1])
        axes.set_xlabel("share of clean levels that each explains")
        figure.legend(
            handles=[Patch(color=colours[name], label=spoken(name)) for name in about],
            loc="outside upper left",
            ncols=3,
            columnspacing=1.1,
            handlelength=0.9,
            handletextpad=0.4,
        )
    alt = "What explains the actions on clean levels. " + " ".join(sentences)
    return [Drawing(figure, alt, tips)]
