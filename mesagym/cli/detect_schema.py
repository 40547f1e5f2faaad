"""Keys of the commands that make organisms and look into policies."""

from dataclasses import dataclass

from mesagym.cli.keys import key
from mesagym.cli.schema import DEVICES

ORGANISMS = ("list", "make")
DETECT = ("run", "bench", "list")
TIERS = ("smoke", "full")


@dataclass
class OrganismsConfig:
    """`mesagym organisms`."""

    action: str = key(
        "list what can be made and what is, or make",
        "list",
        choices=ORGANISMS,
        shown=True,
    )
    names: str = key("make: all, or ids such as O1,O3", "all", shown=True)
    scale: str = key(
        "smoke: 2 seeds and 1 for development; full: 8 and 2, of more lessons",
        "smoke",
        choices=TIERS,
        shown=True,
    )
    organisms: str | None = key(
        "the folder of all organisms; null is runs/organisms/<scale>", None, shown=True
    )
    device: str = key("where it runs", "auto", choices=DEVICES, shown=True)


@dataclass
class DetectConfig:
    """`mesagym detect`."""

    action: str = key(
        "run: put detectors to your own run; bench: to all organisms; list: say which "
        "there are",
        "run",
        choices=DETECT,
        shown=True,
    )
    run: str | None = key("run: the run directory", None, shown=True)
    detectors: str = key("all, or ids such as D4,D5", "all", shown=True)
    scale: str = key("of the organisms", "smoke", choices=TIERS, shown=True)
    organisms: str | None = key(
        "the folder of all organisms; null is runs/organisms/<scale>", None, shown=True
    )
    results: str | None = key(
        "bench: the folder of its results; null is runs/detection/<scale>",
        None,
        shown=True,
    )
    out: str | None = key(
        "run: the page, its numbers beside it as .json; null is detection.html in the "
        "run directory",
        None,
        shown=True,
    )
    levels: int = key(
        "test levels of each detector", 128, low=16, high=4096, shown=True
    )
    nulls: int = key("draws of each null", 19, low=19, high=999, shown=True)
    seed: int = key("of the levels", 0, low=0)
    device: str = key("where it runs", "auto", choices=DEVICES, shown=True)
