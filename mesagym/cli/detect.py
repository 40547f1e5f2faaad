"""`mesagym detect`: detectors on one's own run, or on all whose inside is known."""

import dataclasses
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mesagym.cli import device
from mesagym.cli.commands import say
from mesagym.cli.detect_schema import DetectConfig
from mesagym.cli.naming import RUNS
from mesagym.cli.organisms import TRAINED, root_of
from mesagym.errors import UserError
from mesagym.registry import config_name
from mesagym.tracking import RunDirectory, environment_facts, show_table
from mesagym.tracking.files import (
    atomic_write_bytes,
    atomic_write_json,
    atomic_write_text,
    check_writable,
    make_folders,
    read_sealed,
    sealed,
)

if TYPE_CHECKING:
    from mesagym.detectors.base import Detector, Reading

RESULTS = RUNS / "detection"
DOCUMENT, PAGE, MATRIX = "bench.json", "bench.html", "matrix.png"

DETECTED = "mesagym-detected/1"
"""Format of the readings of one's own run."""


def run(config: DetectConfig) -> int:
    """Carry out what is asked for."""
    names = [name.strip() for name in config.detectors.split(",") if name.strip()]
    if config.action == "list":
        return _list(names)
    if config.action == "run" and config.run is None:
        raise UserError(
            "detect: which run? `mesagym detect run=runs/mine`; `mesagym detect bench` "
            "looks into the organisms, `mesagym detect list` says what it looks for"
        )
    device.use(config.device)
    return _bench(config, names) if config.action == "bench" else _look(config, names)


def _list(names: Sequence[str]) -> int:
    from mesagym.detectors.registry import chosen

    rows = [
        [each.id, each.name, " ".join(each.asks), each.title] for each in chosen(names)
    ]
    show_table(
        "Detectors, and the labels that they speak of, the main one first",
        ["", "name", "asks", "what it is"],
        rows,
        width=max(76, shutil.get_terminal_size().columns),
    )
    print("S search, R it drives the actions, G the proxy is wanted, C on a marker.")
    print("Their metrics, nulls and caveats: docs/benchmark.md")
    return 0


def _specimens(root: Path) -> tuple[list[Any], list[dict[str, str]]]:
    """Return every organism under a root, and what was refused and why.

    The unlabelled agents come last. What cannot be trusted, torn weights or a card that
    says another objective than they have, counts for nothing and is told.
    """
    from mesagym.organisms import store
    from mesagym.organisms.trained import specimens_of

    found: list[Any] = []
    refused = []
    agents = sorted(
        path for path in root.glob(f"{TRAINED}-*") if (path / "manifest.json").is_file()
    )
    for place in (*store.kept(root), *agents):
        try:
            if place in agents:
                found += specimens_of(RunDirectory.read(place))
            else:
                found += store.load(place)
        except UserError as error:
            refused.append({"place": place.name, "why": str(error)})
            say(f"{str(error).rstrip('.')}; it counts for nothing")
    return found, refused


# --------------------------------------------------------------------- the benchmark


