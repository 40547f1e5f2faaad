"""Policies: what people exchange, with a card that says what it is."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.tracking import RunDirectory, read_policy

CARD = {"architecture": "mlp", "env": "Corner-v0", "observation": [9, 9, 3]}


def weights(seed: int) -> dict[str, np.ndarray]:
    return {"dense/kernel": np.full((2, 2), seed, np.float32)}


def test_a_policy_comes_back_with_its_card(run: RunDirectory):
    for seed in (3, 0, 11):
        run.save_policy(seed, weights(seed), CARD)
    assert run.policy_seeds() == (0, 3, 11)
    for seed in run.policy_seeds():
        arrays, card = run.load_policy(seed)
        np.testing.assert_array_equal(arrays["dense/kernel"], np.full((2, 2), seed))
        assert card == CARD


def test_a_new_run_has_no_policies(run: RunDirectory):
    assert run.policy_seeds() == ()


def test_a_policy_saved_again_replaces_the_first(run: RunDirectory):
    run.save_policy(0, weights(1), CARD)
    run.save_policy(0, weights(2), CARD)
    assert run.load_policy(0)[0]["dense/kernel"][0, 0] == 2
    run.verify()


def test_a_seed_that_is_not_there_is_named_with_those_that_are(run: RunDirectory):
    run.save_policy(0, weights(0), CARD)
    run.save_policy(2, weights(2), CARD)
    with pytest.raises(UserError, match=r"no policy of seed 1\. Saved seeds: 0, 2\."):
        run.load_policy(1)


def test_the_policy_folder_alone_is_enough(run: RunDirectory, tmp_path: Path):
    run.save_policy(0, weights(5), CARD)
    folder = shutil.copytree(run.path / "policy", tmp_path / "theirs")
    arrays, card = read_policy(folder, 0)
    assert arrays["dense/kernel"][0, 0] == 5
    assert card == CARD


def test_an_altered_policy_that_was_passed_on_is_named(
    run: RunDirectory, tmp_path: Path
):
    run.save_policy(0, weights(5), CARD)
    folder = Path(shutil.copytree(run.path / "policy", tmp_path / "theirs"))
    data = bytearray((folder / "seed-0.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "seed-0.safetensors").write_bytes(data)
    with pytest.raises(UserError, match=r"seed-0\.safetensors' is torn or altered"):
        read_policy(folder, 0)


def test_a_seed_that_was_not_passed_on_is_said_to_be_missing(
    run: RunDirectory, tmp_path: Path
):
    run.save_policy(0, weights(5), CARD)
    with pytest.raises(UserError, match="no policy of seed 4"):
        read_policy(run.path / "policy", 4)


def test_the_card_is_plain_json(run: RunDirectory):
    run.save_policy(0, weights(0), CARD)
    card = json.loads((run.path / "policy" / "policy.json").read_text())
    assert card["architecture"] == "mlp"
    assert card["seeds"]["0"]["file"] == "seed-0.safetensors"
    assert len(card["seeds"]["0"]["sha256"]) == 64


def test_policies_can_be_read_by_safetensors_alone(run: RunDirectory):
    from safetensors.numpy import load_file

    run.save_policy(0, weights(7), CARD)
    assert load_file(run.path / "policy" / "seed-0.safetensors")["dense/kernel"][0, 0]
