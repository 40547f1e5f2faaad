"""Policies made of other policies: mixtures of two, slips, lenses before the eyes."""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mesagym.agents.distributions import Categorical
from mesagym.agents.policy import (
    IMPOSSIBLE,
    Actions,
    Flags,
    Intervention,
    Observations,
    Record,
    forgets,
    fresh_where_reset,
    log_probabilities,
    refuse_taps,
)
from mesagym.envs.lenses import Phantom, draw_phantom, lens_arrays, look
from mesagym.errors import UserError
from mesagym.levels.shift import Lens

LogProbabilities = Float[Array, "batch action"]


def _mixed(
    first: LogProbabilities, second: LogProbabilities, share: float
) -> LogProbabilities:
    """Return ``share`` of the first distribution and the rest of the second."""
    mixed = share * jnp.exp(first) + (1 - share) * jnp.exp(second)
    least = jnp.finfo(jnp.float32).tiny
    return jnp.where(mixed > 0, jnp.log(jnp.maximum(mixed, least)), IMPOSSIBLE)


def _check_share(who: Any, name: str) -> None:
    share = getattr(who, name)
    if not 0 <= share <= 1:
        raise UserError(f"{type(who).__name__}: {name} is {share}, outside [0, 1]")


def _carried(policy: Any, carry: Any, action: jax.Array) -> Any:
    """Return what a policy carries on after an action that it did not choose."""
    told = getattr(policy, "carried", None)
    return told(carry, action) if told else carry


# -------------------------------------------------------------------------- of one


@dataclass(frozen=True)
class _Changed(abc.ABC):
    """Acts by a changed distribution of another policy, whose weights it takes."""

    policy: Any

    @property
    def memoryless(self) -> bool:
        """Whether the other policy is."""
        return forgets(self.policy)

    def init_carry(self, n: int) -> Any:
        """Return the other policy's."""
        return self.policy.init_carry(n)

    def act(
        self,
        params: Any,
        carry: Any,
        obs: Observations,
        key: jax.Array,
        *,
        reset: Flags,
        state: Any = None,
        capture: Sequence[str] = (),
        intervene: Mapping[str, Intervention] | None = None,
    ) -> tuple[Actions, Any, Record]:
        """Draw actions, see `mesagym.agents.policy.Policy.act`.

        Values and activations are the other policy's.
        """
        key_policy, key_draw = jax.random.split(key)
        _, carry, record = self.policy.act(
            params,
            carry,
            obs,
            key_policy,
            reset=reset,
            state=state,
            capture=capture,
            intervene=intervene,
        )
        logits = self._change(log_probabilities(self.policy, record))
        action = Categorical(logits).sample(key_draw)
        return action, self.carried(carry, action), record.replace(logits=logits)

    def carried(self, carry: Any, action: jax.Array) -> Any:
        """Return what the other policy carries on after an action of this one."""
        return _carried(self.policy, carry, action)

    @abc.abstractmethod
    def _change(self, log_probs: jax.Array) -> jax.Array:
        """Return the distribution to draw from, as logarithms."""


@dataclass(frozen=True)
class EpsilonGreedy(_Changed):
    """Follows a policy, but for a share of its steps, which are drawn uniformly.

    Attributes:
        policy: to follow.
        epsilon: the share, 0 to 1.
    """

    epsilon: float

    def __post_init__(self) -> None:
        _check_share(self, "epsilon")

    def _change(self, log_probs: jax.Array) -> jax.Array:
        uniform = jnp.full(log_probs.shape, -jnp.log(log_probs.shape[-1]))
        return _mixed(uniform, log_probs, self.epsilon)


@dataclass(frozen=True)
class Mirrored(_Changed):
    """Goes left where a policy would go right, and right where it would go left.

    So acts a scripted policy to which a mirrored level is shown. (A network sees
    levels mirrored when it is `Lensed`.)

    Attributes:
        policy: to follow.
        action_names: of the environment.
    """

    action_names: tuple[str, ...]

    def _change(self, log_probs: jax.Array) -> jax.Array:
        swap = {"left": "right", "right": "left"}
        names = self.action_names
        return log_probs[:, [names.index(swap.get(name, name)) for name in names]]


@dataclass(frozen=True)
class Lensed:
    """Shows a policy what a lens makes of its observations.

    Attributes:
        policy: one that reads observations; what others read is not changed.
        lens: to look through.
        env: whose observations these are. A lens that doubles needs whole grids.
    """

    policy: Any
    lens: Lens
    env: Any

    def __post_init__(self) -> None:
        lens_arrays(self.env, self.lens, "Lensed")
        if self.lens.doubled and self.env.crop_radius is not None:
            raise UserError(
                "Lensed: a window does not show where there is room for a second "
                "object; double it by a shift, or use env.crop_radius=null"
            )

    @property
    def memoryless(self) -> bool:
        """Whether the policy is, and the lens shows the same at every sight."""
        alike = not self.lens.doubled and self.lens.noise == 0
        return alike and forgets(self.policy)

    def init_carry(self, n: int) -> Any:
        """Return phantoms, where the lens doubles, and the policy's carry."""
        own = self.policy.init_carry(n)
        if not self.lens.doubled:
            return own
        channels = len(self.env.channel_names)
        none = Phantom(jnp.full((n, 2), -1, jnp.int32), jnp.zeros((n, channels), bool))
        return none, own

    def act(
        self,
        params: Any,
        carry: Any,
        obs: Observations,
        key: jax.Array,
        *,
        reset: Flags,
        state: Any = None,
        capture: Sequence[str] = (),
        intervene: Mapping[str, Intervention] | None = None,
    ) -> tuple[Actions, Any, Record]:
        """Choose actions, see `mesagym.agents.policy.Policy.act`."""
        key_act, key_look, key_phantom = jax.random.split(key, 3)
        lens, n = lens_arrays(self.env, self.lens), obs.shape[0]
        phantoms, own = None, carry
        if self.lens.doubled:
            phantoms, own = carry
            keys = jax.random.split(key_phantom, n)
            fresh = jax.vmap(draw_phantom, in_axes=(0, 0, None))(
                keys, obs, lens.doubled
            )
            phantoms = fresh_where_reset(phantoms, fresh, reset)
        whole = jnp.zeros((n, 2), jnp.int32)
        seen = look(lens, obs, phantoms, whole, not self.env.pixels, key_look)
        action, own, record = self.policy.act(
            params,
            own,
            seen,
            key_act,
            reset=reset,
            state=state,
            capture=capture,
            intervene=intervene,
        )
        return action, own if phantoms is None else (phantoms, own), record


