"""Reports what in a Python DSPy program maps directly, what differs, and what has no counterpart here.

    python -m dspy_cpp.migrate [--json] program.py …        or: dspy migrate program.py …

Reads the files; nothing of them is run, and DSPy need not be installed. The exit code is 0 if everything maps, 1 if
something is only in C++ or has no place, 2 for a file that cannot be read."""

from __future__ import annotations

import ast
import json
import sys
from typing import NamedTuple

from ._names import NAMES, Name


class Finding(NamedTuple):
    line: int
    name: str
    status: str
    here: str
    note: str


# Arguments of what maps that do not.
_ARGUMENTS = {
    ("LM", "api_key"): "keys come from the environment, a file or dspy.toml, never from code",
    ("LM", "cache"): "wrap the model, or set it in dspy.toml",
    ("LM", "model_type"): "the provider's own protocol is taken",
    ("LM", "num_retries"): "dspy.toml, or a wrapper",
    ("Predict", "callbacks"): "traces: EvaluationResult, Evaluate(keeps_traces=True)",
    ("ChainOfThought", "callbacks"): "traces: EvaluationResult, Evaluate(keeps_traces=True)",
    ("Evaluate", "display_table"): "print(result)",
    ("Evaluate", "provide_traceback"): "errors are in result.results",
    ("Evaluate", "save_as_json"): "result.to_dict()",
    ("Evaluate", "save_as_csv"): "result.to_csv()",
    ("GEPA", "num_threads"): "compile(num_threads=…)",
    ("GEPA", "track_stats"): "optimizer.report",
    ("GEPA", "log_dir"): "compile(checkpoint=…)",
    ("MIPROv2", "num_threads"): "compile(num_threads=…)",
    ("MIPROv2", "log_dir"): "compile(checkpoint=…)",
    ("MIPROv2", "task_model"): "the program's own LM",
}  # fmt: skip


class _Visitor(ast.NodeVisitor):
    def __init__(self) -> None:
        self.modules: dict[str, str] = {}  # a local name and the part of DSPy that it stands for
        self.findings: list[Finding] = []

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name == "dspy" or alias.name.startswith("dspy."):
                inner = alias.name.partition(".")[2]
                self.modules[alias.asname or "dspy"] = inner if alias.asname else ""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module != "dspy" and not (node.module or "").startswith("dspy."):
            return
        inner = (node.module or "").partition(".")[2]
        for alias in node.names:
            if alias.name == "*":
                self._found(node.lineno, "*", Name("none", "", "", "name what is imported, so that it can be looked up"))
                continue
            name = alias.name
            self.modules[alias.asname or name] = name if name in NAMES else f"{inner}.{name}"
            self._look_up(node.lineno, f"{inner}.{name}".lstrip("."))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = _chain(node)
        if chain is not None and chain[0] in self.modules:
            inside = self.modules[chain[0]]
            if not inside or inside.split(".")[0] in ("evaluate", "experimental", "teleprompt", "adapters"):
                self._look_up(node.lineno, ".".join([part for part in [inside, *chain[1:]] if part]))
                return
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        chain = _chain(node.func)
        self._hidden(node, chain)
        if chain is not None and chain[0] in self.modules:
            name = ([part for part in self.modules[chain[0]].split(".") if part] + chain[1:] or [""])[-1]
            for keyword in node.keywords:
                why = _ARGUMENTS.get((name, keyword.arg or ""))
                if why:
                    self.findings.append(Finding(keyword.value.lineno, f"{name}({keyword.arg}=…)", "differs", "", why))
            if name == "context":
                self.generic_visit(node)
                return
        self.generic_visit(node)

    def _hidden(self, node: ast.Call, chain: list[str] | None) -> None:
        """DSPy names that are only known at run time."""
        first = node.args[0] if node.args else None
        if chain == ["getattr"] and len(node.args) > 1 and (_chain(first) or [""])[0] in self.modules:
            name = node.args[1]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                self._look_up(node.lineno, name.value)
            else:
                self._found(node.lineno, "getattr(…)", Name("none", "", "", "a name that is made when it runs; look it up by hand"))
        is_import = chain in (["importlib", "import_module"], ["import_module"], ["__import__"])
        if is_import and isinstance(first, ast.Constant) and str(first.value).split(".")[0] == "dspy":
            self._found(node.lineno, f"{chain[-1]}(…)", Name("none", "", "", "an import that is not read; write `import dspy`"))

    def _look_up(self, line: int, path: str) -> None:
        parts = path.split(".")
        # The longest name that is known, from either end: dspy.teleprompt.GEPA is GEPA.
        for name in (path, ".".join(parts[:2]), parts[-1], parts[0]):
            if name in NAMES and not (name == parts[0] and len(parts) > 1 and NAMES[name].note.startswith("a module of")):
                self._found(line, name, NAMES[name])
                return
        self._found(line, path, Name("none", "", "", "no public name of DSPy 3.4.1"))

    def _found(self, line: int, name: str, row: Name) -> None:
        self.findings.append(Finding(line, name, row.status, row.python or row.cpp, row.note))


def _chain(node: ast.AST) -> list[str] | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return [node.id, *parts] if isinstance(node, ast.Name) else None


def findings(source: str, name: str = "program") -> list[Finding]:
    """What a program's text asks of DSPy, in the order of its lines, each thing once a line."""
    visitor = _Visitor()
    visitor.visit(ast.parse(source, filename=name))
    return sorted(set(visitor.findings))


def report(found: list[Finding], file: str) -> str:
    words = {"same": "maps", "differs": "differs", "cpp": "only in C++", "none": "no place"}
    lines = []
    for one in found:
        here = f" -> {one.here}" if one.here else ""
        note = f" ({one.note})" if one.note else ""
        lines.append(f"{file}:{one.line}: {words[one.status]:<11} {one.name}{here}{note}")
    counts = counts_of(found)
    if not found:
        return f"{file}: nothing of DSPy is named here"
    lines.append(
        f"{file}: {counts['same']} map, {counts['differs']} differ, {counts['cpp']} only in C++, {counts['none']} without a place"
    )
    return "\n".join(lines)


def counts_of(found: list[Finding]) -> dict[str, int]:
    return {status: sum(one.status == status for one in found) for status in ("same", "differs", "cpp", "none")}


def main(arguments: list[str]) -> int:
    at = arguments.index("--") if "--" in arguments else len(arguments)
    options = [one for one in arguments[:at] if one.startswith("-")]
    files = [one for one in arguments[:at] if not one.startswith("-")] + arguments[at + 1 :]
    if not files or options not in ([], ["--json"]):
        print(__doc__, file=sys.stderr)
        return 2
    as_json = bool(options)
    worst = 0
    for file in files:
        try:
            with open(file, encoding="utf-8") as opened:
                found = findings(opened.read(), file)
        except (OSError, SyntaxError, ValueError) as problem:
            print(f"dspy: error: {file} cannot be read as Python: {problem}", file=sys.stderr)
            worst = 2
            continue
        if as_json:
            listed = [one._asdict() for one in found]
            print(json.dumps({"file": file, "findings": listed, "counts": counts_of(found)}, ensure_ascii=False))
        else:
            print(report(found, file))
        worst = max(worst, int(any(one.status in ("cpp", "none") for one in found)))
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
