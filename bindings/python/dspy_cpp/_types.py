"""Python's annotations in the library's notation, and values back into Python's types."""

from __future__ import annotations

import datetime
import enum
import types
import typing
from typing import Any, Callable, Literal, Union, get_args, get_origin

_PLAIN = {
    str: "str",
    int: "int",
    float: "float",
    bool: "bool",
    type(None): "None",
    None: "None",
    Any: "Any",
    object: "Any",
    dict: "dict[str, Any]",
    list: "list[Any]",
    bytes: "bytes",
    datetime.date: "datetime.date",
    datetime.datetime: "datetime.datetime",
    datetime.time: "datetime.time",
    datetime.timedelta: "datetime.timedelta",
}

_LIMITS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")

Convert = Callable[[Any], Any]


class Described(typing.NamedTuple):
    notation: str
    convert: Convert | None  #: None: the plain value is the value.


class Describer:
    """Describes annotations, and gathers the types that they name."""

    def __init__(self) -> None:
        self.names: dict[str, dict] = {}
        self._known: dict[str, Any] = {}
        self._dataclasses: dict[type, Described] = {}

    def describe(self, annotation: Any, limits: dict[str, Any] | None = None) -> Described:
        found = self._describe(annotation)
        if limits:
            written = ", ".join(f"{name}={value!r}" for name, value in limits.items())
            found = Described(f"Annotated[{found.notation}, Field({written})]", found.convert)
        return found

    def _describe(self, annotation: Any) -> Described:
        try:
            if annotation in _PLAIN:
                return Described(_PLAIN[annotation], _PLAIN_CONVERT.get(annotation))
        except TypeError:  # not hashable
            pass
        if isinstance(annotation, str):
            return Described(annotation, None)
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is typing.Annotated:
            return self.describe(arguments[0], limits_of(arguments[1:]))
        if origin is Literal:
            return Described(f"Literal[{', '.join(repr(choice) for choice in arguments)}]", None)
        if origin in (Union, types.UnionType):
            return self._union(arguments)
        if origin in (list, set, frozenset, tuple) or _is_sequence(origin):
            return self._list(origin, arguments)
        if origin is dict or (isinstance(origin, type) and issubclass(origin, typing.Mapping)):
            return self._dict(arguments)
        if isinstance(annotation, type):
            return self._class(annotation)
        raise TypeError(f"`{annotation}` is not a type that a field can have")

    def _union(self, arguments: tuple) -> Described:
        parts = [self._describe(one) for one in arguments]
        rest = [one for one in parts if one.notation != "None"]
        notation = " | ".join(one.notation for one in parts)
        if not any(one.convert for one in rest):
            return Described(notation, None)
        if len(rest) == 1:
            convert = typing.cast(Convert, rest[0].convert)
            return Described(notation, lambda value: None if value is None else convert(value))
        return Described(notation, _first_that_fits(rest))

    def _list(self, origin: Any, arguments: tuple) -> Described:
        if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
            parts = [self._describe(one) for one in arguments]
            notation = f"tuple[{', '.join(one.notation for one in parts)}]"
            return Described(
                notation, lambda value: tuple(_converted(part, one) for part, one in zip(parts, value, strict=True))
            )
        item = self._describe(arguments[0]) if arguments else Described("Any", None)
        kind = {set: set, frozenset: frozenset, tuple: tuple}.get(origin)
        notation = f"{'set' if kind in (set, frozenset) else 'list'}[{item.notation}]"
        if item.convert is None:
            return Described(notation, kind)
        return Described(notation, lambda value: (kind or list)(_converted(item, one) for one in value))

    def _dict(self, arguments: tuple) -> Described:
        key, item = (self._describe(one) for one in arguments) if arguments else (Described("str", None),) * 2
        back = int if key.notation == "int" else None  # JSON's keys are texts
        if item.convert is None and back is None:
            return Described(f"dict[{key.notation}, {item.notation}]", None)
        return Described(
            f"dict[{key.notation}, {item.notation}]",
            lambda value: {(back(name) if back else name): _converted(item, one) for name, one in value.items()},
        )

    def _class(self, kind: type) -> Described:
        if hasattr(kind, "notation"):  # types of this package: Image, Code["python"], …
            return Described(kind.notation, getattr(kind, "from_json", None))
        name = kind.__name__
        if self._known.get(name, kind) is not kind:
            raise TypeError(f"two different types are called `{name}`; rename one")
        self._known[name] = kind
        if issubclass(kind, enum.Enum):
            choices = [member.value for member in kind]
            self.names[name] = {"enum": name, "choices": choices, "labels": [member.name for member in kind]}
            return Described(name, kind)
        if hasattr(kind, "model_json_schema"):
            self.names[name] = {"schema": kind.model_json_schema()}
            return Described(name, kind.model_validate)
        if hasattr(kind, "__dataclass_fields__"):
            return self._dataclass(name, kind)
        if typing.is_typeddict(kind):
            hints = typing.get_type_hints(kind)
            self._object(name, [(field, hint, field in kind.__required_keys__) for field, hint in hints.items()])
            return Described(name, None)
        raise TypeError(
            f"`{name}` is not a type that a field can have; use a pydantic model, a dataclass, a TypedDict or an Enum"
        )

    def _dataclass(self, name: str, kind: type) -> Described:
        import dataclasses

        if kind in self._dataclasses:
            return self._dataclasses[kind]
        if name in self.names:  # and it is not finished
            raise TypeError(f"the dataclass `{name}` holds itself, which only pydantic models can; make it one")
        hints = typing.get_type_hints(kind, include_extras=True)
        members = []
        for field in dataclasses.fields(kind):
            has_default = (
                field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
            )
            members.append((field.name, hints[field.name], not has_default))
        parts = self._object(name, members)

        def convert(value: dict) -> Any:
            return kind(**{member: _converted(parts[member], one) for member, one in value.items()})

        self._dataclasses[kind] = Described(name, convert)
        return self._dataclasses[kind]

    def _object(self, name: str, members: list[tuple[str, Any, bool]]) -> dict[str, Described]:
        from . import _core

        self.names[name] = {}  # found again: it holds itself
        parts = {member: self._describe(hint) for member, hint, _ in members}
        properties = {}
        for member, part in parts.items():
            probe = _core.NativeSignature.describe(
                {
                    "instructions": "",
                    "names": {one: type_ for one, type_ in self.names.items() if type_},
                    "inputs": [],
                    "outputs": [{"name": member, "type": part.notation, "description": ""}],
                },
                None,
            )
            properties[member] = probe.outputs[0]["schema"]
        schema = {
            "type": "object",
            "title": name,
            "properties": properties,
            "required": [member for member, _, is_required in members if is_required],
            "additionalProperties": False,
        }
        self.names[name] = {"schema": schema}
        return parts


