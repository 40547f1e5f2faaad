"""How organisms are kept: a folder of one kind in one habitat, weights and a card."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.agents.networks import Network, make_network, network_names
from mesagym.agents.policy import NetworkPolicy
from mesagym.errors import UserError
from mesagym.organisms.cost import operations
from mesagym.organisms.habitat import Habitat
from mesagym.organisms.labels import CONSTRUCTED, Labels, read_labels
from mesagym.organisms.modular import Modular
from mesagym.organisms.planner import Planner
from mesagym.organisms.reactive import Ignored, PlanHead, PotentialField, Reflex
from mesagym.organisms.recipes import recipes
from mesagym.organisms.specimen import Proof, Specimen
from mesagym.organisms.vin import VIN
from mesagym.tracking import DamagedFile, environment_facts
from mesagym.tracking.arrays import arrays_to_bytes, bytes_to_arrays
from mesagym.tracking.files import (
    atomic_write_bytes,
    atomic_write_json,
    make_folders,
    read_bytes,
    read_sealed,
    sealed,
    sha256,
)
from mesagym.training.saved import described
from mesagym.training.state_io import from_arrays, to_arrays

CARD = "card.json"
FORMAT = "mesagym-organism/1"

_NETWORKS: dict[str, type[Network]] = {
    network.label: network
    for network in (Planner, VIN, Reflex, PotentialField, Ignored, PlanHead, Modular)
}


def save(root: Path, specimen: Specimen, about: Mapping[str, Any]) -> Path:
    """Put a specimen into its kind's folder, beside its siblings; return the folder.

    Args:
        root: of all organisms.
        specimen: to keep.
        about: of the recipe and how it was followed; the same for siblings.

    Raises:
        UserError: the folder holds siblings that were made otherwise.
    """
    folder = root / specimen.place
    card = read_card(folder) if (folder / CARD).is_file() else None
    fresh = {"format": FORMAT, **_of_kind(specimen), **about}
    if card is not None:
        _refuse_others(folder, card, fresh)
    seeds = {} if card is None else dict(card["seeds"])
    data = arrays_to_bytes(to_arrays(specimen.params))
    file = f"seed-{specimen.seed}.safetensors"
    seeds[str(specimen.seed)] = {
        "file": file,
        "sha256": sha256(data),
        "bytes": len(data),
        "labels": specimen.labels.document(),
        "verified": specimen.verified,
        "proofs": [vars(proof) for proof in specimen.proofs],
        "seconds": round(specimen.seconds, 2),
        "made": environment_facts(),
    }
    ordered = {str(each): seeds[str(each)] for each in sorted(map(int, seeds))}
    make_folders(folder)
    atomic_write_bytes(folder / file, data)
    atomic_write_json(folder / CARD, sealed({**fresh, "seeds": ordered}))
    return folder


def must_be_alike(folder: Path, about: Mapping[str, Any]) -> None:
    """Refuse a folder whose organisms were made by another recipe or scale.

    Args:
        folder: of one kind; need not be there.
        about: of the recipe and how it is to be followed.

    Raises:
        UserError: it differs from what the folder's card says.
    """
    if (folder / CARD).is_file():
        _refuse_others(folder, read_card(folder), about)


def _refuse_others(
    folder: Path, card: Mapping[str, Any], fresh: Mapping[str, Any]
) -> None:
    if differs := _different(card, fresh):
        raise UserError(
            f"'{folder}' holds {card.get('organism')} made otherwise ({differs}); give "
            "another folder"
        )


def _of_kind(specimen: Specimen) -> dict[str, Any]:
    habitat, network = specimen.habitat, specimen.policy.network
    settings = described(network)
    settings.pop("senses", None)  # follow from the environment
    shape = habitat.env.observation_shape
    return {
        "organism": specimen.organism,
        "environment": {
            "name": habitat.env_name,
            "dynamics_version": habitat.env.dynamics_version,
            "static": dict(habitat.static),
            "params": dict(habitat.settings),
        },
        "network": settings,
        "flops": operations(specimen.policy, tuple(shape)),
    }


def _different(card: Mapping[str, Any], fresh: Mapping[str, Any]) -> str:
    """Return the first key in which two cards differ, seeds apart; empty if none."""
    for key, value in fresh.items():
        if key != "command" and card.get(key) != _as_read(value):
            return key
    return ""


def _as_read(value: Any) -> Any:
    """Return a value as JSON gives it back."""
    if isinstance(value, Mapping):
        return {str(key): _as_read(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_read(each) for each in value]
    return value


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card of a folder.

    Raises:
        DamagedFile: torn or altered.
        UserError: of another format.
    """
    card = read_sealed(folder / CARD)
    if card.get("format") != FORMAT:
        raise UserError(
            f"'{folder / CARD}' is no card that this mesagym can read "
            f"('{card.get('format')}', not '{FORMAT}')."
        )
    return card


