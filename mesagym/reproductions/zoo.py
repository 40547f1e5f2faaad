"""The zoo: the policies behind the recorded results, each condition's with its card.

They lie in ``experiments/<result>/policies/<condition>/``, a run directory of those
seeds that are kept, with ``card.json`` beside them. The card holds the hashes of *all*
seeds' weights, and the recorded result the hash of that list, so that nothing passes
for a policy of a result that is not one. What is not kept is remade by the card's
command, and must then have the same hashes.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mesagym.errors import UserError, nearest
from mesagym.reproductions.folder import Reproduction, all_reproductions
from mesagym.reproductions.record import read_result
from mesagym.tracking import DamagedFile, RunDirectory
from mesagym.tracking.configuration import from_yaml, to_yaml
from mesagym.tracking.files import (
    atomic_write_bytes,
    atomic_write_json,
    json_text,
    make_folders,
    parse_json,
    read_bytes,
    read_sealed,
    sealed,
    sha256,
)
from mesagym.tracking.manifest import Manifest
from mesagym.tracking.record import CONFIG
from mesagym.tracking.run_directory import POLICY
from mesagym.tracking.tables import bytes_to_table, table_to_bytes

POLICIES, CARD, FILM, READINGS = "policies", "card.json", "film.gif", "readings.json"
FORMAT = "mesagym-zoo-card/1"

REPRESENTATIVES = 6_000_000
"""Bytes of weights that one result may keep so that every condition has a policy."""

FURTHER = 1_000_000
"""Bytes of weights of one result up to which further seeds are kept. All results
together stay below 30 MB."""

LARGEST = 2_000_000
"""Bytes of one file, above which weights are not kept but remade."""

OUTCOMES = 150_000
"""Bytes of a table of outcomes, above which it is left out."""

RULE = (
    "The first seed that is competent stands for its condition (a contest: the gate of "
    "the verdict; amounts: a base score of .5 or more on levels as in training). Kept "
    "are those, the conditions that are filmed before the others, while a result has "
    f"no more than {REPRESENTATIVES:,} bytes of weights; then further seeds in "
    f"ascending order, while it has no more than {FURTHER:,}."
)


@dataclass(frozen=True)
class Seed:
    """What a card says of one seed."""

    seed: int
    sha256: str
    bytes: int
    kept: bool
    competence: float | None
    """Success on agreeing levels, or the base score on levels as in training."""
    competent: bool
    verdict: str | None
    """The word for this seed; None where outcomes are amounts."""


@dataclass(frozen=True)
class Entry:
    """The policies of one condition of a recorded result."""

    reproduction: Reproduction
    condition: str

    @property
    def name(self) -> str:
        """What it is called: ``corner/alpha-0``."""
        return f"{self.reproduction.name}/{self.condition}"

    @property
    def folder(self) -> Path:
        """Where it lies: a run directory, if any policy is kept."""
        return self.reproduction.folder / POLICIES / self.condition

    @cached_property
    def card(self) -> dict[str, Any]:
        """What is known of the policies.

        Raises:
            DamagedFile: torn or altered.
            UserError: not the policies of what is recorded now.
        """
        path = self.folder / CARD
        card = read_sealed(path)
        if card.get("format") != FORMAT:
            raise UserError(
                f"'{path}' is no card that this mesagym can read "
                f"('{card.get('format')}', not '{FORMAT}')."
            )
        result = read_result(self.reproduction.folder)
        recorded = (result or {}).get("conditions", {}).get(self.condition, {})
        given = sha256(json_text(card["policy"]).encode())
        if given != recorded.get("policies_sha256"):
            raise UserError(
                f"'{self.folder}' has the policies of another run than the recorded "
                f"result of '{self.reproduction.name}'. Put them there again: "
                f"`{card['command']} record=true` on the folder of its runs."
            )
        return card

    @cached_property
    def film(self) -> bytes | None:
        """A small GIF of the representative, None where none was made.

        Raises:
            DamagedFile: torn or altered.
        """
        known = self.card.get("film_sha256")
        return None if known is None else read_bytes(self.folder / FILM, {known})

    @cached_property
    def readings(self) -> dict[str, Any] | None:
        """What evaluators said of the policies that are kept; None where not asked.

        Returns:
            by evaluator its ``scope``, ``why``, and ``readings``: ``seed``, ``answer``
            and ``why`` of each.

        Raises:
            DamagedFile: torn or altered.
            UserError: they are of other policies.
        """
        path = self.folder / READINGS
        if not path.is_file():
            return None
        document = read_sealed(path)
        if document["policies_sha256"] != self.policies_sha256:
            raise UserError(
                f"'{path}' is of other policies; write it again, "
                f"`python scripts/read_zoo.py {self.name}`"
            )
        return document["evaluators"]

    @property
    def policies_sha256(self) -> str:
        """The hash of the list of all seeds' weights, as the result has it."""
        return sha256(json_text(self.card["policy"]).encode())

    @property
    def seeds(self) -> list[Seed]:
        """What the card says of each seed, in ascending order."""
        return [Seed(**each) for each in self.card["seeds"]]

    @property
    def kept(self) -> list[int]:
        """The seeds whose weights are here, the representative first."""
        first = self.card["representative"]
        kept = [each.seed for each in self.seeds if each.kept]
        return sorted(kept, key=lambda seed: (seed != first, seed))


