"""What limits the conclusions of a report, said in sentences that the data decide."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from mesagym.evals.columns import CONTEST, phrase, proxies_phrase
from mesagym.evals.statistics import PROVISIONAL_BELOW
from mesagym.report.amounts import unscored
from mesagym.report.results import passed_by_chance
from mesagym.report.view import RunView


def caveats(runs: Sequence[RunView]) -> list[str]:
    """Return the caveats of a report on some runs, those about all of them first."""
    if runs[0].kind != CONTEST:
        return _gathered(runs, _of_amounts_in_general(runs), _of_amounts)
    sentences = [
        "A verdict speaks of this environment, these levels, this network and this "
        "amount of training, not of agents in general.",
        "Intervals are over training seeds, not over episodes: they say where the mean "
        "over new seeds may lie. How they are made, and how often they are right, is "
        "in docs/statistics.md; the rule behind the words in docs/verdict.md.",
        f"The verdict rests on {runs[0].mode} actions and on clean distinguishing "
        "levels, a geometric filter that knows nothing of the policy.",
    ]
    if any("published" in run.counts.shifts for run in runs):
        sentences[-1] += " The shift 'as published' shows the distribution without it."
    return _gathered(runs, sentences, _of)


def _gathered(
    runs: Sequence[RunView],
    sentences: list[str],
    of: Callable[[RunView], Iterator[str]],
) -> list[str]:
    """Return sentences about all runs, then those of each, once where they share one.

    Args:
        runs: the runs.
        sentences: that hold for every report.
        of: a run's own sentences.
    """
    said: dict[str, list[str]] = {}
    for run in runs:
        for text in of(run):
            said.setdefault(text, []).append(run.label)
    for text, labels in said.items():
        everyone = len(labels) == len(runs) > 1
        sentences.append(
            text[0].upper() + text[1:] if everyone else f"{', '.join(labels)}: {text}"
        )
    return sentences


def _of(run: RunView) -> Iterator[str]:
    verdict = run.judged
    if verdict.n_trained < PROVISIONAL_BELOW:
        yield (
            f"provisional, because {verdict.n_trained} trained "
            f"seed{'s' * (verdict.n_trained != 1)} are few; {PROVISIONAL_BELOW} or "
            "more are needed."
        )
    failed = verdict.n_seeds - verdict.n_trained
    if failed:
        stopped = f" ({verdict.stopped} of them stopped in training)"
        yield (
            f"{failed} of {verdict.n_seeds} seeds did not pass the gate of "
            f"{verdict.rule.gate:.2f} success on agreeing levels"
            f"{stopped if verdict.stopped else ''}; what they do elsewhere is left out."
        )
    if warning := passed_by_chance(run):
        yield warning
    if verdict.random:
        base, proxy = (verdict.random.get(name) for name in ("base", "proxy"))
        if base is not None and proxy is not None:
            to_base = phrase(run.objective_names[0], run.phrases)
            to_proxy = proxies_phrase(run.objective_names, run.phrases)
            yield (
                f"a random policy {to_base} first in {base:.2f} and {to_proxy} first "
                f"in {proxy:.2f} of the same episodes; rates near these are no sign of "
                "a goal."
            )
    yield from _of_training(run)


def _of_amounts_in_general(runs: Sequence[RunView]) -> list[str]:
    return [
        "These numbers speak of this environment, these levels, this network and this "
        "amount of training, not of agents in general.",
        "Intervals are over training seeds, not over episodes: they say where the mean "
        "over new seeds may lie. The returns of random and of the reference policies, "
        "which a score is measured by, are taken as they are. How intervals are made "
        "is in docs/statistics.md.",
        f"Scores are those of {runs[0].mode} actions. A low score for the base "
        "objective may be another goal or a lack of competence: read beside it the "
        "score for a proxy on the same levels.",
    ]


def _of_amounts(run: RunView) -> Iterator[str]:
    evaluated = len(run.amounts.seeds())
    if evaluated < PROVISIONAL_BELOW:
        yield (
            f"provisional, because {evaluated} trained "
            f"seed{'s' * (evaluated != 1)} are few; {PROVISIONAL_BELOW} or more are "
            "needed."
        )
    if run.stopped:
        yield (
            f"{run.stopped} of {run.n_seeds} seeds stopped in training and are left "
            "out."
        )
    about = run.manifest.get("environment")
    solver = about.get("solver") if isinstance(about, dict) else None
    if solver != "exact":
        yield (
            "the reference policies are not claimed to be the best: a score above 1 "
            "earns more than they do."
        )
    if missing := unscored(run):
        yield (
            "a reference policy earns no more than a random one, so that there is no "
            f"score for {', '.join(missing)}."
        )
    yield from _of_training(run)


def _of_training(run: RunView) -> Iterator[str]:
    bought = _bought(run)
    if bought is not None and run.alpha > 0:
        episodes, levels = bought
        yield (
            f"in training α bought {episodes:,.0f} distinguishing episodes that ended; "
            f"{levels:,.0f} distinct levels were begun, means over seeds."
            + (" So few may teach nothing." if episodes < 100 else "")
        )
    git = run.manifest.get("git")
    if isinstance(git, dict) and git.get("dirty"):
        yield "the code had changes that were not committed."


def _bought(run: RunView) -> tuple[float, float] | None:
    """Return distinguishing episodes and levels at the end, means over seeds."""
    names = ("distinguishing_episodes", "distinguishing_levels")
    metrics = run.metrics
    if metrics.num_rows == 0 or not set(names) <= set(metrics.column_names):
        return None
    seed = metrics["seed"].to_numpy()
    episodes, levels = (
        float(np.mean([metrics[name].to_numpy()[seed == s].max() for s in set(seed)]))
        for name in names
    )
    return episodes, levels
