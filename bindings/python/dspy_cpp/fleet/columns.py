"""Rows in, columns out: shared by all frames."""

from __future__ import annotations

import json
import math
from typing import Any, Iterable

from .runner import ProgramRunner, Row


def plain(value: Any) -> Any:
    """A cell as JSON: missing values are null, array scalars become numbers."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    for method in ("tolist", "item", "isoformat"):
        if hasattr(value, method):
            converted = getattr(value, method)()
            return converted if isinstance(converted, str) else plain(converted)
    if str(value) in ("<NA>", "NaT"):
        return None
    raise TypeError(f"a cell holds a {type(value).__name__}, which is not JSON; convert the column first")


def rows_of(columns: dict[str, Iterable[Any]], inputs: list[str]) -> list[Row]:
    """The input columns as rows.  Missing cells are omitted, so that a field's default applies."""
    lacking = [name for name in inputs if name not in columns]
    if len(lacking) == len(inputs):
        raise KeyError(f"the frame has none of the program's input columns {inputs}; it has {list(columns)}")
    names = [name for name in inputs if name in columns]
    out = []
    for cells in zip(*(columns[name] for name in names)):
        row = {name: plain(cell) for name, cell in zip(names, cells)}
        out.append({name: cell for name, cell in row.items() if cell is not None})
    return out


def answer_columns(
    runner: ProgramRunner, rows: list[Row], outputs: list[str], *, as_text: bool
) -> dict[str, list[Any]]:
    """A column for each output, and `error`: none where a row was answered.

    With text columns, other values are JSON: for frames whose columns have one type.
    """
    columns: dict[str, list[Any]] = {name: [] for name in [*outputs, "error"]}
    for answer in runner.run(rows):
        values = answer.get("outputs", {})
        for name in outputs:
            value = values.get(name)
            if as_text and value is not None and not isinstance(value, str):
                value = json.dumps(value, ensure_ascii=False)
            columns[name].append(value)
        error = answer.get("error")
        columns["error"].append(None if error is None else error.get("message", json.dumps(error)))
    return columns
