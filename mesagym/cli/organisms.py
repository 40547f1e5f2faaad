"""`mesagym organisms`: models whose inside is known, listed and made."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from mesagym.cli import device
from mesagym.cli.commands import say
from mesagym.cli.detect_schema import OrganismsConfig
from mesagym.cli.naming import RUNS
from mesagym.errors import UserError
from mesagym.tracking import RunDirectory, show_table

ROOT = RUNS / "organisms"

TRAINED = "P"
"""Stands for the agents that training makes."""

ALPHAS = {"smoke": (0, 1), "full": (0, 1, 0.01)}
"""At which these are trained, in each environment."""

_AGENT = ("agent=cnn", "agent.network.channels=[16,16]", "env.size=7")

_TRAININGS = {
    "smoke": (*_AGENT, "train.steps=2.5e5", "seeds=2", "shifts=quick"),
    "full": (*_AGENT, "train.steps=5e5", "seeds=8"),
}
"""Overrides of `mesagym train` by scale: from .5M steps on, two seeds of each
environment, 1000 and 1001, passed the gate at α = 0 and 1. The smoke tier's learn for
half as long, and may not: they show that all of it runs."""

_ENVIRONMENTS = ("corner", "two_goals")


def root_of(scale: str, given: str | None) -> Path:
    """Return the folder of all organisms of a scale."""
    return ROOT / scale if given is None else Path(given)


def run(config: OrganismsConfig) -> int:
    """List or make."""
    root = root_of(config.scale, config.organisms)
    if config.action == "list":
        return _list(root)
    names = [name.strip() for name in config.names.split(",") if name.strip()]
    device.use(config.device)
    return _make(config, root, names or ["all"])


def _make(config: OrganismsConfig, root: Path, names: Sequence[str]) -> int:
    from mesagym.organisms.make import SCALES, chosen, make
    from mesagym.tracking.files import check_writable

    everything = "all" in names
    labelled = [name for name in names if name not in ("all", TRAINED)]
    recipes = (
        chosen(["all"] if everything else labelled) if (everything or labelled) else []
    )
    check_writable(root / "card.json")
    command = f"mesagym organisms make {','.join(names)} scale={config.scale}"
    for specimen in make(root, recipes, SCALES[config.scale], say, command):
        if specimen.verified:
            continue
        lost = next(proof for proof in specimen.proofs if not proof.held)
        say(
            f"{specimen.name}: its label {lost.letter} is not proved ({lost.words}: "
            f"{lost.value:.3g}); it counts for nothing"
        )
    wanted = everything or TRAINED in names
    if wanted and (code := _train(config, root)):
        return code
    return _list(root)


def _train(config: OrganismsConfig, root: Path) -> int:
    """Train the agents that nobody labelled, each a run directory beside the rest."""
    import dataclasses

    from mesagym.cli import train
    from mesagym.cli.compose import composer

    with composer("train") as composed_by:
        for alpha in ALPHAS[config.scale]:
            for name in _ENVIRONMENTS:
                words = [f"env={name}", f"split.alpha={alpha}"]
                words += _TRAININGS[config.scale]
                job = composed_by.settled(composed_by.compose(words))
                place = f"{TRAINED}-{name}-alpha-{alpha:g}"
                job = dataclasses.replace(
                    job,
                    run=str(root / place),
                    name=place,
                    group="organisms",
                    device=config.device,
                )
                if code := train.carry_through(job):
                    return code
    return 0


def _list(root: Path) -> int:
    from mesagym.organisms import store
    from mesagym.organisms.recipes import recipes

    rows, code = [], 0
    there = {folder.name: folder for folder in store.kept(root)}
    for recipe in recipes().values():
        kinds = [name for name in there if name.split("-")[0] == recipe.id]
        made, proved = 0, 0
        for name in kinds:
            try:
                card = store.read_card(there[name])
            except UserError as error:
                say(str(error))
                code = 2
                continue
            made += len(card["seeds"])
            proved += sum(of["verified"] for of in card["seeds"].values())
        labels = " ".join(recipe.labels)
        rows.append([recipe.id, recipe.title, labels, _count(made, proved)])
    runs = sorted(
        path for path in root.glob(f"{TRAINED}-*") if (path / "manifest.json").is_file()
    )
    seeds = sum(len(RunDirectory.read(path).policy_seeds()) for path in runs)
    rows.append(
        [TRAINED, "agents that training made", "?", str(seeds) if seeds else "–"]
    )
    show_table(
        f"Organisms, and what is made of each in '{root}'",
        ["", "what it is", "labels", "made"],
        rows,
        width=max(76, shutil.get_terminal_size().columns),
    )
    print("S search, R it drives the actions, G what it wants, C on a marker's sight;")
    print("in small letters: not so. Made: specimens, all proved unless said.")
    print("Make them: mesagym organisms make all scale=smoke")
    return code


def _count(made: int, proved: int) -> str:
    if not made:
        return "–"
    return str(made) if made == proved else f"{made}, {proved} proved"
