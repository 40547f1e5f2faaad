import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.agents.networks import (
    Network,
    activation_shapes,
    forward_flops,
    init_params,
    make_network,
    network_names,
    no_tap,
    parameter_count,
)
from mesagym.errors import UserError

SMALL = {
    "mlp": {"hidden": (8,)},
    "cnn": {"channels": (4, 4), "hidden": (8,)},
    "impala": {"channels": (4, 4), "units": 1, "hidden": (8,)},
}


def small(name: str) -> Network:
    return make_network(name, 4, **SMALL[name])


def observations(n: int, *shape: int) -> jax.Array:
    return jax.random.bernoulli(jax.random.key(7), 0.3, (n, *shape))


def fresh(network: Network, obs: jax.Array) -> Any:
    return jax.jit(partial(init_params, network))(jax.random.key(0), obs)


@partial(jax.jit, static_argnums=0)
def run(network: Network, params: Any, obs: jax.Array) -> tuple[Any, ...]:
    n = obs.shape[0]
    return network.apply(
        params, obs, network.initial_carry(n), jnp.ones(n, dtype=bool), no_tap
    )


@pytest.mark.parametrize("name", network_names)
@pytest.mark.parametrize("shape", [(5, 5, 3), (7, 20, 4)])
def test_every_network_gives_logits_and_a_value_on_any_grid(
    name: str, shape: tuple[int, ...]
) -> None:
    network, obs = small(name), observations(2, *shape)
    outputs = jax.eval_shape(lambda: run(network, fresh(network, obs), obs))
    logits, value, carry = outputs
    assert (logits.shape, value.shape, carry) == ((2, 4), (2,), ())


@pytest.mark.parametrize("name", network_names)
def test_observations_of_booleans_and_of_floats_give_the_same(name: str) -> None:
    network, obs = small(name), observations(2, 5, 5, 3)
    params = fresh(network, obs)
    of_booleans = run(network, params, obs)[0]
    assert jnp.array_equal(
        of_booleans, run(network, params, obs.astype(jnp.float32))[0]
    )


def test_the_dense_network_takes_observations_of_any_rank() -> None:
    network, obs = small("mlp"), observations(3, 6)
    params = fresh(network, obs)
    assert run(network, params, obs)[0].shape == (3, 4)


@pytest.mark.parametrize("name", network_names)
def test_networks_made_alike_are_equal_and_hash_alike(name: str) -> None:
    one, other = (make_network(name, 4, hidden=[8]) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)


def test_networks_with_other_settings_are_not_equal() -> None:
    assert make_network("mlp", 4, hidden=(8,)) != make_network("mlp", 4, hidden=(9,))


def test_the_first_policy_is_near_uniform_and_hidden_weights_keep_their_gain() -> None:
    network, obs = make_network("mlp", 4, hidden=(16, 16)), observations(64, 5, 5, 3)
    params = fresh(network, obs)
    assert jnp.abs(run(network, params, obs)[0]).max() < 0.1
    kernel = params["params"]["dense_1"]["kernel"]
    np.testing.assert_allclose(kernel @ kernel.T, 2 * np.eye(16), atol=1e-4)


def test_the_convolutional_network_halves_only_grids_with_a_long_side() -> None:
    network = make_network("cnn", 4)
    assert activation_shapes(network, (16, 16, 3))["conv_2"] == (16, 16, 16)
    shapes = activation_shapes(network, (64, 20, 3))
    assert shapes["pool_0"] == (32, 10, 16)
    assert shapes["pool_1"] == (16, 5, 16)
    assert "pool_2" not in shapes


def test_impala_has_the_paper_s_layers() -> None:
    shapes = activation_shapes(make_network("impala", 5), (15, 15, 3))
    blocks = [shapes[f"block_{b}/unit_1"] for b in range(3)]
    assert blocks == [(8, 8, 16), (4, 4, 32), (2, 2, 32)]
    assert shapes["dense_0"] == (256,)
    assert sum("conv" in name for name in shapes) == 15


@pytest.mark.parametrize("name", network_names)
def test_activations_go_from_input_to_value_and_each_name_comes_once(name: str) -> None:
    network, names = small(name), []

    def tap(name: str, x: jax.Array) -> jax.Array:
        names.append(name)
        return x

    obs, key = observations(1, 5, 5, 3), jax.random.key(0)
    jax.eval_shape(lambda: network.init(key, obs, (), jnp.ones(1, dtype=bool), tap))
    assert names[0] == "input"
    assert names[-2:] == ["logits", "value"]
    assert len(set(names)) == len(names)
    assert names == list(activation_shapes(network, (5, 5, 3)))


# ---------------------------------------------------------------------------- costs


def test_operations_of_the_dense_network_are_two_for_each_weight() -> None:
    network = make_network("mlp", 4, hidden=(10, 20))
    weights = 75 * 10 + 10 * 20 + 20 * 4 + 20
    assert forward_flops(network, (5, 5, 3)) == 2 * weights