def entries(folder: Path | None = None) -> list[Entry]:
    """Return everything in the zoo, in the order of the results and their conditions.

    Args:
        folder: of the reproductions; the repository's or the package's if None.
    """
    return [entry for each in all_reproductions(folder) for entry in entries_of(each)]


def entries_of(reproduction: Reproduction) -> list[Entry]:
    """Return what the zoo has of one result, in the order of its conditions."""
    cards = (reproduction.folder / POLICIES).glob(f"*/{CARD}")
    there = {card.parent.name for card in cards}
    scales = reproduction.claim.scales
    # Mostly the laptop's are recorded; others may have them in part.
    planned = [name for one in ("laptop", *scales) for name in scales[one].conditions]
    order = [*dict.fromkeys(planned), *sorted(there.difference(planned))]
    return [Entry(reproduction, name) for name in order if name in there]


def entry(name: str, folder: Path | None = None) -> Entry:
    """Return one by its name, such as ``corner/alpha-0``.

    Raises:
        UserError: there is no such one; gives the nearest.
    """
    there = {each.name: each for each in entries(folder)}
    name = name.removeprefix("zoo:")
    if name not in there:
        said = nearest(name, there) if there else " It is empty: nothing is recorded."
        raise UserError(f"there is no '{name}' in the zoo.{said}")
    return there[name]


def names() -> list[str]:
    """Return what everything in the zoo is called."""
    return [each.name for each in entries()]


def load(name: str, seeds: Sequence[int] | None = None) -> Any:
    """Take policies out of the zoo, ready to act.

    Args:
        name: such as ``corner/alpha-0``.
        seeds: which; all that are kept if None, the representative first.

    Returns:
        a :class:`mesagym.training.saved.Saved`.

    Raises:
        UserError: no such name or seed, weights that are not kept, a damaged file, or
            policies of other dynamics.
    """
    # Only now: a list of names waits for no JAX.
    from mesagym.training import saved

    here = _with_weights(entry(name))
    return saved.load(_checked(here), here.kept if seeds is None else seeds)


def unpack(found: Entry, out: Path, run: Path | None = None) -> Path:
    """Copy policies with their card into a run directory of its own.

    Args:
        found: which.
        out: the folder; there must be nothing yet.
        run: where its condition was remade. All seeds come from there, if their
            hashes are the recorded ones; None takes those that are kept.

    Raises:
        UserError: ``out`` is there, weights that are not kept, a damaged file, or
            remade policies that are others.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"out: '{out}' is there already; give another name")
    if run is None:
        source = _checked(_with_weights(found))
        for name in source.contents:
            make_folders((out / name).parent)
            (out / name).write_bytes(source.read_file(name))
        files = ["manifest.json", CARD, FILM, READINGS]
    else:
        source = _remade(found, run)
        make_folders(out)
        write_run(source, out, source.policy_seeds(), found.name, found.card["command"])
        files = [CARD, FILM, READINGS]
    for name in files:
        if (found.folder / name).is_file():
            shutil.copyfile(found.folder / name, out / name)
    return out


def _with_weights(found: Entry) -> Entry:
    if not found.kept:
        raise UserError(
            f"the weights of '{found.name}' are not kept, only their hashes. Remake "
            f"them, `{found.card['command']}`, and give the folder of that condition, "
            f"`mesagym zoo load {found.name} run=FOLDER`"
        )
    return found


def _checked(found: Entry) -> RunDirectory:
    """Open an entry's folder, every file checked and the weights those of the card."""
    source = RunDirectory.read(found.folder)
    source.verify()
    _compare(found, source, [each.seed for each in found.seeds if each.kept])
    return source


