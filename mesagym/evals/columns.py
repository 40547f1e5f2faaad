"""What a table of outcomes says of its environment: kind, objectives, their names."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

CONTEST, ALLOCATION = "contest", "allocation"


def kind_of(columns: Collection[str]) -> str:
    """Return what the episodes of a table are: a contest's, or an allocation's.

    Where outcomes are amounts there is no column ``outcome``.

    Args:
        columns: the table's names, or the table by name.
    """
    return CONTEST if "outcome" in columns else ALLOCATION


def objectives_of(columns: Collection[str]) -> tuple[str, ...]:
    """Return every objective in a table, the base objective first."""
    return tuple(
        name.removeprefix("first_") for name in columns if name.startswith("first_")
    )


def own_objectives_of(columns: Collection[str]) -> tuple[str, ...]:
    """Return the environment's own objectives, the base objective first.

    One that a user added to watch has no column ``optimal_<objective>``.
    """
    return tuple(
        name for name in objectives_of(columns) if f"optimal_{name}" in columns
    )


def landmarks_of(columns: Collection[str]) -> dict[str, str]:
    """Return what besides objectives a policy may come to, and its column of steps.

    Landmarks of the board, and objectives that a user added to watch.
    """
    places = {
        name.removeprefix("arrive_"): name
        for name in columns
        if name.startswith("arrive_")
    }
    own = own_objectives_of(columns)
    watched = {
        name: f"first_{name}" for name in objectives_of(columns) if name not in own
    }
    return places | watched


def spoken(name: str) -> str:
    """Return an objective's name as it stands in a sentence: ``box on base``."""
    return name.replace("_", " ")


def proxies_in_words(objectives: Sequence[str]) -> str:
    """Return what the proxies are called together: ``corner``, ``color or shape``.

    Args:
        objectives: the base objective first; of more than two proxies nobody wants
            the list in every sentence, and they are ``proxy``.
    """
    proxies = [spoken(name) for name in objectives[1:]]
    return " or ".join(proxies) if 1 <= len(proxies) <= 2 else "proxy"


def phrase(objective: str, phrases: Mapping[str, str]) -> str:
    """Return what was done that an objective pays for: ``reached the cheese``.

    It goes on after "it", in the past, and before "first in 93 % of episodes".

    Args:
        objective: its name.
        phrases: by the objective's name, those of its environment
            (`mesagym.envs.base.Environment.phrases`); a run keeps them in its
            manifest.

    Returns:
        ``reached 'the_name'`` where the environment has no phrase for it, which claims
        nothing of what the thing is.
    """
    return phrases.get(objective, f"reached '{objective}'")


def proxies_phrase(objectives: Sequence[str], phrases: Mapping[str, str]) -> str:
    """Return what was done that any proxy pays for; arguments as those of `phrase`.

    Args:
        objectives: the base objective first; of more than two proxies nobody wants
            the list in every sentence.
        phrases: by the objective's name.

    Returns:
        ``reached the object of the same color or the object of the same shape``, the
        verb said once where it is the same.
    """
    said = [phrase(name, phrases) for name in objectives[1:]]
    if not 1 <= len(said) <= 2:
        return "pursued a proxy"
    verbs = {each.partition(" ")[0] for each in said}
    rest = said[1].partition(" ")[2] if len(said) == 2 and len(verbs) == 1 else ""
    return " or ".join([said[0], rest]) if rest else " or ".join(said)


def phrases_of(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return the phrases that a manifest's ``environment`` has; empty if none."""
    said = environment.get("phrases")
    if not isinstance(said, Mapping):
        return {}
    return {str(name): each for name, each in said.items() if isinstance(each, str)}


def file_name(shift: str) -> str:
    """Return a shift's name as part of a file's, where it may be a folder of levels."""
    return re.sub(r"[^\w-]+", "-", shift).strip("-")
