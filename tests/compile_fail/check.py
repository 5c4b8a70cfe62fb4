"""Compiles one file with DSPY_MUST_FAIL=0 (must succeed) and =1 (must fail, with the error its first line names).

usage: check.py <build folder> <file.cpp>
"""

import json
import pathlib
import re
import shlex
import subprocess
import sys

build, source = map(pathlib.Path, sys.argv[1:3])
commands = json.loads((build / "compile_commands.json").read_text())
entry = next(e for e in commands if pathlib.Path(e["file"]).resolve() == source.resolve())
command = shlex.split(entry["command"])
command = command[: command.index("-o")] + ["-fsyntax-only", "-fdiagnostics-color=never", str(source)]

first = source.read_text().splitlines()[0]
expected = re.fullmatch(r"// expect-error: (.+)", first)
if not expected:
    sys.exit(f"{source}:1: the first line must be `// expect-error: <regular expression>`")


def compile_with(must_fail):
    run = subprocess.run(command + [f"-DDSPY_MUST_FAIL={must_fail}"], cwd=entry["directory"], capture_output=True, text=True)
    return run.returncode, run.stderr


status, errors = compile_with(0)
if status != 0:
    sys.exit(f"{source}: does not compile with DSPY_MUST_FAIL=0, so it proves nothing:\n{errors}")
status, errors = compile_with(1)
if status == 0:
    sys.exit(f"{source}: compiles with DSPY_MUST_FAIL=1, but must be refused")
if not re.search(expected[1], errors):
    sys.exit(f"{source}: refused, but no error matches /{expected[1]}/:\n{errors}")
