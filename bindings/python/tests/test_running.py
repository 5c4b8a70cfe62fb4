"""Waiting: asyncio, threads, Ctrl-C, forks, leaks."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import dspy_cpp as dspy


def slow(seconds):
    def answer(request):
        time.sleep(seconds)
        return "Answer: a"

    return dspy.FunctionLM(answer)


def test_calls_overlap_in_asyncio():
    predict = dspy.Predict("question -> answer", lm=slow(0.2))

    async def main():
        return await asyncio.gather(*(predict.acall(question=str(i)) for i in range(20)))

    begin = time.perf_counter()
    made = asyncio.run(main())
    assert [one.answer for one in made] == ["a"] * 20
    assert time.perf_counter() - begin < 2


def test_an_error_is_raised_where_it_is_awaited():
    predict = dspy.Predict("question -> answer", lm=dspy.ScriptedLM([]))

    async def main():
        with pytest.raises(dspy.InferenceFailed):
            await predict.acall(question="?")

    asyncio.run(main())


def test_a_task_can_be_cancelled():
    predict = dspy.Predict("question -> answer", lm=slow(0.3))

    async def main():
        task = asyncio.create_task(predict.acall(question="?"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_astream():
    predict = dspy.Predict("question -> answer", lm=dspy.ScriptedLM(["Answer: one two"]))

    async def main():
        return [piece async for piece in predict.astream(question="?")]

    pieces = asyncio.run(main())
    assert pieces[-1].answer == "one two"


def test_the_gil_is_free_while_a_call_waits():
    predict = dspy.Predict("question -> answer", lm=slow(0.3))
    ticks = []
    thread = threading.Thread(target=lambda: predict(question="?"))
    thread.start()
    while thread.is_alive():
        ticks.append(time.perf_counter())
        time.sleep(0.01)
    thread.join()
    assert len(ticks) >= 10


def test_many_threads():
    dspy.configure(lm=dspy.ScriptedLM("Answer: a"))
    predict = dspy.Predict("question -> answer")
    answers = []

    def work():
        for _ in range(200):
            answers.append(predict(question="?").answer)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["a"] * 1600


def run_python(code, **kwargs):
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)


WAITS = """
    import time
    import dspy_cpp as dspy

    def answer(request):
        time.sleep(60)
        return "Answer: a"

    lm = dspy.FunctionLM(answer) if {thread} else None
    predict = dspy.Predict("question -> answer", lm=lm)
    print("ready", flush=True)
    try:
        predict(question="?", timeout=30)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        import os
        os._exit(0)
"""


def test_ctrl_c_reaches_python_code_of_a_model():
    code = WAITS.replace("dspy.FunctionLM(answer) if {thread} else None", "dspy.ScriptedLM(answer)")
    process = run_python(code)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert "interrupted" in out, err


def test_ctrl_c_during_an_evaluation():
    process = run_python("""
        import time
        import dspy_cpp as dspy

        def answer(request):
            time.sleep(0.05)
            return "Answer: a"

        dspy.configure(lm=dspy.FunctionLM(answer))
        rows = [dspy.Example(question=str(i), answer="a").with_inputs("question") for i in range(2000)]
        evaluate = dspy.Evaluate(devset=rows, metric=lambda gold, made: 1.0, num_threads=4)
        print("ready", flush=True)
        try:
            evaluate(dspy.Predict("question -> answer"))
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert "interrupted" in out, err
    assert process.returncode == 0, err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_is_told():
    process = run_python("""
        import os, sys, asyncio
        import dspy_cpp as dspy

        predict = dspy.Predict("question -> answer", lm=dspy.ScriptedLM("Answer: a"))
        if os.fork() == 0:                       # nothing was started yet: the child works
            os._exit(0 if predict(question="?").answer == "a" else 1)
        assert os.wait()[1] == 0
        async def main():
            return await predict.acall(question="?")

        asyncio.run(main())                      # starts threads
        if os.fork() == 0:
            try:
                predict(question="?")
            except dspy.ConfigError as error:
                os._exit(0 if "spawn" in str(error) else 2)
            os._exit(3)
        assert os.wait()[1] == 0
        """)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err


def test_the_interpreter_ends_while_calls_are_under_way():
    process = run_python("""
        import threading, time
        import dspy_cpp as dspy

        def answer(request):
            time.sleep(0.2)
            return "Answer: a"

        predict = dspy.Predict("question -> answer", lm=dspy.FunctionLM(answer))

        def work():
            for _ in range(100):
                predict(question="?")

        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.3)
        """)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="there is no /proc")
def test_nothing_leaks():
    dspy.configure(lm=dspy.ScriptedLM("Answer: a"))
    predict = dspy.Predict("question -> answer")

    def work(count):
        for _ in range(count):
            made = predict(question="?", config={"temperature": 0})
            _ = made.answer, made.info
            try:
                predict(text="?")
            except dspy.BadInput:
                pass
        gc.collect()

    work(5_000)
    before = resident()
    work(20_000)
    assert resident() - before < 4 << 20


def test_scripted_models_are_told_apart_by_what_they_do():
    def answering(text, log=None):
        return dspy.ScriptedLM(lambda request: (log.append(request) if log is not None else None) or text)

    log = []
    first, again, other = answering("a", log), answering("a", log), answering("b", log)
    assert first.fingerprint == again.fingerprint != other.fingerprint
    first("?")
    assert answering("a", log).fingerprint == first.fingerprint
    assert dspy.ScriptedLM("a").fingerprint == dspy.ScriptedLM("a").fingerprint != dspy.ScriptedLM("b").fingerprint
    assert dspy.ScriptedLM(["a", "b"]).fingerprint != dspy.ScriptedLM(["ab"]).fingerprint
    assert dspy.FunctionLM(lambda request: "a").fingerprint != dspy.FunctionLM(lambda request: "b").fingerprint
    assert dspy.FunctionLM(lambda request: "a", "mine").fingerprint == "mine"
    assert dspy.FunctionLM(lambda request: "a").model == "function"


def test_the_same_code_has_the_same_fingerprint_in_another_process():
    code = """
    import functools, dspy_cpp
    def reply(request, kinds=("x", 2)):
        return "yes" if request["messages"][0]["role"] in {"user", "system", "tool"} else "no"
    class Model:
        def answer(self, request):
            return reply(request)
    for each in (reply, functools.partial(reply, kinds=3), Model().answer, print):
        print(dspy_cpp.FunctionLM(each).fingerprint)
    """
    code = textwrap.dedent(code)
    said = []
    for seed in "12":
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        said.append(done.stdout)
    assert said[0] == said[1]
    assert len(set(said[0].split("\n")[:4])) == 4
