"""The door to Hydra: from the words of a command line to checked configurations."""

import contextlib
import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra.version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.default_element import GroupDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from mesagym.cli import agent_schema, detect_schema, level_schema, schema
from mesagym.cli.check import settle
from mesagym.cli.env_schema import ENVIRONMENTS
from mesagym.cli.explain import explained, unknown_key
from mesagym.cli.folders import config_folder
from mesagym.cli.keys import Key
from mesagym.errors import UserError

SCHEMAS: dict[str, Any] = {
    "train": schema.TrainConfig,
    "evaluate": schema.EvaluateConfig,
    "evaluators": schema.EvaluatorsConfig,
    "export": schema.ExportConfig,
    "report": schema.ReportConfig,
    "reproduce": schema.ReproduceConfig,
    "zoo": schema.ZooConfig,
    "organisms": detect_schema.OrganismsConfig,
    "detect": detect_schema.DetectConfig,
    "demo": schema.DemoConfig,
    "doctor": schema.DoctorConfig,
    "check-split": level_schema.CheckSplitConfig,
    "show": level_schema.ShowConfig,
    "film": level_schema.FilmConfig,
    "play": level_schema.PlayConfig,
    **{f"env/{name}": each for name, each in ENVIRONMENTS.items()},
    "split/default": schema.SplitConfig,
    "agent/mlp": agent_schema.AgentConfig(network=agent_schema.MlpConfig()),
    "agent/cnn": agent_schema.AgentConfig(network=agent_schema.CnnConfig()),
    "agent/impala": agent_schema.AgentConfig(network=agent_schema.ImpalaConfig()),
    "curriculum/dr": schema.CurriculumConfig,
    "shifts/default": schema.ShiftsConfig,
    "tracking/files": schema.TrackingConfig,
    "tracking/wandb": schema.WandbConfig,
}
"""What a file of `configs/` names in its defaults as ``/schema/<this>@_here_``."""

# Hydra's own folders, logs and copies: the run directory is the only truth.
_QUIET = (
    "hydra/hydra_logging=none",
    "hydra/job_logging=none",
    "hydra.output_subdir=null",
    "hydra.run.dir=.",
    "hydra.sweep.subdir=.",
    "hydra.job.chdir=false",
)

Composed = Any
"""A `DictConfig` as Hydra composes it. Its class is declared by type hints that
beartype warns of, so no annotation names it."""

_COMPLAINTS = (HydraException, OmegaConfBaseException, YAMLError, ValueError)


def full_errors() -> bool:
    """Whether Hydra's variable asks for tracebacks instead of lines."""
    return os.environ.get("HYDRA_FULL_ERROR") == "1"


class Composer:
    """Composes the configurations of one subcommand."""

    def __init__(self, command: str, hydra: Hydra) -> None:
        self.command = command
        self.hydra = hydra
        self._plain: Composed | None = None

    @contextlib.contextmanager
    def explaining(self, overrides: list[str]) -> Iterator[None]:
        """Turn what Hydra raises inside into a UserError of one line."""
        try:
            yield
        except _COMPLAINTS as error:
            if full_errors():
                raise
            line = explained(error, self.known_keys(overrides), self.command, overrides)
            raise UserError(" ".join(line.split())) from error

    def compose(self, overrides: list[str], mode: RunMode = RunMode.RUN) -> Composed:
        """Return a configuration, Hydra's own part included, as Hydra has it.

        Raises:
            UserError: a key or value that cannot be.
        """
        with self.explaining(overrides):
            self._refuse_another_environment(overrides)
            return self.hydra.compose_config(
                config_name=self.command,
                overrides=self.with_quiet(self.rewritten(overrides)),
                run_mode=mode,
                with_log_configuration=False,
            )

    def _refuse_another_environment(self, overrides: list[str]) -> None:
        """Refuse an environment beside a split that is of another one.

        Hydra would put the split's settings onto whichever environment is typed.

        Raises:
            UserError: names both.
        """
        parts = [each.partition("=") for each in overrides]
        given = {name: value for name, _, value in parts}
        env, split = given.get("env"), given.get("split")
        if env not in self.options("env") or split not in self.options("split"):
            return
        loader: Any = self.hydra.config_loader
        file = loader.repository.load_config(f"split/{split}")
        for each in file.defaults_list or () if file else ():
            own = isinstance(each, GroupDefault) and each.override
            if own and each.group in ("env", "/env") and each.value != env:
                raise UserError(
                    f"env: '{env}' does not go with split={split}, which is of "
                    f"'{each.value}'; leave env out, or take another split"
                )

    def with_quiet(self, overrides: list[str]) -> list[str]:
        """Return overrides after those that keep Hydra from littering."""
        return [*_QUIET, *overrides]

    def settled(self, composed: Composed) -> Any:
        """Return a composed configuration as dataclasses, checked.

        Raises:
            UserError: a key that no schema has, or a value that cannot be.
        """
        with self.explaining([]):
            config = without_hydra(composed)
            # Hydra's + adds keys to anything; here every key is declared.
            if extra := _undeclared(config, ""):
                known = self.known_keys([])
                raise UserError(unknown_key(extra, known, self.command))
            settings = OmegaConf.to_object(config)
        settle(settings)
        return settings

    def show(self, overrides: list[str], part: str) -> None:
        """Print a composed configuration as YAML, not checked.

        Args:
            overrides: as typed.
            part: ``job`` (ours), ``hydra`` (Hydra's own) or ``all``.
        """
        composed = self.compose(overrides)
        with self.explaining(overrides):
            shown = self.hydra.get_sanitized_cfg(composed, part)
            print(OmegaConf.to_yaml(shown), end="")

    def rewritten(self, overrides: list[str]) -> list[str]:
        """Let a shift, or a list of them, stand where a file of shifts could.

        ``shifts=[agreeing,clean]`` would ask Hydra for two files.
        """
        result = []
        for override in overrides:
            match = re.fullmatch(r"shifts=(\[.*\]|[\w./-]+)", override)
            if match and match[1] not in self.options("shifts"):
                names = match[1] if match[1].startswith("[") else f"[{match[1]}]"
                override = f"shifts.names={names}"
            result.append(override)
        return result

    def groups(self) -> dict[str, str | None]:
        """Return the groups that the command takes, with the file each has chosen."""
        chosen = self._as_it_is().hydra.runtime.choices
        return {
            name: file
            for name, file in reversed(chosen.items())
            if not name.startswith(("hydra", "/schema"))
        }

    def options(self, group: str) -> list[str]:
        """Return the names of the files of a group."""
        return self.hydra.config_loader.get_group_options(group, ObjectType.CONFIG)

    def keys(self, overrides: list[str]) -> list[Key]:
        """Return all keys, given what can be used of the overrides.

        The value of a key that has none is ``"???"``.
        """
        groups = self.groups()
        usable = [each for each in overrides if each.partition("=")[0] in groups]
        if usable:
            with contextlib.suppress(*_COMPLAINTS):
                return _keys(without_hydra(self._loaded(usable)), "")
        return _keys(without_hydra(self._as_it_is()), "")

    def known_keys(self, overrides: list[str]) -> dict[str, Any]:
        """Return the type of every key, and None for every group."""
        types = {each.path: each.annotation for each in self.keys(overrides)}
        return {**types, **dict.fromkeys(self.groups())}

    def _as_it_is(self) -> Composed:
        """Return the configuration without any override, composed once."""
        if self._plain is None:
            self._plain = self._loaded([])
        return self._plain

    def _loaded(self, overrides: list[str]) -> Composed:
        return self.hydra.config_loader.load_configuration(
            self.command, overrides, RunMode.RUN
        )


