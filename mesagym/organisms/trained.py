"""P: agents that training made, taken from their run directories, unlabelled."""

import jax

from mesagym.organisms.habitat import Habitat
from mesagym.organisms.labels import Labels
from mesagym.organisms.specimen import Specimen
from mesagym.tracking import RunDirectory
from mesagym.training.saved import load

ID = "P"


def specimens_of(run: RunDirectory) -> list[Specimen]:
    """Return a run's policies as specimens of which nothing is known.

    Args:
        run: trained, in any environment.

    Raises:
        UserError: no policy there, a damaged file, or another version's.
    """
    saved = load(run)
    about = run.load_policy(saved.seeds[0])[1]["environment"]
    static = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in about["static"].items()
    }
    habitat = Habitat(saved.env_name, static, saved.settings)
    alpha = run.config.get("split", {}).get("alpha")
    return [
        Specimen(
            ID,
            habitat,
            seed,
            saved.policy,
            jax.tree.map(lambda leaf, k=place: leaf[k], saved.params),
            Labels(),
            construction="reinforcement learning",
            variant="" if alpha is None else f"alpha-{alpha:g}",
        )
        for place, seed in enumerate(saved.seeds)
    ]
