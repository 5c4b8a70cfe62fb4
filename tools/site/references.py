"""The API reference, from docstrings: `///` in C and C++ headers, and Python's own."""

import ast
import pathlib
import re

DECLARATION_END = re.compile(r"[;{]\s*(//.*)?$")


def cpp_entries(path):
    """Documented declarations of a header, in its order: (docstring, declaration)."""
    doc, declaration, after = [], [], None
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if declaration:
            declaration.append(text)
        elif text.startswith("///<"):
            continue
        elif text.startswith("///"):
            doc.append(text[3:].removeprefix(" "))
            continue
        elif doc and text.startswith(("[[", "template")) and not DECLARATION_END.search(text):
            declaration.append(text)
            continue
        elif doc and text:
            declaration.append(text)
        else:
            doc = []
            after = re.match(r"(?P<code>[^/]+?)\s*///<\s*(?P<doc>.+)", text)
            if after:
                yield [after["doc"]], after["code"].rstrip(" ;,")
            continue
        joined = " ".join(declaration)
        if DECLARATION_END.search(joined) or joined.endswith((",", ")")) and joined.count("(") == joined.count(")"):
            head = re.sub(r"\s*///<.*$", "", joined)
            head = re.split(r"\s*(?<![=(\[])\{", head, maxsplit=1)[0].rstrip(" ;,")
            yield doc, head
            doc, declaration = [], []


def cpp_reference(root, folder):
    """Markdown of one folder of headers; empty if nothing there is documented."""
    out = []
    for header in sorted((root / "include/dspy" / folder).rglob("*.hpp")):
        if "detail" in header.parts:
            continue
        entries = list(cpp_entries(header))
        if not entries:
            continue
        name = header.relative_to(root / "include")
        out.append(f"## {name}\n")
        for doc, declaration in entries:
            code = declaration.replace("```", "")
            out.append(f"```cpp\n{code}\n```\n\n" + markdown_of(doc) + "\n")
    return "\n".join(out)


def markdown_of(doc):
    """A docstring as Markdown: what is indented is code, as it is written there."""
    return "\n".join(line if not line.startswith("    ") else line for line in doc) + "\n"


def python_reference(root):
    """Markdown of the Python package: what has a docstring and no underscore before its name."""
    out = []
    package = root / "bindings/python/dspy_cpp"
    for source in sorted(package.rglob("*.py")):
        tree = ast.parse(source.read_text(encoding="utf-8"))
        parts = []
        for node in tree.body:
            parts += python_entries(node, "")
        module_doc = ast.get_docstring(tree)
        if not parts and not module_doc:
            continue
        name = ".".join(source.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
        out.append(f"## {name}\n\n{module_doc or ''}\n\n" + "\n".join(parts))
    return "\n".join(out)


def python_entries(node, owner):
    if not isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return []
    if node.name.startswith("_") and node.name != "__call__":
        return []
    doc = ast.get_docstring(node)
    name = f"{owner}{node.name}"
    out = []
    if isinstance(node, ast.ClassDef):
        if doc:
            out.append(f"```python\nclass {name}\n```\n\n{doc}\n")
        for each in node.body:
            out += python_entries(each, f"{name}.")
    elif doc:
        result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        out.append(f"```python\n{name}({ast.unparse(node.args)}){result}\n```\n\n{doc}\n")
    return out


def c_reference(root):
    """Markdown of the C interface; empty where there is none."""
    out = []
    for header in sorted(pathlib.Path(root / "include").rglob("*.h")):
        entries = list(cpp_entries(header))
        if entries:
            out.append(f"## {header.relative_to(root / 'include')}\n")
            out += [f"```c\n{code}\n```\n\n" + markdown_of(doc) for doc, code in entries]
    return "\n".join(out)
