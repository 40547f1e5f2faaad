"""Puzzles made by playing: the plans that come with them, and edits."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.grid import MOVES
from mesagym.levels.push_make import (
    Pieces,
    edited_puzzle,
    is_well_formed,
    make_puzzle,
)
from tests import reference
from tests.levels.pushing import tiles

N, SIZE, BOXES, LONGEST = 96, (8, 7), 2, 6


@pytest.fixture(scope="module")
def made() -> Any:
    """Puzzles that may be used, with their plans, and each after one edit."""

    @reference.jit_once
    @jax.vmap
    def make(key: jax.Array) -> Any:
        key, key_edit = jax.random.split(key)
        most = jnp.int32(BOXES), jnp.int32(LONGEST)
        alpha = jnp.float32(0.5)
        pieces, plans, accepted = make_puzzle(
            key, "open", SIZE, BOXES, LONGEST, *most, alpha
        )
        edited = edited_puzzle(key_edit, pieces, alpha)
        return pieces, plans, edited, is_well_formed(pieces), accepted

    found = make(jax.random.split(jax.random.key(0), N))
    *kept, accepted = jax.tree.map(np.asarray, found)
    assert accepted.sum() > N / 3
    return jax.tree.map(lambda leaf: leaf[accepted], kept)


def test_the_plans_push_the_boxes_onto_the_targets_of_each_kind(made: Any):
    pieces, plans, *_ = made
    for i, both in enumerate(plans):
        targets = pieces.base_targets[i], pieces.proxy_targets[i]
        for pushes, ends in zip(both, targets, strict=True):
            boxes = tiles(pieces.boxes[i])
            for row, column, action in pushes[pushes[:, 2] >= 0].tolist():
                down, right = MOVES[action]
                assert (row, column) in boxes
                boxes = boxes - {(row, column)} | {(row + down, column + right)}
            assert boxes == tiles(ends)


def test_targets_are_the_same_or_lie_apart(made: Any):
    pieces = made[0]
    same = (pieces.base_targets == pieces.proxy_targets).all(axis=(1, 2))
    assert 0 < same.sum() < len(same)
    for base, proxy in zip(
        pieces.base_targets[~same], pieces.proxy_targets[~same], strict=True
    ):
        assert not tiles(base) & tiles(proxy)


def test_what_is_made_is_well_formed(made: Any):
    assert made[3].all()


def test_an_edit_changes_one_kind_of_piece_and_each_kind_somewhere(made: Any):
    before, _, after, *_ = made
    changed = {
        tuple(
            name
            for name in ("walls", "agent", "boxes")
            if (getattr(before, name)[i] != getattr(after, name)[i]).any()
        )
        for i in range(len(before.agent))
    }
    # With none of these, it is the targets that are drawn anew.
    assert changed == {("walls",), ("agent",), ("boxes",), ()}


@pytest.mark.parametrize(
    "change",
    [
        {"agent": [2, 2]},  # on a box
        {"agent": [0, 0]},  # in a wall
        {"boxes": [[2, 2], [2, 2]]},
        {"boxes": [[0, 2], [2, 2]]},
        {"boxes": [[-1, -1], [-1, -1]]},
        {"base_targets": [[4, 4], [-1, -1]]},
        {"proxy_targets": [[4, 4], [-1, -1]]},
    ],
)
def test_what_breaks_a_rule_is_not_well_formed(change: dict[str, Any]):
    walls = jnp.ones(SIZE, dtype=bool).at[1:-1, 1:-1].set(False)
    boxes, targets = jnp.array([[2, 2], [3, 4]]), jnp.array([[1, 1], [5, 5]])
    pieces = Pieces(walls, jnp.array([4, 4]), boxes, targets, jnp.full((2, 2), -1))
    assert is_well_formed(pieces)
    changes = {name: jnp.array(value) for name, value in change.items()}
    assert not is_well_formed(pieces._replace(**changes))
