"""`mesagym zoo`: the policies behind the recorded results, listed, taken, filmed."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mesagym.cli.commands import say
from mesagym.cli.schema import ZooConfig
from mesagym.errors import UserError
from mesagym.reproductions import zoo
from mesagym.reproductions.folder import Reproduction
from mesagym.reproductions.record import read_result, recorded
from mesagym.tracking import RunDirectory, show_table
from mesagym.tracking.files import check_writable

FILM_BYTES = 150_000
"""Of a film on the page of all results, which holds some thirty."""

FILM_LEVELS = 2


def run(config: ZooConfig) -> int:
    """List, unpack or film."""
    if config.action == "list":
        return _list(config)
    if config.name is None:
        raise UserError(
            f"zoo {config.action}: which? Give a name, `mesagym zoo {config.action} "
            "corner/alpha-0`, or see them all with `mesagym zoo list`"
        )
    found = zoo.entry(config.name)
    return _film(config, found) if config.action == "film" else _load(config, found)


def _list(config: ZooConfig) -> int:
    there = zoo.entries()
    if config.name is not None:
        chosen = [e for e in there if config.name in (e.name, e.reproduction.name)]
        if not chosen:
            zoo.entry(config.name)  # says which is nearest
        there = chosen
    rows, code = [], 0
    for each in there:
        try:
            rows.append(_row(each))
        except UserError as error:
            say(str(error))
            rows.append([each.name, "", "", "does not fit, see above", ""])
            code = 2
    if not rows:
        print("The zoo is empty: no result is recorded.")
        return code
    header = ["name", "trained at α", "kept", "verdict, all seeds", "the claim"]
    # A name that is cut short cannot be typed.
    widths = [max(map(len, column)) + 3 for column in zip(header, *rows, strict=True)]
    show_table(
        "Policies behind the recorded results",
        header,
        rows,
        width=max(76, shutil.get_terminal_size().columns, sum(widths) + 2),
    )
    print(f"{_LEGEND}\n")
    print("Take one: mesagym zoo load <name>. Watch it: mesagym zoo film <name>")
    return code


_LEGEND = """\
kept: seeds whose weights are here, of those that were trained.
verdict: what all of a condition's seeds did where the goals come apart, by the
  rule of docs/verdict.md; evaluators, which ask otherwise, may differ from it.
  "capability failure": most episodes reach neither object, or one by a path no
  better than chance. A dash: outcomes are amounts, which get scores instead.
