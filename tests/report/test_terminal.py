"""The table in the terminal, and the rows it shares with the page."""

import io
import re
from dataclasses import replace

import pyarrow as pa
import pytest

from mesagym.report.caveats import caveats
from mesagym.report.results import random_rows, trained_row
from mesagym.report.terminal import show_results
from mesagym.tracking.labels import label_alone


def shown(runs, width: int = 80) -> str:
    file = io.StringIO()
    show_results(runs, file=file, width=width)
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_fits_the_terminal(two_runs, width):
    assert max(map(len, shown(two_runs, width).splitlines())) <= width


def test_the_table_does_not_break_its_rows_at_80_columns(two_runs):
    (row,) = (line for line in shown(two_runs).splitlines() if " α = 0.1 " in line)

    assert row.count("[") == 4


def test_long_names_of_objectives_are_folded_and_not_cut(make_run):
    base, proxy = "cheese_without_any_lava", "cheese_whatever_the_ground"
    run = make_run(seeds=4)
    columns = [
        name.replace("cheese", base).replace("corner", proxy)
        for name in run.outcomes.column_names
    ]
    outcomes = run.outcomes.rename_columns(columns)
    text = shown([replace(run, outcomes=outcomes, objective_names=(base, proxy))])

    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_verdict_stands_below_in_words(two_runs):
    text = shown(two_runs)

    assert "Goal misgeneralization: where cheese and corner come apart" in text
    assert "Robust: where cheese and corner come apart" in text


def test_rates_are_those_of_the_verdict(two_runs):
    interval = two_runs[0].verdict.intervals["proxy"]

    assert f"{interval:.2f}" in shown(two_runs)


def test_the_table_says_which_seeds_are_few(two_runs):
    assert "fewer than 8 seeds: provisional" in " ".join(shown(two_runs).split())


@pytest.mark.parametrize("seeds", [2, 3])
def test_two_and_three_seeds_have_no_interval_and_the_table_says_so(make_run, seeds):
    text = shown([make_run(seeds=seeds)])

    assert f"{seeds} seeds: no interval" in " ".join(text.split())
    assert "[." not in text


def passing_at_random(run):
    """Let random succeed wherever the objectives agree."""
    table = run.outcomes.to_pydict()
    rows = zip(table["policy"], table["shift"], strict=True)
    there = [policy == "random" and shift == "agreeing" for policy, shift in rows]
    name = f"first_{run.base}"
    first = [5 if yes else x for yes, x in zip(there, table[name], strict=True)]
    place = run.outcomes.column_names.index(name)
    kind = run.outcomes.schema.field(name).type
    column = pa.array(first, type=kind)
    return replace(run, outcomes=run.outcomes.set_column(place, name, column))


def test_a_summary_with_another_word_is_told_below_the_verdict(make_run):
    run = make_run(seeds=4)
    older = replace(run, summary={"verdict": "capability failure"})
    line = "Judged by rule 2; its summary, by rule 1, says 'capability failure'."

    assert line in " ".join(shown([older]).split())
    assert "Judged by rule" not in shown([run])


def test_a_gate_that_random_passes_is_warned_of(make_run):
    run = passing_at_random(make_run(seeds=4))
    said = "a random policy succeeds in 1.00 of the agreeing levels"

    assert f"Beware: {said}" in " ".join(shown([run]).split())
    assert any(said in each for each in caveats([run]))
    assert "Beware" not in shown([make_run(seeds=4)])


def test_enough_seeds_are_not_called_provisional(make_run):
    assert "provisional" not in shown([make_run(seeds=8)])


def test_a_run_whose_seeds_failed_has_blank_cells(make_run):
    row = trained_row(make_run(seeds=4, untrained=(0, 1, 2, 3)))

    assert row.seeds == "0 of 4"
    assert row.success is not None
    assert row.cells[1:] == (None, None, None)


def test_a_label_is_no_markup(make_run):
    assert "[bold]x[/bold]" in shown([make_run(label="[bold]x[/bold]")])


def test_a_table_is_plain_text_in_a_file(two_runs):
    assert "\x1b" not in shown(two_runs)


def test_runs_on_the_same_levels_share_the_row_of_random(two_runs):
    assert [row.label for row in random_rows(two_runs)] == ["random"]


def test_runs_on_other_levels_have_a_row_of_random_each(make_run):
    first = make_run(label="one")
    random = first.outcomes.filter(
        [policy == "random" for policy in first.outcomes["policy"].to_pylist()]
    )
    other = replace(make_run(label="two"), outcomes=random.slice(20))

    labels = [row.label for row in random_rows([first, other])]
    assert labels == ["random · one", "random · two"]


def with_memory(run):
    """Return the run as one of an agent that remembers."""
    config = {**run.config, "agent": {"name": "mlp", "network": {"memory": "gru"}}}
    return replace(run, config=config, label=label_alone(config))


def test_runs_are_called_by_what_differs_and_what_they_share_is_said_once(make_run):
    run = make_run(0.5)
    text = shown([run, with_memory(run)])

    assert text.count("α = 0.5") == 1
    assert re.search(r"all at .*\n α = 0.5 ", text)
    assert "\n mlp + gru " in text
    assert "\nmlp + gru, 8 seeds" in text


def test_runs_are_found_again_by_directory_and_command_each_said_once(make_run):
    one = replace(make_run(), directory="runs/one")
    other = replace(make_run(0.1), directory="runs/other")
    other = replace(other, manifest={"command": "mesagym train split.alpha=0.1"})
    text = shown([one, other])

    for said in (
        "Run, α = 0: runs/one\n  made by: mesagym train env=corner seeds=8\n",
        "Run, α = 0.1: runs/other\n  made by: mesagym train split.alpha=0.1\n",
    ):
        assert text.count(said) == 1


def test_a_command_that_made_several_runs_is_said_once(make_run):
    runs = [replace(make_run(alpha), directory=f"runs/{alpha}") for alpha in (0.0, 0.1)]
    text = shown(runs)

    assert text.count("made by: mesagym train env=corner seeds=8") == 1
    assert text.endswith(
        "Run, α = 0: runs/0.0\nRun, α = 0.1: runs/0.1\n"
        "  made by: mesagym train env=corner seeds=8\n"
    )


def test_a_run_alone_says_where_it_is(make_run):
    text = shown([replace(make_run(), directory="runs/mine")])

    assert text.endswith(
        "Run: runs/mine\n  made by: mesagym train env=corner seeds=8\n"
    )


def test_greedy_rows_count_the_same_seeds(make_run):
    run = make_run(seeds=4)

    assert trained_row(run, "greedy").base != trained_row(run).base
    assert trained_row(run, "greedy").base.n_seeds == 4
