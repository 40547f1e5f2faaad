"""Words for several uses, drawn at once."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from mesagym.levels.randomness import chances, one_of, random_words


def test_each_shape_gets_its_own_words():
    parts = random_words(jax.random.key(0), (2, 3), (), (4,))
    assert [part.shape for part in parts] == [(2, 3), (), (4,)]
    flat = np.concatenate([np.ravel(part) for part in parts])
    assert len(set(flat.tolist())) == 11


def test_chances_are_uniform_and_below_one():
    (words,) = random_words(jax.random.key(1), (20_000,))
    assert stats.kstest(np.asarray(chances(words)), "uniform").pvalue > 0.001


def test_the_highest_word_is_still_a_chance_below_one():
    highest = chances(jnp.array([0, 2**32 - 1], jnp.uint32))
    assert highest[0] == 0
    assert highest[1] < 1


def test_each_option_falls_to_an_equal_share_of_the_chances():
    options = [(jnp.full(2, k), jnp.int32(10 * k)) for k in range(3)]
    drawn = jax.vmap(lambda chance: one_of(chance, options))(jnp.arange(12) / 12)
    np.testing.assert_array_equal(drawn[0][:, 1], np.repeat([0, 1, 2], 4))
    np.testing.assert_array_equal(drawn[1], np.repeat([0, 10, 20], 4))
