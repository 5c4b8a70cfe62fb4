#!/usr/bin/env python3
"""Runs a program and compares what it prints with a file.

usage: check_output.py <expected file> <program> [argument...]

With DSPY_UPDATE_GOLDEN=1 in the environment the file is written instead; review the difference before you commit it.
Without the file the program only has to succeed: for output that differs from machine to machine.
"""

import difflib
import os
import pathlib
import subprocess
import sys

golden, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
if run.returncode == 77:
    print("skipped, as it said itself")
    sys.exit(77)
if run.returncode != 0:
    sys.exit(f"{command[0]} ended with status {run.returncode} after printing:\n{run.stdout}")
if os.environ.get("DSPY_UPDATE_GOLDEN") == "1":
    golden.write_text(run.stdout)
    sys.exit(0)
if not golden.exists():
    print(f"{golden} does not exist, so nothing was compared; the program printed:\n{run.stdout}")
    sys.exit(0)

difference = list(
    difflib.unified_diff(
        golden.read_text().splitlines(), run.stdout.splitlines(), str(golden), "what it printed now", lineterm=""
    )
)
if difference:
    print("\n".join(difference))
    sys.exit("If the new text is right, run again with DSPY_UPDATE_GOLDEN=1 and commit the file.")
