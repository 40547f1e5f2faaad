"""What goes into the zoo when a result is recorded, in place of what was there."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mesagym.reproductions.cards import GATE, assessed, card_of
from mesagym.reproductions.excerpt import policy_list, write_run
from mesagym.reproductions.folder import Reproduction
from mesagym.reproductions.zoo import CARD, FILM, FORMAT, POLICIES, READINGS, Entry
from mesagym.tracking import RunDirectory
from mesagym.tracking.files import (
    atomic_write_bytes,
    atomic_write_json,
    make_folders,
    read_sealed,
    sealed,
    sha256,
)

REPRESENTATIVES = 3_000_000
"""Bytes of weights that one result may keep so that every condition has a policy."""

FURTHER = 600_000
"""Bytes of weights of one result up to which further seeds are kept. All results
together stay below 30 MB."""

LARGEST = 2_000_000
"""Bytes of one file, above which weights are not kept but remade."""

RULE = (
    "The first seed that is competent stands for its condition (a contest: the gate of "
    f"the verdict; amounts: a base score of {GATE:g} or more on levels as in "
    "training). Kept are those, the conditions that are filmed before the others, "
    f"while a result has no more than {REPRESENTATIVES:,} bytes of weights; then "
    f"further seeds in ascending order, while it has no more than {FURTHER:,}."
)


def representative(competent: Mapping[int, bool]) -> int:
    """Return the seed that stands for a condition: the first that is competent.

    Args:
        competent: by seed; the first of all where none is.
    """
    seeds = sorted(competent)
    return next((seed for seed in seeds if competent[seed]), seeds[0])


def kept_seeds(
    sizes: Mapping[str, Mapping[int, int]], first: Mapping[str, int]
) -> dict[str, list[int]]:
    """Return which seeds' weights are kept, see `RULE`.

    Args:
        sizes: bytes by condition and seed, the conditions in the order of keeping.
        first: the representative of each condition.
    """
    kept: dict[str, list[int]] = {name: [] for name in sizes}
    room = REPRESENTATIVES
    for name in sizes:
        seed, size = first[name], sizes[name][first[name]]
        if size <= min(room, LARGEST):
            kept[name].append(seed)
            room -= size
    room += FURTHER - REPRESENTATIVES
    others = {
        name: [seed for seed in sorted(sizes[name]) if seed != first[name]]
        for name in sizes
        if kept[name]
    }
    for turn in range(max(map(len, others.values()), default=0)):
        for name in others:
            for seed in others[name][turn : turn + 1]:
                size = sizes[name][seed]
                if size > room:
                    return kept
                kept[name].append(seed)
                room -= size
    return kept


def store(
    reproduction: Reproduction,
    document: Mapping[str, Any],
    runs: Path,
    filmed: Callable[[RunDirectory, int], bytes],
) -> list[Entry]:
    """Put the policies of a recorded result into the zoo, in place of those before.

    Args:
        reproduction: which.
        document: the recorded result.
        runs: the folder of its runs, one a condition.
        filmed: makes a film of one seed's policy; asked of the conditions that the
            claim shows, as far as their policies are kept.
    """
    conditions = list(reproduction.claim.scale(document["scale"]).conditions)
    shown = reproduction.claim.shown or (conditions[0], conditions[-1])
    conditions.sort(key=lambda name: name not in shown)
    sources = {name: RunDirectory.read(runs / name) for name in conditions}
    lists = {name: policy_list(source) for name, source in sources.items()}
    told = {
        name: assessed(name, source, _gated(reproduction, document, name))
        for name, source in sources.items()
    }
    first = {name: representative(each.competent) for name, each in told.items()}
    kept = kept_seeds(
        {
            name: {int(s): each["bytes"] for s, each in there["seeds"].items()}
            for name, there in lists.items()
        },
        first,
    )
    with _replaced(reproduction.folder / POLICIES) as before:
        found = []
        for name, source in sources.items():
            here = Entry(reproduction, name)
            make_folders(here.folder)
            if kept[name]:
                command = document["command"]
                write_run(source, here.folder, kept[name], here.name, command)
            film = None
            if kept[name] and name in shown:
                data = filmed(source, first[name])
                atomic_write_bytes(here.folder / FILM, data)
                film = sha256(data)
            card = card_of(
                reproduction.claim,
                name,
                document,
                lists[name],
                told[name],
                first[name],
                kept[name],
            )
            card = {"format": FORMAT, **card, "rule": RULE, "film_sha256": film}
            atomic_write_json(here.folder / CARD, sealed(card))
            readings = before / name / READINGS
            if readings.is_file():
                same = read_sealed(readings)["policies_sha256"] == here.policies_sha256
                if same:
                    shutil.copyfile(readings, here.folder / READINGS)
            found.append(here)
    return found


@contextlib.contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """Set a folder aside while another is made in its place, and back if that fails.

    Yields:
        where the one before lies meanwhile, if there was one.
    """
    aside = folder.with_name(f".{folder.name}-before")
    if aside.is_dir():
        # A process that was killed meanwhile: what it set aside is what was whole.
        shutil.rmtree(folder, ignore_errors=True)
    elif folder.is_dir():
        folder.rename(aside)
    try:
        yield aside
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if aside.is_dir():
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _gated(
    reproduction: Reproduction, document: Mapping[str, Any], condition: str
) -> list[bool] | None:
    """Return which seeds passed the gate of the test; None where it has no own one."""
    figures = document["conditions"][condition]["figures"]
    own = figures.get("competent")
    if own is None and hasattr(reproduction.protocol, "competent"):
        own = reproduction.protocol.competent(figures)
    return None if own is None else [bool(each) for each in own]
