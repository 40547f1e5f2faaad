"""R3 in the dish, the pre-registered test: that of every sweep over α."""

from mesagym.reproductions.alpha_sweep import judge as judge
from mesagym.reproductions.alpha_sweep import measure as measure
