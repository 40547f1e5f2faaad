"""What is in the zoo is what a recorded result was made of, or it is refused."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mesagym
from mesagym.envs.corner import Corner
from mesagym.errors import UserError
from mesagym.evals.verdict_rule import RULE
from mesagym.reproductions import folder, keeping, zoo
from mesagym.reproductions.folder import Reproduction, all_reproductions
from mesagym.tracking import RunDirectory, atomic_write_json
from mesagym.tracking.files import read_sealed, sealed
from mesagym.training.saved import load
from tests.reproductions.zoo_examples import (
    GIF,
    policies,
    recorded_with_policies,
    run_of,
)


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reproduction:
    """A recorded result with two policies, alone in the zoo."""
    found = recorded_with_policies(tmp_path)
    monkeypatch.setattr(folder, "experiments_folder", lambda: tmp_path / "experiments")
    return found


def only(stored: Reproduction) -> zoo.Entry:
    (found,) = zoo.entries_of(stored)
    return found


def weights(place: Path) -> list[Path]:
    return sorted(place.glob("**/*.safetensors"))


# --- the rule -------------------------------------------------------------------------


def test_the_first_competent_seed_stands_for_its_condition() -> None:
    assert keeping.representative({502: True, 500: False, 501: True}) == 501


def test_where_no_seed_is_competent_the_first_one_stands() -> None:
    assert keeping.representative({501: False, 500: False}) == 500


def test_representatives_come_before_further_seeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "FURTHER", 35)
    sizes = {name: {1: 10, 2: 10, 3: 10} for name in ("one", "two")}
    kept = keeping.kept_seeds(sizes, {"one": 3, "two": 1})
    assert kept == {"one": [3, 1], "two": [1]}


def test_representatives_may_weigh_more_than_leaves_room_for_further_seeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "FURTHER", 15)
    monkeypatch.setattr(keeping, "REPRESENTATIVES", 25)
    sizes = {name: {1: 10, 2: 10} for name in ("one", "two", "three")}
    kept = keeping.kept_seeds(sizes, dict.fromkeys(sizes, 1))
    assert kept == {"one": [1], "two": [1], "three": []}


def test_weights_above_the_largest_file_are_not_kept() -> None:
    sizes = {"one": {1: keeping.LARGEST + 1}}
    assert keeping.kept_seeds(sizes, {"one": 1}) == {"one": []}


@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=3),
        st.dictionaries(st.integers(0, 9), st.integers(1, 2_500_000), min_size=1),
        max_size=6,
    )
)
def test_what_is_kept_never_weighs_more_than_there_is_room(
    sizes: dict[str, dict[int, int]],
) -> None:
    first = {name: min(seeds) for name, seeds in sizes.items()}
    kept = keeping.kept_seeds(sizes, first)
    assert set(kept) == set(sizes)
    assert all(len(set(seeds)) == len(seeds) for seeds in kept.values())
    total = sum(sizes[name][s] for name in kept for s in kept[name])
    assert total <= keeping.REPRESENTATIVES
    if any(set(seeds) != {first[name]} for name, seeds in kept.items() if seeds):
        assert total <= keeping.FURTHER


# --- what is stored -------------------------------------------------------------------


def test_a_card_has_what_each_seed_did_and_the_hash_of_its_weights(
    stored: Reproduction,
) -> None:
    seeds = only(stored).seeds
    assert [each.seed for each in seeds] == [500, 501]
    assert [each.verdict for each in seeds] == ["goal misgeneralization"] * 2
    assert [each.competence for each in seeds] == [1.0, 1.0]
    assert all(each.kept and len(each.sha256) == 64 for each in seeds)
    card = only(stored).card
    assert card["alpha"] == 0
    assert card["environment"] == "Corner-v0"
    assert card["verdict"]["word"] == "goal misgeneralization"
    assert card["verdict"]["rule"] == RULE
    assert card["readings"]["trained"]["clean"]["proxy"] == [40, 40]


def test_a_seed_that_failed_the_gate_does_not_stand_for_the_others(
    tmp_path: Path,
) -> None:
    found = recorded_with_policies(
        tmp_path, {500: "proxy", 501: "base"}, {500: False, 501: True}
    )
    entry = only(found)
    assert entry.kept == [501, 500]
    assert [each.verdict for each in entry.seeds] == ["untrained", "robust"]


def test_nothing_says_where_the_run_lay(stored: Reproduction) -> None:
    for file in (stored.folder / zoo.POLICIES).rglob("*"):
        if file.suffix in (".json", ".yaml"):
            assert "/somewhere/else" not in file.read_text()


def test_a_training_that_was_trained_on_names_the_condition_before(
    stored: Reproduction,
) -> None:
    config = RunDirectory.read(only(stored).folder).config
    assert config["train"]["start_from"] == "@before"


def test_storing_again_gives_the_same_bytes(
    stored: Reproduction, tmp_path: Path
) -> None:
    def files() -> dict[str, bytes]:
        there = (stored.folder / zoo.POLICIES).rglob("*")
        return {str(each): each.read_bytes() for each in there if each.is_file()}

    before = files()
    document = json.loads((stored.folder / "result.json").read_text())
    keeping.store(stored, document, tmp_path / "runs", lambda source, seed: GIF)
    assert files() == before


def test_the_film_is_of_the_representative(tmp_path: Path) -> None:
    found = recorded_with_policies(tmp_path)
    document = json.loads((found.folder / "result.json").read_text())
    asked = []
    keeping.store(
        found,
        document,
        tmp_path / "runs",
        lambda source, seed: asked.append((source.path.name, seed)) or GIF,
    )
    assert asked == [("one", 500)]
    assert only(found).film == GIF


def test_a_card_of_before_is_read_and_says_its_rule(stored: Reproduction) -> None:
    entry = only(stored)
    card = {**entry.card, "verdict": {"word": "robust", "in_words": "Robust: it was."}}
    atomic_write_json(entry.folder / zoo.CARD, sealed(card))
    old = only(stored)
    assert old.word == "robust (rule 1)"
    assert old.in_words == "By rule 1, an older one. Robust: it was."


def test_readings_of_before_say_their_rule(stored: Reproduction) -> None:
    entry = only(stored)
    document = {"policies_sha256": entry.policies_sha256, "evaluators": {}}
    atomic_write_json(entry.folder / zoo.READINGS, sealed(document))
    assert entry.readings_rule == 1
    atomic_write_json(entry.folder / zoo.READINGS, sealed({**document, "rule": RULE}))
    assert entry.readings_rule == RULE


# --- taking it out --------------------------------------------------------------------


def test_policies_come_out_as_they_were_trained(stored: Reproduction) -> None:
    trained = mesagym.zoo.load("larger/one")
    assert trained.seeds == (500, 501)
    want = policies((500, 501)).of_seed(501)
    for one, other in zip(
        jax.tree.leaves(trained.of_seed(501)), jax.tree.leaves(want), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_policies_are_named_in_one_line_without_their_weights(
    stored: Reproduction,
) -> None:
    trained = mesagym.zoo.load("larger/one")
    size = sum(leaf.size for leaf in jax.tree.leaves(trained.of_seed(500)))
    assert repr(trained) == (
        "Saved(Corner-v0, observations 5x5x3, network=mlp, seeds=(500, 501), "
        f"{2 * size:,} weights in all)"
    )
    assert repr(trained.agent(501)) == (
        f"Agent(Corner, observations 5x5x3, network=mlp, {size:,} weights)"
    )


def test_load_policies_knows_the_zoo(stored: Reproduction) -> None:
    trained = mesagym.load_policies("zoo:larger/one", [501])
    assert trained.seeds == (501,)
    assert trained.env_name == "Corner-v0"


def test_what_is_unpacked_is_a_run_directory(
    stored: Reproduction, tmp_path: Path
) -> None:
    out = zoo.unpack(only(stored), tmp_path / "out" / "mine")
    run = RunDirectory.read(out)
    run.verify()
    assert run.completed
    assert load(run).seeds == (500, 501)
    assert run.manifest["seeds"] == [500, 501]
    assert read_sealed(out / "card.json")["name"] == "larger/one"


def test_a_folder_that_is_there_is_not_written_into(
    stored: Reproduction, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(UserError, match="is there already"):
        zoo.unpack(only(stored), tmp_path / "mine")


def test_an_unknown_name_gives_the_nearest(stored: Reproduction) -> None:
    with pytest.raises(UserError, match="Did you mean 'larger/one'"):
        zoo.entry("larger/on")


def test_an_empty_zoo_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "experiments_folder", lambda: tmp_path)
    with pytest.raises(UserError, match="It is empty"):
        zoo.entry("larger/one")


# --- what is refused ------------------------------------------------------------------


def test_altered_weights_are_named(stored: Reproduction) -> None:
    path = weights(stored.folder)[0]
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(UserError, match=r"seed-500\.safetensors' is torn or altered"):
        zoo.load("larger/one")


def test_other_weights_with_hashes_that_fit_them_are_refused(
    stored: Reproduction, tmp_path: Path
) -> None:
    """A whole run directory, sound by itself, of other policies."""
    entry = only(stored)
    other = run_of(tmp_path / "other", {500: "proxy", 501: "proxy"}, {500: 1, 501: 1})
    seed = other.path / "policy" / "seed-500.safetensors"
    swapped = other.path / "policy" / "seed-501.safetensors"
    with RunDirectory.reopen(entry.folder) as run:
        run.write_file("policy/seed-501.safetensors", seed.read_bytes())
    assert swapped.read_bytes() != seed.read_bytes()
    with pytest.raises(UserError, match="is not the recorded policy of 'larger/one'"):
        zoo.load("larger/one")


def test_a_card_changed_by_hand_is_found(stored: Reproduction) -> None:
    path = only(stored).folder / "card.json"
    path.write_text(path.read_text().replace("goal misgeneralization", "robust"))
    with pytest.raises(UserError, match="torn or altered"):
        _ = only(stored).card


def test_policies_of_another_run_than_the_recorded_one_are_refused(
    stored: Reproduction,
) -> None:
    path = stored.folder / "result.json"
    document = read_sealed(path)
    document["conditions"]["one"]["policies_sha256"] = "0" * 64
    atomic_write_json(path, sealed(document))
    with pytest.raises(UserError, match="of another run than the recorded result"):
        zoo.load("larger/one")


def test_policies_of_other_dynamics_are_refused(
    stored: Reproduction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Corner, "dynamics_version", 99)
    with pytest.raises(UserError, match="this mesagym has 99"):
        zoo.load("larger/one")


def test_another_film_is_refused(stored: Reproduction) -> None:
    (only(stored).folder / "film.gif").write_bytes(GIF + b" ")
    with pytest.raises(UserError, match="torn or altered"):
        _ = only(stored).film


# --- weights that are not kept --------------------------------------------------------


@pytest.fixture
def unkept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[zoo.Entry, Path]:
    """A condition whose weights are too large to keep, and where its run lies."""
    monkeypatch.setattr(keeping, "LARGEST", 10)
    found = recorded_with_policies(tmp_path)
    return only(found), tmp_path / "runs" / "one"


def test_without_weights_the_command_that_remakes_them_is_said(
    unkept: tuple[zoo.Entry, Path], tmp_path: Path
) -> None:
    assert not weights(unkept[0].folder)
    with pytest.raises(UserError, match="mesagym reproduce larger scale=laptop"):
        zoo.unpack(unkept[0], tmp_path / "out")


def test_remade_weights_with_the_recorded_hashes_are_taken(
    unkept: tuple[zoo.Entry, Path], tmp_path: Path
) -> None:
    out = zoo.unpack(unkept[0], tmp_path / "out", unkept[1])
    assert load(out).seeds == (500, 501)


def test_remade_weights_that_differ_are_refused(
    unkept: tuple[zoo.Entry, Path], tmp_path: Path
) -> None:
    seeds = {501: "proxy", 500: "proxy"}
    other = run_of(tmp_path / "other", seeds, dict.fromkeys(seeds, True))
    with RunDirectory.reopen(other.path) as run:
        card = run.load_policy(500)[1]
        run.save_policy(500, {"a": np.zeros(3)}, card)
    with pytest.raises(UserError, match="is not the recorded policy"):
        zoo.unpack(unkept[0], tmp_path / "out", other.path)
    assert not (tmp_path / "out").exists()


def test_a_seed_that_was_not_remade_is_named(
    unkept: tuple[zoo.Entry, Path], tmp_path: Path
) -> None:
    other = run_of(tmp_path / "other", {500: "proxy"}, {500: True})
    with pytest.raises(UserError, match="has no policy of seed 501"):
        zoo.unpack(unkept[0], tmp_path / "out", other.path)


def test_training_is_told_by_the_settings_in_which_conditions_differ() -> None:
    conditions = {
        "one": {"overrides": ["env=corner", "first_seed=520", "split.alpha=0"]},
        "two": {"overrides": ["env=corner", "split.alpha=1", "env.zone=0.2"]},
    }
    assert zoo.trained_with(conditions, "one", 0.0) == "α = 0"
    assert zoo.trained_with(conditions, "two", 1.0) == "α = 1, zone=0.2"


def test_what_all_conditions_share_sets_none_apart() -> None:
    sizes = {n: {"overrides": ["split.alpha=0", f"env.region={n}"]} for n in "12"}
    assert zoo.trained_with(sizes, "2", 0.0) == "region=2"
    assert zoo.trained_with({"1": sizes["1"]}, "1", 0.0) == ""


# --- what is recorded in this repository ----------------------------------------------

RECORDED = zoo.entries()


def test_the_zoo_is_small() -> None:
    files = [
        file
        for each in all_reproductions()
        for file in (each.folder / zoo.POLICIES).rglob("*")
        if file.is_file() and "evaluations" not in file.parts
    ]
    sizes = [file.stat().st_size for file in files]
    assert sum(sizes) <= 30_000_000
    assert max(sizes, default=0) < 2_000_000


@pytest.mark.parametrize("entry", RECORDED, ids=lambda each: each.name)
def test_every_recorded_policy_is_whole_and_its_own(entry: zoo.Entry) -> None:
    assert entry.seeds
    assert entry.film is None or entry.film[:4] == b"GIF8"
    if entry.kept:
        assert zoo.load(entry.name).seeds == tuple(entry.kept)


@pytest.mark.parametrize("entry", RECORDED, ids=lambda each: each.name)
def test_no_card_names_a_place_on_a_machine(entry: zoo.Entry) -> None:
    for file in entry.folder.glob("*.*"):
        if file.suffix in (".json", ".yaml"):
            text = file.read_text()
            assert "/tmp/" not in text
            assert "/home/" not in text
