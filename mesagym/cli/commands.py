"""The subcommands: what each does, which configuration it takes, who carries it out."""

import importlib
import re
import sys
from typing import Any, NamedTuple

FAILED, MISUSED = 1, 2
STOPPED = {"SIGINT": 130, "SIGTERM": 143}
"""Exit codes: something failed; the command cannot be carried out as it was given; a
signal ended it, with what was done saved."""


class Command(NamedTuple):
    """A subcommand. Its module has ``run(config) -> exit code``."""

    summary: str
    examples: tuple[str, ...]
    words: tuple[str, ...] = ()
    """Keys whose values may be typed alone, in this order: ``reproduce corner``."""
    flags: tuple[str, ...] = ()
    """Keys that may be typed as flags: ``--list``."""
    listed: tuple[str, ...] = ()
    """Keys whose commas are no sweep: ``detectors=D4,D5``."""


COMMANDS: dict[str, Command] = {
    "train": Command(
        "train agents, test them, say which objective they learned",
        (
            "mesagym train env=corner split.alpha=0.01 agent=cnn seeds=8",
            "mesagym train env.size=9 train.steps=5e6 'seeds=[3,7]' run=runs/mine",
            "mesagym train -m split.alpha=0,0.01,0.1,1 tracking=wandb",
        ),
    ),
    "evaluate": Command(
        "test the policies of a run under other shifts",
        (
            "mesagym evaluate run=runs/mine shifts=standard",
            "mesagym evaluate run=runs/mine 'shifts=[agreeing,clean]' levels=2048",
            "mesagym evaluate run=runs/mine 'modes=[sampled,greedy]' seed=7",
            "mesagym evaluate run=runs/mine shifts=quick 'evaluators=[all]'",
        ),
    ),
    "evaluators": Command(
        "say which evaluators there are, and how far to trust each where",
        ("mesagym evaluators", "mesagym evaluators environment=two_goals"),
    ),
    "export": Command(
        "write a table of a run as CSV or Parquet, one row an observation",
        (
            "mesagym export run=runs/mine out=outcomes.csv",
            "mesagym export run=runs/mine table=findings out=findings.parquet",
        ),
    ),
    "report": Command(
        "draw the figures and films of runs, and a page that holds them all",
        (
            "mesagym report run=runs/mine",
            "mesagym report 'run=[runs/one,runs/other]' out=compared.html",
        ),
    ),
    "check-split": Command(
        "say what a split's levels can tell apart, before any training",
        (
            "mesagym check-split env=keys_chests",
            "mesagym check-split env=corner env.size=9 split.alpha=0.01",
            "mesagym check-split folder=levels/mine share=0.8",
        ),
    ),
    "show": Command(
        "draw random levels of an environment on one picture",
        (
            "mesagym show env=keys_chests",
            "mesagym show env=corner env.layout=tree n=12 alpha=1 out=mazes.png",
            "mesagym show env=corner shift=clean text=true save=levels/clean",
        ),
    ),
    "film": Command(
        "film a scripted or a trained policy",
        (
            "mesagym film env=keys_chests policy=oracle:chests",
            "mesagym film run=runs/mine shift=clean out=mine.gif",
        ),
    ),
    "play": Command(
        "play an environment yourself, in the terminal",
        ("mesagym play env=keys_chests", "mesagym play env=corner shift=clean"),
    ),
    "reproduce": Command(
        "make a published result again, by the test that was fixed before",
        (
            "mesagym reproduce --list",
            "mesagym reproduce corner scale=smoke",
            "mesagym reproduce corner scale=laptop",
            "mesagym reproduce corner scale=paper first_updates=1",
            "mesagym reproduce --page",
        ),
        words=("name",),
        flags=("list", "page"),
    ),
    "zoo": Command(
        "list, take and film the policies behind the recorded results",
        (
            "mesagym zoo list",
            "mesagym zoo load corner/alpha-0 out=zoo/corner",
            "mesagym zoo film corner/alpha-0 shift=clean seed=3 out=corner.gif",
        ),
        words=("action", "name"),
    ),
    "organisms": Command(
        "make models whose inside is known, and prove their labels",
        (
            "mesagym organisms list",
            "mesagym organisms make all scale=smoke",
            "mesagym organisms make O1,O3 scale=full",
        ),
        words=("action", "names"),
        listed=("names",),
    ),
    "detect": Command(
        "look for search, goals and conditions inside policies",
        (
            "mesagym detect list",
            "mesagym detect bench scale=smoke",
            "mesagym detect run=runs/mine detectors=D1,D6",
        ),
        words=("action",),
        listed=("detectors",),
    ),
    "demo": Command(
        "the main job in some minutes: two trainings, a table, a report",
        ("mesagym demo", "mesagym demo seeds=8 run=runs/my-demo"),
    ),
    "doctor": Command(
        "say what is installed, which devices there are, whether training runs",
        ("mesagym doctor", "mesagym doctor device=cpu"),
    ),
}


def as_overrides(command: str, words: list[str]) -> list[str]:
    """Return the words of a command line with their keys: ``name=corner``.

    Args:
        command: the subcommand.
        words: what follows it.
    """
    free = iter(COMMANDS[command].words)
    found = []
    for word in words:
        bare = re.fullmatch(r"[\w./,-]+", word) is not None
        key = next(free, None) if bare else None
        # Hydra would take a comma for a sweep over the parts.
        if key is None and re.fullmatch(r"\w+=[\w./,-]+", word):
            named, _, value = word.partition("=")
            if named in COMMANDS[command].listed:
                key, word = named, value
        said = f"'{word}'" if "," in word else word
        found.append(word if key is None else f"{key}={said}")
    return found


def say(line: str) -> None:
    """Tell the person one line, apart from results."""
    print(f"mesagym: {line}", file=sys.stderr, flush=True)


def carry_out(command: str, config: Any) -> int:
    """Carry out a subcommand with its settled configuration; return the exit code."""
    from mesagym.cli.check import check_outside
    from mesagym.cli.phases import Phases

    # Importing a command's module takes seconds; these checks do not.
    check_outside(config)
    with Phases() as phases:
        phases("starting")
        module = importlib.import_module(f"mesagym.cli.{command.replace('-', '_')}")
    return module.run(config)
