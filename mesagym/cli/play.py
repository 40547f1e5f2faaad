"""`mesagym play`: a person plays an environment in the terminal, in colour."""

import contextlib
import os
import select
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from mesagym.cli import device
from mesagym.cli.commands import say
from mesagym.cli.level_schema import PlayConfig
from mesagym.cli.levels import Levels, choose_levels, glyphs_of, made, title_of
from mesagym.envs.base import Environment
from mesagym.sprites import DETAIL, FLOOR, Glyph, present

LEVELS = 64
"""Levels that are drawn at once; after the last comes the first again."""

_ARROWS = {b"\x1b[A": "up", b"\x1b[D": "left", b"\x1b[B": "down", b"\x1b[C": "right"}
_LETTERS = {"w": "up", "a": "left", "s": "down", "d": "right", " ": "jump", ".": "stay"}
_QUIT, _AGAIN, _NEXT = ("q", "\x04"), "r", "n"
_INTERRUPT = "\x03"

_SIGNS = {
    "tile": "█",
    "disc": "●",
    "wedge": "▲",
    "ring": "□",
    "diamond": "◆",
    "bar": "━",
    "cross": "✕",
    "dot": "•",
    "tree": "♠",
    "waves": "≈",
}
"""What stands for a shape in the key; a square for all others."""

_KEY_ROWS = 18  # of a terminal at least: in a lower one the picture needs the room

_LOOK_NARROWER = 8  # tiles of a window at least: fewer show nothing


@dataclass
class Game:
    """An episode under a person's hands."""

    chosen: Levels
    number: int = 0
    state: Any = None
    paid: np.ndarray = field(default_factory=lambda: np.zeros(0))
    steps: int = 0
    ended: str = ""
    seen: set[str] = field(default_factory=set)
    """Names of the things that the level has shown so far."""

    def __post_init__(self) -> None:
        env, params = self.chosen.env, self.chosen.params
        self._reset = jax.jit(lambda key, level: env.reset_to_level(key, level, params))
        self._step = jax.jit(
            lambda key, state, action: env.step_env(key, state, action, params)
        )
        self._cut_off = jax.jit(lambda state: env.is_truncated(state, params))
        self._solve = jax.jit(lambda level: env.solve(level, params))
        self._present = jax.jit(lambda state: present(env.layers(state, params)))
        self.glyphs = glyphs_of(env, params, self.chosen.level(0))
        self.restart()

    @property
    def env(self) -> Environment:
        """What is played."""
        return self.chosen.env

    def restart(self) -> None:
        """Begin the level again."""
        level = self.chosen.level(self.number)
        self.state = self._reset(jax.random.key(self.number), level)[1]
        self.best = np.asarray(self._solve(level).returns)
        self.paid = np.zeros(self.env.num_objectives)
        self.steps, self.ended = 0, ""
        self.seen = set()
        self._look()

    def go_on(self) -> None:
        """Begin the next level."""
        self.number = (self.number + 1) % self.chosen.size
        self.restart()

    def act(self, action: int) -> None:
        """Take an action; nothing happens once the episode has ended."""
        if self.ended:
            return
        key = jax.random.fold_in(jax.random.key(self.number), self.steps + 1)
        _, self.state, _, terminated, info = self._step(key, self.state, action)
        self.paid += np.asarray(info["objectives"])
        self.steps += 1
        self._look()
        if bool(terminated):
            self.ended = "the episode has ended"
        elif bool(self._cut_off(self.state)):
            self.ended = "the time is up"

    def _look(self) -> None:
        found = jax.device_get(self._present(self.state))
        self.seen |= {name for name, here in found.items() if here}

    def legend(self) -> dict[str, Glyph]:
        """Return how each thing is drawn that the level has shown, by name."""
        return {name: each for name, each in self.glyphs.items() if name in self.seen}

    def lines(self) -> list[str]:
        """Return what is said below the picture."""
        chosen, limit = self.chosen, int(self.chosen.params.max_steps_in_episode)
        where = f"{chosen.names[self.number]}, {chosen.label(self.number)}"
        scores = []
        for name, paid, best in zip(
            self.env.objective_names, self.paid, self.best, strict=True
        ):
            most = "" if np.isnan(best) else f" of {best:g}"
            scores.append(f"{name.replace('_', ' ')} {paid:g}{most}")
        now = f"step {self.steps} of {limit}   " + "   ".join(scores)
        ended = f"{self.ended}: r again, n next level, q quit" if self.ended else ""
        return [f"{title_of(self.env)}: {where}", now, ended]


def run(config: PlayConfig) -> int:
    """Play until the person leaves."""
    device.use(config.device)
    env, params = made(config.env)
    say(f"preparing {title_of(env)}, compiling first")
    chosen = choose_levels(
        env,
        params,
        LEVELS,
        config.seed,
        alpha=config.alpha,
        shift=config.shift,
        folder=config.folder,
    )
    game = Game(chosen)
    keys = keys_of(game.env)
    with _screen() as read:
        while True:
            _draw(game, keys)
            pressed = read()
            if pressed == _INTERRUPT:
                raise KeyboardInterrupt
            if pressed in _QUIT:
                return 0
            if pressed == _AGAIN:
                game.restart()
            elif pressed == _NEXT:
                game.go_on()
            elif pressed in keys:
                game.act(keys[pressed])


def keys_of(env: Environment) -> dict[str, int]:
    """Return which key takes which action: letters, arrows by name, and digits."""
    keys = {str(k + 1): k for k in range(min(9, env.num_actions))}
    for k, name in enumerate(env.action_names):
        keys |= {letter: k for letter, action in _LETTERS.items() if action == name}
        if name in _ARROWS.values():
            keys[name] = k
    # Who presses up where one can only jump means to jump.
    if "up" not in env.action_names and "jump" in env.action_names:
        keys["up"] = keys["w"] = env.action_names.index("jump")
    return keys


