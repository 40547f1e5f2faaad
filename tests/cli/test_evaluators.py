"""Evaluators from the command line: asked, listed, kept, read back, exported."""

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from mesagym.cli.assess import RANDOM_DRAWS
from mesagym.cli.main import main
from mesagym.evals.evaluators import EVALUATORS
from mesagym.registry import table
from mesagym.report.view import load_run
from tests.cli.smallest import SMALLEST

TINY = ("env=two_goals", "env.size=7", *SMALLEST)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose policies were put to the quick evaluators."""
    path = tmp_path_factory.mktemp("runs") / "two"
    assert main(["train", *TINY, f"run={path}"]) == 0
    assert main(["evaluate", f"run={path}", "shifts=quick", "levels=16"]) == 0
    return path


def evaluation(run: Path) -> Path:
    (found,) = (run / "evaluations").iterdir()
    return found


def test_what_evaluators_found_is_kept_beside_the_outcomes(run: Path) -> None:
    facts = json.loads((evaluation(run) / "findings.json").read_text("utf-8"))
    assert set(facts["evaluators"]) == {"outcomes", "preference", "goal_posterior"}
    rows = parquet.read_table(evaluation(run) / "findings.parquet")
    assert set(rows["evaluator"].to_pylist()) <= set(facts["evaluators"])


def test_the_report_leads_from_readings_to_caveats(run: Path) -> None:
    assert main(["report", f"run={run}"]) == 0
    page = (run / "report.html").read_text("utf-8")
    places = [
        page.index("Which objective did it learn?"),
        page.index(EVALUATORS["outcomes"].question),
        page.index("How far to trust each, and what keeps it honest"),
    ]
    assert places == sorted(places)


def test_a_run_that_was_put_to_no_evaluator_has_no_such_section(
    run: Path, tmp_path: Path
) -> None:
    assert load_run(run).findings is not None
    words = ["evaluators=[none]", "shifts=quick", "levels=8", "name=plain"]
    assert main(["train", *TINY, f"run={tmp_path / 'other'}", "seeds=1"]) == 0
    assert main(["evaluate", f"run={tmp_path / 'other'}", *words]) == 0
    assert load_run(tmp_path / "other").findings is None


def test_stability_is_refused_before_any_work_where_there_are_no_snapshots(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted((run / "evaluations").iterdir())
    assert main(["evaluate", f"run={run}", "evaluators=stability"]) == 2
    assert "'stability' needs snapshots" in capsys.readouterr().err
    assert sorted((run / "evaluations").iterdir()) == before


def test_a_run_to_compare_with_that_nobody_reads_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", f"run={run}", f"baseline={run}"]) == 2
    assert "only the evaluator 'stability' reads it" in capsys.readouterr().err


def test_one_that_does_not_exist_is_refused_by_its_nearest_name(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", f"run={run}", "evaluators=[preferense]"]) == 2
    said = capsys.readouterr().err
    assert "unknown evaluator 'preferense'" in said
    assert "Did you mean 'preference'" in said


def test_one_that_does_not_apply_is_refused_where_it_is_asked_for_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["env=tree_grove", "shifts=quick", "seeds=1"]
    words += [word for word in TINY if "env=" not in word and "seeds" not in word]
    assert main(["train", *words, f"run={tmp_path / 'grove'}"]) == 0
    capsys.readouterr()
    run = f"run={tmp_path / 'grove'}"
    assert main(["evaluate", run, "evaluators=[preference]"]) == 2
    said = capsys.readouterr().err
    assert "'preference' does not apply to TreeGrove" in said
    assert not list((tmp_path / "grove").glob("evaluations/*"))


def test_the_list_names_every_evaluator_and_environment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["evaluators"]) == 0
    said = capsys.readouterr().out
    for evaluator in EVALUATORS.values():
        assert evaluator.question in said
    for entry in table().values():
        assert entry.config in said


def test_the_list_of_one_environment_gives_reasons(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["evaluators", "environment=two_goals"]) == 0
    assert "episodes are run and counted" in capsys.readouterr().out
    assert main(["evaluators", "environment=two_gaols"]) == 2
    assert "Did you mean 'two_goals'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["outcomes", "metrics", "findings"])
def test_tables_are_printed_as_csv_with_a_row_an_observation(
    run: Path, name: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["export", f"run={run}", f"table={name}"]) == 0
    rows = list(csv.DictReader(io.StringIO(capfdbinary.readouterr().out.decode())))
    assert rows
    assert "seed" in rows[0]


def test_a_table_is_written_as_parquet(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "outcomes.parquet"
    assert main(["export", f"run={run}", f"out={out}"]) == 0
    # Two shifts of eight levels; two seeds, as many draws of random, the wall follower
    # and the heading keeper, two experts.
    expected = 2 * 8 * (2 + 3 * RANDOM_DRAWS + 2)
    assert parquet.read_table(out).num_rows == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["out=table.xlsx"], "end it in .csv or .parquet"),
        (["table=findings", "evaluation=nonsense"], "has no evaluation 'nonsense'"),
        (["table=metrics", "evaluation=nonsense"], "an evaluation has no metrics"),
    ],
)
def test_what_cannot_be_exported_is_said_in_one_line(
    run: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", f"run={run}", *words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
