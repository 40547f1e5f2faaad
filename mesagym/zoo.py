"""The policies behind the recorded results, by name: what a script asks of the zoo."""

from mesagym.reproductions.zoo import Entry as Entry
from mesagym.reproductions.zoo import Seed as Seed
from mesagym.reproductions.zoo import entries as entries
from mesagym.reproductions.zoo import entry as entry
from mesagym.reproductions.zoo import load as load
from mesagym.reproductions.zoo import names as names
from mesagym.reproductions.zoo import unpack as unpack
