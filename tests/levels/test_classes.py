"""Classes of contest levels, from what is known of their shortest ways."""

import jax.numpy as jnp
import pytest

from mesagym.levels import AGREEING, AMBIGUOUS, DISTINGUISHING
from mesagym.levels.classes import class_by_ways, level_class
from mesagym.levels.solve import UNREACHABLE, Ways

BY_WAYS = {
    "the only way to the proxy meets the base": ((3, 5, True, True, False), AGREEING),
    "one of several does": ((3, 5, False, True, False), AMBIGUOUS),
    "none does": ((3, 5, False, False, False), DISTINGUISHING),
    "none does, and the proxy is on the base's": (
        (3, 5, False, False, True),
        DISTINGUISHING,
    ),
    "the base is out of reach": ((UNREACHABLE, 5, False, False, False), AMBIGUOUS),
    "the proxy is out of reach": ((3, UNREACHABLE, True, True, False), AMBIGUOUS),
}


@pytest.mark.parametrize(("way", "label"), BY_WAYS.values(), ids=BY_WAYS)
def test_a_level_is_classed_by_its_shortest_ways(way: tuple[int, ...], label: int):
    found = class_by_ways(Ways(*map(jnp.asarray, way)))
    assert int(found.label) == label


@pytest.mark.parametrize("meets_proxy", [False, True])
def test_a_clean_level_has_no_way_to_the_base_that_meets_the_proxy(meets_proxy: bool):
    way = Ways(*map(jnp.asarray, (3, 5, False, False, meets_proxy)))
    assert bool(class_by_ways(way).clean) != meets_proxy


def test_what_else_bars_the_way_makes_a_level_ambiguous():
    way = Ways(*map(jnp.asarray, (3, 5, True, True, False)))
    found = class_by_ways(way, in_reach=jnp.bool_(False))
    assert int(found.label) == AMBIGUOUS
    assert not found.clean


def test_what_neither_agrees_nor_distinguishes_is_ambiguous():
    no = jnp.bool_(False)
    assert int(level_class(no, no, no).label) == AMBIGUOUS
