#!/usr/bin/env python3
"""A million calls, and no more memory after the last than after the first tenth of them.

usage: leak_slow.py [calls]"""

import asyncio
import gc
import pathlib
import sys

import dspy_cpp as dspy

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000


def resident():
    """In MiB."""
    fields = pathlib.Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096 / 2**20


def ways(lm):
    """Calls of each kind, so many of them; the cheap kinds most often."""
    predict = dspy.Predict("question, n: int -> answer: int", lm=lm)
    chain = dspy.ChainOfThought("question -> answer", lm=dspy.ScriptedLM("Reasoning: so\n\nAnswer: a"))
    failing = dspy.Predict("question -> answer: int", lm=dspy.ScriptedLM("Nothing: x"))

    def plain():
        made = predict(question="?", n=1)
        assert made.answer == 4
        return 1

    def batch():
        assert len(predict.batch([{"question": "?", "n": i} for i in range(50)])) == 50
        return 50

    def awaited():
        async def main():
            await asyncio.gather(*(predict.acall(question="?", n=i) for i in range(20)))

        asyncio.run(main())
        return 20

    def refused():
        for work in (lambda: failing(question="?"), lambda: predict(question="?")):
            try:
                work()
            except dspy.Error:
                pass
        return 2

    def streamed():
        assert [*predict.stream(question="?", n=1)][-1].answer == 4
        return 1

    def scored():
        rows = [dspy.Example(question="?", n=i, answer=4).with_inputs("question", "n") for i in range(50)]
        assert dspy.Evaluate(devset=rows, metric=lambda row, made: row.answer == made.answer)(predict).score == 100
        return 50

    def thought():
        chain(question="?")
        return 1

    return [(plain, 800), (batch, 4), (awaited, 1), (refused, 5), (streamed, 5), (scored, 1), (thought, 50)]


def main():
    work = ways(dspy.ScriptedLM("Answer: 4"))
    done, first = 0, None
    while done < COUNT:
        for way, times in work:
            for _ in range(times):
                done += way()
        if first is None and done >= COUNT / 10:
            gc.collect()
            first = resident()
    gc.collect()
    last = resident()
    grown = last - first
    print(f"{done} calls: {first:.1f} MiB after a tenth of them, {last:.1f} MiB at the end")
    # Less than a tenth of what one small object a call would be.
    assert grown < max(4.0, COUNT * 0.9 * 6 / 2**20), f"{grown:.1f} MiB more"


if __name__ == "__main__":
    main()
