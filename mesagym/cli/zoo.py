"""`mesagym zoo`: the policies behind the recorded results, listed, taken, filmed."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mesagym.cli.check import must_have_a_place, refuse_ignored
from mesagym.cli.commands import say
from mesagym.cli.schema import ZooConfig
from mesagym.errors import UserError
from mesagym.reproductions import zoo
from mesagym.reproductions.folder import Reproduction
from mesagym.reproductions.record import check_files, read_result, recorded
from mesagym.tracking import RunDirectory, show_table

FILM_BYTES = 150_000
"""Of a film on the page of all results, which holds some thirty."""

FILM_LEVELS = 2


_TAKES = {
    "list": ("name",),
    "load": ("name", "out", "run"),
    "film": (
        "name",
        "out",
        "shift",
        "alpha",
        "policy_seed",
        "seed",
        "n",
        "greedy",
        "device",
    ),
}
"""The keys that each action looks at."""


def run(config: ZooConfig) -> int:
    """List, unpack or film."""
    takes = ("action", *_TAKES[config.action])
    refuse_ignored(config, f"zoo {config.action}", takes)
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
        name = zoo.spelt_out(config.name)
        chosen = [each for each in there if name in (each.name, each.reproduction.name)]
        if not chosen:
            zoo.entry(config.name)  # says which is nearest
        there = chosen
    rows, said = [], []
    for each in there:
        try:
            rows.append(_row(each))
        except UserError as error:
            said.append(str(error))
            rows.append([each.name, "", "", "does not fit, see above", ""])
    # Of a whole result it is told once.
    for line in dict.fromkeys(said):
        say(line)
    code = 2 if said else 0
    if not rows:
        print("The zoo is empty: no result is recorded.")
        return code
    header = ["name", "trained with", "kept", "verdict, all seeds", "the claim"]
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
trained with: in what a result's conditions differ, apart from seeds.
kept: seeds whose weights are here, of those that were trained.
verdict: what all of a condition's seeds did where the goals come apart, by the
  rule of docs/verdict.md; evaluators, which ask otherwise, may differ from it.
  "not judged again", "not judged": the word rests on more than the counts or
  scores that are kept of most seeds. "not applicable": the levels do not tell
  the goals apart. (rule 1): by the rule before this one.
the claim: what the test of the whole result said of what was claimed. A claim
  about agents that fail is confirmed by agents that fail. What takes longer,
  judging records again under today's dynamics, `reproduce --list` does."""


def _row(found: zoo.Entry) -> list[str]:
    word, result = found.word, read_result(found.reproduction.folder)
    assert result is not None
    check_files(found.reproduction, result)
    return [
        found.name,
        found.trained_with or "–",
        f"{len(found.kept)} of {len(found.seeds)}",
        word or "–",
        result["judgement"]["outcome"],
    ]


def _load(config: ZooConfig, found: zoo.Entry) -> int:
    out = Path(config.out or Path("zoo", *found.name.split("/")))
    run = None if config.run is None else Path(config.run)
    zoo.unpack(found, out, run)
    _warn_of_record(found)
    if found.in_words:
        print(f"All seeds. {found.in_words}")
    for each in found.seeds:
        if run is not None or each.kept:
            print(f"  seed {each.seed}: {each.in_short}")
    print(f"Policies: {out}")
    print(f"Try: mesagym evaluate run={out} shifts=standard")
    return 0


def _warn_of_record(found: zoo.Entry) -> None:
    """Say so if a result was recorded of another test, claim or dynamics than now."""
    try:
        recorded(found.reproduction)
    except UserError as error:
        say(f"take care: {error}")


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
        must_have_a_place(Path(out), "film")
    trained = zoo.load(found.name, chosen)
    _warn_of_record(found)
    settings = FilmConfig(
        n=config.n,
        alpha=config.alpha,
        shift=config.shift,
        seed=config.seed,
        greedy=config.greedy,
        out=out or f"film-{found.name.replace('/', '-')}-seed-{trained.seeds[0]}.gif",
    )
    how = f", trained with {found.trained_with}" if found.trained_with else ""
    return film.film_trained(settings, trained, f"{found.name}{how}", None)


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

    def told(source: RunDirectory, seed: int) -> bytes:
        alpha = source.config.get("split", {}).get("alpha")
        told_of = document["conditions"]
        return filmed(source, seed, zoo.trained_with(told_of, source.path.name, alpha))

    there = keeping.store(result, document, runs, told)
    count = sum(len(each.kept) for each in there)
    weight = sum(s.bytes for each in there for s in each.seeds if s.kept)
    say(
        f"{count} policies of {len(there)} conditions, {weight / 1e6:.1f} MB, in "
        f"'{result.folder / zoo.POLICIES}'"
    )


def filmed(source: RunDirectory, seed: int, how: str) -> bytes:
    """Film one seed's policy where the objectives come apart, small.

    The levels are the first ones that its run was tested on.

    Args:
        source: its run.
        seed: which.
        how: what sets its training apart, empty for nothing.
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
    who = f"{name}, trained with {how}" if how else name
    return films.film(
        [
            each.episode(env, shift, seed, f"level {k}")
            for k, each in enumerate(episodes)
        ],
        f"{who}, {film.shown_on(1, shift)}",
        env.own_objectives,
        largest=FILM_BYTES,
    )