the claim: what the test of the whole result said of what was claimed. A claim
  about agents that fail is confirmed by agents that fail."""


def _row(found: zoo.Entry) -> list[str]:
    card, result = found.card, read_result(found.reproduction.folder)
    assert result is not None
    verdict = (card["verdict"] or {}).get("word", "–")
    alpha = "–" if card["alpha"] is None else f"{card['alpha']:g}"
    return [
        found.name,
        alpha,
        f"{len(found.kept)} of {len(found.seeds)}",
        verdict,
        result["judgement"]["outcome"],
    ]


def _load(config: ZooConfig, found: zoo.Entry) -> int:
    out = Path(config.out or Path("zoo", *found.name.split("/")))
    run = None if config.run is None else Path(config.run)
    zoo.unpack(found, out, run)
    _warn_of_record(found)
    card = found.card
    if card["verdict"] is not None:
        print(f"All seeds. {card['verdict']['in_words']}")
    for each in found.seeds:
        if run is not None or each.kept:
            print(f"  seed {each.seed}: {_of_seed(each)}")
    print(f"Policies: {out}")
    print(f"Try: mesagym evaluate run={out} shifts=standard")
    return 0


def _warn_of_record(found: zoo.Entry) -> None:
    """Say so if a result was recorded of another test, claim or dynamics than now."""
    try:
        recorded(found.reproduction)
    except UserError as error:
        say(f"take care: {error}")


def _of_seed(seed: zoo.Seed) -> str:
    if seed.verdict is not None:
        return seed.verdict
    return "competent" if seed.competent else "untrained"


def _film(config: ZooConfig, found: zoo.Entry) -> int:
    from mesagym.cli import device, film
    from mesagym.cli.level_schema import FilmConfig

    if config.out is not None and Path(config.out).suffix.lower() != ".gif":
        raise UserError(f"out: '{config.out}' does not end in .gif")
    device.use(config.device)
    kept = found.kept
    if config.policy_seed is not None and kept and config.policy_seed not in kept:
        listed = ", ".join(map(str, kept))
        raise UserError(
            f"policy_seed: {config.policy_seed} of '{found.name}' is not kept; use one "
            f"of {listed}"
        )
    chosen = kept[:1] if config.policy_seed is None else [config.policy_seed]
    out = config.out
    if out is not None:
        _must_have_a_place(Path(out))
    trained = zoo.load(found.name, chosen)
    if config.shift is not None:
        _must_be_one_shift(trained.env, config.shift)
    _warn_of_record(found)
    settings = FilmConfig(
        n=config.n,
        alpha=config.alpha,
        shift=config.shift,
        seed=config.seed,
        greedy=config.greedy,
        out=out or f"film-{found.name.replace('/', '-')}-seed-{trained.seeds[0]}.gif",
    )
    return film.film_trained(settings, trained, found.name, found.card["alpha"])


def _must_have_a_place(out: Path) -> None:
    """Refuse a film in a folder that is more likely misspelt than meant.

    Raises:
        UserError: its folder is missing, and so is the one above it or that is the
            root of the file system; or it cannot be written.
    """
    folder = out.absolute().parent
    above = folder.parent
    if not folder.is_dir() and (not above.is_dir() or above == above.parent):
        raise UserError(
            f"out: there is no folder '{out.parent}' to put the film into; make it, or "
            "give one that is there"
        )
    check_writable(out)


def _must_be_one_shift(env: Any, name: str) -> None:
    """Refuse an unknown shift before anything is compiled.

    Raises:
        UserError: unknown; gives the nearest.
    """
    # Only now: a list of names waits for no JAX.
    from mesagym.evals.shifts import choose_shifts

    choose_shifts(env, name)


# --- when a result is recorded --------------------------------------------------------


def keep(result: Reproduction, document: Mapping[str, Any], runs: Path) -> None:
    """Put the policies of a recorded result into the zoo, and say how many.

    Args:
        result: which.
        document: as it was recorded.
        runs: the folder of its runs.
    """
    from mesagym.reproductions import keeping

    say("putting the policies into the zoo")
    there = keeping.store(result, document, runs, filmed)
    count = sum(len(each.kept) for each in there)
    weight = sum(s.bytes for each in there for s in each.seeds if s.kept)
    say(
        f"{count} policies of {len(there)} conditions, {weight / 1e6:.1f} MB, in "
        f"'{result.folder / zoo.POLICIES}'"
    )


def filmed(source: RunDirectory, seed: int) -> bytes:
    """Film one seed's policy where the objectives come apart, small.

    The levels are the first ones that its run was tested on.
    """
    import jax

    from mesagym.cli import film
    from mesagym.cli.assess import pools_for, tested_always
    from mesagym.cli.playing import play
    from mesagym.report import films
    from mesagym.training.saved import load

    trained = load(source, [seed])
    shift = tested_always(trained.env)[-1]
    tests = source.config["evaluation"]
    (pool,) = pools_for(trained, [shift], FILM_LEVELS, tests["seed"], say).values()
    env = pool.env
    episodes = play(
        env,
        pool.env_params,
        jax.tree.map(lambda leaf: leaf[:FILM_LEVELS], pool.levels),
        trained.policy,
        [trained.of_seed(seed)] * FILM_LEVELS,
        tile=max(2, min(16, films.FRAME_WIDTH // max(env.height, env.width))),
    )
    # Of a condition's own run directory: `corner, alpha-0`.
    name = str(source.config.get("name") or source.path.name).replace(", ", "/")
    alpha = source.config.get("split", {}).get("alpha")
    return films.film(
        [
            each.episode(env, shift, seed, f"level {k}")
            for k, each in enumerate(episodes)
        ],
        f"{film.trained_at(name, alpha)}, {film.shown_on(1, shift)}",
        env.own_objectives,
        largest=FILM_BYTES,
    )
