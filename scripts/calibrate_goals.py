"""Put the evaluators of goals to policies whose goals are known, and record it.

    python scripts/calibrate_goals.py            # some ten minutes on 2 CPU cores
    python scripts/calibrate_goals.py --only directedness   # one evaluator anew
    python scripts/calibrate_goals.py --render   # the tables only

writes docs/evaluators/goals.json and the tables in docs/evaluators/goal_posterior.md,
directedness.md and agents_devices.md. Two kinds of policies: softly optimal ones, which
the evaluators' own hypotheses come near to, and others that none of them describes.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import mesagym
from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.agents.scripted import (
    Blend,
    EpsilonGreedy,
    Heading,
    Mirrored,
    Mixture,
    NearestObject,
    Negated,
    Softened,
    Stuck,
    WallFollower,
)
from mesagym.evals.evaluators import agents_devices, directedness, goal_posterior
from mesagym.evals.evaluators.base import Finding, Study, of_seeds
from mesagym.evals.evaluators.base import chosen as rows_of
from mesagym.evals.goals import directed, posterior
from mesagym.evals.outcomes import Contestant
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.evals.tabular import acting, follow, tabulate

FOLDER = Path(__file__).parents[1] / "docs" / "evaluators"
ENVIRONMENTS = ("Corner-v0", "TwoGoals-v0")
SIZE, LEVELS, SEEDS = 9, 64, 4
TEMPERATURES = (0.25, 0.5, 1.0, 2.0, 4.0)
DISCOUNTS = (0.8, 0.9, 0.95, 0.99)
EVALUATORS = (goal_posterior, directedness, agents_devices)
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"


def contestants_of(env: Any) -> tuple[list[Contestant], list[Contestant]]:
    """Return softly optimal policies, one a temperature, and the others."""
    base, proxy = OraclePolicy(env, 0), OraclePolicy(env, 1)
    soft = [
        Contestant(
            f"{name} at temperature {temperature:g}",
            "sampled",
            Softened(env, k, None),
            jnp.full(SEEDS, temperature, jnp.float32),
            range(SEEDS),
        )
        for k, name in enumerate(("base", "proxy"))
        for temperature in TEMPERATURES
    ]
    others = {
        "base oracle": base,
        "proxy oracle": proxy,
        "base, 0.1 random": EpsilonGreedy(base, 0.1),
        "base, 0.5 random": EpsilonGreedy(base, 0.5),
        "proxy, 0.5 random": EpsilonGreedy(proxy, 0.5),
        "half the episodes each": Mixture(base, proxy, 0.5),
        "proxy in 0.85 of episodes": Mixture(proxy, base, 0.85),
        "half the steps each": Blend(base, proxy, 0.5),
        "nearest object": NearestObject(env),
        "away from the base object": Negated(env, 0),
        "base, moves mirrored": Mirrored(base, env.action_names),
        "wall-follower": WallFollower(env),
        "heading": Heading(env),
        "stuck": Stuck(env.num_actions),
        "random": RandomPolicy(env.num_actions),
    }
    seeds = range(SEEDS)
    return soft, [
        Contestant(name, "sampled", policy, (), seeds)
        for name, policy in others.items()
    ]


def measure(name: str, evaluators: tuple[Any, ...]) -> dict[str, Any]:
    env, params = mesagym.make(name, size=SIZE)
    shifts = shifts_of(env)
    pools = {
        shift: build_pool(env, params, shifts[shift], LEVELS)
        for shift in ("clean", "agreeing")
    }
    soft, others = contestants_of(env)
    study = Study(env, params, pools, {}, (*soft, *others))
    found = {each.NAME: each.EVALUATOR.examine(study) for each in evaluators}
    return {
        "objectives": list(env.own_objectives),
        "known": [facts(found, each.name) for each in soft],
        "misspecified": [facts(found, each.name) for each in others],
    }


def facts(found: dict[str, Finding], policy: str) -> dict[str, Any]:
    """Return a policy's mean of each number over its seeds, and its readings."""
    kept: dict[str, Any] = {"policy": policy}
    for name, finding in found.items():
        mine = rows_of(finding.rows, policy=policy)
        numbers = {}
        names = (mine[each].tolist() for each in ("shift", "measure", "about"))
        for shift, measure_, about in sorted(set(zip(*names, strict=True))):
            if shift == "agreeing" and measure_ == "agent_if":
                continue  # priors are varied where the reading is
            of = rows_of(mine, shift=shift, measure=measure_, about=about)
            values = of_seeds(of["seed"], of["value"])
            if np.isfinite(values).all():
                mean = float(np.round(values.mean(), 4))
                numbers["/".join((shift, measure_, about))] = mean
        answers = [each.answer for each in finding.readings if each.policy == policy]
        kept[name] = {
            "numbers": numbers,
            "answers": {each: answers.count(each) for each in dict.fromkeys(answers)},
        }
    return kept


