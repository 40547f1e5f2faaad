"""`mesagym evaluate`: the policies of a run under other shifts, in a table."""

import dataclasses
from typing import Any

from mesagym.cli import device
from mesagym.cli.assess import (
    Assessment,
    assess,
    pools_for,
    rates,
    summary_of,
    verdict_of,
)
from mesagym.cli.commands import say
from mesagym.cli.schema import EvaluateConfig
from mesagym.evals.verdict import RunVerdict
from mesagym.tracking import (
    RunDirectory,
    config_hash,
    environment_facts,
    show_table,
)
from mesagym.tracking.tables import as_table
from mesagym.training.saved import load


def run(config: EvaluateConfig) -> int:
    """Test, print the table, and keep everything in ``evaluations/<name>/``."""
    import jax

    device.use(config.device)
    source = RunDirectory.read(config.run)
    if not source.completed:
        say(f"'{source.path}' is not complete: only what is saved so far is tested")
    trained = load(source, config.seeds)
    pools = pools_for(trained, config.shifts.names, config.levels, config.seed, say)
    # A verdict on the whole run counts, as training's own does, the seeds it lost.
    stopped = 0
    if config.seeds is None:
        stopped = len(set(source.manifest.get("seeds", [])) - set(trained.seeds))
    # Asked for by any other names, the same evaluation is the same.
    same = {
        "shifts": list(pools),
        "seeds": list(trained.seeds),
        "levels": config.levels,
        "seed": config.seed,
        "modes": config.modes,
        "run": source.id,
    }
    name = config.name or f"{_short(list(pools))}-{config_hash(same)[:8]}"
    facts = {
        **environment_facts(),
        "run": source.id,
        "seeds": list(trained.seeds),
        "device": device.described(jax.devices()),
        "dynamics_version": trained.env.dynamics_version,
    }
    whole = {**dataclasses.asdict(config), **same}
    with source.evaluation(name, whole, manifest=facts, identity=same) as record:
        assessment = assess(trained, pools, config.seed, config.modes)
        verdict = verdict_of(assessment, config.modes, stopped)
        if not record.completed:
            record.write_outcomes(as_table(assessment.outcomes))
            record.write_summary(
                {
                    **summary_of(verdict, trained.env.objective_names),
                    "rates": _as_rows(assessment),
                }
            )
        _show(assessment, verdict, config, len(trained.seeds))
        print(f"Evaluation: {record.path}")
    return 0


def _short(shifts: list[str]) -> str:
    """Return a name for some shifts that a folder can bear."""
    return "-".join(shifts) if len(shifts) <= 3 else f"{len(shifts)}-shifts"


def _as_rows(assessment: Assessment) -> list[dict[str, Any]]:
    return [
        {"shift": shift, "policy": policy, "mode": mode, **found}
        for shift, policy, mode, found in rates(assessment)
    ]


def _show(
    assessment: Assessment,
    verdict: RunVerdict | None,
    config: EvaluateConfig,
    seeds: int,
) -> None:
    """Print one row for each shift and way of acting, random's among them."""
    base, proxy = _objectives(assessment)
    shown = [
        [
            shift,
            mode if policy == "trained" else policy,
            *(f"{each[n]:.2f}" for n in ("success", "base", "proxy", "neither")),
        ]
        for shift, policy, mode, each in rates(assessment)
        if policy in ("trained", "random")
    ]
    title = f"Means over {seeds} seed{'s' * (seeds != 1)}, {config.levels} levels each"
    header = [
        "shift",
        "actions",
        f"{base} reached",
        f"{base} first",
        f"{proxy} first",
        "neither",
    ]
    show_table(title, header, shown)
    if verdict is not None:
        summary = summary_of(verdict, (base, proxy))
        print(summary["in_words"])


def _objectives(assessment: Assessment) -> tuple[str, str]:
    names = [
        name.removeprefix("first_")
        for name in assessment.outcomes
        if name.startswith("first_")
    ]
    return names[0], names[1] if len(names) == 2 else "a proxy"
