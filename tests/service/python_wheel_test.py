#!/usr/bin/env python3
"""Builds the wheel, looks it over, and uses it in a clean environment: the stable ABI (abi3audit), what an index shows of it
(twine check), that the stubs are what the module has (stubtest), and the package's own tests.

Needs a Python of 3.12 or newer with its headers in which these are installed; another than build/wheel-venv is named by
DSPY_WHEEL_PYTHON. Exit code 77 (skipped) without:

    python3 -m venv build/wheel-venv
    build/wheel-venv/bin/pip install nanobind scikit-build-core pytest pydantic numpy pyarrow abi3audit twine mypy"""

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

root = pathlib.Path(__file__).resolve().parents[2]
os.chdir(root)
own = root / "build/wheel-venv/bin/python"
python = os.environ.get("DSPY_WHEEL_PYTHON") or (str(own) if own.exists() else sys.executable)
PROBE = """
import sys, sysconfig, pathlib, nanobind, scikit_build_core, pytest, pydantic, numpy, abi3audit, twine, mypy, pip
sys.exit(sys.version_info < (3, 12) or not (pathlib.Path(sysconfig.get_path('include')) / 'Python.h').exists())
"""
if subprocess.run([python, "-c", PROBE], capture_output=True, check=False).returncode != 0:
    print(f"skipped: {python} is older than 3.12, or lacks what the head of {__file__} names")
    sys.exit(77)


def run(*command, **options):
    print("+", *command, flush=True)
    return subprocess.run(command, check=True, **options)


# Differences that every nanobind module has from its type declarations (.pyi), whatever these say.
NANOBIND = ("metaclass differs", "is not a function", "is a disjoint base at runtime, but isn't marked with @disjoint_base in the stub",
            '.__init__ is inconsistent, stub does not have *args parameter "args"', "stub is a staticmethod but runtime is not")  # fmt: skip


def compare_stubs(place, environment):
    command = [python, "-m", "mypy.stubtest", "dspy_cpp._core", "--ignore-missing-stub", "--concise"]
    print("+", *command, flush=True)
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=place, env=environment)
    lines = (told.stdout + told.stderr).splitlines()
    differences = [line for line in lines if not line.endswith(NANOBIND)]
    assert not differences, "\n".join(differences)
    assert told.returncode == 0 or any(line.startswith("dspy_cpp._core.") for line in lines), told


out = root / "build/wheel"
shutil.rmtree(out, ignore_errors=True)
environment = {**os.environ, "CMAKE_BUILD_PARALLEL_LEVEL": os.environ.get("JOBS", str(os.cpu_count()))}
run(python, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "-q", "-w", str(out), "bindings/python", env=environment)
wheel = next(out.glob("*.whl"))
print(wheel.name, f"{wheel.stat().st_size / 1e6:.1f} MB")
assert "-cp312-abi3-" in wheel.name, wheel.name
names = zipfile.ZipFile(wheel).namelist()
for wanted in ("dspy_cpp/_core.abi3.so", "dspy_cpp/_core.pyi", "dspy_cpp/py.typed", "dspy_cpp/fleet/ray.py"):
    assert wanted in names, f"the wheel lacks {wanted}: {sorted(names)}"
run(python, "-m", "abi3audit", "--strict", "--summary", str(wheel))
run(python, "-m", "twine", "check", "--strict", str(wheel))

place = root / "build/wheel-installed"
shutil.rmtree(place, ignore_errors=True)
run(python, "-m", "pip", "install", "-q", "--no-deps", "--target", str(place), str(wheel))
clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DSPY_LLAMA_PLUGIN")}
clean["PYTHONPATH"] = str(place)
compare_stubs(place, clean)
run(python, "-m", "pytest", "-q", str(root / "bindings/python/tests"), "-p", "no:cacheprovider", cwd=place, env=clean)
