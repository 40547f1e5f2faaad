"""An organism of another package, complete: announced, made, proved, kept, read."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from mesagym.agents.networks import Network, Observations, Outputs, Tap, no_tap
from mesagym.agents.policy import NetworkPolicy
from mesagym.organisms import recipes as room
from mesagym.organisms import store
from mesagym.organisms.habitat import Habitat
from mesagym.organisms.labels import CONSTRUCTED, Label, Labels
from mesagym.organisms.make import one
from mesagym.organisms.specimen import Proof, Specimen
from mesagym.organisms.workshop import MOVES, Workshop


class Compass(Network):
    """Always the same move, whatever is seen."""

    label: ClassVar[str] = "compass"

    @nn.compact
    def __call__(
        self,
        obs: Observations,
        carry: Any = (),
        reset: jax.Array | None = None,
        tap: Tap = no_tap,
        at_once: int | None = None,
    ) -> Outputs:
        """Return logits, values and the carry."""
        tap("input", obs.astype(jnp.float32))
        north = self.param("north", lambda key: jnp.asarray(3.0))
        logits = jnp.zeros((obs.shape[0], MOVES)).at[:, 0].set(north)
        return tap("logits", logits), tap("value", jnp.zeros(obs.shape[0])), carry


def make(shop: Workshop, seed: int) -> room.Made:
    """Return a compass that wants nothing."""
    why = "it looks at nothing"
    labels = Labels(
        S=Label(False, CONSTRUCTED, why),
        R=Label(False, CONSTRUCTED, why),
        C=Label(False, CONSTRUCTED, why),
    )
    params = {"params": {"north": jnp.asarray(3.0 + seed)}}
    return NetworkPolicy(Compass(MOVES)), params, labels


def prove(specimen: Specimen, shop: Workshop) -> list[Proof]:
    """Prove the labels by what the network is: no logit depends on what is seen."""
    obs = shop.habitat.observations(jax.random.key(0), 64)
    logits, _ = specimen.policy.evaluate(specimen.params, obs)
    apart = float(jnp.abs(logits - logits[:1]).max())
    words = "no logit depends on what is seen"
    return [Proof(letter, words, apart == 0, apart, 0) for letter in "SRC"]


RECIPE = room.Recipe(
    id="X1",
    title="compass",
    construction="a constant",
    words="It goes north.",
    labels="srgc",
    make=make,
    environments=("TwoGoals-v0",),
    networks=(Compass,),
    prove=prove,
)


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    point = EntryPoint("mine", f"{__name__}:RECIPE", room.GROUP)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point])
    room.recipes.cache_clear()
    yield
    room.recipes.cache_clear()


def test_an_organism_of_another_package_is_made_proved_kept_and_read(
    announced: None, tmp_path: Path
) -> None:
    recipe = room.recipes()["X1"]
    shop = Workshop(Habitat("TwoGoals-v0", {"size": 5}), 64, 1)
    made = one(recipe, shop, 1)
    assert made.verified
    assert [each.letter for each in made.proofs] == ["S", "R", "C"]
    folder = store.save(tmp_path, made, {"construction": recipe.construction})
    (back,) = store.load(folder)
    assert back.policy == made.policy
    assert float(back.params["params"]["north"]) == 4.0
    assert back.labels == made.labels


def test_without_its_package_a_kept_organism_says_what_it_lacks(
    announced: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Workshop(Habitat("TwoGoals-v0", {"size": 5}), 64, 1)
    folder = store.save(tmp_path, one(RECIPE, shop, 0), {"construction": "a constant"})
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [])
    room.recipes.cache_clear()
    with pytest.raises(store.UserError, match="compass"):
        store.load(folder)
