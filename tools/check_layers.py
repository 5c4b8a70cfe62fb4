#!/usr/bin/env python3
"""Checks that includes point downward and that public headers stay light.  It reads the repository it lies in."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAYERS = {
    "base": 0, "signature": 1, "lm": 2, "http": 2, "storage": 2, "adapters": 3, "providers": 3, "telemetry": 3, "llama": 3, "modules": 4,
    "programs": 5, "config": 5, "models": 5, "retrieve": 6, "agents": 6, "evaluate": 6, "flow": 6, "optimize": 7, "registry": 7, "server": 8, "bulk": 8,
    "schemes.hpp": 9, "dspy.hpp": 10,
}  # fmt: skip
# Includes between different folders of one layer that are meant: (from, to).
SIDEWAYS = {("storage", "lm")}
# What else than the standard library and dspy a public header may include.
FOREIGN = {
    "base/async.hpp": ("boost/asio/awaitable.hpp",),
    "base/wait.hpp": ("boost/asio/",),
    "base/json.hpp": ("boost/json",),
    "signature/reflect.hpp": ("boost/pfr",),
    "signature/detail/convert_structs.hpp": ("boost/pfr",),
    "signature/detail/members.hpp": ("boost/pfr",),
    "signature/detail/member_names.hpp": ("boost/pfr",),
    "signature/detail/member_notes.hpp": ("boost/pfr",),
}
LLAMA = re.compile(r"(llama|ggml|gguf|mtmd)([-\w]*)\.h$")


def findings(path):
    public = path.parts[0] == "include"
    name = "/".join(path.parts[2:] if public else path.parts[1:])  # <folder>/<file>, or dspy.hpp
    folder = name.split("/")[0]
    for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
        include = re.match(r'\s*#\s*include\s*(["<])([^">]+)', line)
        if not include:
            continue
        quote, target = include.groups()
        where = f"{path}:{number}: `{target}`"
        if LLAMA.search(target) and path.parts[:3] != ("src", "llama", "plugin"):
            yield f"{where}: only src/llama/plugin/ may include llama.cpp; go through the plug-in's interface"
        to = target.removeprefix("dspy/").split("/")[0]
        if folder in LAYERS and to in LAYERS and quote == '"' and to != folder:
            if LAYERS[to] > LAYERS[folder]:
                yield f"{where}: {folder} is below {to} and must not know it; move the shared part down, or the user up"
            elif LAYERS[to] == LAYERS[folder] and (folder, to) not in SIDEWAYS:
                yield f"{where}: {folder} and {to} share a layer; move the shared part down, or list the pair in SIDEWAYS"
        if public and quote == '"' and not target.startswith("dspy/"):
            yield f"{where}: not public; a public header includes other dspy headers as \"dspy/<folder>/<name>.hpp\""
        if public and quote == "<" and re.search(r"[/.]", target) and not target.startswith(FOREIGN.get(name, ())):
            yield f"{where}: foreign header in a public one; hide it behind a pointer in src/, or list it in FOREIGN"


files = []
for top in ("include", "src", "apps", "examples"):
    found = sorted((ROOT / top).rglob("*.[ch]pp"))
    if not found:
        sys.exit(f"layers: {ROOT / top} has no sources; run the script where it lies, in tools/ of the repository")
    files += [path.relative_to(ROOT) for path in found]
problems = [problem for path in files for problem in findings(path)]
print("\n".join(problems) if problems else f"layers: {len(files)} files, includes point downward")
sys.exit(bool(problems))
