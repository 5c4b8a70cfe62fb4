"""Python functions as tools: their names, descriptions and arguments."""

from __future__ import annotations

import typing
from typing import Any, Callable

from . import _types


class Tool:
    """A function that a model may call. Anything not given is taken from the function: its name, its
    docstring, and the types of its parameters.
    """

    def __init__(
        self,
        func: Callable,
        name: str | None = None,
        desc: str | None = None,
        args: dict[str, dict] | None = None,
        *,
        idempotent: bool = False,
        timeout: float | None = None,
    ):
        import inspect

        self.func = func
        self.name = name or getattr(func, "__name__", type(func).__name__)
        self.desc = desc or inspect.getdoc(func) or f"Calls `{self.name}`."
        self.parameters = {"type": "object", "properties": args} if args is not None else _parameters(func)
        self.idempotent = idempotent
        self.timeout = timeout

    def __call__(self, **arguments: Any) -> Any:
        return self.func(**arguments)

    def __repr__(self) -> str:
        return f"Tool({self.name})"


def _parameters(func: Callable) -> dict:
    import inspect

    target = func if inspect.isroutine(func) else func.__call__
    hints = typing.get_type_hints(target, include_extras=True)
    properties, required = {}, []
    for name, parameter in inspect.signature(func).parameters.items():
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise TypeError(f"the tool `{getattr(func, '__name__', func)}` takes *args or **kwargs; say its `args`")
        properties[name] = schema_of(hints.get(name, str))
        if parameter.default is inspect.Parameter.empty:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def schema_of(annotation: Any) -> dict:
    """The JSON Schema of a Python type."""
    from . import _core

    describer = _types.Describer()
    found = describer.describe(annotation)
    field = {"name": "value", "type": found.notation, "description": ""}
    whole = {"instructions": "", "names": describer.names, "inputs": [], "outputs": [field]}
    return _core.NativeSignature.describe(whole, None).outputs[0]["schema"]


def described(tool: Any) -> dict:
    """Describes a tool to the library: one of ours, one of DSPy's, or a function."""
    if not isinstance(tool, Tool):
        if hasattr(tool, "func") and hasattr(tool, "args"):  # dspy.Tool
            tool = Tool(tool.func, tool.name, tool.desc)
        elif callable(tool):
            tool = Tool(tool)
        else:
            raise TypeError(f"`{tool!r}` is not a tool; hand over a function or a dspy_cpp.Tool")
    return {
        "name": tool.name,
        "description": tool.desc,
        "parameters": tool.parameters,
        "function": _caller(tool.func),
        "idempotent": tool.idempotent,
        "timeout": tool.timeout,
    }


def _caller(func: Callable) -> Callable:
    """Calls the function with a dict of arguments; a coroutine is run to its end."""
    import asyncio
    import inspect

    try:
        hints = typing.get_type_hints(func if inspect.isroutine(func) else func.__call__, include_extras=True)
    except Exception:  # noqa: BLE001: a function without readable annotations gets plain values
        hints = {}
    describer = _types.Describer()
    converters = {}
    for name, hint in hints.items():
        if name != "return":
            convert = describer.describe(hint).convert
            if convert is not None:
                converters[name] = convert

    def call(arguments: dict) -> Any:
        for name, convert in converters.items():
            if name in arguments and arguments[name] is not None:
                arguments[name] = convert(arguments[name])
        result = func(**arguments)
        return asyncio.run(result) if inspect.iscoroutine(result) else result

    return call
