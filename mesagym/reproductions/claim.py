"""What a reproduction says of itself before any run: ``claim.yaml``, read and checked.

Whatever stands there was written before the runs whose results are recorded, apart from
``reading``, ``tried`` and ``filmed``, which are about these, and from what
``amendments`` say was changed afterwards, and why.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mesagym.errors import UserError, nearest
from mesagym.tracking.configuration import from_yaml
from mesagym.tracking.files import read_bytes

FILE = "claim.yaml"

SCALES = ("smoke", "laptop", "paper")
"""Minutes, to see that it runs; an hour or less on two cores, which is what is
recorded; the original setting, for accelerators."""

SURE = ("read", "secondary", "memory")
"""How sure a published figure is: read in the primary code, data or page; read in a
summary; from memory, which may be claimed of a direction and never of a number."""

PUBLISHED, HYPOTHESIS, STUDY = "published", "hypothesis", "study"
KINDS = (PUBLISHED, HYPOTHESIS, STUDY)
"""A result that others published; a hypothesis of ours beside one; a study of ours.
Only the first counts as reproduced or not."""


@dataclass(frozen=True)
class Published:
    """One figure or observation that was published."""

    what: str
    value: str
    """As published: a number, an interval or words."""
    sure: str
    """One of `SURE`."""
    tested: bool = True
    """Whether a check of ours bears on it; if not, whoever reads it is told so."""


@dataclass(frozen=True)
class Source:
    """Where something was published."""

    text: str
    url: str


@dataclass(frozen=True)
class Scale:
    """One size at which a reproduction can be run."""

    conditions: Mapping[str, tuple[str, ...]]
    """Overrides of ``mesagym train`` by the condition's name, in the order to run."""
    note: str = ""
    """What is particular to this size."""


@dataclass(frozen=True)
class Claim:
    """A reproduction, as it was planned."""

    name: str
    """Of its folder, and on the command line."""
    id: str
    """Such as ``R1``."""
    title: str
    kind: str
    """One of `KINDS`."""
    claim: str
    """In words, one paragraph."""
    sources: tuple[Source, ...]
    published: tuple[Published, ...]
    smaller: str
    """What is smaller or otherwise different here."""
    test: str
    """In words; `protocol.judge` is the same in code."""
    explored: str
    """Which training seeds were used while choosing settings, and for what."""
    reading: str
    """What the figures say beyond the test, written after the runs; may be empty."""
    tried: str
    """What else was tried where a result did not appear; empty if nothing."""
    amendments: tuple[str, ...]
    """What was changed after runs had been looked at, and why."""
    scales: Mapping[str, Scale]
    shown: tuple[str, ...] = ()
    """Conditions that are filmed, and kept before others; the first and the last one
    if empty."""
    filmed: str = ""
    """How the levels of the films differ from those of the test; empty if they do
    not."""

    def scale(self, name: str) -> Scale:
        """Return a size.

        Raises:
            UserError: there is no such one here.
        """
        if name not in self.scales:
            raise UserError(
                f"scale: '{self.name}' has no '{name}'; use {', '.join(self.scales)}"
            )
        return self.scales[name]


def binding_words(claim: Claim, scale: str) -> dict[str, Any]:
    """Return what a claim binds itself to before its runs.

    What is claimed and tested, what was published and where, and the settings of a
    scale; not the title, and nothing that is written after the runs. How lines are
    broken makes no difference.

    Args:
        claim: whose.
        scale: whose settings, one of `SCALES`.
    """
    conditions = claim.scale(scale).conditions
    return {
        "id": claim.id,
        "kind": claim.kind,
        "claim": _unbroken(claim.claim),
        "test": _unbroken(claim.test),
        "sources": [
            {"text": _unbroken(each.text), "url": each.url} for each in claim.sources
        ],
        "published": [
            {
                **asdict(each),
                "what": _unbroken(each.what),
                "value": _unbroken(each.value),
            }
            for each in claim.published
        ],
        "conditions": {name: list(each) for name, each in conditions.items()},
    }


def _unbroken(text: str) -> str:
    return " ".join(text.split())


_WORDS = ("id", "title", "kind", "claim", "smaller", "test", "explored")
_OPTIONAL = (
    "reading",
    "tried",
    "amendments",
    "overrides",
    "conditions",
    "published",
    "shown",
    "filmed",
)
_KEYS = (*_WORDS, *_OPTIONAL, "sources", "scales")


