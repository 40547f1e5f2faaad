"""The estimate of a training's memory, against what it certainly holds."""

import math

import jax
import numpy as np

from mesagym.cli.build import plan
from mesagym.cli.compose import composer
from mesagym.cli.memory import available_bytes, needed_bytes


def needed(*words: str, seeds: int = 1) -> tuple[int, int]:
    """Return the estimate, and the bytes of the observations of one rollout."""
    with composer("train") as composed_by:
        planned = plan(composed_by.settled(composed_by.compose(list(words))))
    shape = planned.program.shape
    one = math.prod(planned.program.env.observation_shape)
    return needed_bytes(planned, seeds), seeds * shape.steps_per_update * one


def test_at_least_the_rollout_of_every_seed_is_counted() -> None:
    estimate, rollout = needed("env.size=9", seeds=4)
    assert estimate > rollout


def test_seeds_multiply_it() -> None:
    one, four = needed("env.size=9")[0], needed("env.size=9", seeds=4)[0]
    assert np.isclose(four, 4 * one, rtol=1e-6)


def test_a_larger_network_needs_more() -> None:
    small = needed("agent=impala", "agent.network.channels=[4,4,4]")[0]
    large = needed("agent=impala")[0]
    assert large > small


def test_a_memory_is_counted_over_a_whole_minibatch() -> None:
    plain = needed("env.size=9", "agent.microbatch=128")[0]
    memory = needed("env.size=9", "agent.microbatch=128", "agent.network.memory=lstm")
    gates = 4 * 4 * 128 * 256 * 32 // 8
    assert memory[0] > plain + gates


def test_the_published_setting_fits_a_large_machine_and_no_small_one() -> None:
    estimate = needed("split=corner_sadek", "agent=impala", "env.pixels=8", seeds=10)[0]
    assert 2**30 < estimate < 2**38


def test_this_machine_says_what_it_has() -> None:
    there = available_bytes()
    assert jax.devices()
    assert there is None or there > 2**20
