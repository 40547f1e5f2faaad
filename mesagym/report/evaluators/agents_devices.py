"""Probabilities of an agent: each level alone as dots, all together as a mark."""

import numpy as np
from matplotlib.lines import Line2D

from mesagym.evals.columns import spoken
from mesagym.evals.evaluators.base import chosen, of_seeds
from mesagym.evals.outcomes import Columns
from mesagym.report import style
from mesagym.report.style import Drawing


def figures(rows: Columns) -> list[Drawing]:
    """Draw how probable an agent is on clean levels; none where there are no rows.

    Args:
        rows: of the evaluator `mesagym.evals.evaluators.agents_devices`.
    """
    clean = chosen(rows, shift="clean", measure="level_agent")
    who = list(dict.fromkeys(zip(clean["policy"], clean["mode"], strict=True)))
    if not who:
        return []
    tips, sentences = {}, []
    # Dots that would lie on one another are spread, always in the same way.
    random = np.random.default_rng(0)
    with style.applied():
        figure = style.new_figure(height=75 + 34 * len(who))
        axes = figure.subplots()
        for y, (policy, mode) in enumerate(who):
            level = chosen(clean, policy=policy, mode=mode)["value"]
            axes.plot(
                level,
                y + random.uniform(-0.28, 0.28, level.shape),
                "o",
                ms=2.5,
                color=style.NEITHER,
                alpha=0.5,
                mew=0,
            )
            pooled = chosen(rows, shift="clean", measure="agent")
            pooled = chosen(pooled, policy=policy, mode=mode)
            seeds = of_seeds(pooled["seed"], pooled["value"])
            marks = axes.plot(
                seeds,
                np.full(seeds.shape, y),
                "D",
                ms=7,
                mfc=style.PROXY,
                mec=style.INK,
                mew=0.9,
                clip_on=False,
                zorder=4,
            )
            marks[0].set_gid(f"agent-{y}")
            words = (
                f"{spoken(policy)} ({mode}): {seeds.mean():z.2f} from all levels, "
                f"{level.mean():z.2f} from one"
            )
            tips[f"agent-{y}"] = words
            sentences.append(f"{words}.")
        axes.set_ylim(len(who) - 0.5, -0.5)
        axes.set_xlim(-0.02, 1.02)
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        axes.set_yticks(range(len(who)), [spoken(policy) for policy, _ in who])
        axes.tick_params(axis="y", labelcolor=style.INK)
        axes.set_xlabel("device   ←   probability of an agent   →   agent")
        look = {"ls": "", "marker": "D", "ms": 7, "mec": style.INK}
        figure.legend(
            handles=[
                Line2D([], [], mfc=style.PROXY, label="a seed, all levels", **look),
                Line2D(
                    [],
                    [],
                    ls="",
                    marker="o",
                    ms=4,
                    color=style.NEITHER,
                    label="one level alone",
                ),
            ],
            loc="outside upper left",
            ncols=2,
            handletextpad=0.4,
        )
    alt = "Agents and devices, clean levels. " + " ".join(sentences)
    return [Drawing(figure, alt, tips)]