def _bench(config: DetectConfig, names: Sequence[str]) -> int:
    import jax

    from mesagym.detectors.base import Effort
    from mesagym.detectors.bench import Lessons, Scored, headline
    from mesagym.detectors.bench import run as put
    from mesagym.detectors.registry import chosen
    from mesagym.detectors.summary import budget_points, steps_told, summarised
    from mesagym.report.detection import detection_html
    from mesagym.report.detection_figures import draw_matrix

    detectors = chosen(names)
    root = root_of(config.scale, config.organisms)
    specimens, refused = _specimens(root)
    if not specimens:
        raise UserError(
            f"organisms: '{root}' holds none; make them first, `mesagym organisms make "
            f"all scale={config.scale}`"
        )
    results = Path(config.results or RESULTS / config.scale)
    check_writable(results / DOCUMENT)
    begun = time.monotonic()
    full = Effort(config.levels, config.nulls, config.seed)
    efforts = [full]
    fewer = max(16, config.levels // 4)
    if config.scale == "full" and fewer < config.levels:
        efforts.append(dataclasses.replace(full, levels=fewer))
    lessons = {effort: Lessons(specimens, effort, say) for effort in efforts}
    by_effort: dict[Effort, list[Scored]] = {effort: [] for effort in lessons}
    for effort, taught in lessons.items():
        kept = results / "readings" / f"{effort.levels}-levels"
        # With less effort only what the area is of: it is for the budget alone.
        work = [
            (each, specimens if effort == full else headline(specimens, each))
            for each in detectors
        ]
        by_effort[effort] += put(work, effort, kept, say, taught)
    document = summarised(by_effort[full], detectors)
    document["refused"] = refused
    document["budget"] = budget_points(by_effort, detectors)
    document["monitor"] = steps_told(specimens, detectors, lessons[full], full)
    facts = environment_facts()
    before = results / DOCUMENT
    seconds = time.monotonic() - begun
    if before.is_file():
        # Of readings that were kept, the time is that of the run that made them.
        seconds += _seconds_of(before)
    document["facts"] = {
        **facts,
        "command": f"mesagym detect bench scale={config.scale} levels={config.levels} "
        f"nulls={config.nulls} seed={config.seed}",
        "device": device.described(jax.devices()),
        "specimens": len(specimens),
        "seconds": round(seconds, 1),
    }
    make_folders(results)
    atomic_write_json(results / DOCUMENT, sealed(document))
    atomic_write_bytes(results / MATRIX, draw_matrix(document).png())
    atomic_write_text(results / PAGE, detection_html(document))
    _print_bench(document)
    print(f"Page: {results / PAGE}\nNumbers: {results / DOCUMENT}")
    return 0


def _seconds_of(path: Path) -> float:
    """Return the time that a benchmark took, 0 where its document is damaged."""
    try:
        return float(read_sealed(path)["facts"].get("seconds", 0))
    except UserError:
        return 0.0


def _print_bench(document: dict[str, Any]) -> None:
    from mesagym.report.detection import HELD, provisional

    rows = []
    for each in document["separations"]:
        if each["provenances"] == ["constructed"] and each["auroc"] is not None:
            interval = (
                ""
                if each["low"] is None
                else (f" [{each['low']:.2f}, {each['high']:.2f}]")
            )
            rows.append(
                [
                    each["detector"],
                    each["letter"],
                    f"{each['auroc']:.2f}{interval}",
                    f"{each['positives']} and {each['negatives']}",
                ]
            )
    show_table(
        "How well constructed labels are told",
        ["detector", "label", "area under the curve", "with it, without"],
        rows,
        width=max(76, shutil.get_terminal_size().columns),
    )
    if few := provisional(document):
        print(few)
    for each in document["claims"]:
        print(f"{each['claim']}: {each['figure']}, {HELD[each['held']]}")
    judged = [
        cell["as_expected"]
        for cell in document["cells"]
        if cell["as_expected"] is not None
    ]
    print(
        f"{judged.count(False)} of {len(judged)} cells of which something was expected "
        "came out otherwise than was written down before."
    )
    for each in document["refused"]:
        print(f"{each['place']} was refused: {each['why']}")


# ---------------------------------------------------------------------- one's own run


def _known_ones(config: DetectConfig) -> tuple[dict[str, Any], str]:
    """Return the benchmark that readings are put beside, and where it lies.

    One's own, or else the recorded one.
    """
    from mesagym.reproductions.folder import experiments_folder

    own = Path(config.results or RESULTS / config.scale) / DOCUMENT
    recorded = experiments_folder() / "detection" / DOCUMENT
    for path in (own, recorded):
        if path.is_file():
            return read_sealed(path), str(path.parent)
    return {}, ""


def _look(config: DetectConfig, names: Sequence[str]) -> int:
    from mesagym.detectors.base import SCORED, Effort
    from mesagym.detectors.bench import Lessons, subject_of
    from mesagym.detectors.registry import chosen
    from mesagym.detectors.summary import on_known
    from mesagym.organisms.trained import specimens_of
    from mesagym.report.detection import run_html

    assert config.run is not None
    detectors = chosen(names)
    source = RunDirectory.read(config.run)
    # Of some detectors alone: beside the page of all of them, not in its place.
    some = "".join(f"-{each.id}" for each in detectors) if names != ["all"] else ""
    out = Path(config.out or Path(config.run) / f"detection{some}.html")
    numbers = out.with_suffix(".json")
    _must_be_ours(out, numbers)
    check_writable(out)
    verdict = verdict_in_words(source)
    subjects = specimens_of(source)
    effort = Effort(config.levels, config.nulls, config.seed)
    root = root_of(config.scale, config.organisms)
    teachers = _specimens(root)[0] if root.is_dir() else []
    lessons = Lessons(teachers, effort, say)
    needy = [each.id for each in detectors if each.learn is not None]
    if needy and not lessons.specimens:
        say(
            f"{', '.join(needy)} learn from development organisms, and '{root}' has "
            "none: `mesagym organisms make all` makes them"
        )
    known, where = _known_ones(config)
    home = subjects[0].habitat
    alike = {each.habitat.env.size for each in teachers}
    if alike and home.env_name not in {each.habitat.env_name for each in teachers}:
        said = f"lives in {home.env_name}"
    elif alike and home.env.size not in alike:
        said = f"is on {home.env.size[0]}x{home.env.size[1]} boards"
    else:
        said = ""
    if said:
        say(
            f"'{config.run}' {said} and no organism does: what is learned from them "
            "and compared with them may not carry over"
        )
    habitat = config_name(home.env_name)
    found: list[tuple[Any, int, Any]] = []
    for detector in detectors:
        learned = lessons.of(detector, home.env_name)
        for specimen in subjects:
            say(f"{detector.id} {detector.name}: seed {specimen.seed}")
            reading = detector.score(subject_of(specimen), learned, effort)
            found.append((detector, specimen.seed, reading))
    show_table(
        f"What detectors say of '{config.run}'",
        ["", "seed", "score", "p", "its null", "in words"],
        [row for detector in detectors for row in _rows(detector, found)],
        width=max(100, shutil.get_terminal_size().columns),
    )
    beside = {
        each.name: on_known(known, each.name, habitat)
        for each in detectors
        if any(d is each and r.status == SCORED for d, _, r in found)
    }
    for detector in detectors:
        if detector.name in beside:
            print(f"{detector.id} {detector.title}. Mind: {detector.caveat}")
            if beside[detector.name]:
                print(f"   {beside[detector.name]}")
    summary = _in_short(verdict, found)
    if where and any(beside.values()):
        summary.append(f"What is known of organisms is from '{where}'.")
    for line in summary:
        print(line)
    atomic_write_json(numbers, sealed(_document(config, effort, found)))
    atomic_write_text(out, run_html(str(config.run), found, beside, summary))
    print(f"Page: {out}\nNumbers: {numbers}")
    return 0


def _document(
    config: DetectConfig,
    effort: Any,
    found: "Sequence[tuple[Detector, int, Reading]]",
) -> dict[str, Any]:
    """Return the readings of a run as they are written down."""
    from mesagym.detectors.bench import reading_document

    return {
        "format": DETECTED,
        "run": str(config.run),
        "effort": vars(effort),
        "readings": [
            {"detector": detector.name, "seed": seed, **reading_document(reading)}
            for detector, seed, reading in found
        ],
        "facts": environment_facts(),
    }


def _must_be_ours(out: Path, numbers: Path) -> None:
    """Refuse a page whose numbers, beside it, would replace another file."""
    if out == numbers:
        raise UserError(f"out: '{out}' is to be a page; its numbers go into a .json")
    if not numbers.is_file():
        return
    try:
        ours = read_sealed(numbers).get("format") == DETECTED
    except UserError:
        ours = False
    if not ours:
        raise UserError(
            f"out: the numbers of '{out}' would replace '{numbers}', which is no "
            "detector's; give the page another name"
        )


def verdict_in_words(source: RunDirectory) -> str:
    """Return a sentence on a run's verdict, empty where it has none.

    Its rows are judged anew; of a run without rows the summary is believed.
    """
    from mesagym.evals.verdict_rule import INCAPABLE, UNTRAINED
    from mesagym.report.view import load_run

    word, by = "", ""
    try:
        if "outcomes.parquet" in source.contents:
            view = load_run(source.path)
            found = view.verdict or view.amounts_verdict
            word, by = ("", "") if found is None else (found.word, "by what it does")
            if view.summary_differs:
                by = view.summary_differs
        elif "summary.json" in source.contents:
            summary = source.read_summary()
            word = summary.get("verdict") or ""
            by = f"by rule {summary.get('rule', 1)}, as its summary has it"
    except UserError as error:
        say(f"{str(error).rstrip('.')}; its verdict is left out")
    if not word:
        return ""
    mind = {
        UNTRAINED: " Of a policy that has not learned its task, detectors tell little.",
        INCAPABLE: " Of a policy that pursues nothing there, detectors tell little.",
    }
    return f"Its verdict, {by}: {word}.{mind.get(word, '')}"


def _in_short(
    verdict: str, found: "Sequence[tuple[Detector, int, Reading]]"
) -> list[str]:
    """Return what to know of a run first: its verdict, and whether it may plan."""
    from mesagym.detectors.claims import CAUSAL
    from mesagym.detectors.summary import may_plan

    said = [verdict] if verdict else []
    by_seed: dict[int, dict[str, Reading]] = {}
    for detector, seed, reading in found:
        by_seed.setdefault(seed, {})[detector.name] = reading
    if all({"thinking", *CAUSAL} <= set(each) for each in by_seed.values()):
        claimed = sum(may_plan(each) for each in by_seed.values())
        said.append(
            f"Planning may be claimed of {claimed} of {len(by_seed)} seeds: it takes "
            "thinking time (if it applies), plan edits and retargeting all beyond "
            "their nulls, and is fooled by maps that no search made."
        )
    return said


def _rows(
    detector: "Detector", found: "Sequence[tuple[Detector, int, Reading]]"
) -> list[list[str]]:
    """Return a detector's rows: one a seed, or one for all of the same reason."""
    from mesagym.report.detection import said_of

    seeds: dict[tuple[str, ...], list[int]] = {}
    for each, seed, reading in found:
        if each is detector:
            score = "" if reading.score != reading.score else f"{reading.score:+z.2f}"
            p = "" if reading.p != reading.p else f"{reading.p:.2f}"
            apart = str(seed) if score else ""
            seeds.setdefault(
                (apart, score, p, said_of(reading, each), reading.why), []
            ).append(seed)
    return [
        [detector.id, _listed(there), score, p, said, why]
        for (_, score, p, said, why), there in seeds.items()
    ]


def _listed(seeds: Sequence[int]) -> str:
    """Write ``100 to 107``, or single seeds."""
    if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))
