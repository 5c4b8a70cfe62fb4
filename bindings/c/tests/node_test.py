#!/usr/bin/env python3
"""examples/c/ask.mjs, run; skipped (77) where there is no node, or koffi cannot be had from npm.

usage: node_test.py <libdspy_c.so>"""

import pathlib
import shutil
import subprocess
import sys

node, npm = shutil.which("node"), shutil.which("npm")
if node is None or npm is None:
    print("skipped: there is no node, or no npm")
    sys.exit(77)
folder = pathlib.Path("build/node")
folder.mkdir(parents=True, exist_ok=True)
if not (folder / "node_modules/koffi").exists():
    install = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), "koffi@2"]
    if subprocess.run(install, check=False, timeout=240).returncode != 0:
        print("skipped: npm cannot install koffi here")
        sys.exit(77)
program = folder / "ask.mjs"  # where node looks for packages
shutil.copy("examples/c/ask.mjs", program)
done = subprocess.run([node, program, sys.argv[1]], capture_output=True, text=True, check=False, timeout=60)
print(done.stdout, done.stderr)
assert done.returncode == 0, done.returncode
assert done.stdout.splitlines() == ["{ answer: '4' }", "streamed: one two three", "refused: bad_input"], done.stdout