def test_operations_of_the_convolutional_network_are_those_counted_by_hand() -> None:
    network = make_network("cnn", 4, channels=(16, 8), hidden=(10,))
    convolutions = 13 * 13 * (9 * 3 * 16 + 9 * 16 * 8)
    dense = 13 * 13 * 8 * 10 + 10 * 4 + 10
    assert forward_flops(network, (13, 13, 3)) == 2 * (convolutions + dense)


def test_operations_of_impala_are_those_counted_by_hand() -> None:
    blocks = [(15, 8, 3, 16), (8, 4, 16, 32), (4, 2, 32, 32)]
    weights = sum(
        9 * (before**2 * channels * features + 4 * after**2 * features**2)
        for before, after, channels, features in blocks
    )
    weights += 2 * 2 * 32 * 256 + 256 * 4 + 256
    assert forward_flops(make_network("impala", 4), (15, 15, 3)) == 2 * weights


def test_operations_agree_with_the_compiler_s_count() -> None:
    network, obs = make_network("mlp", 4), observations(1, 5, 5, 3)
    params = fresh(network, obs)
    counted = run.lower(network, params, obs).compile().cost_analysis()["flops"]
    assert counted == pytest.approx(forward_flops(network, (5, 5, 3)), rel=0.05)


@pytest.mark.parametrize("name", network_names)
def test_parameters_are_counted_as_they_are_made(name: str) -> None:
    network, obs = small(name), observations(1, 7, 7, 3)
    params = jax.eval_shape(lambda: fresh(network, obs))
    made = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
    assert parameter_count(network, (7, 7, 3)) == made


# ----------------------------------------------------------------------------- memory


@pytest.mark.parametrize("name", network_names)
@pytest.mark.parametrize(("memory", "parts"), [("gru", 1), ("lstm", 2)])
def test_every_network_may_have_a_memory_of_any_size(
    name: str, memory: str, parts: int
) -> None:
    network = make_network(name, 4, **SMALL[name], memory=memory, memory_size=6)
    obs = observations(12, 5, 5, 3)  # three steps of four episodes
    reset = jnp.zeros(12, dtype=bool)

    def all_steps() -> tuple[Any, ...]:
        params = fresh(network, obs[:4])
        return network.apply(params, obs, network.initial_carry(4), reset, no_tap)

    logits, value, carry = jax.eval_shape(all_steps)
    assert (logits.shape, value.shape) == ((12, 4), (12,))
    assert [leaf.shape for leaf in jax.tree.leaves(carry)] == [(4, 6)] * parts


def test_a_memory_is_named_between_the_dense_layers_and_the_heads() -> None:
    shapes = activation_shapes(make_network("mlp", 4, memory="lstm"), (5, 5, 3))
    assert list(shapes)[-4:] == ["memory/cell", "memory", "logits", "value"]
    assert shapes["memory"] == (128,)


@pytest.mark.parametrize(("memory", "gates"), [("gru", 3), ("lstm", 4)])
def test_operations_of_a_memory_are_two_for_each_weight(
    memory: str, gates: int
) -> None:
    network = make_network("mlp", 4, hidden=(10,), memory=memory, memory_size=6)
    weights = 75 * 10 + gates * 6 * (10 + 6) + 6 * 4 + 6
    assert forward_flops(network, (5, 5, 3)) == 2 * weights
    params = jax.eval_shape(lambda: fresh(network, observations(1, 5, 5, 3)))
    made = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
    assert parameter_count(network, (5, 5, 3)) == made


# ------------------------------------------------------------------------ bad input


def test_an_unknown_network_is_named_with_the_nearest_one() -> None:
    with pytest.raises(UserError, match=r"'impalla'.* Did you mean 'impala'"):
        make_network("impalla", 4)


def test_an_unknown_setting_is_named_with_the_nearest_one() -> None:
    with pytest.raises(UserError, match=r"agent.network.hiden: mlp .*'hidden'"):
        make_network("mlp", 4, hiden=(8,))


def test_linen_s_own_fields_are_no_settings() -> None:
    with pytest.raises(UserError, match="no such"):
        make_network("mlp", 4, parent=None)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("hidden", (8, 0)),
        ("hidden", "wide"),
        ("channels", 1.5),
        ("largest_side", 0),
        ("activation", "rellu"),
    ],
)
def test_a_setting_out_of_range_is_named(setting: str, value: object) -> None:
    with pytest.raises(UserError, match=f"agent.network.{setting}: .*{value}"[:40]):
        make_network("cnn", 4, **{setting: value})


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"memory": "lstn"}, r"memory: unknown memory 'lstn'\. Did you mean 'lstm'"),
        ({"memory_size": 8}, r"memory_size: 8 is of no memory"),
        ({"memory": "gru", "hidden": ()}, r"hidden, which is empty; give a number"),
    ],
)
def test_a_memory_that_cannot_be_is_refused(settings: dict, line: str) -> None:
    with pytest.raises(UserError, match=line):
        make_network("mlp", 4, **settings)