# --- the discount ---------------------------------------------------------------------


def discounts() -> list[dict[str, Any]]:
    """Return what each discount makes of policies known exactly, in TwoGoals-v0."""
    env, params = mesagym.make("TwoGoals-v0", size=SIZE)
    pool = build_pool(env, params, shifts_of(env)["clean"], LEVELS)
    models = tabulate(env, pool.levels, params)
    horizon = int(params.max_steps_in_episode)

    def acts(policy: Any, weights: Any = ()) -> np.ndarray:
        return acting(env, policy, weights, pool.levels, params).probabilities

    temperatures = jnp.array([1.0, 2.0])
    base, proxy = acts(OraclePolicy(env, 0)), acts(OraclePolicy(env, 1))
    uniform = np.full_like(base, 1 / env.num_actions)
    most = (np.arange(LEVELS) % 20 < 17)[None, :, None, None]
    table = {
        "base at temperature 1": (soft := acts(Softened(env, 0, None), temperatures))[
            :1
        ],
        "base at temperature 2": soft[1:],
        "base, 0.3 random": 0.7 * base + 0.3 * uniform,
        "proxy on 0.85 of levels": np.where(most, proxy, base),
        "half the steps each": (base + proxy) / 2,
        "random": uniform,
    }
    every = np.concatenate(list(table.values()))
    each_level = jax.vmap(
        jax.vmap(lambda m, a: follow(m, a, horizon).visits, in_axes=(None, 0)),
        in_axes=(0, 1),
        out_axes=1,
    )
    done = np.asarray(each_level(models, every))[..., None] * every
    key, found = jax.random.key(0), []
    for discount in DISCOUNTS:
        gained = directed.gains(
            models, jnp.asarray(every), key, horizon, discount=discount
        )
        score = np.nanmean(directed.scores(*map(np.asarray, gained), own=2), axis=1)
        logs, there = posterior.likelihoods(
            models, jnp.asarray(done, jnp.float32), key, horizon, discount=discount
        )
        explained = posterior.explain(
            np.asarray(logs), np.asarray(there), done.sum(2), 2
        )
        for k, name in enumerate(table):
            found.append(
                {
                    "discount": discount,
                    "policy": name,
                    "directedness": score[k, :2].round(4).tolist(),
                    "posterior": explained.posterior[k].round(4).tolist(),
                    "share": np.nan_to_num(explained.share[k]).round(4).tolist(),
                }
            )
    return found


# --- tables ---------------------------------------------------------------------------


def in_short(answers: dict[str, int]) -> str:
    return ", ".join(f"{answer} {count}" for answer, count in answers.items()) or "–"


def number(each: dict[str, Any], evaluator: str, key: str) -> str:
    value = each[evaluator]["numbers"].get(key)
    return "–" if value is None else f"{value:.2f}"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def tables_of(
    record: dict[str, Any], evaluator: str, head: list[str], keys: list[str]
) -> list[str]:
    parts = []
    for kind, words in (
        ("known", "Softly optimal policies"),
        ("misspecified", "Policies that no hypothesis describes"),
    ):
        for env in ENVIRONMENTS:
            found = record["environments"][env]
            base, proxy = found["objectives"]
            rows = [
                [each["policy"]]
                + [
                    number(
                        each,
                        evaluator,
                        "clean/" + key.replace("BASE", base).replace("PROXY", proxy),
                    )
                    for key in keys
                ]
                + [in_short(each[evaluator]["answers"])] * (head[-1] == "reads")
                for each in found[kind]
            ]
            parts += [f"{words}, {env} {SIZE}×{SIZE}:", table(head, rows)]
    return parts