def limits_of(metadata: tuple) -> dict[str, Any]:
    """The limits in the metadata of `Annotated`: pydantic's and annotated_types' markers."""
    found: dict[str, Any] = {}
    for mark in metadata:
        for part in getattr(mark, "metadata", None) or [mark]:
            for name in _LIMITS:
                value = getattr(part, name, None)
                if value is not None and not callable(value):
                    found[name] = value
    return found


def _is_sequence(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, typing.Sequence) and not issubclass(origin, (str, bytes))


def _converted(part: Described, value: Any) -> Any:
    return value if part.convert is None else part.convert(value)


def _first_that_fits(parts: list[Described]) -> Convert:
    def convert(value: Any) -> Any:
        if value is None:
            return None
        problems = []
        for part in parts:
            if part.convert is None:
                continue
            try:
                return part.convert(value)
            except (ValueError, TypeError) as problem:
                problems.append(problem)
        return value

    return convert


def _duration(text: str) -> datetime.timedelta:
    import re

    found = re.fullmatch(
        r"(-?)P(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?",
        text,
    )
    if found is None:
        raise ValueError(f"`{text}` is not a duration")
    weeks, days, hours, minutes, seconds = (float(part or 0) for part in found.groups()[1:])
    value = datetime.timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -value if found[1] else value


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def _bytes(text: str) -> bytes:
    import base64

    return base64.b64decode(text, validate=True)


_PLAIN_CONVERT: dict[Any, Convert] = {
    bytes: _bytes,
    datetime.date: datetime.date.fromisoformat,
    datetime.datetime: _moment,
    datetime.time: lambda text: datetime.time.fromisoformat(text.replace("Z", "+00:00")),
    datetime.timedelta: _duration,
}
