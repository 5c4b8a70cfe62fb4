#!/usr/bin/env python3
"""What evaluating and optimizing cost beside the model: our benchmark programs, and Python DSPy where it is installed.

    cmake --build build/release --target bench-evaluate bench-optimize
    python benchmarks/python/evaluation.py

Scripted models answer at once. Figures are milliseconds of processor time of all threads, the best of several rounds, which other work on
the machine disturbs less than the clock, and ratios."""

import json
import os
import pathlib
import subprocess
import sys
import time

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")
BIN = pathlib.Path(os.environ.get("DSPY_BIN", "build/release/bin"))


def ours(program, name):
    command = [BIN / program, f"--benchmark_filter=^{name}$", "--benchmark_format=json", "--benchmark_repetitions=5"]
    runs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["benchmarks"]
    return min(run["cpu_time"] for run in runs if run["run_type"] == "iteration")


def best(work, rounds):
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        times.append((time.process_time() - begin) * 1e3)
    return min(times)


def theirs():
    import dspy
    from dspy.utils import DummyLM

    class Chain(dspy.Module):
        def __init__(self):
            super().__init__()
            self.steps = [dspy.Predict("question -> answer") for _ in range(10)]

        def forward(self, question):
            for step in self.steps:
                last = step(question=question)
                question = last.answer
            return last

    def questions(count):
        return [dspy.Example(question=f"Question number {i}", answer="Rome").with_inputs("question") for i in range(count)]

    def metric(example, prediction, trace=None):
        return example.answer == prediction.answer

    def evaluate(program, examples):
        assert dspy.Evaluate(devset=examples, metric=metric, num_threads=16, display_progress=False)(program).score == 100

    dspy.configure(lm=DummyLM({"question": {"answer": "Rome"}, "Rome": {"answer": "Rome"}}), disable_history=True)
    one = dspy.Predict("question -> answer")
    hundred = questions(100)
    return {
        "Evaluate, 1,000 examples": best(lambda: evaluate(one, questions(1000)), 3),
        "64 examples, chain of ten": best(lambda: evaluate(Chain(), questions(64)), 3),
        "10,000 rollouts": best(lambda: [evaluate(one, hundred) for _ in range(100)], 1),
    }


def main():
    measured = {
        "Evaluate, 1,000 examples": ours("bench-evaluate", "a_thousand_examples/16"),
        "64 examples, chain of ten": ours("bench-evaluate", "a_chain_of_ten"),
        "10,000 rollouts": ours("bench-optimize", "known_rollouts"),
    }
    try:
        other = theirs()
    except ImportError as missing:
        print(f"without Python DSPy: {missing}", file=sys.stderr)
        other = {}
    print(f"{'':<28}{'dspy-cpp':>12}{'DSPy':>12}{'ratio':>8}")
    for name, value in measured.items():
        peer = other.get(name)
        print(f"{name:<28}{value:12.2f}" + (f"{peer:12.0f}{peer / value:8.0f}" if peer else f"{'-':>12}{'-':>8}"))


if __name__ == "__main__":
    main()
