"""Measure a model file on the held-out cells.

The measurement goes through the project's own command line (``dspy run --batch``): held-out items
are written as JSON lines, answered, and compared field by field.  ``--backend llama-server`` asks
llama.cpp's server with the same prompts instead, as a cross-check.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from cells import Cell, cells
from corpus.base import Item, Value, write_output, write_value
from llama_server import answer_with_server

Outputs = dict[str, Value]


def as_json(item: Item) -> dict:
    """The item as one object of the batch input, with the expected outputs and its cell."""
    demos = [{**given, **wanted} for given, wanted in item.examples[:-1]]
    return {
        "signature": item.signature,
        "instructions": item.instructions,
        "demos": demos,
        "inputs": item.examples[-1][0],
        "expected": item.expected,
        "cell": item.cell,
    }


def answer_with_dspy(items: list[Item], program: str, model: str) -> list[Outputs]:
    """Answers from ``dspy run --batch``; an item that failed counts as no answer."""
    lines = "".join(
        json.dumps({k: v for k, v in as_json(i).items() if k not in ("expected", "cell")}) + "\n"
        for i in items
    )
    command = [program, "run", "--batch", "--model", model, "--temperature", "0"]
    run = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    answers = [json.loads(line) for line in run.stdout.splitlines() if line.strip()]
    if len(answers) != len(items):
        sys.exit(f"{len(answers)} answers for {len(items)} items: {run.stderr[-2000:]}")
    return [a.get("outputs", {}) for a in answers]


def matches(item: Item, name: str, got: Outputs) -> bool:
    """Whether one field is exactly as expected. Numbers are compared as numbers."""
    want, value = item.expected[name], got.get(name)
    if want is None:
        return value is None or value == "none"
    if isinstance(want, (int, float)) and not isinstance(want, bool):
        try:
            return float(str(value)) == float(want)
        except ValueError:
            return False
    if isinstance(want, list):
        field = next(f for f in item.outputs if f.name == name)
        return value == want or f"{field.label}: {value}" == write_output(field, want)
    return write_value(value) == write_value(want)


def score(cell: Cell, items: list[Item], answers: list[Outputs], keep: int = 0) -> dict:
    """Share of items whose fields are all right (not of ``reasoning``); keeps some failures."""
    names = [f.name for f in items[0].outputs if f.name != "reasoning"]
    fields = dict.fromkeys(names, 0)
    right, wrong = 0, []
    for item, got in zip(items, answers, strict=True):
        good = {name: matches(item, name, got) for name in names if name in item.expected}
        for name, ok in good.items():
            fields[name] = fields.get(name, 0) + ok
        right += all(good.values())
        if not all(good.values()) and len(wrong) < keep:
            wrong.append({"item": as_json(item), "got": got})
    n = len(items)
    result = {"cell": cell.name, "accuracy": round(right / n, 3), "n": n, "target": cell.target}
    if len(names) > 1:
        result["fields"] = {name: round(count / n, 3) for name, count in fields.items()}
    return result | ({"wrong": wrong} if keep else {})


def table(results: list[dict]) -> str:
    """The results as a Markdown table."""
    lines = ["| cell | accuracy | n | target |", "|---|---|---|---|"]
    for r in results:
        target = (
            ""
            if r["target"] is None
            else f"{r['target']:.2f}" + (" (missed)" if r["accuracy"] < r["target"] else "")
        )
        lines.append(f"| {r['cell']} | {r['accuracy']:.2f} | {r['n']} | {target} |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--backend", choices=("dspy", "llama-server"), default="dspy")
    parser.add_argument(
        "--program", default="build/release/bin/dspy", help="path of dspy or llama-server"
    )
    parser.add_argument("--count", type=int, default=100, help="items in each cell")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--only", default="", help="measure only cells whose name contains this")
    parser.add_argument("--wrong", type=int, default=0, help="failures to keep in each cell")
    parser.add_argument(
        "--items", type=Path, help="only write the items as JSON lines to this file"
    )
    parser.add_argument("--out", type=Path, help="write the results as JSON to this file")
    a = parser.parse_args()

    chosen = [c for c in cells() if a.only in c.name]
    groups = [c.items(a.count, a.seed) for c in chosen]
    flat = [item for group in groups for item in group]
    if a.items:
        a.items.write_text("".join(json.dumps(as_json(i)) + "\n" for i in flat))
        return
    if a.backend == "dspy":
        answers = answer_with_dspy(flat, a.program, a.model)
    else:
        program = a.program if a.program.endswith("llama-server") else "llama-server"
        answers = answer_with_server(flat, program, a.model)
    results, at = [], 0
    for cell, group in zip(chosen, groups, strict=True):
        results.append(score(cell, group, answers[at : at + len(group)], a.wrong))
        at += len(group)
    print(table(results))
    if a.out:
        a.out.write_text(json.dumps({"backend": a.backend, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
