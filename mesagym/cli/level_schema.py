"""Keys of the commands that look at levels before, or without, any training."""

from dataclasses import dataclass

from omegaconf import MISSING

from mesagym.cli.keys import key
from mesagym.cli.schema import DEVICES, EnvConfig, SplitConfig


@dataclass
class CheckSplitConfig:
    """`mesagym check-split`."""

    env: EnvConfig = MISSING
    split: SplitConfig = MISSING
    levels: int = key("levels that are drawn of each distribution", 2000, low=20)
    folder: str | None = key(
        "a folder of level texts to check in place of drawn ones", None, shown=True
    )
    share: float = key(
        "what power is computed for: the share of episodes, or the score, at which a "
        "policy pursues the base objective",
        0.7,
        low=0.5,
        high=1,
        shown=True,
    )
    seed_spread: float = key(
        "standard deviation of that share between training seeds", 0.1, low=0, high=0.5
    )
    seed: int = key("of the levels and of random actions", 0, low=0, shown=True)
    out: str | None = key(
        "the mural; null is check-split-<env>.png, here", None, shown=True
    )
    device: str = key("where it runs", "auto", choices=DEVICES)


@dataclass
class ShowConfig:
    """`mesagym show`."""

    env: EnvConfig = MISSING
    split: SplitConfig = MISSING
    n: int = key("levels on the mural", 24, low=1, high=500, shown=True)
    alpha: float = key(
        "share of them from the shifted distribution", 0.5, low=0, high=1, shown=True
    )
    shift: str | None = key("levels of this shift instead", None, shown=True)
    folder: str | None = key("those of a folder of texts instead", None, shown=True)
    text: bool = key("print the levels as texts, too", False, shown=True)
    save: str | None = key("write them as texts into this folder, too", None)
    tile: int = key("pixels a tile", 12, low=1, high=64)
    columns: int = key("levels side by side", 6, low=1, high=50)
    seed: int = key("of the levels", 0, low=0, shown=True)
    out: str | None = key(
        "the picture; null is levels-<env>.png, here", None, shown=True
    )
    device: str = key("where it runs", "auto", choices=DEVICES)


@dataclass
class FilmConfig:
    """`mesagym film`."""

    env: EnvConfig = MISSING
    split: SplitConfig = MISSING
    policy: str | None = key(
        "random, or oracle:<objective>, an objective's own expert; null is random",
        None,
        shown=True,
    )
    run: str | None = key(
        "a run directory, whose trained policies are filmed instead, in their own "
        "environment",
        None,
        shown=True,
    )
    greedy: bool = key("whether trained policies take their likeliest action", False)
    n: int = key("episodes, each on a level of its own", 4, low=1, high=16, shown=True)
    alpha: float = key(
        "share of levels from the shifted distribution", 1.0, low=0, high=1, shown=True
    )
    shift: str | None = key("levels of this shift instead", None, shown=True)
    seed: int = key("of the levels and of sampled actions", 0, low=0, shown=True)
    out: str | None = key("the GIF; null is film-<env>.gif, here", None, shown=True)
    device: str = key("where it runs", "auto", choices=DEVICES)


@dataclass
class PlayConfig:
    """`mesagym play`."""

    env: EnvConfig = MISSING
    split: SplitConfig = MISSING
    alpha: float = key(
        "share of levels from the shifted distribution", 0.5, low=0, high=1, shown=True
    )
    shift: str | None = key("levels of this shift instead", None, shown=True)
    folder: str | None = key("those of a folder of texts instead", None, shown=True)
    seed: int = key("of the levels", 0, low=0, shown=True)
    device: str = key("where it runs", "cpu", choices=DEVICES)
