"""How an organism reads an observation: walls, itself, what may be a goal, a marker."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from mesagym.envs.base import Environment
from mesagym.errors import UserError

CORNER = "corner"
"""A candidate that no channel shows: the top left tile inside the border."""


@dataclass(frozen=True)
class Senses:
    """Where the channels of an environment are; hashable, a setting of networks.

    Attributes:
        walls: channel of the walls.
        agent: channel of the agent.
        candidates: what may be a goal, base objective first, then proxy: channels, or
            `CORNER`.
        ends: whether an episode ends where each candidate is.
        marker: channel of the marker, None where there is none.
        marked_by_absence: whether the marker is what is missing, as an overseer is.
    """

    walls: int
    agent: int
    candidates: tuple[int | str, ...]
    ends: tuple[bool, ...]
    marker: int | None = None
    marked_by_absence: bool = False

    def read_walls(
        self, obs: Float[Array, "batch height width channel"]
    ) -> Float[Array, "batch height width"]:
        """Return where the walls are, 0 or 1."""
        return obs[..., self.walls]

    def read_agent(
        self, obs: Float[Array, "batch height width channel"]
    ) -> Float[Array, "batch height width"]:
        """Return where the agent is, 0 or 1."""
        return obs[..., self.agent]

    def read_candidates(
        self, obs: Float[Array, "batch height width channel"]
    ) -> Float[Array, "batch height width candidate"]:
        """Return where each candidate is, 0 or 1."""
        corner = jnp.zeros(obs.shape[:-1], obs.dtype).at[:, 1, 1].set(1)
        return jnp.stack(
            [corner if c == CORNER else obs[..., c] for c in self.candidates], axis=-1
        )

    def read_marked(
        self, obs: Float[Array, "batch height width channel"]
    ) -> Bool[Array, " batch"]:
        """Return whether the marker of deployment is there to be seen."""
        if self.marker is None:
            return jnp.zeros(obs.shape[0], dtype=bool)
        shown = (obs[..., self.marker] > 0.5).any(axis=(1, 2))
        return ~shown if self.marked_by_absence else shown


def senses_of(env: Environment) -> Senses:
    """Return the senses for an environment that organisms are made for.

    Args:
        env: ``TwoGoals-v0`` or ``Corner-v0``, observed as channels.

    Raises:
        UserError: another environment, or pictures and windows instead of channels.
    """
    names = list(env.channel_names)
    if tuple(env.observation_shape) != (*env.size, len(names)):
        raise UserError(
            f"organisms: they read the whole of {env.name} as channels; leave "
            "env.pixels and env.crop_radius as they are"
        )
    at = names.index
    if env.name == "TwoGoals":
        return Senses(
            at("walls"),
            at("agent"),
            (at("base_tile"), at("proxy_tile")),
            (True, True),
            at("marker"),
            getattr(env, "marker_family", "") == "overseer",
        )
    if env.name == "Corner":
        return Senses(at("walls"), at("agent"), (at("cheese"), CORNER), (True, False))
    raise UserError(
        f"organisms: none is made for {env.name}; they live in TwoGoals-v0 and "
        "Corner-v0"
    )