def discount_table(record: dict[str, Any]) -> list[str]:
    head = [
        "policy",
        "discount",
        "directedness base",
        "proxy",
        "posterior base",
        "proxy",
        "none",
        "share base",
        "proxy",
        "none",
    ]
    rows = []
    for each in sorted(record["discounts"], key=lambda e: e["policy"]):
        numbers = [
            *each["directedness"],
            *(each["posterior"][k] for k in (0, 1, -1)),
            *(each["share"][k] for k in (0, 1, -1)),
        ]
        rows.append(
            [each["policy"], f"{each['discount']:g}", *(f"{n:.2f}" for n in numbers)]
        )
    return ["The discount, TwoGoals-v0 9×9, clean levels:", table(head, rows)]


def render(record: dict[str, Any]) -> None:
    pages = {
        "goal_posterior": [
            *tables_of(
                record,
                "goal_posterior",
                [
                    "policy",
                    "share base",
                    "proxy",
                    "other tile",
                    "none",
                    "posterior base",
                    "proxy",
                    "none",
                    "reads",
                ],
                [
                    *(f"share/{h}" for h in ("BASE", "PROXY", "other_tile")),
                    "share/no_objective",
                    *(f"posterior/{h}" for h in ("BASE", "PROXY", "no_objective")),
                ],
            ),
            *discount_table(record),
        ],
        "directedness": tables_of(
            record,
            "directedness",
            ["policy", "base", "proxy", "margin", "p base", "p proxy", "reads"],
            ["directedness/BASE", "directedness/PROXY", "margin/", "p/BASE", "p/PROXY"],
        ),
        "agents_devices": tables_of(
            record,
            "agents_devices",
            [
                "policy",
                "all levels",
                "log odds",
                "one level",
                "prior .1",
                "prior .9",
                "1 context",
                "2 contexts",
                "skilled",
                "clumsy",
            ],
            [
                "agent/",
                "log_odds/",
                "level_agent/",
                "agent_if/prior=0.1_contexts=4_epsilon=wide",
                "agent_if/prior=0.9_contexts=4_epsilon=wide",
                "agent_if/prior=0.5_contexts=1_epsilon=wide",
                "agent_if/prior=0.5_contexts=2_epsilon=wide",
                "agent_if/prior=0.5_contexts=4_epsilon=skilled",
                "agent_if/prior=0.5_contexts=4_epsilon=clumsy",
            ],
        ),
    }
    for name, parts in pages.items():
        path = FOLDER / f"{name}.md"
        text = path.read_text()
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        body = "\n\n".join(parts)
        path.write_text(f"{before}{BEGIN}\n{body}\n{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--render", action="store_true", help="write the tables only")
    names = [each.NAME for each in EVALUATORS]
    parser.add_argument("--only", choices=names, help="one evaluator anew")
    asked = parser.parse_args()
    path = FOLDER / "goals.json"
    if asked.render or asked.only:
        record = json.loads(path.read_text())
    else:
        setting = {"size": SIZE, "levels": LEVELS, "seeds": SEEDS}
        environments = {name: measure(name, EVALUATORS) for name in ENVIRONMENTS}
        record = {**setting, "environments": environments, "discounts": discounts()}
    if asked.only:
        one = tuple(each for each in EVALUATORS if asked.only == each.NAME)
        for name in ENVIRONMENTS:
            found, kept = measure(name, one), record["environments"][name]
            for kind in ("known", "misspecified"):
                for new, old in zip(found[kind], kept[kind], strict=True):
                    old[asked.only] = new[asked.only]
    if not asked.render:
        path.write_text(json.dumps(record, indent=1) + "\n")
    render(record)


if __name__ == "__main__":
    main()
