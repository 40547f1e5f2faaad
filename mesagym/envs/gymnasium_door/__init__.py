"""The Gymnasium door: any environment as a Gymnasium one, single or in a batch."""

from mesagym.envs.gymnasium_door.single import GymnasiumEnv as GymnasiumEnv
from mesagym.envs.gymnasium_door.vector import GymnasiumVectorEnv as GymnasiumVectorEnv
from mesagym.envs.gymnasium_door.words import gymnasium_space as gymnasium_space
