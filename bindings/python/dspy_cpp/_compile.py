"""Python DSPy's programs as native ones."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any, NamedTuple

from ._errors import Unsupported


class Node(NamedTuple):
    """The result for one part of a program."""

    path: str
    kind: str
    native: bool
    reason: str  #: Why it stays in Python; empty if it does not.


class Explanation(list):
    """The result for each part of a program."""

    def __str__(self) -> str:
        width = max((len(node.path) for node in self), default=0)
        return "\n".join(
            f"{node.path or 'self':<{max(width, 4)}}  {node.kind:<16} {'native' if node.native else node.reason}"
            for node in self
        )


def compile(program: Any, *, lm: Any = None, strict: bool = True) -> Any:
    """A native program equivalent to a Python DSPy program: its predictors, with their instructions and
    demonstrations, and the flow of values between them, run without Python.

    Expressible is a `Predict` or `ChainOfThought`, or a module whose `forward` calls these once each, hands inputs and
    earlier outputs on by name, and returns a prediction or some of its outputs. Anything else raises `Unsupported`; its
    `explanation` says of each part why it stays in Python. With `strict=False` the result is then a copy of the program
    whose predictors call the library (`dspy_cpp` modules in place of DSPy's), and which has the same explanation."""
    import dspy

    explanation = explain(program)
    native = all(node.native for node in explanation)
    if isinstance(program, dspy.Predict) and native:
        made = _predictor(program, "Predict", lm)
    elif isinstance(program, dspy.ChainOfThought) and native:
        made = _predictor(program.predict, "ChainOfThought", lm)
    elif native:
        made = _flow(program, lm)
    elif strict:
        error = Unsupported(f"the program cannot run without Python:\n{explanation}")
        error.explanation = explanation  # type: ignore[attr-defined]
        raise error
    else:
        made = _hybrid(program, lm)
    made.explanation = explanation
    return made


def explain(program: Any) -> Explanation:
    """Reports which parts of a program would run natively."""
    import dspy

    out = Explanation()
    if isinstance(program, (dspy.Predict, dspy.ChainOfThought)):
        out.append(_node("", program))
        return out
    for path, part in _children(program):
        out.append(_node(path, part))
    if not isinstance(program, dspy.Module):
        out.append(Node("", type(program).__name__, False, "it is not a dspy.Module"))
        return out
    try:
        _read(program)
        out.insert(0, Node("", f"{type(program).__name__}.forward", True, ""))
    except _Inexpressible as problem:
        out.insert(0, Node("", f"{type(program).__name__}.forward", False, str(problem)))
    return out


class _Inexpressible(Exception):
    pass


def _children(program: Any) -> list[tuple[str, Any]]:
    import dspy

    found = []
    for name, part in vars(program).items():
        if isinstance(part, dspy.Module):
            found.append((name, part))
        elif isinstance(part, (list, tuple, dict)):
            parts = part.items() if isinstance(part, dict) else enumerate(part)
            found += [(f"{name}[{key!r}]", one) for key, one in parts if isinstance(one, dspy.Module)]
    return found


def _node(path: str, part: Any) -> Node:
    import dspy

    kind = type(part).__name__
    if type(part) not in (dspy.Predict, dspy.ChainOfThought):
        return Node(path, kind, False, "only Predict and ChainOfThought have a place in a plan; it stays in Python")
    predict = part if isinstance(part, dspy.Predict) else part.predict
    from ._dspy import native_signature_of

    try:
        native_signature_of(predict.signature)
    except Exception as problem:  # noqa: BLE001: whatever its types cannot be is the reason
        return Node(path, kind, False, f"its signature: {problem}")
    return Node(path, kind, True, "")


def _predictor(predict: Any, kind: str, lm: Any) -> Any:
    from . import _modules
    from ._dspy import native_signature_of

    signature = predict.signature
    if kind == "ChainOfThought":
        signature = signature.delete("reasoning")
    made = getattr(_modules, kind)(native_signature_of(signature))
    _fill(made, predict, lm)
    return made


def _fill(made: Any, predict: Any, lm: Any) -> None:
    made.demos = [dict(demo) for demo in predict.demos]
    chosen = lm if lm is not None else predict.lm
    if chosen is not None and (lm is not None or hasattr(chosen, "native")):
        made.lm = chosen


class _Reader(ast.NodeVisitor):
    """Reads `forward` as a plan: assignments of calls of the module's own predictors, and a return."""

    def __init__(self, program: Any, parameters: list[str]):
        self.program = program
        self.inputs = parameters
        self.steps: list[dict] = []
        self.names: dict[str, str] = {}  # a local name and the step whose prediction it is
        self.values: dict[str, str] = {name: name for name in parameters}  # a local name and its source
        self.outputs: dict[str, str] = {}

    def read(self, body: list[ast.stmt]) -> None:
        for statement in body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue  # a docstring
            if self.outputs:
                raise _Inexpressible(f"line {statement.lineno}: code behind the return")
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                self._assign(statement)
            elif isinstance(statement, ast.Return):
                self._return(statement)
            else:
                raise _Inexpressible(f"line {statement.lineno}: `{_shown(statement)}` is more than a call of a predictor")
        if not self.outputs:
            raise _Inexpressible("forward returns nothing")

    def _assign(self, statement: ast.Assign) -> None:
        target = statement.targets[0]
        if not isinstance(target, ast.Name):
            raise _Inexpressible(f"line {statement.lineno}: `{_shown(statement)}` assigns to more than a name")
        value = statement.value
        if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Call):
            step = self._call(value.value)
            self.values[target.id] = f"{step}.{value.attr}"
        elif isinstance(value, ast.Call):
            self.names[target.id] = self._call(value)
        else:
            self.values[target.id] = self._source(value)

    def _return(self, statement: ast.Return) -> None:
        value = statement.value
        if isinstance(value, ast.Call) and self._callee(value) is not None:
            self._all_of(self._call(value))
        elif isinstance(value, ast.Name) and value.id in self.names:
            self._all_of(self.names[value.id])
        elif isinstance(value, ast.Call) and _shown(value.func) in ("dspy.Prediction", "Prediction") and not value.args:
            for keyword in value.keywords:
                if keyword.arg is None:
                    raise _Inexpressible(f"line {value.lineno}: `**` in what is returned")
                self.outputs[keyword.arg] = self._source(keyword.value)
        else:
            raise _Inexpressible(f"line {statement.lineno}: `{_shown(statement)}` returns no prediction")

    def _all_of(self, step: str) -> None:
        signature = next(one["signature"] for one in self.steps if one["name"] == step)
        for name in signature.output_fields:
            self.outputs[name] = f"{step}.{name}"

    def _callee(self, call: ast.Call) -> str | None:
        func = call.func
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "self":
            return func.attr
        return None

    def _call(self, call: ast.Call) -> str:
        import dspy

        name = self._callee(call)
        part = getattr(self.program, name, None) if name else None
        if type(part) not in (dspy.Predict, dspy.ChainOfThought):
            raise _Inexpressible(f"line {call.lineno}: `{_shown(call.func)}(…)` is not a call of a Predict or ChainOfThought of its own")
        if any(step["name"] == name for step in self.steps):
            raise _Inexpressible(f"line {call.lineno}: `{name}` is called twice")
        if call.args or any(keyword.arg is None for keyword in call.keywords):
            raise _Inexpressible(f"line {call.lineno}: `{_shown(call)}` hands over values without their names")
        sources = {keyword.arg: self._source(keyword.value) for keyword in call.keywords}
        predict = part if isinstance(part, dspy.Predict) else part.predict
        self.steps.append({"name": name, "part": part, "signature": predict.signature, "inputs": sources})
        return name

    def _source(self, value: ast.expr) -> str:
        if isinstance(value, ast.Name) and value.id in self.values:
            return self.values[value.id]
        if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.value.id in self.names:
            return f"{self.names[value.value.id]}.{value.attr}"
        if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Call):
            return f"{self._call(value.value)}.{value.attr}"
        raise _Inexpressible(f"line {value.lineno}: `{_shown(value)}` is neither an input nor an output of an earlier step")


