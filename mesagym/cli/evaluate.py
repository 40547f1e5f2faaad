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
from mesagym.evals.amounts import Amounts
from mesagym.evals.columns import (
    CONTEST,
    file_name,
    own_objectives_of,
    proxies_in_words,
    spoken,
)
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
        "environment": {"kind": trained.env.kind, "solver": trained.env.solver},
        "shifts": {name: pool.shift.meaning for name, pool in pools.items()},
    }
    whole = {**dataclasses.asdict(config), **same}
    with source.evaluation(name, whole, manifest=facts, identity=same) as record:
        assessment = assess(trained, pools, config.seed, config.modes)
        verdict = verdict_of(assessment, config.modes, stopped)
        summary = summary_of(assessment, verdict, config.modes[0])
        if not record.completed:
            record.write_outcomes(as_table(assessment.outcomes))
            record.write_summary({**summary, "rates": _as_rows(assessment)})
        show = _show_contest if assessment.kind == CONTEST else _show_amounts
        show(assessment, len(trained.seeds))
        if "in_words" in summary:
            print(summary["in_words"])
        print(f"Evaluation: {record.path}")
    return 0


def _short(shifts: list[str]) -> str:
    """Return a name for some shifts that a folder can bear."""
    if len(shifts) > 3:
        return f"{len(shifts)}-shifts"
    return "-".join(map(file_name, shifts))


def _as_rows(assessment: Assessment) -> list[dict[str, Any]]:
    return [
        {"shift": shift, "policy": policy, "mode": mode, **found}
        for shift, policy, mode, found in rates(assessment)
    ]


def _title(assessment: Assessment, seeds: int) -> str:
    sizes = sorted({pool.size for pool in assessment.pools.values()})
    levels = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return f"Means over {seeds} seed{'s' * (seeds != 1)}, {levels} levels each"


def _show_amounts(assessment: Assessment, seeds: int) -> None:
    """Print what was earned of each objective on each shift, by each way of acting."""
    from mesagym.report.terminal import amount_table, show

    amounts = Amounts(assessment.outcomes)
    table = amount_table([(mode, amounts, mode) for mode in amounts.modes()])
    table.title = _title(assessment, seeds)
    table.title_justify = "left"
    show(table)


def _show_contest(assessment: Assessment, seeds: int) -> None:
    """Print one row for each shift and way of acting, random's among them."""
    own = own_objectives_of(assessment.outcomes)
    base, proxy = spoken(own[0]), proxies_in_words(own)
    shown = [
        [
            shift,
            mode if policy == "trained" else policy,
            *(f"{each[n]:.2f}" for n in ("success", "base", "proxy", "neither")),
        ]
        for shift, policy, mode, each in rates(assessment)
        if policy in ("trained", "random")
    ]
    header = [
        "shift",
        "actions",
        f"{base} reached",
        f"{base} first",
        f"{proxy} first",
        "neither",
    ]
    show_table(_title(assessment, seeds), header, shown)
