"""Arrow tables and columns, if pyarrow is installed. Nothing here imports it: the objects passed in bring it
along.
"""

from __future__ import annotations

from typing import Any


def is_column(value: Any) -> bool:
    return hasattr(value, "type") and hasattr(value, "to_pylist")


def is_table(value: Any) -> bool:
    return hasattr(value, "column_names") and hasattr(value, "to_pylist")


def matrix(column: Any) -> Any:
    """Vectors of a column (lists of a fixed size, of float32) as an array of NumPy over the same memory. Other lists
    of numbers are copied."""
    import numpy

    if column.null_count:
        raise ValueError(f"the column of vectors has {column.null_count} rows without one")
    if hasattr(column, "combine_chunks"):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if not hasattr(column.type, "list_size"):
        return numpy.asarray(column.to_pylist(), dtype=numpy.float32).reshape(len(column), -1)
    values = column.flatten()
    if values.null_count:
        raise ValueError("a vector lacks one of its numbers")
    flat = values.to_numpy(zero_copy_only=str(values.type) in ("float", "double"))
    return flat.reshape(len(column), column.type.list_size)


def passages(table: Any) -> list[dict]:
    """The rows of a table as passages. Columns other than id, text, source, metadata and `vector` are
    refused.
    """
    known = ["id", "text", "source", "metadata"]
    extra = [name for name in table.column_names if name not in (*known, "vector")]
    if extra:
        raise ValueError(f"a table of passages has no column `{extra[0]}`; it has {', '.join(known)} and vector")
    rows = table.select([name for name in known if name in table.column_names]).to_pylist()
    # A cell without a value says nothing; members that a struct lacks in a row are none of that passage.
    return [
        {
            name: {key: each for key, each in value.items() if each is not None} if name == "metadata" else value
            for name, value in row.items()
            if value is not None
        }
        for row in rows
    ]


def arrow_vectors(rows: Any) -> Any:
    """An Arrow column over the memory of a float32 array with one row per vector, as embedders return it."""
    import numpy
    import pyarrow

    rows = numpy.ascontiguousarray(rows, dtype=numpy.float32)
    if rows.ndim != 2:
        raise ValueError(f"vectors are an array with two dimensions, a row for each; this one has {rows.ndim}")
    return pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(rows.reshape(-1)), rows.shape[1])
