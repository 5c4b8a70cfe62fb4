#!/usr/bin/env python3
"""Builds the Python package and runs its tests.  Exit code 77 (skipped) where nanobind or pytest is missing: make an
environment for them with

    python3 -m venv build/python && build/python/bin/pip install nanobind pytest pydantic numpy

Another interpreter is named by DSPY_PYTHON."""

import os
import pathlib
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
os.chdir(root)
own = root / "build/python/bin/python"
python = os.environ.get("DSPY_PYTHON") or (str(own) if own.exists() else sys.executable)
probe = "import nanobind, pytest, pydantic, numpy, sysconfig, pathlib, sys; sys.exit(not (pathlib.Path(sysconfig.get_path('include')) / 'Python.h').exists())"
if subprocess.run([python, "-c", probe], capture_output=True, check=False).returncode != 0:
    print(f"skipped: {python} lacks nanobind, pytest, pydantic, numpy or its headers; the head of {__file__} says how to get them")
    sys.exit(77)

folder = root / "build/release"
if not (folder / "CMakeCache.txt").exists():
    print("skipped: build/release is not configured")
    sys.exit(77)
subprocess.run(["cmake", "-S", ".", "-B", folder, "-DDSPY_BUILD_PYTHON=ON", f"-DPython_EXECUTABLE={python}"], check=True)
subprocess.run(["cmake", "--build", folder, "--target", "dspy_python"], check=True)
environment = {**os.environ, "PYTHONPATH": str(folder / "python")}
sys.exit(subprocess.run([python, "-m", "pytest", "-q", "bindings/python/tests"], env=environment, check=False).returncode)
