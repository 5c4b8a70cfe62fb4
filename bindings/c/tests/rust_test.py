#!/usr/bin/env python3
"""examples/c/ask.rs, compiled and run; skipped (77) where there is no rustc.

usage: rust_test.py <folder of libdspy_c.so>"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

rustc = shutil.which("rustc")
if rustc is None:
    print("skipped: there is no rustc")
    sys.exit(77)
folder = sys.argv[1]
with tempfile.TemporaryDirectory() as scratch:
    program = pathlib.Path(scratch) / "ask"
    subprocess.run([rustc, "-D", "warnings", "-O", "examples/c/ask.rs", "-L", folder, "-l", "dspy_c", "-o", program], check=True)
    environment = {**os.environ, "LD_LIBRARY_PATH": folder}
    out = subprocess.run([program], env=environment, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
print("\n".join(out))
assert '"outputs":{"answer":"4"}' in out[0], out
assert out[1:] == ["streamed: one two three", "refused: bad_input"], out