def read_claim(folder: str | Path) -> Claim:
    """Read and check a reproduction's ``claim.yaml``.

    Args:
        folder: of the reproduction; its name is the reproduction's.

    Raises:
        UserError: it is missing, or something in it is missing or cannot be; names the
            file and the key.
    """
    path = Path(folder) / FILE
    data = read_bytes(path)
    try:
        document = from_yaml(data)
    except Exception as error:
        line = " ".join(str(error).split())
        raise UserError(f"'{path}' is not YAML: {line}") from error
    if not isinstance(document, dict):
        raise UserError(f"'{path}' holds no keys; see docs/new_reproduction.md")
    read = _Reader(path, document)
    read.refuse_unknown(document, _KEYS, "")
    words = {key: read.words(key) for key in _WORDS}
    if words["kind"] not in KINDS:
        raise read.wrong("kind", f"'{words['kind']}' is none of {', '.join(KINDS)}")
    sources = tuple(Source(**each) for each in read.rows("sources", ("text", "url")))
    published = tuple(
        Published(**each)
        for each in read.rows("published", ("what", "value", "sure"), flags=("tested",))
    )
    for each in published:
        if each.sure not in SURE:
            raise read.wrong("published", f"sure: '{each.sure}' is none of {SURE}")
        if each.sure == "memory" and any(char.isdigit() for char in each.value):
            raise read.wrong(
                "published",
                f"'{each.value}' is a number from memory; state the direction alone",
            )
    if words["kind"] == PUBLISHED and not (sources and published):
        raise read.wrong("sources", "a published result needs sources and published")
    scales = _scales(read, document)
    shown = read.lines("shown", document)
    planned = {name for each in scales.values() for name in each.conditions}
    for name in shown:
        if name not in planned:
            raise read.wrong(
                "shown", f"no condition '{name}'." + nearest(name, sorted(planned))
            )
    return Claim(
        name=Path(folder).name,
        sources=sources,
        published=published,
        reading=read.words("reading", needed=False),
        tried=read.words("tried", needed=False),
        amendments=read.lines("amendments", document),
        scales=scales,
        shown=shown,
        filmed=read.words("filmed", needed=False),
        **words,
    )


def _scales(read: "_Reader", document: Mapping[str, Any]) -> dict[str, Scale]:
    common = read.lines("overrides", document)
    conditions = read.mapping("conditions", document)
    found = {}
    for name, given in read.mapping("scales", document).items():
        if name not in SCALES:
            raise read.wrong("scales", f"'{name}' is none of {', '.join(SCALES)}")
        if not isinstance(given, dict):
            raise read.wrong(f"scales.{name}", "is no mapping")
        read.refuse_unknown(
            given, ("overrides", "conditions", "note"), f"scales.{name}."
        )
        own = read.lines("overrides", given)
        chosen = read.mapping("conditions", given) or conditions
        if not chosen:
            raise read.wrong(f"scales.{name}", "has no conditions")
        found[name] = Scale(
            {
                str(condition): (*common, *own, *read.lines(condition, chosen))
                for condition in chosen
            },
            str(given.get("note", "")).strip(),
        )
    missing = [name for name in SCALES if name not in found]
    if missing:
        raise read.wrong("scales", f"lacks {', '.join(missing)}")
    return {name: found[name] for name in SCALES}


@dataclass(frozen=True)
class _Reader:
    """Takes values out of a document, and says where one is wrong."""

    path: Path
    document: Mapping[str, Any]

    def wrong(self, key: str, why: str) -> UserError:
        return UserError(f"'{self.path}', {key}: {why}")

    def refuse_unknown(
        self, there: Mapping[str, Any], known: Sequence[str], prefix: str
    ) -> None:
        for key in there:
            if key not in known:
                raise self.wrong(
                    f"{prefix}{key}", "unknown key." + nearest(str(key), known)
                )

    def words(self, key: str, *, needed: bool = True) -> str:
        value = self.document.get(key, "")
        if not isinstance(value, str | int):
            raise self.wrong(key, "is no text")
        text = str(value).strip()
        if needed and not text:
            raise self.wrong(key, "is missing or empty")
        return text

    def lines(self, key: str, there: Mapping[str, Any]) -> tuple[str, ...]:
        given = there.get(key) or []
        if not isinstance(given, list):
            raise self.wrong(key, "is no list")
        return tuple(str(each) for each in given)

    def mapping(self, key: str, there: Mapping[str, Any]) -> Mapping[str, Any]:
        given = there.get(key) or {}
        if not isinstance(given, dict):
            raise self.wrong(key, "is no mapping")
        return given

    def rows(
        self, key: str, names: Sequence[str], flags: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Return rows of texts, each with the flags that it has."""
        given = self.document.get(key) or []
        if not isinstance(given, list):
            raise self.wrong(key, "is no list")
        found = []
        for each in given:
            if not isinstance(each, dict) or set(each) - set(flags) != set(names):
                also = f", and may have {', '.join(flags)}" if flags else ""
                raise self.wrong(key, f"each needs exactly {', '.join(names)}{also}")
            row: dict[str, Any] = {name: _text(each[name]) for name in names}
            for flag in flags:
                if flag in each:
                    if not isinstance(each[flag], bool):
                        raise self.wrong(key, f"{flag}: is neither true nor false")
                    row[flag] = each[flag]
            found.append(row)
        return found


def _text(value: Any) -> str:
    """Return a YAML scalar as it is written."""
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    return str(value).strip()
