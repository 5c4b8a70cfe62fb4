"""Event loops that close, processes that fork, are interrupted or end, while calls are under way."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import dspy_cpp as dspy


def waiting(seconds=5.0):
    def reply(request):
        time.sleep(seconds)
        return "Answer: late"

    return dspy.Predict("question -> answer", lm=dspy.FunctionLM(reply))


def run(code, **options):
    """Runs a program; `SIGINT` after `interrupt` seconds from its line `ready`."""
    interrupt = options.pop("interrupt", None)
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if interrupt is not None:
        assert process.stdout.readline() == "ready\n"
        time.sleep(interrupt)
        process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out, err


def test_wait_for_gives_up_in_time():
    async def main():
        begin = time.perf_counter()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(waiting(1.0).acall(question="?"), 0.1)
        assert time.perf_counter() - begin < 0.9

    asyncio.run(main())


def test_event_loops_of_several_threads():
    predict = dspy.Predict("question -> answer", lm=dspy.ScriptedLM("Answer: a"))
    made = []

    def loop():
        async def main():
            return await asyncio.gather(*(predict.acall(question=str(i)) for i in range(25)))

        made.extend(one.answer for one in asyncio.run(main()))

    threads = [threading.Thread(target=loop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["a"] * 100


def test_an_event_loop_that_closes_while_a_call_is_under_way():
    loop = asyncio.new_event_loop()
    predict = waiting(0.3)

    async def begin():
        task = asyncio.ensure_future(predict.acall(question="?"))
        await asyncio.sleep(0.05)
        task.cancel()

    loop.run_until_complete(begin())
    loop.close()
    time.sleep(0.5)  # the reply comes, and finds nobody
    assert dspy.Predict("question -> answer", lm=dspy.ScriptedLM("Answer: a"))(question="?").answer == "a"


def test_one_of_many_tasks_that_fails_leaves_the_others():
    def reply(request):
        return "Answer: 1" if "good" in str(request["messages"]) else "Nothing: x"

    predict = dspy.Predict("question -> answer: int", lm=dspy.FunctionLM(reply), policy={"ask_again": 0, "rewrite": 0})

    async def main():
        return await asyncio.gather(
            *(predict.acall(question="good" if i % 2 else "bad") for i in range(20)), return_exceptions=True
        )

    made = asyncio.run(main())
    assert [isinstance(one, dspy.ParseError) for one in made] == [i % 2 == 0 for i in range(20)]


def test_ctrl_c_ends_asyncio():
    code = """
    import asyncio, time, dspy_cpp as d
    def reply(request):
        time.sleep(5)
        return "Answer: late"
    predict = d.Predict("question -> answer", lm=d.FunctionLM(reply))
    async def main():
        print("ready", flush=True)
        await asyncio.gather(*(predict.acall(question=str(i)) for i in range(8)))
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    """
    begin = time.perf_counter()
    code, out, err = run(code, interrupt=0.3)
    assert (code, out) == (0, "interrupted\n"), err
    assert time.perf_counter() - begin < 20


def test_ctrl_c_ends_an_optimization():
    code = """
    import time, dspy_cpp as d
    def reply(request):
        time.sleep(0.02)
        return "Answer: yes"
    student = d.Predict("question -> answer", lm=d.FunctionLM(reply))
    rows = [d.Example(question=str(i), answer="yes").with_inputs("question") for i in range(400)]
    metric = lambda row, made, trace=None: made.answer == row.answer
    print("ready", flush=True)
    begin = time.perf_counter()
    try:
        d.BootstrapFewShotWithRandomSearch(metric).compile(student, trainset=rows, num_threads=2)
        print("ended", flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    assert time.perf_counter() - begin < 20
    """
    code, out, err = run(code, interrupt=1.0)
    assert (code, out) == (0, "interrupted\n"), err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_pool_that_is_spawned_works_and_one_that_forks_is_told():
    code = """
    import asyncio, multiprocessing, sys, types
    def ask(question):
        import dspy_cpp as d
        try:
            return d.Predict("question -> answer", lm=d.ScriptedLM("Answer: a"))(question=question).answer
        except d.ConfigError as error:
            return "told" if "spawn" in str(error) else str(error)
    if __name__ == "__main__":
        import dspy_cpp as d
        predict = d.Predict("question -> answer", lm=d.FunctionLM(lambda request: "Answer: a"))
        predict(question="?")                  # starts threads
        context = multiprocessing.get_context("fork")
        with context.Pool(2) as pool:
            print(pool.map(ask, ["?"] * 4))
    """
    code, out, err = run(code)
    assert (code, out) == (0, "['told', 'told', 'told', 'told']\n"), err


def test_a_spawned_pool(tmp_path):
    program = tmp_path / "pool.py"
    program.write_text(
        textwrap.dedent("""
        import multiprocessing
        import dspy_cpp as d

        def ask(question):
            return d.Predict("question -> answer", lm=d.ScriptedLM("Answer: a"))(question=question).answer

        if __name__ == "__main__":
            d.Predict("question -> answer", lm=d.FunctionLM(lambda request: "Answer: a"))(question="?")
            with multiprocessing.get_context("spawn").Pool(2) as pool:
                print(pool.map(ask, ["?"] * 4))
        """)
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "['a', 'a', 'a', 'a']\n", done.stderr


@pytest.mark.parametrize("kind", ["batch", "evaluate", "asyncio", "stream", "threads"])
def test_the_interpreter_ends_under_load(kind):
    code = f"""
    import asyncio, sys, threading, time, dspy_cpp as d
    def reply(request):
        time.sleep(0.01)
        return "Answer: a"
    predict = d.Predict("question -> answer", lm=d.FunctionLM(reply))
    rows = [d.Example(question=str(i), answer="a").with_inputs("question") for i in range(200)]
    async def tasks():
        while True:
            await asyncio.gather(*(predict.acall(question="?") for _ in range(8)))
    def forever():
        while True:
            if "{kind}" == "batch": predict.batch(rows)
            elif "{kind}" == "evaluate": d.Evaluate(devset=rows, metric=lambda e, p: 1.0)(predict)
            elif "{kind}" == "asyncio": asyncio.run(tasks())
            elif "{kind}" == "stream": list(predict.stream(question="?"))
            else: predict(question="?")
    for _ in range(6):
        threading.Thread(target=forever, daemon=True).start()
    time.sleep(0.6)
    print("bye", flush=True)
    """
    code, out, err = run(code)
    assert (code, out) == (0, "bye\n"), err


def test_streams_that_daemon_threads_read_do_not_abort_the_end():
    code = """
    import threading, time, dspy_cpp as d
    def reply(request):
        time.sleep(0.003)
        return "Answer: a"
    predict = d.Predict("question -> answer", lm=d.FunctionLM(reply))
    def forever():
        while True:
            list(predict.stream(question="?"))
    for _ in range(6):
        threading.Thread(target=forever, daemon=True).start()
    time.sleep(0.2)
    print("bye", flush=True)
    """
    for _ in range(10):  # more than half of them aborted once
        code_of_end, out, err = run(code)
        assert (code_of_end, out) == (0, "bye\n"), err
