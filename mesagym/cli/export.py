"""`mesagym export`: a table of a run as CSV or Parquet, one row an observation."""

import sys
from pathlib import Path

from mesagym.cli.commands import say
from mesagym.cli.schema import ExportConfig
from mesagym.errors import UserError, nearest
from mesagym.tracking import RunDirectory, atomic_write_bytes
from mesagym.tracking.files import make_folders
from mesagym.tracking.tables import Table, bytes_to_table, table_to_bytes

ROWS = "findings.parquet"
"""Where `mesagym.evals.examine` keeps what evaluators measured, said here again so that
nothing that takes seconds is imported."""


def run(config: ExportConfig) -> int:
    """Read the table, and write it to a file or, as CSV, to standard output."""
    source = RunDirectory.read(config.run)
    table = _table(source, config.table, config.evaluation)
    if config.out is None:
        sys.stdout.buffer.write(_csv(table))
        return 0
    out = Path(config.out)
    forms = {".csv": _csv, ".parquet": table_to_bytes}
    if out.suffix not in forms:
        raise UserError(
            f"out: '{out}' does not say its form; end it in .csv or .parquet"
        )
    make_folders(out.parent)
    atomic_write_bytes(out, forms[out.suffix](table))
    print(f"{table.num_rows:,} rows: {out}")
    return 0


def _table(source: RunDirectory, name: str, evaluation: str | None) -> Table:
    if evaluation is None:
        if name == "metrics":
            return source.read_metrics()
        if name == "outcomes":
            _must_have("outcomes.parquet", source.contents, str(source.path))
            return source.read_outcomes()
        evaluation = _newest(source)
    if name == "metrics":
        raise UserError("table: an evaluation has no metrics; leave evaluation out")
    if evaluation not in source.evaluations():
        there = source.evaluations()
        raise UserError(
            f"evaluation: '{source.path}' has no evaluation '{evaluation}'."
            + (nearest(evaluation, there) if there else " It has none.")
        )
    record = source.read_evaluation(evaluation)
    if name == "outcomes":
        _must_have("outcomes.parquet", record.contents, str(record.path))
        return record.read_outcomes()
    _must_have(ROWS, record.contents, str(record.path))
    return bytes_to_table(record.read_file(ROWS))


def _newest(source: RunDirectory) -> str:
    """Return the newest evaluation that has findings.

    Those of a checkpoint, made before the run was finished, are not the run's.
    """
    records = [source.read_evaluation(name) for name in source.evaluations()]
    if source.completed:
        records = [r for r in records if "checkpoint" not in r.manifest]
    asked = [each for each in records if each.completed and ROWS in each.contents]
    if not asked:
        raise UserError(
            f"evaluation: '{source.path}' has no findings yet; `mesagym evaluate` asks "
            "evaluators"
        )
    newest = max(asked, key=lambda each: (each.manifest["created"], each.path.name))
    say(f"findings of the newest evaluation, '{newest.path.name}'")
    return newest.path.name


def _must_have(file: str, contents: object, where: str) -> None:
    if file not in contents:  # pyright: ignore[reportOperatorIssue]
        raise UserError(
            f"'{where}' has no {file} yet; let it finish, by the same command"
        )


def _csv(table: Table) -> bytes:
    import pyarrow as pa
    from pyarrow import csv

    sink = pa.BufferOutputStream()
    csv.write_csv(table, sink)
    return sink.getvalue().to_pybytes()
