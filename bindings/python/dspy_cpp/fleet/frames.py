"""Spark and Dask: functions over the parts of a frame.

    frame.mapInPandas(map_in_pandas("rag.json"), schema=spark_schema("rag.json", frame.schema))
    frame.mapInArrow(map_in_arrow("rag.json"), schema=spark_schema("rag.json", frame.schema))
    dask_map_partitions(frame, "rag.json")

Outputs are text columns: what is not text is JSON.  A task that is run again asks again; a shared cache
(`[cache] remote = "redis://…"` in dspy.toml) keeps it from being paid again.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator

from .columns import answer_columns, rows_of
from .runner import ProgramRunner


def map_in_pandas(
    program: str, model: str | None = None, *, concurrency: int = 16, options: Iterable[str] = ()
) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """For `DataFrame.mapInPandas`: the program is started once per partition."""
    runner = ProgramRunner(program, model, concurrency=concurrency, options=options)

    def run(frames: Iterator[Any]) -> Iterator[Any]:
        inputs, outputs = runner.fields()
        with runner:
            for frame in frames:
                yield _answered(runner, frame, inputs, outputs)

    return run


def map_in_arrow(
    program: str, model: str | None = None, *, concurrency: int = 16, options: Iterable[str] = ()
) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """For `DataFrame.mapInArrow`: the input's columns are passed through unchanged."""
    runner = ProgramRunner(program, model, concurrency=concurrency, options=options)

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow

        inputs, outputs = runner.fields()
        with runner:
            for batch in batches:
                names = batch.schema.names
                columns = {name: batch.column(name).to_pylist() for name in names if name in inputs}
                answers = answer_columns(runner, rows_of(columns, inputs), outputs, as_text=True)
                arrays = [batch.column(name) for name in names]
                arrays += [pyarrow.array(values, type=pyarrow.string()) for values in answers.values()]
                yield pyarrow.RecordBatch.from_arrays(arrays, names=[*names, *answers])

    return run


def spark_schema(program: str, schema: Any) -> Any:
    """The schema of a frame with the program's outputs and `error` behind its columns."""
    from pyspark.sql.types import StringType, StructField, StructType

    _, outputs = ProgramRunner(program).fields()
    taken = [name for name in [*outputs, "error"] if name in schema.names]
    if taken:
        raise ValueError(f"the frame has columns {taken} already, which the program writes; rename them first")
    return StructType(schema.fields + [StructField(name, StringType(), True) for name in [*outputs, "error"]])


def dask_map_partitions(
    frame: Any, program: str, model: str | None = None, *, concurrency: int = 16, options: Iterable[str] = ()
) -> Any:
    """A Dask frame with the program's outputs and `error` behind its columns."""
    runner = ProgramRunner(program, model, concurrency=concurrency, options=options)
    inputs, outputs = runner.fields()
    meta = frame._meta.assign(**{name: "" for name in [*outputs, "error"]}).astype(
        {name: "object" for name in [*outputs, "error"]}
    )
    return frame.map_partitions(_part, runner, inputs, outputs, meta=meta)


def _part(frame: Any, runner: ProgramRunner, inputs: list[str], outputs: list[str]) -> Any:
    with runner:
        return _answered(runner, frame, inputs, outputs)


def _answered(runner: ProgramRunner, frame: Any, inputs: list[str], outputs: list[str]) -> Any:
    import pandas

    columns = {name: frame[name].tolist() for name in frame.columns if name in inputs}
    answers = answer_columns(runner, rows_of(columns, inputs), outputs, as_text=True)
    added = {name: pandas.Series(values, index=frame.index, dtype=object) for name, values in answers.items()}
    return frame.assign(**added)
