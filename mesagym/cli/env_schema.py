"""Every key of every environment's configuration, see `schema`."""

# ruff: noqa: RUF009 (`key` declares a field, as dataclasses.field does)

from dataclasses import dataclass
from typing import Any

from mesagym.cli.keys import key
from mesagym.cli.schema import EnvConfig
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
    cheese_region: int = key(
        "side of the square that the cheese is drawn in; 0 is region's", low=0
    )

    def check(self, height: int, width: int) -> None:
        """Raise a UserError where a region does not fit."""
        largest = min(height, width) - 2
        for name, least in (("region", 1), ("cheese_region", 0)):
            if getattr(self, name) > largest:
                raise UserError(
                    f"env.{name}: {getattr(self, name)} does not fit a {height}x{width}"
                    f" grid; use {least} to {largest}"
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
class KeysChestsConfig(MazeConfig):
    """KeysChests-v0, keys that open chests."""

    max_keys: int = key("keys a level can have", low=1)
    max_chests: int = key("chests a level can have", low=1)
    num_keys: int = key("keys of a level, -1 by density", low=-1, shown=True)
    num_chests: int = key("chests of a level, -1 by density", low=-1, shown=True)
    shifted_keys: int = key("keys of a shifted level", low=-1, shown=True)
    shifted_chests: int = key("chests of a shifted level", low=-1, shown=True)
    key_density: float = key("share of the floor that has a key", low=0, high=1)
    chest_density: float = key("share of the floor that has a chest", low=0, high=1)
    shifted_key_density: float = key(
        "share of a shifted level's floor that has a key", low=0, high=1
    )
    shifted_chest_density: float = key(
        "share of a shifted level's floor that has a chest", low=0, high=1
    )
    num_ghosts: int = key(
        "chests that nobody sees and nothing rewards, -1 as many as chests", low=-1
    )
    holes: float = key("share of the layout's walls that is opened", low=0, high=1)

    def check(self, height: int, width: int) -> None:
        """Raise a UserError where the items exceed their maxima or the grid."""
        inner = (height - 2) * (width - 2)
        for pair in (("num_keys", "num_chests"), ("shifted_keys", "shifted_chests")):
            least = 1
            for name, kind in zip(pair, ("keys", "chests"), strict=True):
                given, most = getattr(self, name), getattr(self, f"max_{kind}")
                if given == 0 or given > most:
                    raise UserError(
                        f"env.{name}: {given} is outside 1 to env.max_{kind}, {most}, "
                        "and not -1, which draws by density"
                    )
                least += max(given, 1)
            if least > inner:
                raise UserError(
                    f"env.{pair[0]}: an agent, keys and chests need {least} tiles and "
                    f"a {height}x{width} grid has {inner}; take fewer or a larger "
                    "env.size"
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
class FollowMeConfig(MazeConfig):
    """FollowMe-v0, beacons in a hidden order, and somebody to follow."""

    max_beacons: int = key("beacons a level can have", low=3, high=8)
    num_beacons: int = key("beacons of a level", low=3, shown=True)
    leader: bool = key("whether there is somebody to follow")
    noise: float = key(
        "probability that the leader errs, per visit", low=0, high=1, shown=True
    )

    def check(self, height: int, width: int) -> None:
        """Raise a UserError where the beacons exceed their maximum or the grid."""
        if self.num_beacons > self.max_beacons:
            raise UserError(
                f"env.num_beacons: {self.num_beacons} is outside 3 to "
                f"env.max_beacons, {self.max_beacons}"
            )
        room = (height - 2) * (width - 2)
        if self.num_beacons + 2 > room:
            raise UserError(
                f"env.num_beacons: {self.num_beacons} and two agents do not fit the "
                f"{room} tiles of a {height}x{width} grid; use fewer or a larger "
                "env.size"
            )


@dataclass
class CoinRunConfig(GridConfig):
    """CoinRun-v0, a course with a coin at its end."""

    strip: int = key("columns beyond the end wall", low=0)
    pits: float = key("probability of a pit, per section", low=0, high=1)
    crates: float = key("probability of a pile of crates, per section", low=0, high=1)
    saws: float = key("probability of a saw, per section", low=0, high=1)
    hills: float = key("probability of new ground, per section", low=0, high=1)
    coin_zone: float = key(
        "share of the course, from the right, where shifted coins stand",
        low=0.01,
        high=1,
        shown=True,
    )
    permeable_wall: bool = key("whether the end wall can be walked through", shown=True)

    def check(self, height: int, width: int) -> None:
        """Raise a UserError where keys do not fit one another or the grid."""
        widest = max(0, width - 6)
        if self.strip > widest:
            raise UserError(
                f"env.strip: {self.strip} columns beyond the end wall do not fit a "
                f"grid {width} wide; use 0 to {widest}"
            )
        total = self.pits + self.crates + self.saws
        if total > 1 + 1e-6:
            raise UserError(
                f"env.pits: with env.crates and env.saws it adds up to {total:g}; a "
                "section has one of them, make it at most 1"
            )
        if self.permeable_wall and not self.strip:
            raise UserError(
                "env.permeable_wall: true, and nothing is beyond the end wall; use "
                "env.strip=4 or another above 0"
            )


@dataclass
class MonsterWorldConfig(MazeConfig):
    """MonsterWorld-v0, apples among monsters, and shields."""

    max_apples: int = key("apples a level can have", low=1)
    max_shields: int = key("shields a level can have", low=1)
    max_monsters: int = key("monsters a level can have", low=1)
    num_apples: int = key("apples of a level", low=1, shown=True)
    num_shields: int = key("shields of a level", low=0, shown=True)
    num_monsters: int = key(
        "monsters of a level; a shifted one has none", low=0, shown=True
    )
    temperature: float = key(
        "how far monsters stray, 0 takes shortest paths", low=0, shown=True
    )

    def check(self, height: int, width: int) -> None:
        """Raise a UserError where the items exceed their maxima or the grid."""
        total, room = 1, (height - 2) * (width - 2)
        for kind in ("apples", "shields", "monsters"):
            count, most = getattr(self, f"num_{kind}"), getattr(self, f"max_{kind}")
            total += count
            if most > width:
                raise UserError(
                    f"env.max_{kind}: {most} is outside 1 to {width}, the width of the "
                    "grid"
                )
            if count > most:
                raise UserError(
                    f"env.num_{kind}: {count} is above {most}; env.max_{kind} sets the "
                    "most"
                )
        if total > room:
            raise UserError(
                f"env.num_apples: the agent and {total - 1} items do not fit the "
                f"{room} tiles of a {height}x{width} grid; use fewer or a larger "
                "env.size"
            )


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
class TreeGroveConfig(MazeConfig):
    """TreeGrove-v0, trees that come back as long as enough are left standing."""

    max_trees: int = key("places of trees a level can have", low=1)
    num_trees: int = key("places of trees of a level", low=1, shown=True)
    num_sparse: int = key("trees that stand in a shifted level", low=1, shown=True)
    worth: int = key("wood that a full grove is worth left standing", low=0, shown=True)
    growth: float = key(
        "probability a step that a tree of a full grove comes back", low=0, high=1
    )
    growth_floor: float = key("the same of an empty grove", low=0, high=1)

    def check(self, height: int, width: int) -> None:
        """Raise a UserError where the trees exceed their maxima or the grid."""
        room = (height - 2) * (width - 2)
        if self.num_trees > self.max_trees:
            raise UserError(
                f"env.num_trees: {self.num_trees} is outside 1 to {self.max_trees}; "
                "env.max_trees sets the most"
            )
        if self.num_trees >= room:
            raise UserError(
                f"env.num_trees: {self.num_trees} and the agent do not fit the {room} "
                f"tiles of a {height}x{width} grid; use fewer or a larger env.size"
            )
        if self.num_sparse > self.num_trees:
            raise UserError(
                f"env.num_sparse: {self.num_sparse} is outside 1 to env.num_trees, "
                f"{self.num_trees}"
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
class SokobanConfig(MazeConfig):
    """Sokoban-v0, boxes to push onto targets of two kinds."""

    max_boxes: int = key("boxes there are room for", low=1, high=8)
    num_boxes: int = key("boxes of a level, at most max_boxes", low=1, shown=True)
    max_moves: int = key("moves there is room for in making a level", low=1, high=64)
    num_moves: int = key(
        "most pulls, and most pushes, that make a level; at most max_moves",
        low=1,
        shown=True,
    )
    proxy_ends: bool = key("whether all boxes on proxy targets end the episode")

    def check(self, height: int, width: int) -> None:
        """Raise a UserError where there are more boxes or moves than room."""
        for name in ("boxes", "moves"):
            count, most = getattr(self, f"num_{name}"), getattr(self, f"max_{name}")
            if count > most:
                raise UserError(
                    f"env.num_{name}: {count} is above env.max_{name}, {most}; use "
                    "fewer, or raise that"
                )


@dataclass
class PluginConfig(EnvConfig):
    """An environment of another package, announced by an entry point."""

    name: str = key("its name, as it is announced", shown=True)
    settings: Any = key(
        "its settings by name, {size: 9, layout: tree}; null leaves its own", shown=True
    )


ENVIRONMENTS: dict[str, type[EnvConfig]] = {
    "corner": CornerConfig,
    "dish": DishConfig,
    "keys_chests": KeysChestsConfig,
    "lava_land": LavaLandConfig,
    "follow_me": FollowMeConfig,
    "monster_world": MonsterWorldConfig,
    "coin_run": CoinRunConfig,
    "color_shape": ColorShapeConfig,
    "tree_grove": TreeGroveConfig,
    "two_goals": TwoGoalsConfig,
    "sokoban": SokobanConfig,
    "plugin": PluginConfig,
}
"""By the name in configurations, in the order of the registry; `plugin` last."""
