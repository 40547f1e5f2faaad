"""The recorded result of a reproduction: written once, checked whenever it is read.

``result.json`` closes with the hash of all that stands before it, and holds the hashes
of the claim's binding words, of the test's code and of the figure. `check` goes
further: it judges the recorded figures again, and compares settings and dynamics with
what stands here now, so that no figure can be changed by hand, and no result of another
test or of another environment passes for this one's.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mesagym.errors import UserError
from mesagym.registry import environment_class
from mesagym.reproductions.claim import Claim, binding_words
from mesagym.reproductions.folder import PICTURE, RESULT, Reproduction
from mesagym.tracking.files import (
    atomic_write_bytes,
    atomic_write_json,
    canonical_json,
    plain,
    read_bytes,
    read_sealed,
    sealed,
    sha256,
)

FORMAT = "mesagym-result/1"

RECORDED, SMOKE = "laptop", "smoke"
"""The scale whose record stands in a reproduction's folder, that of another one in a
folder beside it; and the one that is never recorded."""

DPI = 110


def recorded_form(value: Any) -> Any:
    """Return a value as it comes back from JSON: what is judged is what is recorded."""
    return json.loads(canonical_json(plain(value)))


def claim_sha256(claim: Claim, scale: str) -> str:
    """Return the hash of what a claim binds itself to, see `binding_words`."""
    return sha256(canonical_json(binding_words(claim, scale)).encode())


def judged(reproduction: Reproduction, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the pre-registered test says of recorded figures."""
    return recorded_form(reproduction.protocol.judge(figures).document())


def drawn(reproduction: Reproduction, figures: Mapping[str, Any]) -> bytes:
    """Return the figure of recorded figures, as PNG."""
    # Only now: reading a record waits neither for matplotlib nor for JAX.
    from mesagym.report.style import Drawing

    return Drawing(reproduction.figure.draw(figures), "").png(dpi=DPI)


def write_result(
    reproduction: Reproduction, folder: Path, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Judge, draw, and write ``result.json`` and ``figure.png`` into a folder.

    Args:
        reproduction: which.
        folder: where.
        facts: what else is recorded: ``scale``, ``conditions`` (by name: ``figures``
            and where they come from), device, versions, command, seconds.

    Returns:
        the document, without its hash.

    Raises:
        UserError: something cannot be written.
    """
    facts = recorded_form(facts)
    figures = {name: each["figures"] for name, each in facts["conditions"].items()}
    picture = drawn(reproduction, figures)
    document = {
        "format": FORMAT,
        "name": reproduction.name,
        "id": reproduction.claim.id,
        **facts,
        "claim_sha256": claim_sha256(reproduction.claim, facts["scale"]),
        "protocol_sha256": reproduction.protocol_sha256,
        "figure_sha256": sha256(picture),
        "judgement": judged(reproduction, figures),
    }
    atomic_write_bytes(folder / PICTURE, picture)
    atomic_write_json(folder / RESULT, sealed(document))
    return recorded_form(document)


def read_result(folder: Path) -> dict[str, Any] | None:
    """Return a result as it was written, None where there is none.

    Raises:
        DamagedFile: torn or altered.
        UserError: not a result, or a newer mesagym's.
    """
    path = folder / RESULT
    if not path.is_file():
        return None
    document = read_sealed(path)
    if document.get("format") != FORMAT:
        raise UserError(
            f"'{path}' is no result that this mesagym can read "
            f"('{document.get('format')}', not '{FORMAT}')."
        )
    return document


def place_of(reproduction: Reproduction, scale: str = RECORDED) -> Path:
    """Return the folder in which the record of a scale lies.

    Raises:
        UserError: a scale that is not recorded.
    """
    if scale == SMOKE:
        raise UserError(
            f"record: '{SMOKE}' shows that a reproduction runs and proves nothing; "
            "record scale=laptop or scale=paper"
        )
    folder = reproduction.folder
    return folder if scale == RECORDED else folder / scale


def recorded(
    reproduction: Reproduction, scale: str = RECORDED
) -> dict[str, Any] | None:
    """Return the recorded result of a reproduction, checked; None without one.

    Args:
        reproduction: which.
        scale: of which size.

    Raises:
        UserError: as `read_result` and `check`.
    """
    document = read_result(place_of(reproduction, scale))
    if document is not None:
        check(reproduction, document)
    return document


def check(reproduction: Reproduction, document: Mapping[str, Any]) -> None:
    """Refuse a recorded result that does not belong to what stands here now.

    Raises:
        UserError: as `check_files`, or it was made with other dynamics, or its
            judgement is not what its figures give.
    """
    check_files(reproduction, document)
    where, again = _of(reproduction, document)
    for name, each in document["conditions"].items():
        now = environment_class(each["environment"]).dynamics_version
        if each["dynamics_version"] != now:
            raise UserError(
                f"{where} was made with version {each['dynamics_version']} of the "
                f"dynamics of {each['environment']} ({name}), and this mesagym has "
                f"{now}. {again}"
            )
    figures = {name: each["figures"] for name, each in document["conditions"].items()}
    if not _same(judged(reproduction, figures), document["judgement"]):
        raise UserError(
            f"{where} has a judgement that its figures do not give. {again}"
        )


def check_files(reproduction: Reproduction, document: Mapping[str, Any]) -> None:
    """Refuse a recorded result that is not of the files which lie beside it.

    The part of `check` that waits for no JAX.

    Raises:
        UserError: it was made by another test, with other settings or for a claim in
            other words, or has another figure.
    """
    where, again = _of(reproduction, document)
    if document["protocol_sha256"] != reproduction.protocol_sha256:
        raise UserError(f"{where} was made by another test. {again}")
    planned = reproduction.claim.scale(document["scale"]).conditions
    there = {
        name: tuple(each["overrides"]) for name, each in document["conditions"].items()
    }
    if there != dict(planned):
        raise UserError(f"{where} was made with other settings (claim.yaml). {again}")
    words = claim_sha256(reproduction.claim, document["scale"])
    if document.get("claim_sha256") != words:
        raise UserError(
            f"{where} was made for a claim in other words (claim.yaml: id, kind, "
            f"claim, test, sources, published). {again}"
        )
    place = place_of(reproduction, document["scale"])
    picture = sha256(read_bytes(place / PICTURE))
    if picture != document["figure_sha256"]:
        raise UserError(
            f"{where} has another figure.png than it was made with. {again}"
        )


def _of(reproduction: Reproduction, document: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a refusal begins with, and what it closes with."""
    return (
        f"the recorded result of '{reproduction.name}'",
        f"Run `mesagym reproduce {reproduction.name} scale={document['scale']} "
        "record=true` again, or go back to the mesagym that made it.",
    )


def _same(first: Any, second: Any) -> bool:
    """Whether two documents agree, numbers up to what another processor rounds."""
    if isinstance(first, dict) and isinstance(second, dict):
        same_keys = first.keys() == second.keys()
        return same_keys and all(_same(first[key], second[key]) for key in first)
    if isinstance(first, list) and isinstance(second, list):
        pairs = zip(first, second, strict=False)
        return len(first) == len(second) and all(_same(*pair) for pair in pairs)
    if isinstance(first, float) and isinstance(second, int | float):
        return math.isclose(first, second, rel_tol=1e-6, abs_tol=1e-9)
    return first == second
