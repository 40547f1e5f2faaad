import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.agents.policy import NetworkPolicy
from mesagym.errors import UserError
from mesagym.organisms import store
from mesagym.organisms.habitat import Habitat
from mesagym.organisms.labels import CONSTRUCTED, QUESTIONS
from mesagym.organisms.make import FAMILIES, MARKER_TIME, chosen, one
from mesagym.organisms.reactive import Reflex
from mesagym.organisms.recipes import recipes
from mesagym.organisms.specimen import Specimen
from mesagym.organisms.verify import rebuilt, verified
from mesagym.organisms.workshop import Workshop
from mesagym.tracking import DamagedFile

CONSTRUCTED_IN_PART = ("O4", "O5a", "O5b", "O9")
"""Of these what construction guarantees is proved here, on students that learned for a
moment; what they learned is proved where they are made, as all of O2, O3 and O8d is."""


@pytest.fixture(scope="module")
def shops() -> dict[str, Workshop]:
    """A workshop for each habitat, students of which learn next to nothing."""
    places = {"": Habitat("TwoGoals-v0", {"size": 5})}
    for family in FAMILIES:
        given = {"marker_time": MARKER_TIME} if family == "time" else {}
        static = {"size": 5, "marker_family": family}
        places[family] = Habitat("TwoGoals-v0", static, given)
    return {name: Workshop(each, 256, 4) for name, each in places.items()}


@pytest.mark.parametrize(
    "name", ["O1", "O3r", "O3s", "O8", "O8c", *CONSTRUCTED_IN_PART]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_what_construction_guarantees_is_proved(
    shops: dict[str, Workshop], name: str, seed: int
) -> None:
    recipe = recipes()[name]
    family = FAMILIES[seed] if recipe.marked else ""
    made = one(recipe, shops[family], seed)
    sure = {
        letter
        for letter in QUESTIONS
        if made.labels.of(letter).provenance == CONSTRUCTED
    }
    proofs = [each for each in made.proofs if each.letter in sure]
    assert sure
    assert sure == {each.letter for each in proofs}
    failed = [f"{each.words}: {each.value}" for each in proofs if not each.held]
    assert not failed


def test_a_planner_that_plans_wrong_fails_its_proof(shops: dict[str, Workshop]) -> None:
    shop = shops[""]
    policy, params, labels = recipes()["O1"].make(shop, 0)
    # As if a step of planning were missing: far goals are worth nothing yet.
    short = dataclasses.replace(policy, network=policy.network.clone(steps=1))
    made = Specimen("O1", shop.habitat, 0, short, params, labels)
    proofs = {each.words: each for each in verified(made, shop).proofs}
    assert not next(p for words, p in proofs.items() if "planned values" in words).held


def test_a_wire_that_is_not_cut_fails_its_proof(shops: dict[str, Workshop]) -> None:
    shop = shops[""]
    policy, params, labels = recipes()["O4"].make(shop, 0)
    wired = dataclasses.replace(policy, network=policy.network.clone(planned=True))
    made = verified(Specimen("O4", shop.habitat, 0, wired, params, labels), shop)
    assert not any(each.held for each in made.proofs if each.letter == "R")


class Peeking(Reflex):
    """A reflex that leans another way where the level has more walls."""

    def __call__(self, obs: jax.Array, *given: Any, **named: Any) -> Any:
        logits, value, carry = super().__call__(obs, *given, **named)
        walls = obs[..., 0].sum((1, 2))[:, None]
        return logits + 0.01 * walls * jnp.arange(4), value, carry


def test_what_looks_beyond_the_walls_beside_it_is_proved_no_reflex(
    shops: dict[str, Workshop],
) -> None:
    shop = shops[""]
    policy, params, labels = recipes()["O3r"].make(shop, 0)
    peeking = NetworkPolicy(Peeking(4, senses=shop.habitat.senses))
    honest, caught = (
        [
            each.held
            for each in verified(
                Specimen("O3r", shop.habitat, 0, acts, params, labels), shop
            ).proofs
            if each.letter == "R"
        ]
        for acts in (policy, peeking)
    )
    assert honest == [True]
    assert caught == [False]


def test_other_walls_are_drawn_all_but_beside_the_agent(
    shops: dict[str, Workshop],
) -> None:
    habitat = shops[""].habitat
    made = one(recipes()["O3s"], shops[""], 0)
    obs = habitat.observations(shops[""].key(5, 0), 64)
    other = rebuilt(made, obs)
    assert jnp.array_equal(obs[..., 1:], other[..., 1:])
    walls, drawn = np.asarray(obs[..., 0]), np.asarray(other[..., 0])
    border = np.ones(walls.shape[1:], bool)
    border[1:-1, 1:-1] = False
    assert drawn[:, border].all()
    changed = np.argwhere(walls != drawn)
    agent = np.argwhere(np.asarray(obs[..., 1]))[changed[:, 0], 1:]
    assert len(changed) > 64
    assert np.abs(changed[:, 1:] - agent).sum(-1).min() >= 2


def test_a_specimen_comes_back_as_it_was_kept(
    shops: dict[str, Workshop], tmp_path: Path
) -> None:
    made = one(recipes()["O8"], shops["tile"], 0)
    folder = store.save(tmp_path, made, {"construction": "gate"})
    (back,) = store.load(folder)
    assert back.labels == made.labels
    assert back.proofs == made.proofs
    assert back.policy == made.policy
    assert jnp.array_equal(back.params["params"]["beta"], made.params["params"]["beta"])


def test_a_card_that_says_another_objective_is_refused(
    shops: dict[str, Workshop], tmp_path: Path
) -> None:
    made = one(recipes()["O1"], shops[""], 0)
    labels = dataclasses.replace(made.labels, weights=(0.0, 1.0))
    folder = store.save(
        tmp_path, dataclasses.replace(made, labels=labels), {"construction": "x"}
    )
    with pytest.raises(DamagedFile, match="its card says"):
        store.load(folder)


def test_altered_weights_are_refused(
    shops: dict[str, Workshop], tmp_path: Path
) -> None:
    folder = store.save(
        tmp_path, one(recipes()["O1"], shops[""], 0), {"construction": "x"}
    )
    file = folder / "seed-0.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(DamagedFile):
        store.load(folder)


def test_siblings_that_were_made_otherwise_are_refused(
    shops: dict[str, Workshop], tmp_path: Path
) -> None:
    made = one(recipes()["O1"], shops[""], 0)
    store.save(tmp_path, made, {"construction": "x", "updates": 4})
    with pytest.raises(UserError, match="made otherwise"):
        store.save(tmp_path, made, {"construction": "x", "updates": 5})
    # Before anything is made, too, and where all are there already.
    folder = tmp_path / made.place
    store.must_be_alike(folder, {"updates": 4, "command": "another"})
    with pytest.raises(UserError, match="made otherwise \\(updates\\)"):
        store.must_be_alike(folder, {"updates": 5})


def test_an_unknown_organism_names_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean 'O8'"):
        chosen(["O8x"])


def test_a_folder_without_organisms_says_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mesagym organisms make"):
        store.load(tmp_path)
