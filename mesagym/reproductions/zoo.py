"""The zoo: the policies behind the recorded results, each condition's with its card.

They lie in ``experiments/<result>/policies/<condition>/``, a run directory of those
seeds that are kept, with ``card.json`` beside them. The card holds the hashes of *all*
seeds' weights, and the recorded result the hash of that list, so that nothing passes
for a policy of a result that is not one. What is not kept is remade by the card's
command, and must then have the same hashes.
"""

import difflib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mesagym.errors import UserError
from mesagym.evals.verdict_rule import RULE
from mesagym.reproductions.excerpt import write_run
from mesagym.reproductions.folder import RESULT, Reproduction, all_reproductions
from mesagym.reproductions.record import read_result
from mesagym.tracking import DamagedFile, RunDirectory
from mesagym.tracking.files import (
    json_text,
    make_folders,
    read_bytes,
    read_sealed,
    sha256,
)

POLICIES, CARD, FILM, READINGS = "policies", "card.json", "film.gif", "readings.json"
FORMAT = "mesagym-zoo-card/1"


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
    """The word for this seed, or ``not judged again``; None where outcomes are amounts
    and no rule has judged it."""

    @property
    def in_short(self) -> str:
        """The word for this seed, or else whether it is competent."""
        return self.verdict or ("competent" if self.competent else "untrained")


def rule_of(card: Mapping[str, Any]) -> int:
    """Return which version of the verdict's rule judged a card (docs/verdict.md)."""
    return (card["verdict"] or {}).get("rule", 1)


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
        if result is None:
            raise UserError(
                f"there is no recorded result of '{self.reproduction.name}' "
                f"('{self.reproduction.folder / RESULT}' is missing), so its policies "
                "are nobody's"
            )
        recorded = result["conditions"].get(self.condition, {})
        given = sha256(json_text(card["policy"]).encode())
        if given != recorded.get("policies_sha256"):
            raise UserError(
                f"'{self.folder}' has the policies of another run than the recorded "
                f"result of '{self.reproduction.name}'. Put them there again: "
                f"`{card['command']} record=true` on the folder of its runs."
            )
        return card

    @property
    def word(self) -> str:
        """The word for all seeds, with the rule that gave it if that is an older one.

        Empty where outcomes are amounts and no rule has judged them.
        """
        verdict, rule = self.card["verdict"], rule_of(self.card)
        if verdict is None:
            return ""
        return verdict["word"] + (f" (rule {rule})" if rule < RULE else "")

    @property
    def in_words(self) -> str:
        """The sentence for all seeds, empty where there is none; as `word`."""
        verdict, rule = self.card["verdict"], rule_of(self.card)
        if verdict is None:
            return ""
        older = f"By rule {rule}, an older one. " if rule < RULE else ""
        return older + verdict["in_words"]

    @cached_property
    def film(self) -> bytes | None:
        """A small GIF of the representative, None where none was made.

        Raises:
            DamagedFile: torn or altered.
        """
        known = self.card.get("film_sha256")
        return None if known is None else read_bytes(self.folder / FILM, {known})

    @property
    def readings_rule(self) -> int:
        """Which version of the verdict's rule the readings of outcomes rest on."""
        path = self.folder / READINGS
        return read_sealed(path).get("rule", 1) if path.is_file() else RULE

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
    def trained_with(self) -> str:
        """What sets its training apart from that of the result's other conditions."""
        result = read_result(self.reproduction.folder) or {}
        told = result.get("conditions", {})
        return trained_with(told, self.condition, self.card["alpha"])

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


def trained_with(
    conditions: Mapping[str, Mapping[str, Any]], name: str, alpha: int | float | None
) -> str:
    """Return the settings in which a condition differs: ``α = 0.01, redundancy=6``.

    Keys without the groups that they stand in, and without seeds, which are told
    wherever policies are. Empty where nothing else differs, or there is no other.

    Args:
        conditions: of the recorded result, by name, with their ``overrides``.
        name: which.
        alpha: of its training.
    """
    given = {
        each: dict(word.split("=", 1) for word in one["overrides"])
        for each, one in conditions.items()
    }
    differ = [
        key
        for key in dict.fromkeys(key for one in given.values() for key in one)
        if key not in _OF_SEEDS and len({one.get(key) for one in given.values()}) > 1
    ]
    said = []
    for key in differ:
        value = given[name].get(key)
        if key == "split.alpha" and alpha is not None:
            said.insert(0, f"α = {alpha:g}")
        elif value is not None:
            said.append(f"{key.rpartition('.')[2]}={value}")
    return ", ".join(said)


_OF_SEEDS = ("seeds", "first_seed")


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
    """Return one by its name, such as ``corner/alpha-0`` or ``R1/alpha-0``.

    Raises:
        UserError: there is no such one; gives the nearest.
    """
    there = {each.name: each for each in entries(folder)}
    asked = name.removeprefix("zoo:")
    name = spelt_out(asked, folder)
    if name not in there:
        hint = _nearest(name, list(there))
        raise UserError(f"there is no '{asked}' in the zoo.{hint}")
    return there[name]


def spelt_out(name: str, folder: Path | None = None) -> str:
    """Return a name with its result's in place of the result's number, if it has one.

    Args:
        name: such as ``R1`` or ``R1/alpha-0``.
        folder: of the reproductions; the repository's or the package's if None.
    """
    number, slash, condition = name.partition("/")
    named = [
        each.name
        for each in all_reproductions(folder)
        if each.claim.id == number.upper()
    ]
    return f"{named[0]}{slash}{condition}" if len(named) == 1 else name


def _nearest(name: str, there: Sequence[str]) -> str:
    """Return a hint for a name that is not there: a few, and how to see all."""
    if not there:
        return " It is empty: nothing is recorded."
    close = [each for each in there if each.partition("/")[0] == name]
    if close:
        said = f" Of '{name}' it has {', '.join(close)}."
    else:
        results = list(dict.fromkeys(each.partition("/")[0] for each in there))
        whole = there if "/" in name else results
        begun = [each for each in whole if each.startswith(name)]
        known = [*results, *there]
        found = begun[:3] or difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        close = [f"'{each}'" for each in found]
        said = f" Did you mean {' or '.join(close)}?" if close else ""
    return f"{said} `mesagym zoo list` has all {len(there)}."


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