def _remade(found: Entry, run: Path) -> RunDirectory:
    source = RunDirectory.read(run)
    wanted = [each.seed for each in found.seeds]
    if missing := set(wanted).difference(source.policy_seeds()):
        listed = ", ".join(map(str, sorted(missing)))
        raise UserError(f"run: '{run}' has no policy of seed {listed}")
    _compare(found, source, wanted)
    return source


def _compare(found: Entry, source: RunDirectory, seeds: Sequence[int]) -> None:
    known = {each.seed: each.sha256 for each in found.seeds}
    for seed in seeds:
        name = f"policy/seed-{seed}.safetensors"
        if sha256(source.read_file(name)) != known[seed]:
            raise DamagedFile(
                f"'{source.path / name}' is not the recorded policy of '{found.name}'. "
                "The same bits need the same command, versions and kind of machine: "
                "see the card"
            )


# --- when a result is recorded --------------------------------------------------------


def representative(competent: Mapping[int, bool]) -> int:
    """Return the seed that stands for a condition: the first that is competent.

    Args:
        competent: by seed; the first of all where none is.
    """
    seeds = sorted(competent)
    return next((seed for seed in seeds if competent[seed]), seeds[0])


def kept_seeds(
    sizes: Mapping[str, Mapping[int, int]], first: Mapping[str, int]
) -> dict[str, list[int]]:
    """Return which seeds' weights are kept, see `RULE`.

    Args:
        sizes: bytes by condition and seed, the conditions in the order of keeping.
        first: the representative of each condition.
    """
    kept: dict[str, list[int]] = {name: [] for name in sizes}
    room = REPRESENTATIVES
    for name in sizes:
        seed, size = first[name], sizes[name][first[name]]
        if size <= min(room, LARGEST):
            kept[name].append(seed)
            room -= size
    room += FURTHER - REPRESENTATIVES
    others = {
        name: [seed for seed in sorted(sizes[name]) if seed != first[name]]
        for name in sizes
        if kept[name]
    }
    for turn in range(max(map(len, others.values()), default=0)):
        for name in others:
            for seed in others[name][turn : turn + 1]:
                size = sizes[name][seed]
                if size > room:
                    return kept
                kept[name].append(seed)
                room -= size
    return kept


def store(
    reproduction: Reproduction,
    document: Mapping[str, Any],
    runs: Path,
    filmed: Callable[[RunDirectory, int], bytes],
) -> list[Entry]:
    """Put the policies of a recorded result into the zoo, in place of those before.

    Args:
        reproduction: which.
        document: the recorded result.
        runs: the folder of its runs, one a condition.
        filmed: makes a film of one seed's policy; asked of the conditions that the
            claim shows, as far as their policies are kept.
    """
    from mesagym.reproductions.cards import assessed, card_of

    conditions = list(reproduction.claim.scale(document["scale"]).conditions)
    shown = reproduction.claim.shown or (conditions[0], conditions[-1])
    conditions.sort(key=lambda name: name not in shown)
    sources = {name: RunDirectory.read(runs / name) for name in conditions}
    lists = {name: _policy_list(source) for name, source in sources.items()}
    told = {
        name: assessed(name, source, _gated(reproduction, document, name))
        for name, source in sources.items()
    }
    first = {name: representative(each.competent) for name, each in told.items()}
    kept = kept_seeds(
        {
            name: {int(s): each["bytes"] for s, each in there["seeds"].items()}
            for name, there in lists.items()
        },
        first,
    )
    with _replaced(reproduction.folder / POLICIES) as before:
        found = []
        for name, source in sources.items():
            here = Entry(reproduction, name)
            make_folders(here.folder)
            if kept[name]:
                command = document["command"]
                write_run(source, here.folder, kept[name], here.name, command)
            film = None
            if kept[name] and name in shown:
                data = filmed(source, first[name])
                atomic_write_bytes(here.folder / FILM, data)
                film = sha256(data)
            card = card_of(
                reproduction.claim,
                name,
                document,
                lists[name],
                told[name],
                first[name],
                kept[name],
            )
            card = {"format": FORMAT, **card, "rule": RULE, "film_sha256": film}
            atomic_write_json(here.folder / CARD, sealed(card))
            readings = before / name / READINGS
            if readings.is_file():
                same = read_sealed(readings)["policies_sha256"] == here.policies_sha256
                if same:
                    shutil.copyfile(readings, here.folder / READINGS)
            found.append(here)
    return found


