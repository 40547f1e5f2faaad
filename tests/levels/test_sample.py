"""Drawing again what was rejected: every place filled, none of them favoured."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from mesagym.levels.sample import sample_accepted


def drawn(accept: Callable[[jax.Array], jax.Array], n: int, seed: int = 0):
    """Draw numbers of [0, 1) that meet a condition."""

    def draw(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        number = jax.random.uniform(key)
        return number, accept(number)

    sample = jax.jit(lambda key: sample_accepted(key, n, draw))
    return jax.tree.map(np.asarray, sample(jax.random.key(seed)))


@pytest.mark.parametrize("n", [1, 2, 5, 1000])
def test_every_place_is_filled_where_most_draws_are_rejected(n: int):
    numbers, accepted = drawn(lambda x: x < 0.1, n)
    assert accepted.all()
    assert (numbers < 0.1).all()


def test_places_are_independent_draws_from_what_is_accepted():
    numbers, _ = drawn(lambda x: x > 0.75, 4000)
    # A draw has 2**21 values here, so some four pairs are equal by chance.
    assert len(np.unique(numbers)) > 3985
    assert stats.kstest(numbers, stats.uniform(0.75, 0.25).cdf).pvalue > 0.001
    # Neither does a place tell anything about the next, nor early from late ones.
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 4 / np.sqrt(4000)
    assert stats.kstest(numbers[:2000], numbers[2000:]).pvalue > 0.001


def test_other_keys_draw_other_levels():
    first, _ = drawn(lambda x: x < 2, 100, seed=0)
    second, _ = drawn(lambda x: x < 2, 100, seed=1)
    assert not np.isin(first, second).any()


def test_a_place_that_cannot_be_filled_holds_an_accepted_level(monkeypatch):
    monkeypatch.setattr("mesagym.levels.sample.MAX_ROUNDS", 3)
    numbers, accepted = drawn(lambda x: x < 0.1, 200)
    assert 0 < accepted.sum() < 200
    assert (numbers < 0.1).all()
    assert np.isin(numbers[~accepted], numbers[accepted]).all()


def test_where_nothing_is_ever_accepted_the_flags_say_so_and_the_levels_are_zeros():
    numbers, accepted = drawn(lambda x: x < 0, 4)
    assert not accepted.any()
    assert not numbers.any()


def test_what_was_rejected_last_is_not_passed_on(monkeypatch):
    monkeypatch.setattr("mesagym.levels.sample.MAX_ROUNDS", 1)
    numbers, accepted = drawn(lambda x: x < 0.5, 64)
    assert 0 < accepted.sum() < 64
    assert (numbers < 0.5).all()


def test_a_level_may_have_many_leaves():
    def draw(key: jax.Array) -> tuple[dict[str, jax.Array], jax.Array]:
        number = jax.random.randint(key, (), 0, 10)
        level = {"number": number, "row": jnp.full(3, number), "odd": number % 2 == 1}
        return level, number % 2 == 1

    levels, _ = jax.jit(lambda key: sample_accepted(key, 50, draw))(jax.random.key(0))
    assert levels["odd"].all()
    assert (levels["row"] == levels["number"][:, None]).all()
