#!/usr/bin/env python3
"""What calls through Python cost beside the model, next to Python DSPy where it is installed.

    PYTHONPATH=build/release/python python benchmarks/python/overhead.py

Scripted models answer at once. Figures are the best of several rounds, in microseconds of processor time of all threads, which
other work on the machine disturbs less than the clock, and ratios."""

import os
import subprocess
import sys
import time

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import dspy_cpp

NOTATION = "question, context -> answer, confidence: float"
INPUTS = {"question": "Who wrote Emma?", "context": "Emma is a novel by Jane Austen."}


def best(work, count, rounds=7):
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        for _ in range(count):
            work()
        times.append((time.process_time() - begin) / count * 1e6)
    return min(times)


def import_time(name):
    times = []
    for _ in range(5):
        code = f"import time; b = time.process_time(); import {name}; print((time.process_time() - b) * 1e3)"
        times.append(float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout))
    return min(times)


def rows(kind, count=1000):
    return [kind(question=str(i), context="c", answer=str(i % 2)).with_inputs("question", "context") for i in range(count)]


def metric(example, prediction, trace=None):
    return example.answer == prediction.answer


def main():
    ours, theirs = {}, {}
    dspy_cpp.configure(lm=dspy_cpp.ScriptedLM("Answer: Jane Austen\nConfidence: 0.9"))
    predict = dspy_cpp.Predict(NOTATION)
    ours["Predict"] = best(lambda: predict(**INPUTS), 2000)
    chat = dspy_cpp.Predict(NOTATION, adapter="chat", lm=dspy_cpp.ScriptedLM("[[ ## answer ## ]]\nJane Austen\n\n[[ ## confidence ## ]]\n0.9\n\n[[ ## completed ## ]]"))
    ours["Predict, chat adapter"] = best(lambda: chat(**INPUTS), 2000)
    evaluate = dspy_cpp.Evaluate(devset=rows(dspy_cpp.Example), metric=metric, num_threads=16)
    ours["Evaluate, 1,000 rows"] = best(lambda: evaluate(predict), 1, 5)
    ours["import"] = import_time("dspy_cpp") * 1e3
    try:
        import dspy
        from dspy.utils import DummyLM
    except ImportError:
        dspy = None
    if dspy is not None:
        dspy.configure(lm=DummyLM({"question": {"answer": "Jane Austen", "confidence": "0.9"}}), disable_history=True)
        program = dspy.Predict(NOTATION)
        theirs["Predict, chat adapter"] = theirs["Predict"] = best(lambda: program(**INPUTS), 200, 4)
        their_evaluate = dspy.Evaluate(devset=rows(dspy.Example), metric=metric, num_threads=16, display_progress=False)
        theirs["Evaluate, 1,000 rows"] = best(lambda: their_evaluate(program), 1, 3)
        theirs["import"] = import_time("dspy") * 1e3
    print(f"{'':<24}{'dspy_cpp':>12}{'DSPy':>12}{'ratio':>8}")
    for name, value in ours.items():
        other = theirs.get(name)
        shown = f"{other:12.1f}{other / value:8.1f}" if other else f"{'-':>12}{'-':>8}"
        print(f"{name:<24}{value:12.1f}{shown}")


if __name__ == "__main__":
    main()
