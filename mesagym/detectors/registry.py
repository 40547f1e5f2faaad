"""Which detectors there are: mesagym's own, and those that other packages announce."""

import importlib
from collections.abc import Sequence
from functools import cache

from mesagym.detectors.base import Detector
from mesagym.errors import UserError, nearest
from mesagym.registry import announced

GROUP = "mesagym.detectors"
"""Where other packages announce detectors: ``mine = "package.module:DETECTOR"`` under
this group of entry points."""

_OWN: tuple[str, ...] = (
    "directedness",
    "displacement",
    "thinking",
    "probes",
    "plan_edits",
    "retarget",
    "monitor",
)
"""Modules of this room that each hold one, in the order of tables."""


@cache
def detectors() -> dict[str, Detector]:
    """Return every detector by its name: mesagym's own, then other packages'.

    A name of mesagym's own stays its own, whoever else announces it.

    Raises:
        UserError: an entry point that names no detector.
    """
    found: dict[str, Detector] = {}
    for module in _OWN:
        own = importlib.import_module(f"mesagym.detectors.{module}").DETECTOR
        found[own.name] = own
    for other in announced(GROUP, Detector):
        found.setdefault(other.name, other)
    return found


def chosen(names: Sequence[str]) -> list[Detector]:
    """Return detectors by their names or ids, or all of them.

    Raises:
        UserError: an unknown name; gives the nearest.
    """
    there = detectors()
    if list(names) in (["all"], []):
        return list(there.values())
    by_word = {each.id: each for each in there.values()} | there
    for name in names:
        if name not in by_word:
            raise UserError(
                f"detectors: there is no '{name}'." + nearest(name, by_word)
            )
    return list({by_word[name].name: by_word[name] for name in names}.values())
