"""Cells end alike however they are batched."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

from mesagym.training import placement
from mesagym.training.chunk import start, train_chunk

ROOT = Path(__file__).parents[2]


def test_vmap_and_map_train_the_same_agents(program, cells):
    ends = []
    for how in ("map", "vmap"):
        state = placement.over_cells(partial(start, program), how)(cells)
        state, _ = placement.over_cells(partial(train_chunk, program), how)(
            cells, state
        )
        ends.append(jax.tree.map(np.asarray, state.optimised.params))
    for a, b in zip(*map(jax.tree.leaves, ends), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("platforms", "cells", "expected"),
    [
        (["cpu"], 4, "map"),
        (["gpu"], 4, "vmap"),
        (["gpu", "gpu"], 4, "shard"),
        (["gpu", "gpu"], 3, "vmap"),
        (["cpu", "cpu"], 4, "shard"),
    ],
)
def test_the_choice_follows_devices_and_cells(platforms, cells, expected):
    class Device:
        def __init__(self, platform):
            self.platform = platform

    assert placement.choose(cells, [Device(p) for p in platforms]) == expected


def test_what_was_compiled_ahead_is_not_compiled_again_by_a_call():
    def square(x):
        return jax.numpy.square(x) + 0.123

    function, heard = placement.over_cells(square, "map"), []

    def listen(event: str, duration_secs: float, **about: str | int) -> None:
        heard.append(about.get("fun_name"))

    cells = np.arange(3.0, dtype=np.float32)
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        function.lower(cells).compile()
        before = [each for each in heard if "one_after_another" in str(each)]
        heard.clear()
        function(cells)
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert len(before) > 0
    assert [each for each in heard if "one_after_another" in str(each)] == []


SHARDED = """
import jax
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 4)
from functools import partial
import numpy as np
from tests.training.conftest import make_program, make_three_cells
from mesagym.training import placement
from mesagym.training.chunk import start, train_chunk

program = make_program()
cells = make_three_cells(program)
cells = jax.tree.map(lambda leaf: leaf[np.array([0, 1, 2, 0])], cells)
assert placement.choose(4) == "shard"
ends = []
for how in ("map", "shard"):
    state = placement.over_cells(partial(start, program), how)(cells)
    state, _ = placement.over_cells(partial(train_chunk, program), how)(cells, state)
    ends.append(jax.tree.map(np.asarray, state.optimised.params))
for a, b in zip(*map(jax.tree.leaves, ends), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
print("alike")
"""


@pytest.mark.slow
def test_sharding_over_devices_trains_the_same_agents():
    done = subprocess.run(
        [sys.executable, "-c", SHARDED],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.strip() == "alike", done.stderr
