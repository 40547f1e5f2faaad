"""mesagym: induce goal misgeneralization in small agents and measure what they learned."""

from mesagym.errors import UserError as UserError
from mesagym.registry import make as make
from mesagym.registry import registered_envs as registered_envs

__version__ = "0.1.0"
