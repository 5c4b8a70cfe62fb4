"""Signatures in Python: text, or a class with fields."""

from __future__ import annotations

import sys
import typing
from typing import Any

from . import _core, _types
from ._errors import SignatureError

_MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()


class FieldInfo:
    """What a class says about a field in addition to its type."""

    __slots__ = ("default", "desc", "is_input", "limits", "prefix")

    def __init__(self, is_input: bool, desc: str, prefix: str, default: Any, limits: dict[str, Any]):
        self.is_input = is_input
        self.desc = desc
        self.prefix = prefix
        self.default = default
        self.limits = limits


def _field(is_input: bool, desc: str, prefix: str, default: Any, limits: dict[str, Any]) -> Any:
    unknown = set(limits) - set(_types._LIMITS)
    if unknown:
        raise SignatureError(
            f"a field has no option {', '.join(f'`{name}`' for name in sorted(unknown))}; it has desc, prefix, default, "
            + ", ".join(_types._LIMITS)
        )
    return FieldInfo(is_input, desc, prefix, default, limits)


def InputField(default: Any = _MISSING, *, desc: str = "", prefix: str = "", **limits: Any) -> Any:
    """An input of a signature's class: `question: str = InputField(desc="…")`."""
    return _field(True, desc, prefix, default, limits)


def OutputField(default: Any = _MISSING, *, desc: str = "", prefix: str = "", **limits: Any) -> Any:
    """An output of a signature's class. Limits (`ge=0`, `max_length=80`, …) are enforced."""
    return _field(False, desc, prefix, default, limits)


class SignatureMeta(type):
    """Reads the fields of a class when it is created."""

    native: _core.NativeSignature
    fields: dict[str, FieldInfo]

    def __call__(cls, notation: Any, instructions: str = "", custom_types: dict[str, Any] | None = None) -> Any:
        """`Signature("question -> answer: float", "Answer briefly.")` makes a class."""
        if cls is not Signature:
            raise TypeError(f"{cls.__name__} is a signature: hand it to a module, such as Predict({cls.__name__})")
        if isinstance(notation, str):
            return _from_text(notation, instructions, custom_types or {})
        return _from_fields(notation, instructions)

    def __new__(mcs, name: str, bases: tuple, space: dict[str, Any]) -> Any:
        cls = super().__new__(mcs, name, bases, space)
        if bases and "native" not in space:
            _read(cls, space)
        return cls

    @property
    def instructions(cls) -> str:
        return cls.native.instructions

    @property
    def input_fields(cls) -> dict[str, dict]:
        return {field["name"]: field for field in cls.native.inputs}

    @property
    def output_fields(cls) -> dict[str, dict]:
        return {field["name"]: field for field in cls.native.outputs}

    @property
    def signature(cls) -> str:
        return cls.native.notation

    def with_instructions(cls, instructions: str) -> Any:
        """A copy with other instructions."""
        return SignatureMeta(
            cls.__name__,
            (Signature,),
            {"native": cls.native.with_instructions(instructions), "fields": getattr(cls, "fields", {})},
        )

    def __repr__(cls) -> str:
        return f"{cls.__name__}({cls.native.notation})" if hasattr(cls, "native") else cls.__name__


class Signature(metaclass=SignatureMeta):
    """Declares what a language model is asked to do.

        class Answer(dspy_cpp.Signature):
            '''Answer in one sentence.'''
            question: str = dspy_cpp.InputField()
            answer: str = dspy_cpp.OutputField(max_length=200)

    or `Signature("question -> answer")`. Types are Python's own, pydantic models, dataclasses, TypedDicts and Enums.
    """


def _read(cls: Any, space: dict[str, Any]) -> None:
    own: dict[str, FieldInfo] = {name: value for name, value in space.items() if isinstance(value, FieldInfo)}
    # The fields of what it is derived from come first.
    inherited = {name: info for base in cls.__bases__ for name, info in getattr(base, "fields", {}).items()}
    fields = {**inherited, **own}
    hints = _hints(cls)
    for name in space.get("__annotations__", {}):
        if name not in fields and not name.startswith("_"):
            raise SignatureError(f"`{cls.__name__}.{name}` is neither input nor output; write = InputField() or = OutputField()")
    cls.fields = fields
    instructions = _cleaned(cls.__doc__) if space.get("__doc__") else ""
    if not instructions:
        instructions = next((base.native.instructions for base in cls.__bases__ if hasattr(base, "native")), "")
    cls.native = _described(cls.__name__, {name: (hints.get(name, str), info) for name, info in fields.items()}, instructions)


