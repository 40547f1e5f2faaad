"""What runs are called beside one another: labels made of what differs between them."""

import itertools
import os
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from mesagym.tracking.configuration import canonical, flat
from mesagym.tracking.files import canonical_json

BETWEEN = " · "
"""Between the settings of a label."""

ROOM = 32
"""Characters up to which a label names settings that it could do without."""

LONGEST = 60
"""Characters of the settings in a label; the folder's name then tells runs apart."""

_LONGEST_VALUE = 24

_MISSING = "???"
"""What OmegaConf keeps where a key has no value."""

_ORDER = (
    "split",
    "agent.name",
    "env.name",
    "env",
    "agent",
    "train.objectives",
    "train.steps",
    "train.start_from",
    "train",
    "seeds",
    "",
    "curriculum",
    "shifts",
    "evaluation",
    "train.chunk",  # how a training is cut up, which hardly matters to anybody
)
"""Sections and keys as they come in a label; the empty one is any other."""

_SILENT = frozenset(
    {
        "run",
        "name",
        "group",
        "tracking",
        "device",
        "alphas",
        "first_seed",
        "train.save_seconds",
        "agent.network.memory",  # stands with the agent's name
    }
)
"""Keys that say where a run goes or what it is called, and sections of such keys."""

_FOLLOWS = {"env.name": ("env", "shifts"), "agent.name": ("agent",)}
"""Sections whose settings come with the choice of an environment or an agent."""


# --- one run --------------------------------------------------------------------------


def alpha_label(alpha: int | float) -> str:
    """Write α as a label: ``α = 0.05``."""
    return f"α = {_number(alpha)}"


def agent_in_words(name: str, memory: str | None) -> str:
    """Return what an agent is called, with its memory: ``mlp + gru``."""
    return name if memory is None else f"{name} + {memory}"


def agent_of(config: Mapping[str, Any]) -> str:
    """Return what the agent of a run's configuration is called, empty if unknown."""
    agent = config.get("agent")
    if not isinstance(agent, Mapping) or not agent.get("name"):
        return ""
    network = agent.get("network")
    memory = network.get("memory") if isinstance(network, Mapping) else None
    return agent_in_words(str(agent["name"]), _there(memory))


def label_alone(config: Mapping[str, Any], folder: str = "") -> str:
    """Return what a run is called where it is shown alone.

    Args:
        config: the run's.
        folder: its run directory, whose name is the label where there is no α.
    """
    values = flat(config)
    alpha = values.get("split.alpha")
    if not isinstance(alpha, int | float):
        return PurePath(os.path.abspath(folder)).name if folder else ""
    remembers = _there(values.get("agent.network.memory")) is not None
    agent = agent_of(config)
    # Nothing else in a figure says that a policy remembers.
    parts = [alpha_label(alpha), agent if remembers else ""]
    return BETWEEN.join(filter(None, parts))


def settings_in_words(config: Mapping[str, Any]) -> dict[str, str]:
    """Return every setting of a run in a word or two, by key, in a label's order.

    Args:
        config: the run's; keys that change no number are left out, and so is what
            says by being null that nothing is used.
    """
    said = {}
    values = _values(config)
    for key in sorted(values, key=_rank):
        if key == "agent.name":
            said[key] = agent_of(config)
        elif text := _in_words(key, values[key]):
            said[key] = text
    return said