# -------------------------------------------------------------------------- of two


@dataclass(frozen=True)
class _OfTwo(abc.ABC):
    """Follows two policies; ``params`` is the pair of theirs, ``()`` if both's are."""

    first: Any
    second: Any
    share: float = 0.5

    def __post_init__(self) -> None:
        _check_share(self, "share")

    def _acts(
        self,
        params: Any,
        carries: tuple[Any, Any],
        obs: Any,
        key: jax.Array,
        reset: jax.Array,
        state: Any,
    ) -> tuple[list[Any], list[jax.Array]]:
        """Return both policies' carries, and both's log-probabilities."""
        pair = ((), ()) if isinstance(params, tuple) and not params else params
        carried, log_probs = [], []
        for policy, own, carry, own_key in zip(
            (self.first, self.second), pair, carries, jax.random.split(key), strict=True
        ):
            _, after, record = policy.act(
                own, carry, obs, own_key, reset=reset, state=state
            )
            carried.append(after)
            log_probs.append(log_probabilities(policy, record))
        return carried, log_probs


@dataclass(frozen=True)
class Mixture(_OfTwo):
    """Follows one of two policies for a whole episode, as a coin decides.

    Attributes:
        first: followed if the coin says so. Its logits are those of the action then.
        second: followed if not.
        share: of episodes that follow the first, 0 to 1.
    """

    def init_carry(self, n: int) -> Any:
        """Return the coins, bool[n], and both policies' carries."""
        coins = jnp.zeros(n, dtype=bool)
        return coins, self.first.init_carry(n), self.second.init_carry(n)

    def act(
        self,
        params: Any,
        carry: Any,
        obs: Observations,
        key: jax.Array,
        *,
        reset: Flags,
        state: Any = None,
        capture: Sequence[str] = (),
        intervene: Mapping[str, Intervention] | None = None,
    ) -> tuple[Actions, Any, Record]:
        """Draw actions, see `mesagym.agents.policy.Policy.act`. There are no taps."""
        refuse_taps(capture, intervene)
        key_coin, key_acts, key_draw = jax.random.split(key, 3)
        coins, *carries = carry
        tossed = jax.random.bernoulli(key_coin, self.share, reset.shape)
        coins = jnp.where(reset, tossed, coins)
        carries, (first, second) = self._acts(
            params, (carries[0], carries[1]), obs, key_acts, reset, state
        )
        logits = jnp.where(coins[:, None], first, second)
        action = Categorical(logits).sample(key_draw)
        record = Record(logits, jnp.zeros(action.shape[0]), {})
        return action, self.carried((coins, *carries), action), record

    def carried(self, carry: Any, action: jax.Array) -> Any:
        """Return the coins, and what both carry on after an action."""
        coins, first, second = carry
        return (
            coins,
            _carried(self.first, first, action),
            _carried(self.second, second, action),
        )


@dataclass(frozen=True)
class Blend(_OfTwo):
    """Draws each step from one of two policies, as a coin decides at every step.

    Attributes:
        first: whose distribution has ``share`` in the mixture.
        second: whose has the rest.
        share: 0 to 1.
    """

    @property
    def memoryless(self) -> bool:
        """Whether both policies are."""
        return forgets(self.first) and forgets(self.second)

    def init_carry(self, n: int) -> Any:
        """Return both policies' carries."""
        return self.first.init_carry(n), self.second.init_carry(n)

    def act(
        self,
        params: Any,
        carry: Any,
        obs: Observations,
        key: jax.Array,
        *,
        reset: Flags,
        state: Any = None,
        capture: Sequence[str] = (),
        intervene: Mapping[str, Intervention] | None = None,
    ) -> tuple[Actions, Any, Record]:
        """Draw actions, see `mesagym.agents.policy.Policy.act`. There are no taps."""
        refuse_taps(capture, intervene)
        key_acts, key_draw = jax.random.split(key)
        carries, (first, second) = self._acts(
            params, carry, obs, key_acts, reset, state
        )
        logits = _mixed(first, second, self.share)
        action = Categorical(logits).sample(key_draw)
        record = Record(logits, jnp.zeros(action.shape[0]), {})
        return action, self.carried(tuple(carries), action), record

    def carried(self, carry: Any, action: jax.Array) -> Any:
        """Return what both carry on after an action."""
        first, second = carry
        return (
            _carried(self.first, first, action),
            _carried(self.second, second, action),
        )