def _shown(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) < 60 else text[:57] + "…"


def _read(program: Any) -> _Reader:
    try:
        source = textwrap.dedent(inspect.getsource(type(program).forward))
    except (OSError, TypeError):
        raise _Inexpressible("the source of its forward cannot be read") from None
    function = ast.parse(source).body[0]
    if not isinstance(function, ast.FunctionDef):
        raise _Inexpressible("its forward is not a plain function")
    arguments = function.args
    if arguments.vararg or arguments.kwarg or arguments.defaults or any(arguments.kw_defaults):
        raise _Inexpressible("its forward has *args, **kwargs or defaults")
    parameters = [one.arg for one in [*arguments.args[1:], *arguments.kwonlyargs]]
    reader = _Reader(program, parameters)
    reader.read(function.body)
    return reader


def _flow(program: Any, lm: Any) -> Any:
    import dspy

    from . import _core
    from ._dspy import native_signature_of
    from ._modules import Flow

    reader = _read(program)
    types = {}
    for step in reader.steps:
        native = {field["name"]: field for field in native_signature_of(step["signature"]).inputs}
        for name, source in step["inputs"].items():
            if source in reader.inputs and name in native:
                types.setdefault(source, native[name]["type"])
    steps = []
    for step in reader.steps:
        signature = step["signature"]
        is_chain = isinstance(step["part"], dspy.ChainOfThought)
        if is_chain:
            signature = signature.delete("reasoning")
        steps.append(
            {
                "name": step["name"],
                "module": "ChainOfThought" if is_chain else "Predict",
                "signature": native_signature_of(signature).notation,
                "instructions": signature.instructions,
                "inputs": step["inputs"],
            }
        )
    plan = {
        "name": type(program).__name__,
        "inputs": ", ".join(f"{name}: {types.get(name, 'str')}" for name in reader.inputs),
        "steps": steps,
        "outputs": reader.outputs,
    }
    flow = Flow(plan)
    # Instructions, descriptions and demonstrations come the way that files take them.
    import json
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.json"
        program.save(str(path))
        state = json.loads(path.read_text(encoding="utf-8"))
    _core._load_text(flow, json.dumps(state), True, True)
    if lm is not None:
        flow.set_lm(lm)
    return flow


class _Hybrid:
    """A program of Python whose predictors call the library."""

    def __init__(self, program: Any):
        self.program = program
        self.explanation: Explanation = Explanation()

    def __call__(self, **inputs: Any) -> Any:
        return self.program(**inputs)

    async def acall(self, **inputs: Any) -> Any:
        return await self.program.acall(**inputs)


def _hybrid(program: Any, lm: Any) -> Any:
    import dspy

    copy = program.deepcopy()
    for name, part in _children(copy):
        if type(part) in (dspy.Predict, dspy.ChainOfThought) and "[" not in name and _node(name, part).native:
            predict = part if isinstance(part, dspy.Predict) else part.predict
            setattr(copy, name, _predictor(predict, type(part).__name__, lm))
    return _Hybrid(copy)
