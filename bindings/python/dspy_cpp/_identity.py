"""What tells scripted models apart, the same in every process that runs the same code."""

from __future__ import annotations

import functools
import types
from typing import Any


def identity(value: Any) -> str:
    """A digest of a text, of several, or of a function: its code, its defaults, and those of the values it holds that
    cannot change. What else it reads is not in it."""
    import hashlib

    return hashlib.sha256("\n".join(_parts(value, 0)).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _parts(value: Any, depth: int) -> list[str]:
    if value is None or isinstance(value, (str, bytes, int, float, complex)):
        return [repr(value)]
    if depth > 12:  # of functions that hold each other
        return ["…"]
    if isinstance(value, tuple):
        return ["(", *(part for each in value for part in _parts(each, depth + 1)), ")"]
    if isinstance(value, frozenset):
        return ["{", *sorted("\n".join(_parts(each, depth + 1)) for each in value), "}"]
    if isinstance(value, types.CodeType):
        return [value.co_code.hex(), repr(value.co_names), *_parts(value.co_consts, depth + 1)]
    if isinstance(value, types.MethodType):
        return [*_parts(value.__func__, depth + 1), *_parts(value.__self__, depth + 1)]
    if isinstance(value, types.FunctionType):
        held = tuple(_content(cell) for cell in value.__closure__ or ())
        named = tuple(sorted((value.__kwdefaults__ or {}).items()))
        name = f"{value.__module__}.{value.__qualname__}"
        return [name, *_parts((value.__code__, value.__defaults__, named, held), depth + 1)]
    if isinstance(value, functools.partial):
        return _parts((value.func, value.args, tuple(sorted(value.keywords.items()))), depth + 1)
    named = value if hasattr(value, "__qualname__") else type(value)
    return [f"{named.__module__}.{named.__qualname__}"]


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing yet
        return None
