"""A batch of one environment with Gymnasium's vector interface."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from mesagym.envs.base import Environment
from mesagym.envs.gymnasium_door import episodes
from mesagym.envs.gymnasium_door.episodes import Episode
from mesagym.envs.gymnasium_door.words import (
    METADATA,
    check_render_mode,
    check_usable,
    describe,
    gymnasium_space,
    mask_info,
    random_words,
    read_actions,
    read_level,
    read_options,
    resolve,
    to_host,
)
from mesagym.errors import UserError, nearest


class GymnasiumVectorEnv(VectorEnv[np.ndarray, Any, np.ndarray]):
    """A batch of one environment with Gymnasium's vector interface, stepped as one.

    Step for step what `gymnasium.vector.SyncVectorEnv` makes of as many
    `GymnasiumEnv`, in each of Gymnasium's modes: where an episode ended, NEXT_STEP
    starts over in the next step, ignoring its action; SAME_STEP at once, the last
    observation and info in ``final_obs`` and ``final_info``; DISABLED leaves it to
    ``reset(options={"reset_mask": ended})``. Beside each key ``k`` of an info, ``_k``
    tells whom it concerns.

    A seed s gives the i-th the seed s + i; a list gives one each, None to go on.
    Options are those of `GymnasiumEnv` and ``reset_mask``, bool[n], of those to
    start; ``level`` may also be a list of n.

    Example:
        >>> envs = gymnasium.make_vec("mesagym/Corner-v0", num_envs=64, size=9)
        >>> obs, infos = envs.reset(seed=0)
        >>> obs, rewards, terminations, truncations, infos = envs.step(
        ...     envs.action_space.sample())
    """

    metadata: dict[str, Any] = METADATA

    def __init__(
        self,
        env: str | Environment,
        num_envs: int = 1,
        params: Any = None,
        *,
        alpha: float | None = None,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        tile: int = 16,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        **static: Any,
    ):
        """Make the batch, without starting an episode.

        Args:
            env: a registered name, or an environment.
            num_envs: n.
            params: parameters, the same for all; default ones if None.
            alpha: probability with which each level of the pool is drawn from the
                shifted distribution; the pool of ``params`` if None.
            max_episode_steps: time limit, if not that of ``params``.
            render_mode: "rgb_array" or None.
            tile: pixels a tile of a rendered picture.
            autoreset_mode: when an episode that ended is started over.
            **static: settings of the environment, where its name is given.

        Raises:
            UserError: an unknown name, mode or setting, or one out of range.
        """
        check_render_mode(render_mode)
        if num_envs < 1:
            raise UserError(f"env.num_envs: {num_envs} is below 1; a batch has members")
        try:
            self.autoreset_mode = AutoresetMode(autoreset_mode)
        except ValueError:
            modes = [mode.value for mode in AutoresetMode]
            raise UserError(
                f"env.autoreset_mode: unknown mode '{autoreset_mode}'."
                + nearest(str(autoreset_mode), modes)
            ) from None
        self.environment, self.params = resolve(
            env, params, alpha, max_episode_steps, static
        )
        self.metadata = {**METADATA, "autoreset_mode": self.autoreset_mode}
        self.render_mode = render_mode
        self.tile = tile
        self.num_envs = num_envs
        self.single_observation_space = gymnasium_space(
            self.environment.observation_space(self.params)
        )
        self.single_action_space = gymnasium_space(
            self.environment.action_space(self.params)
        )
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._episodes: Episode | None = None
        self._observation = np.empty(0)
        self._over = np.zeros(num_envs, dtype=bool)

    @property
    def state(self) -> Any:
        """The environments' states, leaves with a leading axis n.

        Raises:
            ResetNeeded: no episode was ever started.
        """
        if self._episodes is None:
            raise ResetNeeded("no episode is under way; call reset() first")
        return self._episodes.state

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start all episodes, or those of a mask.

        Args:
            seed: starts the chances anew, see above.
            options: ``level``, ``alpha`` and ``reset_mask``, see above.

        Raises:
            UserError: an unknown option, one that does not fit the batch, a text that
                is not a level, an alpha that is not a probability or allows no level.
            ResetNeeded: a mask, although no episode was ever started.
        """
        given = read_options(options, ("level", "alpha", "reset_mask"))
        env, params, before = self.environment, self.params, self._episodes
        levels, alpha = given.get("level"), given.get("alpha")
        levels = None if levels is None else self._read_levels(levels)
        told = self._read_mask(given.get("reset_mask"))
        keys = self._keys(seed)
        started, seen = episodes.begin_batch(env, keys, params, levels, alpha)
        seen = to_host(seen)
        check_usable(env, seen.usable, alpha)
        if before is not None and not told.all():
            started = episodes.select(told, started, before)
        self._episodes = started
        rows = told.reshape(-1, *[1] * len(self.single_observation_space.shape or ()))
        if told.all():
            self._observation = seen.observation
        else:
            self._observation = np.where(rows, seen.observation, self._observation)
        self._over = self._over & ~told
        return self._observation.copy(), mask_info(describe(env, seen), told)

    def step(
        self, actions: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Take one step in each environment.

        Raises:
            ResetNeeded: no episode is under way; in mode DISABLED, one that ended
                was not started over.
            UserError: not n actions of this environment.
        """
        if self._episodes is None:
            raise ResetNeeded("no episode is under way; call reset() first")
        if self.autoreset_mode is AutoresetMode.DISABLED and self._over.any():
            raise ResetNeeded(
                "episodes ended and nothing starts them over; call reset with "
                "options={'reset_mask': terminations | truncations} first"
            )
        env = self.environment
        actions = read_actions(env, actions, (self.num_envs,))
        self._episodes, seen, last = episodes.advance_batch(
            env, self.autoreset_mode, self._episodes, self._over, actions, self.params
        )
        seen = to_host(seen)
        ended = seen.terminated | seen.truncated
        infos = mask_info(describe(env, seen), np.ones(self.num_envs, dtype=bool))
        if last is not None and ended.any():
            last = to_host(last)
            final = np.full(self.num_envs, None, dtype=object)
            for i in np.flatnonzero(ended):
                final[i] = last.observation[i]
            infos["final_obs"] = final
            infos["final_info"] = mask_info(describe(env, last), ended)
            infos["_final_obs"], infos["_final_info"] = ended.copy(), ended.copy()
        self._over = ended if last is None else np.zeros_like(ended)
        self._observation = seen.observation
        reward = seen.reward.astype(np.float64)
        return (
            self._observation.copy(),
            reward,
            seen.terminated,
            seen.truncated,
            infos,
        )

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Return a picture of each state, uint8[rows, columns, 3], if asked for."""
        if self.render_mode is None:
            return None
        return tuple(
            np.array(
                episodes.render_batch(
                    self.environment, self.state, self.params, self.tile
                )
            )
        )

    def _keys(self, seed: int | Sequence[int | None] | None) -> jax.Array:
        """Return each episode's key: from its seed, or where the last one left off."""
        n = self.num_envs
        if isinstance(seed, int):
            super().reset(seed=seed)
            seed = range(seed, seed + n)
        seeds = [None] * n if seed is None else list(seed)
        if len(seeds) != n:
            raise UserError(f"seed: {len(seeds)} seeds for {n} environments; one each")
        before = None if self._episodes is None else self._episodes.key
        words = np.zeros((n, 2), np.uint32)
        for i, one in enumerate(seeds):
            if one is not None:
                words[i] = random_words(seeding.np_random(one)[0])
            elif before is None:
                words[i] = random_words(self.np_random)
        fresh = np.array([one is not None or before is None for one in seeds])
        if not fresh.any():
            assert before is not None
            return before
        keys = episodes.keys_of(words)
        return keys if before is None else episodes.select(fresh, keys, before)

    def _read_levels(self, given: Any) -> Any:
        many = list(given) if isinstance(given, list | tuple) else [given]
        if len(many) not in (1, self.num_envs):
            raise UserError(
                f"options.level: {len(many)} levels for {self.num_envs} environments; "
                "give one, or one each"
            )
        levels = [read_level(self.environment, self.params, one) for one in many]
        levels *= self.num_envs // len(many)
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels)

    def _read_mask(self, mask: Any) -> np.ndarray:
        if mask is None:
            return np.ones(self.num_envs, dtype=bool)
        mask = np.array(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != bool or not mask.any():
            raise UserError(
                f"options.reset_mask: not {self.num_envs} truth values, one an "
                "environment, at least one of them true"
            )
        if self._episodes is None:
            raise ResetNeeded("no episode is under way; reset without a mask first")
        return mask
