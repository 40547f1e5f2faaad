"""How tables become parquet and back."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyarrow import Table as Table
else:
    # pyarrow takes half a second to import and only some commands need it.
    Table = Any


def as_table(columns: Mapping[str, Any] | Sequence[Mapping[str, Any]] | Table) -> Table:
    """Return a table of columns, of rows (mappings), or the table itself.

    Raises:
        ValueError: columns of different lengths, or not one-dimensional.
    """
    import pyarrow as pa

    if isinstance(columns, pa.Table):
        return columns
    if not isinstance(columns, Mapping):
        return pa.Table.from_pylist([dict(row) for row in columns])
    arrays = {name: pa.array(values) for name, values in columns.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of different lengths: {lengths}")
    return pa.table(arrays)


def table_to_bytes(table: Table) -> bytes:
    """Return a table as a parquet file; equal tables give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def bytes_to_table(data: bytes) -> Table:
    """Return the table of a parquet file, given the file's checked content."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    return parquet.read_table(pa.BufferReader(data))


def joined(tables: Sequence[Table]) -> Table:
    """Return tables one below the other; a column that some lack is null there."""
    import pyarrow as pa

    if not tables:
        return pa.table({})
    return pa.concat_tables(tables, promote_options="default").combine_chunks()