def kept(root: Path) -> list[Path]:
    """Return the folders of organisms under a root, in the order of their names."""
    return sorted(card.parent for card in root.glob(f"*/{CARD}"))


def seeds_in(folder: Path) -> list[int]:
    """Return the seeds that a folder holds, in ascending order."""
    if not (folder / CARD).is_file():
        return []
    return sorted(map(int, read_card(folder)["seeds"]))


def load(folder: str | Path, seeds: Sequence[int] | None = None) -> list[Specimen]:
    """Take specimens out of their kind's folder.

    Args:
        folder: of one kind.
        seeds: which; all if None.

    Raises:
        DamagedFile: torn or altered, or weights that are not those on the card.
        UserError: no such folder or seed, other dynamics, or a card that says another
            objective than the weights have.
    """
    folder = Path(folder)
    if not (folder / CARD).is_file():
        raise UserError(
            f"'{folder}' holds no organism: it has no {CARD}; make some with "
            "`mesagym organisms make all`"
        )
    card = read_card(folder)
    habitat = _habitat(card, folder)
    policy = NetworkPolicy(_network(card["network"], habitat))
    there = {int(seed): of for seed, of in card["seeds"].items()}
    wanted = sorted(there) if seeds is None else list(seeds)
    found = []
    for seed in wanted:
        if seed not in there:
            listed = ", ".join(map(str, sorted(there)))
            raise UserError(f"'{folder}' has no seed {seed}; use one of {listed}")
        found.append(_specimen(card, habitat, policy, seed, there[seed], folder))
    return found


def _specimen(
    card: Mapping[str, Any],
    habitat: Habitat,
    policy: NetworkPolicy,
    seed: int,
    of: Mapping[str, Any],
    folder: Path,
) -> Specimen:
    path = folder / of["file"]
    try:
        arrays = bytes_to_arrays(read_bytes(path, {of["sha256"]}), path)
    except DamagedFile as error:
        raise DamagedFile(
            f"{error} Or delete '{folder}' and make it again, `mesagym organisms make "
            f"{card['organism']}`"
        ) from error
    obs = jnp.zeros((1, *habitat.env.observation_shape), bool)
    like = jax.eval_shape(lambda: policy.init(jax.random.key(0), obs))
    params = from_arrays(like, arrays, f"'{path}'", "make the organism again")
    labels = read_labels(of["labels"])
    _must_agree(labels, params, path)
    return Specimen(
        card["organism"],
        habitat,
        seed,
        policy,
        params,
        labels,
        tuple(Proof(**proof) for proof in of["proofs"]),
        of["seconds"],
        card["construction"],
    )


def _must_agree(labels: Labels, params: Any, path: Path) -> None:
    """Refuse a card that says exactly what the weights pursue, and is wrong."""
    if labels.G.provenance != CONSTRUCTED:
        return
    own = params["params"]
    for name, stated in (
        ("goal", labels.weights),
        ("goal_marked", labels.weights_marked),
    ):
        if name in own and stated is not None:
            there = tuple(np.asarray(own[name]).tolist())
            if there != stated:
                raise DamagedFile(
                    f"'{path}': its weights pursue {there} by '{name}', and its card "
                    f"says {stated}; one of the two was changed, make it again"
                )


def _habitat(card: Mapping[str, Any], folder: Path) -> Habitat:
    about = card["environment"]
    habitat = Habitat(about["name"], about["static"], about["params"])
    version = habitat.env.dynamics_version
    if version != about["dynamics_version"]:
        raise UserError(
            f"'{folder}' was made for version {about['dynamics_version']} of the "
            f"dynamics of {about['name']} and this mesagym has {version}; make it again"
        )
    return habitat


def _network(said: Mapping[str, Any], habitat: Habitat) -> Network:
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in said.items()
    }
    label = settings.pop("name")
    moves = habitat.env.num_actions
    if label in network_names:
        return make_network(label, moves, **settings)
    others = [each for recipe in recipes().values() for each in recipe.networks]
    networks = {each.label: each for each in others} | _NETWORKS
    if label not in networks:
        raise UserError(f"card: no organism has a network '{label}'")
    network = networks[label]
    if "senses" in network.__dataclass_fields__:
        settings["senses"] = habitat.senses
    return network(num_actions=moves, **settings)
