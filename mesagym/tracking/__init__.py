"""The run directory, which is the truth about a run, and the sinks beside it.

Knows nothing of JAX or environments, and imports pyarrow, safetensors, rich and
wandb only when they are used, so that reading a thousand runs is quick.
"""

from mesagym.tracking.checkpoints import Checkpoint as Checkpoint
from mesagym.tracking.configuration import config_hash as config_hash
from mesagym.tracking.console import ConsoleSink as ConsoleSink
from mesagym.tracking.console import show_table as show_table
from mesagym.tracking.facts import environment_facts as environment_facts
from mesagym.tracking.files import DamagedFile as DamagedFile
from mesagym.tracking.files import atomic_write_bytes as atomic_write_bytes
from mesagym.tracking.files import atomic_write_json as atomic_write_json
from mesagym.tracking.files import atomic_write_text as atomic_write_text
from mesagym.tracking.record import Record as Record
from mesagym.tracking.run_directory import Evaluation as Evaluation
from mesagym.tracking.run_directory import RunDirectory as RunDirectory
from mesagym.tracking.run_directory import read_policy as read_policy
from mesagym.tracking.sinks import FileSink as FileSink
from mesagym.tracking.sinks import MultiSink as MultiSink
from mesagym.tracking.sinks import Rows as Rows
from mesagym.tracking.sinks import RunInfo as RunInfo
from mesagym.tracking.sinks import Sink as Sink
from mesagym.tracking.wandb_sink import WandbSink as WandbSink
