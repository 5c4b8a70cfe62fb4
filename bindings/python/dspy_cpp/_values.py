"""Values that are not plain JSON, and their representation."""

from __future__ import annotations

import base64
import datetime
import enum
import sys
from typing import Any


def plain(value: Any) -> Any:
    """A plain value that stands for `value`, or TypeError. Called for what is not a str, int, float, bool, None, dict,
    list or tuple itself."""
    if isinstance(value, enum.Enum):
        return value.value
    # Subclasses of the plain types, such as a str of one's own.
    for kind in (str, bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return _iso_duration(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.generic):
            return value.item()
        if isinstance(value, numpy.ndarray):
            return value.tolist()
    if hasattr(value, "toDict"):
        return value.toDict()
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return {key: value[key] for key in value.keys()}
    if hasattr(value, "__iter__") and hasattr(value, "__len__"):
        return list(value)
    raise TypeError(
        f"a value of the type `{type(value).__name__}` has no JSON; hand over a str, number, list, dict, dataclass or "
        "pydantic model"
    )


def _iso_duration(value: datetime.timedelta) -> str:
    micros = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
    sign, micros = ("-" if micros < 0 else ""), abs(micros)
    seconds, rest = divmod(micros, 1_000_000)
    fraction = f".{rest:06d}".rstrip("0") if rest else ""
    return f"{sign}PT{seconds}{fraction}S"


def float_rows(values: Any):
    """A contiguous array of float32 with two dimensions; the array itself where it is one."""
    import numpy

    rows = numpy.ascontiguousarray(values, dtype=numpy.float32)
    if rows.ndim != 2:
        raise ValueError(f"vectors are an array with two dimensions, a row for each; this one has {rows.ndim}")
    return rows


def float_row(values: Any):
    """The same for one vector."""
    import numpy

    row = numpy.ascontiguousarray(values, dtype=numpy.float32)
    if row.ndim != 1:
        raise ValueError(f"a vector is an array with one dimension; this one has {row.ndim}")
    return row


def example(data: dict, inputs: list[str]) -> Any:
    """Recreates a pickled example."""
    from . import _core

    return _core._example(data, inputs)


def prediction(data: dict, usage: dict) -> Any:
    """The same for a prediction."""
    from . import _core

    return _core._prediction(data, usage)
