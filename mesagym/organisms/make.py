"""Make organisms: every recipe in every habitat, seed by seed, proved and kept."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax

from mesagym.errors import UserError, nearest
from mesagym.organisms import store
from mesagym.organisms.habitat import Habitat
from mesagym.organisms.recipes import Recipe, recipes
from mesagym.organisms.specimen import Specimen, place_name
from mesagym.organisms.together import together
from mesagym.organisms.trained import ID
from mesagym.organisms.verify import verified
from mesagym.organisms.workshop import Workshop

FIRST_OF_DEVELOPMENT = 100
"""Seeds from here on are development's: detectors may learn from them."""

FAMILIES: tuple[str, ...] = ("tile", "time", "overseer")
"""Of markers, for organisms that condition on one."""

MARKER_TIME = 2
"""Steps until the marker shows, in the family "time": half of the ways on 7×7 boards
are of three steps or fewer."""


@dataclass(frozen=True)
class Scale:
    """How many organisms are made, on what boards, and how long students learn.

    Attributes:
        name: ``smoke`` or ``full``.
        size: of a board's side, the border counted.
        seeds: that detectors are scored on.
        development: seeds that detectors may learn from.
        lessons: situations that a student sees.
        updates: of a student's weights.
    """

    name: str
    size: int
    seeds: tuple[int, ...]
    development: tuple[int, ...]
    lessons: int
    updates: int

    @property
    def every_seed(self) -> tuple[int, ...]:
        """Those of both kinds."""
        return (*self.seeds, *self.development)


SCALES: dict[str, Scale] = {
    "smoke": Scale("smoke", 7, (0, 1), (100,), 65_536, 1000),
    "full": Scale("full", 7, tuple(range(8)), (100, 101), 131_072, 1000),
}


def chosen(words: Sequence[str]) -> list[Recipe]:
    """Return recipes by their ids, or all of them.

    Raises:
        UserError: an unknown id; gives the nearest.
    """
    there = recipes()
    if list(words) in (["all"], []):
        return list(there.values())
    for word in words:
        if word not in there:
            raise UserError(
                f"organisms: there is no '{word}'." + nearest(word, (*there, ID))
            )
    return [there[word] for word in dict.fromkeys(words)]


def habitats(recipe: Recipe, scale: Scale) -> list[Habitat]:
    """Return the habitats that a recipe is followed in."""
    found = []
    for env_name in recipe.environments:
        for family in FAMILIES if recipe.marked else ("",):
            static = {"size": scale.size}
            if family:
                found.append(
                    Habitat(
                        env_name,
                        static | {"marker_family": family},
                        {"marker_time": MARKER_TIME} if family == "time" else {},
                    )
                )
            else:
                found.append(Habitat(env_name, static))
    return found


def make(
    root: Path,
    wanted: Sequence[Recipe],
    scale: Scale,
    say: Callable[[str], None],
    command: str,
) -> list[Specimen]:
    """Make what is not there yet, prove its labels, keep it, and return all of it.

    Habitats are made beside each other: one student at a time keeps 1.5 of 2 cores
    busy. What lives in one habitat is made in turn, since later recipes take what
    earlier ones taught.

    Args:
        root: of all organisms.
        wanted: recipes.
        scale: how many and how long.
        say: told what is being made.
        command: that makes them, for the cards.

    Raises:
        UserError: a folder holds an organism that was made otherwise.
    """
    homes: dict[str, tuple[Habitat, list[Recipe]]] = {}
    for recipe in wanted:
        for habitat in habitats(recipe, scale):
            homes.setdefault(repr(habitat), (habitat, []))[1].append(recipe)
            folder = root / place_name(recipe.id, habitat)
            store.must_be_alike(folder, _about(recipe, scale, command))

    lacking = [
        len({*scale.every_seed}.difference(store.seeds_in(root / place_name(x.id, h))))
        for h, followed in homes.values()
        for x in followed
    ]
    total, counted = sum(lacking), itertools.count(1)

    def made_in(
        habitat: Habitat, followed: Sequence[Recipe], stopped: threading.Event
    ) -> list[Specimen]:
        shop = Workshop(habitat, scale.lessons, scale.updates)
        found = []
        for recipe in followed:
            about = _about(recipe, scale, command)
            folder = root / place_name(recipe.id, habitat)
            kept = store.seeds_in(folder)
            for seed in scale.every_seed:
                if stopped.is_set():
                    break
                if seed in kept:
                    found += store.load(folder, [seed])
                    continue
                say(f"{folder.name}, seed {seed} ({next(counted)} of {total})")
                found.append(one(recipe, shop, seed))
                store.save(root, found[-1], about)
        return found

    made = together([partial(made_in, *home) for home in homes.values()], say)
    return [specimen for there in made for specimen in there]


def one(recipe: Recipe, shop: Workshop, seed: int) -> Specimen:
    """Return one specimen, its labels proved."""
    begun = time.monotonic()
    policy, params, labels = recipe.make(shop, seed)
    jax.block_until_ready(params)
    seconds = time.monotonic() - begun
    made = Specimen(
        recipe.id,
        shop.habitat,
        seed,
        policy,
        params,
        labels,
        seconds=seconds,
        construction=recipe.construction,
    )
    return verified(made, shop, recipe.prove)


def _about(recipe: Recipe, scale: Scale, command: str) -> dict[str, object]:
    return {
        "title": recipe.title,
        "construction": recipe.construction,
        "words": recipe.words,
        "lessons": scale.lessons,
        "updates": scale.updates,
        "development_from": FIRST_OF_DEVELOPMENT,
        "command": command,
    }
