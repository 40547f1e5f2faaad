"""Every key of every environment's configuration, see `schema`."""

# ruff: noqa: RUF009 (`key` declares a field, as dataclasses.field does)

from dataclasses import dataclass, field
from typing import Any

from mesagym.cli.schema import EnvConfig, Rule, key
from mesagym.errors import UserError

# The room of levels has a table that says the same, which needs JAX to be read.
LAYOUTS = ("blocks", "open", "tree", "loopy", "edges", "noise", "rooms", "procgen")
PIXELS = (0, 1, 3, 8)


@dataclass
class GridConfig(EnvConfig):
    """What every environment has."""

    size: Any = key(
        "side of the grid or [height, width], the border counted", shown=True
    )
    pixels: int = key(
        "what is observed: 0, boolean channels; 1, 3 or 8, a picture with so many "
        "pixels a tile",
        choices=PIXELS,
    )
    crop_radius: int | None = key(
        "show only the window this far around the agent", low=1
    )
    time_penalty: float = key(
        "share of the reward lost by the last step", low=0, high=1
    )
    max_steps: int = key("time limit of an episode, in steps", low=1)

    def check(self, height: int, width: int) -> None:
        """Raise a UserError where keys do not fit one another or the grid.

        The environment checks all of it again; this needs no JAX, so that a sweep
        checks every job before the first begins.
        """


@dataclass
class MazeConfig(GridConfig):
    """What every environment with walls has."""

    layout: str = key("how walls are laid", choices=LAYOUTS, shown=True)


@dataclass
class CornerConfig(MazeConfig):
    """Corner-v0, a maze with a cheese."""

    region: int = key("side of the square that counts as the corner", low=1, shown=True)

    def check(self, height: int, width: int) -> None:
        """Raise a UserError where the region does not fit."""
        largest = min(height, width) - 2
        if self.region > largest:
            raise UserError(
                f"env.region: {self.region} does not fit a {height}x{width} grid; use "
                f"1 to {largest}"
            )


@dataclass
class DishConfig(MazeConfig):
    """Dish-v0, a maze with a cheese and a dish."""

    max_redundancy: int = key("channels there are for the dish", low=1, high=32)
    redundancy: int = key(
        "channels that show the dish, at most max_redundancy", low=0, shown=True
    )
    dish_ends: bool = key("whether reaching the dish ends the episode")

    def check(self, height: int, width: int) -> None:
        """Raise a UserError where there are not so many channels."""
        if self.redundancy > self.max_redundancy:
            raise UserError(
                f"env.redundancy: {self.redundancy} channels of the dish; use 0 to "
                f"env.max_redundancy, which is {self.max_redundancy}"
            )


@dataclass
class LavaLandConfig(MazeConfig):
    """LavaLand-v0, a cheese and lava that training does not show."""

    lava_layout: str = key(
        "how lava lies: in patches of noise, or each tile by itself",
        choices=("noise", "scattered"),
    )
    lava_share: float = key(
        "share of the floor that is lava, in the mean over levels with lava",
        low=0,
        high=1,
        shown=True,
    )
    lava_ends: bool = key("whether stepping on lava ends the episode")


@dataclass
class ColorShapeConfig(MazeConfig):
    """ColorShape-v0, a target of one colour and one shape, and look-alikes."""

    num_colors: int = key("colours there are", low=2, high=6)
    num_shapes: int = key("shapes there are", low=2, high=6)
    target_color: int = key(
        "the target's colour: 0 yellow, 1 blue, 2 green, 3 pink, 4 sky, 5 brown",
        low=0,
        shown=True,
    )
    target_shape: int = key(
        "the target's shape: 0 line, 1 gem, 2 ring, 3 cross, 4 box, 5 wedge",
        low=0,
        shown=True,
    )

    def check(self, height: int, width: int) -> None:
        """Raise a UserError where there are not so many colours or shapes."""
        for kind in ("color", "shape"):
            value, count = getattr(self, f"target_{kind}"), f"num_{kind}s"
            if value >= getattr(self, count):
                raise UserError(
                    f"env.target_{kind}: {value} is not below env.{count}, which is "
                    f"{getattr(self, count)}"
                )


@dataclass
class TwoGoalsConfig(MazeConfig):
    """TwoGoals-v0, two goal tiles and a marker."""

    proxy_ends: bool = key("whether reaching the proxy tile ends the episode")
    marker_family: str = key(
        "how a marked level can be told",
        choices=("flag", "tile", "time", "overseer"),
        shown=True,
    )
    marker_chance: float = key(
        "probability that a training level is marked", low=0, high=1, shown=True
    )
    marker_chance_shifted: float = key(
        "probability that a shifted level is marked", low=0, high=1, shown=True
    )
    marker_time: int = key("steps until the marker of the family time shows", low=0)


@dataclass
class PluginConfig(EnvConfig):
    """An environment of another package, announced by an entry point."""

    name: str = key("its name, as it is announced", shown=True)
    settings: dict[str, Any] = field(
        default_factory=dict,
        metadata={
            "rule": Rule("its settings by name, {size: 9, max_steps: 64}", shown=True)
        },
    )


ENVIRONMENTS: dict[str, type[EnvConfig]] = {
    "corner": CornerConfig,
    "dish": DishConfig,
    "lava_land": LavaLandConfig,
    "color_shape": ColorShapeConfig,
    "two_goals": TwoGoalsConfig,
    "plugin": PluginConfig,
}
"""By the name in configurations, in the order of the registry; `plugin` last."""
