"""One environment with Gymnasium's interface."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded

from mesagym.envs.base import Environment
from mesagym.envs.gymnasium_door import episodes
from mesagym.envs.gymnasium_door.episodes import Episode
from mesagym.envs.gymnasium_door.words import (
    METADATA,
    check_render_mode,
    check_usable,
    describe,
    gymnasium_space,
    plain_info,
    random_words,
    read_actions,
    read_level,
    read_options,
    resolve,
    to_host,
)


class GymnasiumEnv(gymnasium.Env[np.ndarray, Any]):
    """One environment with Gymnasium's interface.

    Observation: as the environment's; truth values as uint8 of 0 and 1.

    Actions: ``Discrete``, in the environment's order.

    Reward: the weighted sum of the objectives, by ``params.weights``.

    Info, of a reset and of a step: ``objectives``, the reward of each by its name;
    ``level_class``, "agreeing", "ambiguous" or "distinguishing"; ``level_clean``;
    ``level_index`` in the pool, -1 for a level from elsewhere.

    ``reset(seed=..., options=...)`` takes the options ``level``, a text or a level
    for this episode, or ``alpha``, a probability with which this episode's level is
    drawn from the shifted distribution. The same seed and actions give the same
    episodes; a reset without a seed goes on with the chances of the one before.

    Example:
        >>> env = gymnasium.make("mesagym/Corner-v0", size=9)
        >>> obs, info = env.reset(seed=0)
        >>> obs, reward, terminated, truncated, info = env.step(0)
    """

    metadata: dict[str, Any] = METADATA

    def __init__(
        self,
        env: str | Environment,
        params: Any = None,
        *,
        alpha: float | None = None,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        tile: int = 16,
        **static: Any,
    ):
        """Make the environment, without starting an episode.

        Args:
            env: a registered name, or an environment.
            params: its parameters; default ones if None.
            alpha: probability with which each level of the pool is drawn from the
                shifted distribution; the pool of ``params`` if None.
            max_episode_steps: time limit, if not that of ``params``.
            render_mode: "rgb_array" or None.
            tile: pixels a tile of a rendered picture.
            **static: settings of the environment, where its name is given.

        Raises:
            UserError: an unknown name or setting, or one out of range.
        """
        check_render_mode(render_mode)
        self.environment, self.params = resolve(
            env, params, alpha, max_episode_steps, static
        )
        # Of its own: Gymnasium's vector environments write into it.
        self.metadata = dict(METADATA)
        self.render_mode = render_mode
        self.tile = tile
        self.observation_space = gymnasium_space(
            self.environment.observation_space(self.params)
        )
        self.action_space = gymnasium_space(self.environment.action_space(self.params))
        self._episode: Episode | None = None
        self._over = False

    @property
    def state(self) -> Any:
        """The environment's state.

        Raises:
            ResetNeeded: no episode was ever started.
        """
        if self._episode is None:
            raise ResetNeeded("no episode is under way; call reset() first")
        return self._episode.state

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: starts the chances anew.
            options: ``level`` or ``alpha``, see above.

        Raises:
            UserError: an unknown option, a text that is not a level, an alpha that
                is not a probability or allows no level.
        """
        super().reset(seed=seed)
        given = read_options(options, ("level", "alpha"))
        env, params = self.environment, self.params
        if seed is not None or self._episode is None:
            key = episodes.key_of(random_words(self.np_random))
        else:
            key = self._episode.key
        level, alpha = given.get("level"), given.get("alpha")
        level = None if level is None else read_level(env, params, level)
        episode, seen = episodes.begin(env, key, params, level, alpha)
        seen = to_host(seen)
        check_usable(env, seen.usable, alpha)
        self._episode, self._over = episode, False
        return seen.observation, plain_info(describe(env, seen))

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Take one step; an episode that ended is not started over.

        Raises:
            ResetNeeded: no episode is under way.
            UserError: not an action of this environment.
        """
        if self._episode is None or self._over:
            raise ResetNeeded("no episode is under way; call reset() first")
        action = read_actions(self.environment, action, ())
        self._episode, seen = episodes.advance(
            self.environment, self._episode, action, self.params
        )
        seen = to_host(seen)
        terminated, truncated = bool(seen.terminated), bool(seen.truncated)
        self._over = terminated or truncated
        info = plain_info(describe(self.environment, seen))
        return seen.observation, float(seen.reward), terminated, truncated, info

    def render(self) -> np.ndarray | None:
        """Return a picture of the state, uint8[rows, columns, 3], if asked for one."""
        if self.render_mode is None:
            return None
        return np.array(
            episodes.render(self.environment, self.state, self.params, self.tile)
        )
