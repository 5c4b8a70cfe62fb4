#!/usr/bin/env python3
"""Times what a user waits for outside of a program: the command line's start, and the compiler on a first program.

usage: commands.py [--rounds N] [--compiler g++-14] [--python python3]

Prints medians, of elapsed and of processor time (the second is the steadier one on a machine with other work). Where that
Python has DSPy installed, its import is timed in turns with `dspy --help`.
"""

import argparse
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

root = pathlib.Path(__file__).resolve().parent.parent


def processor_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(command):
    """Elapsed and processor seconds of one run, children included."""
    began, before = time.perf_counter(), processor_time()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began, processor_time() - before


def report(name, runs, limit):
    elapsed, processor = (statistics.median(column) * 1000 for column in zip(*runs, strict=True))
    print(f"{name:<48} {elapsed:9.1f} ms elapsed {processor:9.1f} ms processor   {limit}")
    return elapsed


def readme_program():
    return re.search(r"```cpp\n(.*?)```", (root / "README.md").read_text(), re.DOTALL).group(1)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=11)
    arguments.add_argument("--compiler", default=os.environ.get("CXX", "g++-14"))
    arguments.add_argument("--python", default="python3")
    options = arguments.parse_args()

    program = root / "build/release/bin/dspy"
    if not program.exists():
        sys.exit(f"{program} does not exist: run ./dev build")
    if shutil.which(options.compiler) is None:
        sys.exit(f"there is no compiler {options.compiler}: name one with --compiler")

    importing = [options.python, "-c", "import dspy"]
    has_dspy = subprocess.run(importing, stderr=subprocess.DEVNULL, check=False).returncode == 0
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(timed([program, "--help"]))
        if has_dspy:
            theirs.append(timed(importing))
    start = report("dspy --help", ours, "wanted: 20 ms")
    if has_dspy:
        peer = report(f'{options.python} -c "import dspy"', theirs, "")
        print(f"{'':<48} {peer / start:9.0f} times as long")
    else:
        print(f"({options.python} has no DSPy to compare with: pip install dspy==3.3.1, then --python that one)")

    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "readme.cpp")
        source.write_text(readme_program())
        command = [options.compiler, "-std=c++23", "-I", root / "include", "-c", source, "-o", folder + "/readme.o"]
        runs = [timed(command) for _ in range(max(1, options.rounds // 4))]
    report("the README's program, one typed signature, to .o", runs, "wanted: 8000 ms")


if __name__ == "__main__":
    main()