def _cleaned(doc: str) -> str:
    """A docstring without its indentation."""
    import inspect

    return inspect.cleandoc(doc)


def _hints(cls: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except NameError:
        # A type that is local to the function in which the class stands.
        frame = sys._getframe(1)
        while frame is not None:
            try:
                return typing.get_type_hints(cls, localns=frame.f_locals, include_extras=True)
            except NameError:
                frame = frame.f_back
        raise


def _described(name: str, fields: dict[str, tuple[Any, FieldInfo]], instructions: str) -> _core.NativeSignature:
    describer = _types.Describer()
    sides: dict[bool, list[dict]] = {True: [], False: []}
    converters: dict[str, Any] = {}
    for field, (annotation, info) in fields.items():
        try:
            found = describer.describe(annotation, info.limits)
        except TypeError as problem:
            raise SignatureError(f"`{name}.{field}`: {problem}") from problem
        written = {"name": field, "type": found.notation, "description": info.desc, "label": info.prefix.rstrip(": ")}
        if info.default is not _MISSING:
            written["default"] = info.default
        sides[info.is_input].append(written)
        if not info.is_input and found.convert is not None:
            converters[field] = found.convert
    if not instructions:
        instructions = _default_instructions(sides)
    whole = {"instructions": instructions, "names": describer.names, "inputs": sides[True], "outputs": sides[False]}
    return _core.NativeSignature.describe(whole, converters)


def _default_instructions(sides: dict[bool, list[dict]]) -> str:
    def listed(fields: list[dict]) -> str:
        return ", ".join(f"`{field['name']}`" for field in fields)

    return f"Given the fields {listed(sides[True])}, produce the fields {listed(sides[False])}." if sides[True] else ""


def _from_text(notation: str, instructions: str, custom_types: dict[str, Any]) -> Any:
    if not custom_types:
        native = _core.NativeSignature(notation, instructions)
    else:
        # Fields one by one, so that the names of types can stand for Python's.
        inputs, arrow, outputs = notation.partition("->")
        if not arrow:
            raise SignatureError(f"`{notation}` has no arrow; write inputs -> outputs")
        fields: dict[str, tuple[Any, FieldInfo]] = {}
        for is_input, side in ((True, inputs), (False, outputs)):
            for field in _split(side):
                name, colon, annotation = field.partition(":")
                kind = eval(annotation, {**vars(typing), "list": list, "dict": dict, **custom_types}) if colon else str
                fields[name.strip()] = (kind, FieldInfo(is_input, "", "", _MISSING, {}))
        native = _described("Signature", fields, instructions)
    return SignatureMeta("StringSignature", (Signature,), {"native": native, "fields": {}})


def _split(side: str) -> list[str]:
    parts, depth, begin = [], 0, 0
    for place, letter in enumerate(side):
        depth += (letter in "[({") - (letter in "])}")
        if letter == "," and depth == 0:
            parts.append(side[begin:place])
            begin = place + 1
    parts.append(side[begin:])
    return [part.strip() for part in parts if part.strip()]


def _from_fields(fields: dict[str, tuple[Any, FieldInfo]], instructions: str) -> Any:
    native = _described("Signature", fields, instructions)
    return SignatureMeta("Signature", (Signature,), {"native": native, "fields": {name: one[1] for name, one in fields.items()}})


def native_signature(value: Any) -> _core.NativeSignature:
    """Converts to the library's own signature."""
    native = getattr(value, "native", None)
    if isinstance(native, _core.NativeSignature):
        return native
    if hasattr(value, "model_fields") and hasattr(value, "input_fields"):
        from ._dspy import native_signature_of

        return native_signature_of(value)
    raise SignatureError(
        f"`{value!r}` is not a signature: write 'question -> answer', or derive a class from dspy_cpp.Signature"
    )
