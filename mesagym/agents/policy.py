"""The protocol of everything that acts, and the plain policies that keep it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Bool, Float, Int, Shaped

from mesagym.agents.distributions import Categorical
from mesagym.agents.networks import Network, activation_shapes, init_params, no_tap
from mesagym.errors import UserError, nearest

Observations = Shaped[Array, "batch ..."]
Flags = Bool[Array, " batch"]
Actions = Int[Array, " batch"]
Intervention = Callable[[jax.Array], jax.Array]
"""From an activation [batch, ...] to the one to put in its place, of equal shape."""


@struct.dataclass
class Record:
    """What a policy thought besides the action it chose."""

    logits: Any  # float32[n, A]
    value: Any  # float32[n], 0 from policies that have no estimate
    captured: Any  # dict of activations [n, ...] by name, as asked for
    carry: Any = ()  # to go on from, where it is not returned beside: see `Agent.act`


@runtime_checkable
class Policy(Protocol):
    """Anything that chooses actions for a batch of n episodes.

    Policies are hashable and equal by what a program is compiled for; weights are
    passed in as ``params``.
    """

    def init_carry(self, n: int) -> Any:
        """Return what is remembered before the first step; leaves [n, ...]."""
        ...

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
        """Choose an action for each episode.

        Args:
            params: weights, ``()`` where there are none.
            carry: of the step before, or `init_carry`'s.
            obs: observations [n, ...].
            key: randomness of the choice.
            reset: where ``obs`` is an episode's first; what was carried there is
                forgotten.
            state: the environments', leaves [n, ...]. Only scripted policies read it.
            capture: names of activations to return.
            intervene: names of activations and what replaces each. Captured are the
                replaced ones.

        Returns:
            ``(action, carry, record)``; actions are int32.

        Raises:
            UserError: a name that the policy has no activation for, or an activation
                replaced by one of another shape.
        """
        ...


def fresh_where_reset(carry: Any, fresh: Any, reset: Flags) -> Any:
    """Return ``carry`` with the rows that reset taken from ``fresh``."""

    def choose(new: jax.Array, old: jax.Array) -> jax.Array:
        return jnp.where(reset.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    return jax.tree.map(choose, fresh, carry)


# ------------------------------------------------------------------------- networks


class _Tapped:
    """Reads and replaces the named activations of one run of a network."""

    def __init__(
        self, capture: Sequence[str], intervene: Mapping[str, Intervention] | None
    ) -> None:
        self.capture = (capture,) if isinstance(capture, str) else tuple(capture)
        self.intervene = dict(intervene or {})
        self.names: list[str] = []
        self.captured: dict[str, jax.Array] = {}

    def __call__(self, name: str, x: jax.Array) -> jax.Array:
        self.names.append(name)
        if name in self.intervene:
            replaced = jnp.asarray(self.intervene[name](x))
            if replaced.shape != x.shape:
                raise UserError(
                    f"intervene: '{name}' of shape {x.shape} was replaced by one of "
                    f"shape {replaced.shape}; an intervention keeps the shape"
                )
            x = replaced.astype(x.dtype)
        if name in self.capture:
            self.captured[name] = x
        return x

    def check(self) -> None:
        """Refuse names that the network turned out not to have."""
        for argument, names in ("capture", self.capture), ("intervene", self.intervene):
            for name in names:
                _refuse_unknown(argument, name, self.names)


def _refuse_unknown(argument: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        hint = nearest(name, known) if known else " It has none."
        raise UserError(f"{argument}: the policy has no activation '{name}'.{hint}")


@dataclass(frozen=True)
class NetworkPolicy:
    """A network that samples its actions, or takes the likeliest one (``greedy``)."""

    network: Network
    greedy: bool = False

    def init(self, key: jax.Array, obs: Observations) -> Any:
        """Return fresh weights for observations shaped like a batch of them."""
        return init_params(self.network, key, obs)

    def init_carry(self, n: int) -> Any:
        """Return the network's carry before the first step."""
        return self.network.initial_carry(n)

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
        """Choose actions, see `Policy.act`. The state is not looked at."""
        tap = _Tapped(capture, intervene)
        logits, value, carry = self._run(params, carry, obs, reset, tap)
        tap.check()
        choice = Categorical(logits)
        action = choice.mode() if self.greedy else choice.sample(key)
        return action, carry, Record(logits, value, tap.captured)

    def evaluate(
        self,
        params: Any,
        obs: Observations,
        carry: Any = None,
        reset: Flags | None = None,
        at_once: int | None = None,
    ) -> tuple[Float[Array, "batch action"], Float[Array, " batch"]]:
        """Return logits and values, and choose nothing.

        Args:
            params: weights.
            obs: observations [n, ...]; or of T steps [T * n, ...], a step's n together,
                which a policy that remembers goes through one after another.
            carry: of the step before; where not given, every episode starts here.
            reset: where ``obs`` is an episode's first; where not given, nowhere.
            at_once: rows that the network's torso takes at a time; None is all.
        """
        rows = obs.shape[0]
        if carry is None:
            carry, reset = self.init_carry(rows), jnp.ones(rows, dtype=bool)
        elif reset is None:
            reset = jnp.zeros(rows, dtype=bool)
        parts = {} if at_once is None else {"at_once": at_once}
        return self._run(params, carry, obs, reset, no_tap, **parts)[:2]

    def look(
        self,
        params: Any,
        obs: Observations,
        capture: Sequence[str] = (),
        intervene: Mapping[str, Intervention] | None = None,
    ) -> Record:
        """Return the record of observations that are an episode's first each.

        Args:
            params: weights.
            obs: observations [n, ...].
            capture: activations to return, by name.
            intervene: functions of activations, by name.

        Raises:
            UserError: no activation has a name.
        """
        n = obs.shape[0]
        carry, reset = self.init_carry(n), jnp.ones(n, dtype=bool)
        # Whatever action is drawn, only the record is of interest.
        key = jax.random.key(0)
        return self.act(
            params, carry, obs, key, reset=reset, capture=capture, intervene=intervene
        )[2]

    def _run(
        self,
        params: Any,
        carry: Any,
        obs: jax.Array,
        reset: jax.Array,
        tap: Any,
        **parts: int,
    ) -> tuple[jax.Array, jax.Array, Any]:
        n = next((leaf.shape[0] for leaf in jax.tree.leaves(carry)), obs.shape[0])
        carry = fresh_where_reset(carry, self.init_carry(n), reset[:n])
        return self.network.apply(params, obs, carry, reset, tap, **parts)  # type: ignore[return-value]


