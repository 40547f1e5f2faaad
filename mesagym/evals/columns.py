"""What a table of outcomes says of its environment: kind, objectives, their names."""

import re
from collections.abc import Collection, Sequence

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
    """Return what the proxies are called together: ``corner``, ``colour or shape``.

    Args:
        objectives: the base objective first; of more than two proxies nobody wants
            the list in every sentence, and they are ``proxy``.
    """
    proxies = [spoken(name) for name in objectives[1:]]
    return " or ".join(proxies) if 1 <= len(proxies) <= 2 else "proxy"


def file_name(shift: str) -> str:
    """Return a shift's name as part of a file's, where it may be a folder of levels."""
    return re.sub(r"[^\w-]+", "-", shift).strip("-")