def explained(env: Environment) -> str:
    """Return one line that says what the keys do."""
    arrows = all(name in env.action_names for name in _ARROWS.values())
    parts = ["arrows or wasd: move"] if arrows else []
    spelled = {" ": "space"}
    for k, name in enumerate(env.action_names):
        if arrows and name in _ARROWS.values():
            continue
        names = [spelled.get(x, x) for x, action in _LETTERS.items() if action == name]
        names += [_ARROW_SIGNS[name]] if name in _ARROW_SIGNS else []
        names += [str(k + 1)] if k < 9 else []
        parts.append(f"{' or '.join(names)}: {name.replace('_', ' ')}")
    return "   ".join([*parts, "r: again", "n: next level", "q: quit"])


def key_lines(legend: Mapping[str, Glyph], columns: int) -> list[str]:
    """Return what the shapes are, each sign in its colour, as lines for a terminal.

    Args:
        legend: how each thing is drawn, by name.
        columns: of the terminal.
    """
    back = "\x1b[48;2;" + ";".join(map(str, FLOOR)) + "m"
    lines, used = [""], 0
    for name, glyph in legend.items():
        colour, shape = glyph[-1]
        needed = len(name) + 4
        if used and used + 3 + needed > columns - 1:
            lines.append("")
            used = 0
        gap = "   " if used else ""
        fore = "\x1b[38;2;" + ";".join(map(str, colour)) + "m"
        sign = f"{back}{fore} {_SIGNS.get(shape, '■')} \x1b[0m"
        lines[-1] += f"{gap}{sign} {name[: columns - 5]}"
        used += len(gap) + needed
    return lines if legend else []


_ARROW_SIGNS = {"up": "↑", "left": "←", "down": "↓", "right": "→"}


def picture(game: Game, columns: int, rows: int) -> list[str]:
    """Return the state as lines of coloured half blocks, two pixels high each.

    The largest tiles that fit are taken; small ones show colours and no shapes. Where
    even the smallest do not fit, the window around the agent that does is shown.

    Args:
        game: with its state.
        columns: of the terminal.
        rows: of the terminal that the picture may take.
    """
    env = game.env
    fitting = [
        tile
        for tile in (12, 10, 8, 6, 4, 2)
        if tile * env.width <= columns and tile * env.height <= 2 * rows
    ]
    tile = fitting[0] if fitting else DETAIL + 1
    image = np.asarray(env.render(game.state, game.chosen.params, tile=tile))
    width, height = columns // tile * tile, 2 * rows // tile * tile
    if image.shape[1] > width or image.shape[0] > height:
        row, column = (int(i) for i in env.centre(game.state))
        image = _window(image, row * tile + tile // 2, height, axis=0)
        image = _window(image, column * tile + tile // 2, width, axis=1)
    lines = []
    for above, below in zip(image[::2], image[1::2], strict=False):
        line, last = [], None
        for upper, lower in zip(above.tolist(), below.tolist(), strict=True):
            if (upper, lower) != last:
                fore = ";".join(map(str, upper))
                back = ";".join(map(str, lower))
                line.append(f"\x1b[38;2;{fore}m\x1b[48;2;{back}m")
                last = (upper, lower)
            line.append("▀")
        lines.append("".join(line) + "\x1b[0m")
    return lines


def _window(image: np.ndarray, middle: int, length: int, axis: int) -> np.ndarray:
    """Return the part of an image around its middle, as long as the image allows."""
    length = max(length, _LOOK_NARROWER)
    start = min(max(0, middle - length // 2), max(0, image.shape[axis] - length))
    return image.take(range(start, min(start + length, image.shape[axis])), axis)


def _draw(game: Game, keys: dict[str, int]) -> None:
    columns, rows = shutil.get_terminal_size()
    keys_line = textwrap.wrap(explained(game.env), max(20, columns - 1))
    said = [*game.lines(), *keys_line]
    legend = key_lines(game.legend(), columns) if rows >= _KEY_ROWS else []
    drawn = picture(game, columns, rows - len(said) - len(legend) - 1)
    lines = [*drawn, *legend, *(line[: columns - 1] for line in said)]
    # From the upper left corner, each line cleared to its end, and all below.
    text = "\x1b[H" + "\x1b[K\r\n".join(lines) + "\x1b[K\x1b[J"
    sys.stdout.write(text)
    sys.stdout.flush()


@contextlib.contextmanager
def _screen() -> Iterator[Callable[[], str]]:
    """Take the terminal over, and give it back as it was, whatever happens.

    Yields:
        a function that waits for a key and returns it: a letter, or the name of an
        arrow.
    """
    import termios
    import tty

    place = sys.stdin.fileno()
    before = termios.tcgetattr(place)
    # Another screen, so that what stood there comes back; no cursor.
    sys.stdout.write("\x1b[?1049h\x1b[?25l\x1b[2J")
    try:
        tty.setraw(place)
        yield lambda: _read(place)
    finally:
        termios.tcsetattr(place, termios.TCSADRAIN, before)
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()


def _read(place: int) -> str:
    pressed = os.read(place, 1)
    if pressed == b"\x1b":
        # An arrow sends three bytes at once; the escape key alone sends one.
        while len(pressed) < 3 and select.select([place], [], [], 0.05)[0]:
            pressed += os.read(place, 1)
        return _ARROWS.get(pressed, "")
    # The end of input is as good as leaving.
    return pressed.decode(errors="replace").lower() if pressed else "q"