def departures(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """Return what a run sets otherwise than its defaults, in words, in their order.

    Args:
        config: the run's.
        defaults: theirs; what they say nothing of is left out, and so are names.
    """
    usual = {key: _written(value) for key, value in _values(defaults).items()}
    values = _values(config)
    return [
        text
        for key, text in settings_in_words(config).items()
        if key in usual
        and not key.endswith(".name")
        and usual[key] != _written(values[key])
    ]


# --- several --------------------------------------------------------------------------


def joint_labels(
    configs: Sequence[Mapping[str, Any]], folders: Sequence[str] | None = None
) -> list[str]:
    """Return a label for each of some runs, made of what differs between them.

    α comes first, then the agent, the environment's settings, the learner's, and so
    on. What all runs share is in no label, nor is a setting that comes with an agent
    or an environment that is named; of the rest what is needed to tell runs apart,
    and more where there is room. Runs whose settings do not differ are called α, and
    told apart by the names of their folders, or numbered.

    Args:
        configs: their configurations.
        folders: their run directories, unknown if None.

    Returns:
        labels in the order of the runs, no two alike.
    """
    folders = [""] * len(configs) if folders is None else folders
    if len(configs) < 2:
        return list(itertools.starmap(label_alone, zip(configs, folders, strict=True)))
    said = [settings_in_words(config) for config in configs]
    keys = _chosen(said, _differing(configs, said))
    labels = []
    for config, folder, each in zip(configs, folders, said, strict=True):
        label = BETWEEN.join(each[key] for key in keys if key in each)
        labels.append(label or label_alone(config, folder))
    return told_apart(labels, folders)


def told_apart(labels: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Return labels of which no two are alike.

    Those that are get the ends of their folders' paths, or numbers.

    Args:
        labels: of some runs.
        folders: their run directories, empty where unknown.
    """
    found = list(labels)
    for label in [each for each, times in Counter(labels).items() if times > 1]:
        alike = [k for k, each in enumerate(labels) if each == label]
        ends = _ends([folders[k] for k in alike])
        for k, end in zip(alike, ends, strict=True):
            # Of a run without α the folder's name is the label already.
            own = [end] if end.endswith(label) else [label, end]
            found[k] = BETWEEN.join(filter(None, own))
    times, taken = Counter(found), set(found)
    for k, label in enumerate(found):
        if times[label] > 1 or not label:
            numbers = (f"{label or 'run'} ({n})" for n in itertools.count(1))
            found[k] = next(each for each in numbers if each not in taken)
            taken.add(found[k])
    return found


def folded(label: str, width: int) -> str:
    """Return a label in lines, broken between its settings where that can be.

    Args:
        label: any text.
        width: characters of a line; a word that is longer is not cut.
    """
    # What stands between no-break spaces stays together, unless it alone is too long.
    parts = [
        part if len(part) > width else part.replace(" ", "\N{NO-BREAK SPACE}")
        for part in label.replace(BETWEEN, f"{BETWEEN.rstrip()}\n").split("\n")
    ]
    lines = textwrap.wrap(" ".join(parts), width, break_long_words=False)
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def shared_alpha(configs: Sequence[Mapping[str, Any]]) -> str:
    """Return ``α = 0.5`` where several runs have the same, which no label names."""
    found = {flat(config).get("split.alpha") for config in configs}
    alpha = found.pop() if len(found) == 1 else None
    if len(configs) < 2 or not isinstance(alpha, int | float):
        return ""
    return alpha_label(alpha)


def _differing(
    configs: Sequence[Mapping[str, Any]], said: Sequence[Mapping[str, str]]
) -> list[str]:
    """Return the keys in which runs differ, apart from what an agent brings along."""
    written = [
        {key: _written(value) for key, value in _values(config).items()}
        for config in configs
    ]
    agents = [agent_of(config) for config in configs]
    keys = sorted(dict.fromkeys(itertools.chain(*written)), key=_rank)
    # A key that a run lacks was unknown to it, or belongs to another environment.
    differing = [
        key for key in keys if len({each[key] for each in written if key in each}) > 1
    ]
    if len(set(agents)) > 1 and "agent.name" not in differing:
        differing = sorted([*differing, "agent.name"], key=_rank)
    return [
        key
        for key in differing
        if not _follows(key, written) and len({each.get(key) for each in said}) > 1
    ]


def _follows(key: str, written: Sequence[Mapping[str, str]]) -> bool:
    """Return whether a setting differs only as agents or environments do."""
    for choice, sections in _FOLLOWS.items():
        if key == choice or key.split(".")[0] not in sections:
            continue
        pairs = {(each.get(choice), each.get(key)) for each in written}
        choices = {each.get(choice) for each in written}
        if len(pairs) == len(choices) > 1:
            return True
    return False


def _chosen(said: Sequence[Mapping[str, str]], differing: Sequence[str]) -> list[str]:
    """Return the keys whose settings make up the labels."""
    needed: list[str] = []

    def length(keys: Sequence[str]) -> int:
        return max(
            len(BETWEEN.join(each[key] for key in keys if key in each)) for each in said
        )

    def kinds(keys: Sequence[str]) -> int:
        return len({tuple(each.get(key) for key in keys) for each in said})

    for key in differing:
        if kinds([*needed, key]) > kinds(needed):
            needed.append(key)
    while len(needed) > 1 and length(needed) > LONGEST:
        needed.pop()
    chosen = set(needed)
    for key in differing:
        more = [each for each in differing if each in chosen or each == key]
        if length(more) <= ROOM:
            chosen.add(key)
    return [key for key in differing if key in chosen]


def _ends(folders: Sequence[str]) -> list[str]:
    """Return the shortest ends of paths that tell all of them apart.

    Empty ones where even whole paths do not.
    """
    paths = [PurePath(os.path.abspath(each)).parts if each else () for each in folders]
    if len(set(paths)) < 2:
        return [""] * len(folders)
    tails = (
        ["/".join(parts[-count:]) for parts in paths]
        for count in range(1, max(map(len, paths)) + 1)
    )
    return next(ends for ends in tails if len(set(ends)) == len(set(paths)))


# --- keys and values ------------------------------------------------------------------


def _values(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that change numbers, by dotted key."""
    values = {}
    for key, value in flat(_with_whole_objectives(config)).items():
        silent = key in _SILENT or key.split(".")[0] in _SILENT
        if not silent and value != _MISSING:
            values[key] = value
    return values


def _with_whole_objectives(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration whose weights in the reward are one value."""
    train = config.get("train")
    if not isinstance(train, Mapping) or not isinstance(
        weights := train.get("objectives"), Mapping
    ):
        return dict(config)
    return {**config, "train": {**train, "objectives": list(weights.items())}}


def _written(value: Any) -> str:
    return canonical_json(canonical(value))


def _there(memory: Any) -> str | None:
    return memory if isinstance(memory, str) and memory != _MISSING else None


def _rank(key: str) -> int:
    parts = key.split(".")
    for end in range(len(parts), -1, -1):
        if (section := ".".join(parts[:end])) in _ORDER:
            return _ORDER.index(section)
    raise AssertionError("the empty section is any other")


def _number(value: int | float) -> str:
    """Write a number with the digits that it has: 0.05, 5M."""
    for unit, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        short = f"{value / unit:.3g}"
        if unit <= abs(value) < 1000 * unit and float(short) * unit == value:
            return short + letter
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, list | tuple):
        return "×".join(map(_value, value)) or "none"
    text = " ".join(str(value).split())
    if len(text) > _LONGEST_VALUE:
        text = f"…{text[1 - _LONGEST_VALUE :]}"
    return text


def _seeds(seeds: Any) -> str:
    """Write ``8 seeds``, ``seeds 4–7`` or ``seeds 3, 7``."""
    if not isinstance(seeds, list | tuple):
        return f"{_value(seeds)} seeds"
    if list(seeds) == list(range(len(seeds))):
        return f"{len(seeds)} seed{'s' * (len(seeds) != 1)}"
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"seeds {seeds[0]}–{seeds[-1]}"
    return _cut(f"seeds {' '.join(map(str, seeds))}")


def _reward(weights: Any) -> str:
    """Write the weights in the reward: ``reward cheese + 0.5 corner``."""
    if weights is None:
        return "reward base alone"
    terms = ""
    for name, weight in weights:
        if not weight:
            continue
        sign = " − " if weight < 0 else " + " * bool(terms)
        size = "" if abs(weight) == 1 else f"{_number(abs(weight))} "
        terms += f"{sign}{size}{str(name).replace('_', ' ')}"
    return _cut(f"reward {terms.strip() or 'nothing'}")


def _cut(text: str) -> str:
    return text if len(text) <= ROOM else f"{text[: ROOM - 1].rstrip()}…"


def _if_used(name: str) -> Callable[[Any], str | None]:
    return lambda value: None if value is None else f"{name} {_value(value)}"


_WORDS: dict[str, Callable[[Any], str | None]] = {
    "split.alpha": alpha_label,
    "env.name": lambda value: str(value).replace("_", " "),
    "agent.discount": lambda value: f"γ = {_value(value)}",
    "agent.trace": lambda value: f"λ = {_value(value)}",
    "agent.network.name": lambda value: f"network {_value(value)}",
    "agent.network.memory_size": _if_used("memory"),
    "agent.bptt": _if_used("bptt"),
    "train.objectives": _reward,
    "train.levels": lambda n: "fresh levels" if n is None else f"{_value(n)} levels",
    "train.start_from": lambda run: (
        "from scratch" if run is None else f"from {_value(PurePath(str(run)).name)}"
    ),
    "train.start_seed": _if_used("start seed"),
    "seeds": _seeds,
    "shifts.names": lambda names: (
        f"{len(names)} shifts" if isinstance(names, list | tuple) else _value(names)
    ),
    "evaluation.levels": lambda value: f"{_value(value)} test levels",
    "evaluation.seed": lambda value: f"test seed {value}",
    "evaluation.modes": lambda modes: f"{' and '.join(map(str, modes))} actions",
}


def _in_words(key: str, value: Any) -> str | None:
    if key in _WORDS:
        # A record may be of anything: where its value is of another kind than ours,
        # it is written as any other.
        try:
            return _WORDS[key](value)
        except (TypeError, ValueError):
            pass
    last = key.rpartition(".")[2]
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    if last.startswith("num_") and plain and value >= 0:
        return f"{_value(value)} {last.removeprefix('num_').replace('_', ' ')}"
    return f"{last.replace('_', ' ')} {_value(value)}"
