#!/usr/bin/env python3
"""The library exports what dspy.h declares, under the version that dspy.map gives, and nothing else.

usage: symbols.py <libdspy_c.so>"""

import pathlib
import re
import subprocess
import sys

here = pathlib.Path(__file__).parent.parent
declared = set(re.findall(r"DSPY_API[^;(]*?\b(dspy_\w+)\(", (here / "dspy.h").read_text(encoding="utf-8")))
versioned = set(re.findall(r"^    (dspy_\w+);", (here / "dspy.map").read_text(encoding="utf-8"), re.MULTILINE))
listed = subprocess.run(["nm", "-D", "--defined-only", sys.argv[1]], capture_output=True, text=True, check=True).stdout
exported = {}
for line in listed.splitlines():
    name, _, version = line.split()[-1].partition("@@")
    if line.split()[-2] != "A":
        exported[name] = version
problems = [f"`{name}` is declared and not in dspy.map" for name in sorted(declared - versioned)]
problems += [f"`{name}` is in dspy.map and not declared" for name in sorted(versioned - declared)]
problems += [f"`{name}` is not exported" for name in sorted(declared - set(exported))]
problems += [f"`{name}` is exported" for name in sorted(set(exported) - declared)]
problems += [f"`{name}` has no version" for name in sorted(declared & set(exported)) if exported[name] != "DSPY_1.0"]
print("\n".join(problems) if problems else f"symbols: {len(declared)} functions, all of DSPY_1.0")
sys.exit(bool(problems))