def activation_names(network: Network, obs_shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return the names that `capture` and `intervene` accept, from input to value.

    Args:
        network: the network.
        obs_shape: of one observation.
    """
    return tuple(activation_shapes(network, obs_shape))


# ------------------------------------------------------------------ without weights


def refuse_taps(
    capture: Sequence[str], intervene: Mapping[str, Intervention] | None
) -> None:
    """Raise a UserError for any name: the policy has no activations."""
    tap = _Tapped(capture, intervene)
    tap.check()


@dataclass(frozen=True)
class RandomPolicy:
    """Every action alike, whatever is observed."""

    num_actions: int

    def init_carry(self, n: int) -> Any:
        """Return nothing."""
        return ()

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
        """Draw actions, see `Policy.act`."""
        refuse_taps(capture, intervene)
        n = obs.shape[0]
        action = jax.random.randint(key, (n,), 0, self.num_actions, jnp.int32)
        record = Record(jnp.zeros((n, self.num_actions)), jnp.zeros(n), {})
        return action, carry, record


IMPOSSIBLE = -1e9
"""Logit of an action that a scripted policy never takes; finite, so entropies are."""


def sure(action: Actions, num_actions: int) -> Float[Array, "batch action"]:
    """Return the logits of one action each, never another."""
    chosen = jax.nn.one_hot(action, num_actions, dtype=bool)
    return jnp.where(chosen, 0.0, IMPOSSIBLE)


def forgets(policy: Any) -> bool:
    """Return whether a policy's next action depends on the state and nothing earlier.

    Oracles carry their guide, which the level alone determines.
    """
    return bool(getattr(policy, "memoryless", False)) or not jax.tree.leaves(
        policy.init_carry(1)
    )


def remembers(policy: Any) -> bool:
    """Return whether a policy carries anything from step to step."""
    return bool(jax.tree.leaves(jax.eval_shape(lambda: policy.init_carry(1))))


def log_probabilities(policy: Any, record: Record) -> Float[Array, "batch action"]:
    """Return the logarithms of what a policy drew its actions from.

    Args:
        policy: whose record it is. A ``greedy`` one takes the likeliest action.
        record: what `act` returned.

    Returns:
        Finite: of an action never taken, `IMPOSSIBLE`.
    """
    if getattr(policy, "greedy", False):
        return sure(record.logits.argmax(axis=-1), record.logits.shape[-1])
    return jnp.maximum(jax.nn.log_softmax(record.logits), IMPOSSIBLE)


@dataclass(frozen=True)
class OraclePolicy:
    """Acts as one objective's own expert, which sees the level.

    The environment provides ``guide(level, objective)``, whatever its expert needs to
    know of a level (steps to go from every tile, say), and ``guided_action(guide,
    state)``. Guides are carried, and made anew where an episode starts.
    """

    memoryless: ClassVar[bool] = True
    """Guides follow from the level alone, so that nothing earlier is remembered."""

    env: Any
    objective_index: int

    def __post_init__(self) -> None:
        names = self.env.own_objectives
        if not 0 <= self.objective_index < len(names):
            raise UserError(
                f"oracle: objective {self.objective_index} has no expert; "
                f"0 to {len(names) - 1} are {', '.join(names)}"
            )

    def init_carry(self, n: int) -> Any:
        """Return empty guides: leaves [n, ...] of zeros."""

        def guides() -> Any:
            return self._guides(self.env.sample_levels(jax.random.key(0), n))

        return jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(guides)
        )

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
        """Take the expert's actions, see `Policy.act`.

        Raises:
            UserError: no state, or a named activation asked for.
        """
        refuse_taps(capture, intervene)
        if state is None:
            raise UserError("oracle: it reads the state; pass state= to act")
        carry = self.guides(carry, reset, state)
        action = jax.vmap(self.env.guided_action)(carry, state).astype(jnp.int32)
        logits = sure(action, self.env.num_actions)
        return action, carry, Record(logits, jnp.zeros(action.shape[0]), {})

    def guides(self, carry: Any, reset: Flags, state: Any) -> Any:
        """Return the guides to act by: those carried, made anew where a level is."""
        return jax.lax.cond(
            reset.any(),
            lambda: fresh_where_reset(carry, self._guides(state.level), reset),
            lambda: carry,
        )

    def _guides(self, levels: Any) -> Any:
        return jax.vmap(lambda level: self.env.guide(level, self.objective_index))(
            levels
        )