@contextlib.contextmanager
def composer(command: str, extra: str | None = None) -> Iterator[Composer]:
    """Start Hydra for a subcommand, and leave no trace of it in the process.

    Args:
        command: the subcommand.
        extra: a folder of the person's own groups, looked into first.

    Raises:
        UserError: there is no such folder.
    """
    hydra.version.setbase("1.3")
    store = ConfigStore.instance()
    for name, node in SCHEMAS.items():
        group, _, last = f"schema/{name}".rpartition("/")
        store.store(group=group, name=last, node=node)
    search_path = create_config_search_path(str(config_folder()))
    if extra is not None:
        if not Path(extra).is_dir():
            raise UserError(f"--config-dir: there is no folder '{extra}'")
        search_path.prepend(
            provider="command-line",
            path=f"file://{Path(extra).resolve()}",
            anchor=SearchPathQuery(provider="main"),
        )
    GlobalHydra.instance().clear()
    try:
        yield Composer(command, Hydra.create_main_hydra2("mesagym", search_path))
    finally:
        GlobalHydra.instance().clear()


def without_hydra(composed: Composed) -> Composed:
    """Return a composed configuration without Hydra's own part."""
    config = composed.copy()
    with flag_override(config, ["struct", "readonly"], [False, False]):
        config.pop("hydra", None)
    return config


def _children(node: Composed) -> Iterator[tuple[str, Any]]:
    for name in node:
        if OmegaConf.is_missing(node, name) or OmegaConf.is_interpolation(node, name):
            yield str(name), "???"
        else:
            yield str(name), node[name]


def _declared(node: Any) -> dict[str, dataclasses.Field[Any]]:
    """Return the declared keys of a section; empty where it is a free mapping."""
    kind = OmegaConf.get_type(node) if isinstance(node, DictConfig) else None
    if kind is None or not dataclasses.is_dataclass(kind):
        return {}
    return {each.name: each for each in dataclasses.fields(kind)}


def _undeclared(node: Composed, prefix: str) -> str | None:
    """Return a key that the schema lacks, None where there is none."""
    declared = _declared(node)
    for name, child in _children(node):
        if name not in declared:
            return f"{prefix}{name}"
        if _declared(child) and (found := _undeclared(child, f"{prefix}{name}.")):
            return found
    return None


def _keys(node: Composed, prefix: str) -> list[Key]:
    found = []
    declared = _declared(node)
    for name, child in _children(node):
        path = f"{prefix}{name}"
        if _declared(child):
            found += _keys(child, f"{path}.")
        elif name in declared and "rule" in declared[name].metadata:
            if isinstance(child, DictConfig | ListConfig):
                child = OmegaConf.to_container(child)
            each = declared[name]
            found.append(Key(path, each.metadata["rule"], child, each.type))
    return found
