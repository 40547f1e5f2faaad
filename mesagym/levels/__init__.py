"""Levels as data: layouts, pools, texts and exact solutions, apart from stepping."""

from mesagym.levels.layouts import LAYOUTS as LAYOUTS
from mesagym.levels.pool import AGREEING as AGREEING
from mesagym.levels.pool import AMBIGUOUS as AMBIGUOUS
from mesagym.levels.pool import DISTINGUISHING as DISTINGUISHING
from mesagym.levels.pool import LABEL_NAMES as LABEL_NAMES
from mesagym.levels.pool import LevelClass as LevelClass
from mesagym.levels.pool import LevelPool as LevelPool
from mesagym.levels.pool import Solution as Solution
from mesagym.levels.pool import make_pool as make_pool
