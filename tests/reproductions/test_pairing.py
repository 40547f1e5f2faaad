"""Pairs are of one seed, and only seeds that count on both sides make one."""

from typing import Any

import numpy as np

from mesagym.reproductions.judging import FAILED, HELD, UNCLEAR
from mesagym.reproductions.pairing import differences, rises_by_seed


def condition(seeds: list[int], values: list[float], out: int = -1) -> dict[str, Any]:
    return {"seeds": seeds, "values": values, "counts": [s != out for s in seeds]}


def more(first: dict[str, Any], second: dict[str, Any]) -> list[float]:
    found = differences(
        first,
        second,
        lambda each: np.array(each["values"]),
        lambda each: np.array(each["counts"]),
    )
    return found.tolist()


def test_seeds_are_paired_by_their_number_and_not_by_their_place() -> None:
    first = condition([1, 2, 3], [10.0, 20.0, 30.0])
    second = condition([3, 1, 2], [3.0, 1.0, 2.0])
    assert more(first, second) == [9.0, 18.0, 27.0]


def test_a_seed_that_does_not_count_on_either_side_makes_no_pair() -> None:
    first = condition([1, 2, 3, 4], [10.0, 20.0, 30.0, 40.0], out=1)
    second = condition([1, 2, 3], [1.0, 2.0, 3.0], out=3)
    assert more(first, second) == [18.0]


def test_what_all_seeds_share_is_found_however_much_seeds_differ() -> None:
    # Of independent groups this spread would hide it.
    seeds = np.linspace(-100, 100, 10)
    found = rises_by_seed("more", (seeds + 1 + 0.1 * np.sin(seeds)) - seeds)
    assert found.status == HELD
    assert found.p == 2 / 2**10
    assert found.seeds == 10


def test_the_direction_is_the_claimed_one() -> None:
    found = np.linspace(0.5, 1, 8)
    assert rises_by_seed("less", found, falls=True).status == FAILED
    assert rises_by_seed("less", -found, falls=True).status == HELD


def test_five_pairs_or_none_leave_it_open() -> None:
    assert rises_by_seed("more", np.ones(5)).status == UNCLEAR
    assert rises_by_seed("more", np.empty(0)).status == UNCLEAR
