"""The compiled chunk: pools, counts, and a seed that is lost."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.levels.pool import DISTINGUISHING
from mesagym.training.chunk import start, train_chunk
from tests.training.conftest import make_program


def leaves_equal(one, other):
    """Return whether two pytrees hold the same bits."""

    def words(leaf):
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if is_key else leaf)

    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(words(a), words(b), equal_nan=True) for a, b in pairs)


def test_the_first_chunk_trains_on_the_pool_that_training_started_with(
    begin, advance, cell
):
    state = begin(cell)
    after, _ = advance(cell, state)
    assert leaves_equal(state.pool, after.pool)


def test_later_chunks_refill_the_pool_and_raise_its_generation(begin, advance, cell):
    state, _ = advance(cell, begin(cell))
    after, _ = advance(cell, state)
    assert int(after.pool.generation) == int(state.pool.generation) + 1
    assert not leaves_equal(state.pool.levels, after.pool.levels)


def test_a_refill_leaves_the_levels_of_running_episodes_alone(begin, advance, cell):
    state, _ = advance(cell, begin(cell))
    after, _ = advance(cell, state)
    generations = np.asarray(after.workers.env_state.generation)
    pool = jax.tree.map(np.asarray, after.pool)
    levels = jax.tree.map(np.asarray, after.workers.env_state.level)
    index = np.asarray(after.workers.env_state.level_index)
    for n in np.flatnonzero(generations == pool.generation):
        np.testing.assert_array_equal(levels.walls[n], pool.levels.walls[index[n]])
        np.testing.assert_array_equal(levels.cheese[n], pool.levels.cheese[index[n]])


def test_fixed_levels_stay_the_same_throughout(cell):
    program = make_program(refill=False, updates_per_chunk=1)
    state = jax.jit(partial(start, program))(cell)
    advance = jax.jit(partial(train_chunk, program))
    after, metrics = advance(cell, state)
    for _ in range(3):
        after, metrics = advance(cell, after)
    assert leaves_equal(state.pool, after.pool)
    telling = (np.asarray(state.pool.classes.label) == DISTINGUISHING).sum()
    assert int(metrics.distinguishing_levels[-1]) <= telling


def test_at_alpha_0_no_distinguishing_level_is_seen(begin, advance, cell):
    agreeing = cell.replace(alpha=jnp.float32(0))
    _, metrics = advance(agreeing, begin(agreeing))
    for name in ("episodes", "transitions", "levels"):
        assert int(getattr(metrics, f"distinguishing_{name}")[-1]) == 0


def test_what_alpha_bought_only_grows_and_episodes_bound_levels(begin, advance, cell):
    state = begin(cell)
    seen = []
    for _ in range(3):
        state, metrics = advance(cell, state)
        seen.append(np.asarray(metrics.distinguishing_transitions))
    seen = np.concatenate(seen)
    assert (np.diff(seen) >= 0).all()
    assert seen[-1] > 0
    running = 8  # episodes under way are started, not finished
    assert int(metrics.distinguishing_levels[-1]) <= (
        int(metrics.distinguishing_episodes[-1]) + running
    )


def test_a_lost_seed_keeps_its_last_sound_weights(begin, advance, cell):
    state = begin(cell)
    poison = cell.replace(hyper=cell.hyper.replace(learning_rate=jnp.float32(jnp.nan)))
    after, metrics = advance(poison, state)
    assert not bool(after.alive)
    assert not np.asarray(metrics.alive).any()
    assert leaves_equal(state.optimised, after.optimised)


def test_a_lost_seed_stays_lost(begin, advance, cell):
    dead = begin(cell).replace(alive=jnp.bool_(False))
    after, _ = advance(cell, dead)
    assert not bool(after.alive)
    assert leaves_equal(dead.optimised, after.optimised)


def test_seeds_differ_in_weights_and_levels(begin, cells):
    each = [begin(jax.tree.map(lambda leaf, k=k: leaf[k], cells)) for k in (0, 1)]
    assert not leaves_equal(each[0].optimised.params, each[1].optimised.params)
    assert not leaves_equal(each[0].pool.levels, each[1].pool.levels)
