"""Ray Data: `dataset.map_batches(RayProgram, fn_constructor_kwargs={"program": "rag.json"}, concurrency=8)`."""

from __future__ import annotations

from typing import Any, Iterable

from .columns import answer_columns, rows_of
from .runner import ProgramRunner


class RayProgram:
    """An actor that holds a program, and adds its output columns, and `error`, to each batch."""

    def __init__(
        self, program: str, model: str | None = None, *, concurrency: int = 16, options: Iterable[str] = ()
    ) -> None:
        self._runner = ProgramRunner(program, model, concurrency=concurrency, options=options)
        self._inputs, self._outputs = self._runner.fields()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        rows = rows_of(batch, self._inputs)
        return {**batch, **_arrays(answer_columns(self._runner, rows, self._outputs, as_text=True))}


def _arrays(columns: dict[str, list[Any]]) -> dict[str, Any]:
    import numpy

    return {name: numpy.array(values, dtype=object) for name, values in columns.items()}
