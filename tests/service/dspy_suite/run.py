#!/usr/bin/env python3
"""Runs DSPy's own tests twice, over itself and over dspy_cpp, and writes a table of both.

usage: run.py <DSPy's repository at 3.3.1, checked out>
              <python with dspy 3.3.1, pytest, pytest-asyncio, pytest-mock, pytest-timeout and pillow> [<test folder>…]

The package is found through PYTHONPATH. Exit code 1 if a test that crosses into the library fails and passes without it,
and is not in the list of known differences."""

import collections
import json
import os
import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
source, python, *folders = sys.argv[1:]
# All but `reliability`, which needs a model of a provider.
folders = folders or sorted(
    str(each.relative_to(source)) for each in (pathlib.Path(source) / "tests").iterdir()
    if each.is_dir() and each.name not in ("reliability", "test_utils") and any(each.glob("test_*.py"))
)  # fmt: skip
known = json.loads((here / "known.json").read_text(encoding="utf-8"))


def run(crossing):
    place = pathlib.Path(source).resolve() / f"crossings-{crossing}.json"
    place.unlink(missing_ok=True)
    plugin = ["-p", "crossing" if crossing else "outcomes", "--crossings", str(place)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(here), os.environ.get("PYTHONPATH", "")]),
        "LITELLM_LOCAL_MODEL_COST_MAP": "true",
    }
    subprocess.run(
        [python, "-m", "pytest", "-q", "--tb=no", "--no-header", "-p", "no:cacheprovider", "--timeout", "120", *plugin, *folders],
        cwd=source, env=environment, check=False, timeout=3000,
        stdout=open(place.with_suffix(".log"), "w", encoding="utf-8"), stderr=subprocess.STDOUT,
    )  # fmt: skip
    return json.loads(place.read_text(encoding="utf-8"))


alone, over = run(0), run(1)
rows = collections.defaultdict(collections.Counter)
broken = []
for name, result in over.items():
    folder = name.split("/")[1]
    rows[folder][result["outcome"]] += 1
    rows[folder]["crossing"] += result["outcome"] == "passed" and result["crossings"] > 0
    if result["outcome"] == "failed":
        if alone.get(name, {}).get("outcome") == "passed":
            rows[folder]["differs"] += 1
            if name not in known:
                broken.append(name)
        else:
            rows[folder]["fails in DSPy too"] += 1
columns = ["passed", "crossing", "differs", "fails in DSPy too", "skipped"]
print("| folder | " + " | ".join(columns) + " |")
print("|---" * (len(columns) + 1) + "|")
total = collections.Counter()
for folder, row in sorted(rows.items()):
    total.update(row)
    print(f"| {folder} | " + " | ".join(str(row[column]) for column in columns) + " |")
print("| all | " + " | ".join(str(total[column]) for column in columns) + " |")
for name in broken:
    print("differs, and nobody said why:", name)
sys.exit(bool(broken))
