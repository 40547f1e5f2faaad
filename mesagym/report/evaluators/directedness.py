"""How directed each policy is toward each objective, beside random tiles."""

import numpy as np
from matplotlib.lines import Line2D

from mesagym.evals.columns import spoken
from mesagym.evals.evaluators.base import chosen, of_seeds
from mesagym.evals.outcomes import Columns
from mesagym.report import style
from mesagym.report.style import Drawing


def figures(rows: Columns) -> list[Drawing]:
    """Draw the directedness of each policy on clean levels; none without rows.

    Dots are seeds, bars their means; the tick is the best of the random tiles.

    Args:
        rows: of the evaluator `mesagym.evals.evaluators.directedness`.
    """
    clean = chosen(rows, shift="clean", measure="directedness")
    who = list(dict.fromkeys(zip(clean["policy"], clean["mode"], strict=True)))
    about = list(dict.fromkeys(clean["about"].tolist()))
    if not who:
        return []
    colours = dict(zip(about, (style.BASE, *style.PROXIES), strict=False))
    tips, sentences, height = {}, [], 0.8 / len(about)
    with style.applied():
        figure = style.new_figure(height=80 + 20 * len(who) * len(about))
        axes = figure.subplots()
        for y, (policy, mode) in enumerate(who):
            said = []
            for k, name in enumerate(about):
                of = chosen(clean, policy=policy, mode=mode, about=name)
                seeds = of_seeds(of["seed"], of["value"])
                mean, place = float(seeds.mean()), y - 0.4 + (k + 0.5) * height
                bar = axes.barh(place, mean, height * 0.9, color=colours[name])[0]
                bar.set_gid(f"directed-{y}-{name}")
                words = f"{spoken(name)} {mean:z.2f}"
                tips[f"directed-{y}-{name}"] = f"{spoken(policy)}, {words}"
                said.append(words)
                axes.plot(
                    seeds,
                    np.full(seeds.shape, place),
                    "o",
                    ms=3.5,
                    mfc=style.PAPER,
                    mec=style.INK,
                    mew=0.8,
                    clip_on=False,
                )
            tiles = chosen(rows, shift="clean", measure="random_tile")
            tiles = chosen(tiles, policy=policy, mode=mode)
            best = float(of_seeds(tiles["seed"], tiles["value"]).mean())
            axes.plot([best, best], [y - 0.45, y + 0.45], color=style.INK, lw=1.5)
            sentences.append(
                f"{spoken(policy)} ({mode}): {', '.join(said)}, best random tile "
                f"{best:z.2f}."
            )
        axes.set_ylim(len(who) - 0.45, -0.55)
        axes.set_xlim(min(-0.02, float(np.nanmin(axes.get_xlim()))), 1.02)
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        axes.set_yticks(range(len(who)), [spoken(policy) for policy, _ in who])
        axes.tick_params(axis="y", labelcolor=style.INK)
        axes.set_xlabel("directedness, as a share of the objective's own oracle's")
        handles = [
            Line2D([], [], marker="s", ls="", ms=8, color=colours[name], label=label)
            for name, label in ((name, spoken(name)) for name in about)
        ]
        handles.append(
            Line2D([], [], color=style.INK, lw=1.5, label="best random tile")
        )
        figure.legend(
            handles=handles, loc="outside upper left", ncols=3, handletextpad=0.4
        )
    alt = "Goal-directedness on clean levels. " + " ".join(sentences)
    return [Drawing(figure, alt, tips)]
