"""What Hydra and OmegaConf complain of, said in one line to whoever typed it."""

import difflib
import re
import types
import typing
from collections.abc import Mapping, Sequence

from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError

from mesagym.cli.keys import ALIASES
from mesagym.errors import nearest

_TYPE_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list, [a, b]",
}


def type_word(annotation: object) -> str:
    """Return what a key of a type takes: "a number or null"."""
    parts = typing.get_args(annotation)
    if isinstance(annotation, types.UnionType):
        inner = [type_word(each) for each in parts if each is not type(None)]
        return " or ".join([*inner, "null"])
    plain = typing.get_origin(annotation) or annotation
    return _TYPE_WORDS.get(plain, "settings of its own")


def meant(name: str, known: Mapping[str, object]) -> list[str]:
    """Return the keys that an unknown one may stand for, empty where none comes near.

    Args:
        name: as it was given.
        known: the keys there are, groups among them.
    """
    section, last = _section(name), name.rpartition(".")[2]

    def named(word: str) -> list[str]:
        """Return what people mean by a word, in its own section if that has it."""
        found = [key for key in ALIASES.get(word, ()) if key in known]
        here = [key for key in found if section and key.startswith(f"{section}.")]
        return here or found

    # By another name first: the last part of `seed` is that of `evaluation.seed`, too.
    if close := named(last):
        return close
    # Often right but for its section: `learning_rate` for `agent.learning_rate`.
    if close := [key for key in known if key.rpartition(".")[2] == last]:
        return close[:1]
    lasts = {key.rpartition(".")[2]: [key] for key in known}
    words = lasts | {word: keys for word in ALIASES if (keys := named(word))}
    # Misspelt, in its section: a word there, or another name of one.
    inside = {
        key.rpartition(".")[2]: [key] for key in known if _section(key) == section
    }
    inside |= {
        word: keys
        for word, keys in words.items()
        if word not in inside and (not section or _section(keys[0]) == section)
    }
    if near := difflib.get_close_matches(last, inside, n=1, cutoff=0.7):
        return inside[near[0]]
    # Its section is misspelt: one that is not leaves too little to compare.
    there = {_section(key) for key in known}
    alike = [key for key in known if key.count(".") == name.count(".")]
    alike = [] if section in there else alike
    if close := difflib.get_close_matches(name, alike, n=1, cutoff=0.6):
        return close
    # Misspelt and in no section of its own.
    near = difflib.get_close_matches(last, words, n=1, cutoff=0.75)
    return words[near[0]] if near else []


def _section(key: str) -> str:
    return key.rpartition(".")[0]


def unknown_key(name: str, known: Mapping[str, object], command: str) -> str:
    """Return the line about a key that no configuration of a command has.

    Args:
        name: as it was given.
        known: the keys there are, groups among them.
        command: whose keys.
    """
    close = meant(name, known)
    section = name.rpartition(".")[0]
    beside = [key for key in known if section and key.startswith(f"{section}.")]
    if close:
        hint = f"Did you mean {' or '.join(map(repr, close))}?"
    elif beside:
        hint = f"Allowed there: {', '.join(beside)}."
    else:
        hint = f"`mesagym {command} --help` lists the keys."
    return f"unknown key '{name}'. {hint}"


def explained(
    error: BaseException,
    known: Mapping[str, object],
    command: str,
    overrides: Sequence[str] = (),
) -> str:
    """Return one line that names the key, the value and what is allowed.

    Args:
        error: raised while a configuration was composed.
        known: the keys there are and their types; groups map to ``None``.
        command: the subcommand.
        overrides: what was typed.
    """
    text = str(error)
    cause = _omegaconf_cause(error)
    options = getattr(error, "options", None)
    if options is not None:
        match = re.search(r"Could not find '(.+)/([^/']+)'", text)
        if match:
            return f"{match[1]}: unknown '{match[2]}'." + nearest(match[2], options)
    if match := re.match(r"Could not override '(.*?)'", text):
        missing = getattr(cause, "full_key", None) or match[1]
        # OmegaConf names the first part that is missing, the person typed it all.
        name = match[1] if match[1].startswith(missing) else missing
        return unknown_key(name, known, command)
    if match := re.match(r"Error merging override [+~]*([^=]+)=?(.*)", text, re.DOTALL):
        return _bad_value(match[1], match[2], text, cause, known)
    if match := re.match(r"Ambiguous value for argument '(.*?)=(.*)'", text):
        return (
            f"{match[1]}: '{match[2]}' is several values. "
            f"Use -m to run each, or [{match[2]}] for a list."
        )
    if match := re.match(r"Sweep parameters '(.*?)=(.*)' requires", text):
        return f"{match[1]}: '{match[2]}' is several values. Use -m to run each."
    if match := re.match(r"Error parsing override '(.*?)'\n(.*)", text):
        if "missing EQUAL" in match[2]:
            return f"'{match[1]}' is not key=value." + _meant(match[1], known)
        return f"'{match[1]}' cannot be read ({match[2]}). Quote special characters."
    if (override := getattr(error, "override", None)) is not None:
        return f"'{override}' cannot be read as key=value. Quote special characters."
    if type(cause).__name__ == "MissingMandatoryValue":
        return f"{getattr(cause, 'full_key', None)}: give a value."
    if "group override must be a string" in text:
        for override in overrides:
            name, _, value = override.partition("=")
            if name in known and known[name] is None:
                return f"{name}: '{value}' is not the name of a file of the group."
        return "a key is missing before '='. Write key=value."
    if "nterpolation" in type(cause).__name__:
        place = getattr(cause, "full_key", None) or "a value"
        return f"{place}: {_first_line(str(cause))}."
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return (
            f"'{mark.name}', line {mark.line + 1}, column {mark.column + 1}: "
            f"{error.problem}."
        )
    if "is not a subclass of" in text:
        for override in overrides:
            name, _, value = override.partition("=")
            if name in known and known[name] is None and value.startswith("["):
                return f"{name}: takes one file of the group, not {value}."
    if match := re.search(r"In '(.*?)': .* raised while composing config:\n(.*)", text):
        place = getattr(cause, "full_key", None)
        at = f", {place}" if place else ""
        return f"configuration '{match[1]}'{at}: {match[2]}."
    text = re.split(r"\n+(?:Config search path|Search path|See https)", text)[0]
    return " ".join(text.split()) or type(error).__name__


def _bad_value(
    name: str,
    value: str,
    text: str,
    cause: OmegaConfBaseException | None,
    known: Mapping[str, object],
) -> str:
    if "~" in text.split(name)[0]:
        return f"{name}: a key cannot be taken away, only changed."
    if inside := [key for key in known if key.startswith(f"{name}.")]:
        return f"{name}: '{value}' is no section; change its keys: {', '.join(inside)}."
    if name not in known and (section := name.rpartition(".")[0]) in known:
        return f"{section}: takes {type_word(known[section])}; it has no key '{name}'."
    if known.get(name) is not None:
        return f"{name}: '{value}' is not {type_word(known[name])}."
    return f"{name}: {_first_line(str(cause or text))}."


def _meant(word: str, known: Mapping[str, object]) -> str:
    close = meant(word, known)
    return f" Did you mean '{close[0]}=...'?" if close else ""


def _omegaconf_cause(error: BaseException) -> OmegaConfBaseException | None:
    """Return the OmegaConf error that is, or lies under, an error."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OmegaConfBaseException):
            return seen
        seen = seen.__cause__
    return None


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else "not allowed"