@contextlib.contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """Set a folder aside while another is made in its place, and back if that fails.

    Yields:
        where the one before lies meanwhile, if there was one.
    """
    aside = folder.with_name(f".{folder.name}-before")
    if aside.is_dir():
        # A process that was killed meanwhile: what it set aside is what was whole.
        shutil.rmtree(folder, ignore_errors=True)
    elif folder.is_dir():
        folder.rename(aside)
    try:
        yield aside
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if aside.is_dir():
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _gated(
    reproduction: Reproduction, document: Mapping[str, Any], condition: str
) -> list[bool] | None:
    """Return which seeds passed the gate of the test; None where it has no own one."""
    figures = document["conditions"][condition]["figures"]
    own = figures.get("competent")
    if own is None and hasattr(reproduction.protocol, "competent"):
        own = reproduction.protocol.competent(figures)
    return None if own is None else [bool(each) for each in own]


def _policy_list(source: RunDirectory) -> dict[str, Any]:
    return parse_json(source.read_file(POLICY), source.path / POLICY)


def write_run(
    source: RunDirectory,
    folder: Path,
    seeds: Sequence[int],
    name: str,
    command: str,
) -> None:
    """Write a run directory with some seeds of another one: the same run, in part.

    Where the run lay and what it was called there is left out; learning curves, films
    and reports are, too.

    Args:
        source: the whole run.
        folder: where; empty.
        seeds: which.
        name: of the entry.
        command: that makes the whole result.
    """
    seeds = sorted(seeds)
    config = from_yaml(source.read_file(CONFIG))
    config |= {"run": None, "name": name}
    if config.get("train", {}).get("start_from"):
        # Another condition of the same result, by its folder's name.
        before = Path(config["train"]["start_from"]).name
        config["train"]["start_from"] = f"@{before}"
    policy = _policy_list(source)
    policy["seeds"] = {str(seed): policy["seeds"][str(seed)] for seed in seeds}
    files = {
        CONFIG: to_yaml(config),
        POLICY: json_text(policy).encode(),
        "summary.json": source.read_file("summary.json"),
    }
    for seed in seeds:
        file = f"policy/seed-{seed}.safetensors"
        files[file] = source.read_file(file)
    outcomes = _outcomes_of(source, seeds)
    if len(outcomes) <= OUTCOMES:
        files["outcomes.parquet"] = outcomes
    account = Manifest(folder, RunDirectory.kind, RunDirectory.word)
    facts = {**source.manifest, "seeds": seeds, "command": command, "zoo": name}
    account.update(**{**facts, "resumed": [], "contents": {}, "pending": {}})
    account.document.pop("sha256", None)
    account.commit(files)


def _outcomes_of(source: RunDirectory, seeds: Sequence[int]) -> bytes:
    import pyarrow as pa

    table = bytes_to_table(source.read_file("outcomes.parquet"))
    theirs = np.isin(table["seed"].to_numpy(), seeds)
    others = table["policy"].to_numpy(zero_copy_only=False) != "trained"
    return table_to_bytes(table.filter(pa.array(theirs | others)))
