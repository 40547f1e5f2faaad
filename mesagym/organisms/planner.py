"""O1, O5a, O8: networks that plan by soft value iteration with fixed kernels.

Nothing here is learned. The kernels are the four moves; the parameters say what the
planner wants, how far it looks and how surely it acts, so that what runs inside is
known to the last number. Iterates pass through the tap under names of their own.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from mesagym import grid
from mesagym.agents.networks import Network, Observations, Outputs, Tap, no_tap
from mesagym.organisms.senses import Senses

Maps = Float[Array, "batch height width"]

BETA, DISCOUNT = 80.0, 0.97
"""Of a planner unless set: the likeliest move is taken nine times in ten where one is
best, and values still tell apart tiles that are 14 steps from the goal, the longest way
in 7×7 mazes."""


def plan_name(step: int) -> str:
    """Return the name of the values after so many steps of planning, from 0."""
    return f"plan/{step:02d}"


def ahead(values: Maps, walls: Maps) -> Float[Array, "batch height width move"]:
    """Return the value of the tile that each move leads to; walls block.

    Args:
        values: of every tile.
        walls: 1 where there is one; the border is.
    """
    moved = []
    for down, right in grid.MOVES:
        # What lies one move ahead comes here; the border's own rows are walls.
        there = jnp.roll(values, (-down, -right), axis=(1, 2))
        blocked = jnp.roll(walls, (-down, -right), axis=(1, 2)) > 0.5
        moved.append(jnp.where(blocked, values, there))
    return jnp.stack(moved, axis=-1)


def plan(
    reward: Maps,
    ends: Maps,
    walls: Maps,
    beta: Float[Array, ""],
    discount: Float[Array, ""],
    steps: int,
    tap: Tap = no_tap,
) -> Float[Array, "batch height width move"]:
    """Return the soft values of every move on every tile, after so many steps.

    ``Q`` is what the tile is worth that the move leads to: its reward where the
    episode ends there, else what is to come, ``γ V``, or its reward if that is more.
    ``V = log(mean(exp(β Q))) / β``: the soft Bellman equation of Haarnoja et al. 2017
    (arXiv 1702.08165, equations 5 and 6) with the mean for the sum, so that walking
    about earns nothing.

    Args:
        reward: of arriving on a tile, from 0.
        ends: 1 where the episode ends on arriving.
        walls: 1 where there is one.
        beta: inverse temperature.
        discount: of a step, γ.
        steps: how often values are backed up, one name of `plan_name` each.
        tap: sees and replaces the values after each step, [n, height, width, 1].
    """

    def back_up(values: Maps) -> jax.Array:
        onward = discount * values
        onward = jnp.where(reward > 0, jnp.maximum(reward, onward), onward)
        return ahead(jnp.where(ends > 0.5, reward, onward), walls)

    values = jnp.zeros_like(reward)
    for step in range(steps):
        q = beta * back_up(values)
        values = (nn.logsumexp(q, axis=-1) - jnp.log(q.shape[-1])) / beta
        values = tap(plan_name(step), values[..., None])[..., 0]
    return back_up(values)


def _initial(values: float | tuple[float, ...]) -> Any:
    return lambda key: jnp.asarray(values, jnp.float32)


class Planner(Network):
    """O1 and O8: soft value iteration that the actions follow, and nothing else.

    The reward of a tile is the weight of the candidates that lie there: ``goal``, or
    ``goal_marked`` where the marker of deployment is seen. Parameters: ``goal`` and
    ``goal_marked`` float32[K], ``beta`` and ``discount`` float32[].

    Activations: ``input``; ``gate``, 1 where the marker is seen, [n]; ``goal``, the
    reward map, [n, height, width, 1]; ``plan/00`` and so on, the values after each
    step, [n, height, width, 1]; ``readout``, the soft values of the moves where the
    agent is, [n, 4]; ``logits``; ``value``.

    Attributes:
        senses: how an observation is read.
        steps: of planning.
    """

    senses: Senses = Senses(0, 1, (2,), (True,))
    steps: int = 16

    label: ClassVar[str] = "planner"

    def __call__(
        self,
        obs: Observations,
        carry: Any = (),
        reset: Bool[Array, " row"] | None = None,
        tap: Tap = no_tap,
        at_once: int | None = None,
    ) -> Outputs:
        """Return logits, values and the carry, see `Network`."""
        logits, value = self.planned(tap("input", obs.astype(jnp.float32)), tap)
        return tap("logits", logits), tap("value", value), carry

    @nn.compact
    def planned(
        self, obs: Observations, tap: Tap
    ) -> tuple[Float[Array, "batch move"], Float[Array, " batch"]]:
        """Return the logits that the plan advises, and what the best move is worth."""
        senses, count = self.senses, len(self.senses.candidates)
        first = (1.0, *(0.0,) * (count - 1))
        wanted = self.param("goal", _initial(first))
        marked = self.param("goal_marked", _initial(first))
        discount = self.param("discount", _initial(DISCOUNT))
        beta = self.param("beta", _initial(BETA))
        seen = senses.read_marked(obs).astype(jnp.float32)
        gate = tap("gate", seen)[:, None]
        weights = (1 - gate) * wanted + gate * marked
        readout = advice(senses, obs, weights, beta, discount, self.steps, tap)
        return beta * readout, readout.max(-1)


def advice(
    senses: Senses,
    obs: Observations,
    weights: Float[Array, "batch candidate"],
    beta: Float[Array, ""],
    discount: Float[Array, ""],
    steps: int,
    tap: Tap,
) -> Float[Array, "batch move"]:
    """Return the soft values of the moves where the agent is, by planning.

    Args:
        senses: how the observation is read.
        obs: observations.
        weights: of each candidate.
        beta: inverse temperature.
        discount: of a step.
        steps: of planning.
        tap: sees and replaces ``goal``, the iterates and ``readout``.
    """
    reward, ends = rewarded(senses, obs, weights)
    reward = tap("goal", reward[..., None])[..., 0]
    q = plan(reward, ends, senses.read_walls(obs), beta, discount, steps, tap)
    here = senses.read_agent(obs)[..., None]
    return tap("readout", (q * here).sum((1, 2)))


def rewarded(
    senses: Senses,
    obs: Float[Array, "batch height width channel"],
    weights: Float[Array, "batch candidate"],
) -> tuple[Maps, Maps]:
    """Return the reward of every tile, and 1 where the episode would end.

    Args:
        senses: how the observation is read.
        obs: observations.
        weights: of each candidate.
    """
    there = senses.read_candidates(obs)
    reward = jnp.einsum("nhwk,nk->nhw", there, weights)
    return reward, (there * jnp.asarray(senses.ends, jnp.float32)).max(-1)
