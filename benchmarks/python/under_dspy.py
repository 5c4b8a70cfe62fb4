#!/usr/bin/env python3
"""An unchanged DSPy program on a local model, three ways: over llama-server, on our engine, and compiled.

    PYTHONPATH=build/release/python python benchmarks/python/under_dspy.py MODEL.gguf [--adapter json] [--examples 64]

The program asks a `Predict` with demonstrations about each example, from several threads. Every way runs in a process of its
own, in turns, after one round that warms it up; its figure is the median of the rounds, by the clock. Needs DSPy 3.4 and the
program llama-server.

Threads of OpenMP that wait spin as briefly in llama-server as in our engine (GOMP_SPINCOUNT): by its own default it takes three
to four times as long beside another busy program. How far it is goes to standard error. A model that cannot write DSPy's form,
such as dspy-tiny.gguf, is asked twice about each example and writes to the limit: give it fewer (`--examples 16 --rounds 3`)."""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

BEGAN = time.monotonic()
WAYS = ("llama-server", "dspy_cpp.LM", "compiled")
SUBJECTS = ["order", "parcel", "invoice", "printer", "account", "refund", "delivery", "password"]
TROUBLES = ["arrived broken", "is two weeks late", "was charged twice", "does not start", "was locked", "never came", "went to a wrong address", "does not work"]


def examples(count):
    return [
        {"ticket": f"My {SUBJECTS[i % 8]} {TROUBLES[(i // 8 + i) % 8]}, and I have written {i + 2} times already. Case {1000 + 37 * i}."}
        for i in range(count)
    ]


def make_program():
    """The user's program: nothing of dspy_cpp in it."""
    from typing import Literal

    import dspy

    class Triage(dspy.Signature):
        """Sort a support ticket: which queue it goes to, and whether it is urgent."""

        ticket: str = dspy.InputField()
        category: Literal["billing", "shipping", "damage", "technical", "account"] = dspy.OutputField()
        urgent: bool = dspy.OutputField()

    class Sort(dspy.Module):
        def __init__(self):
            super().__init__()
            self.triage = dspy.Predict(Triage)

        def forward(self, ticket):
            return self.triage(ticket=ticket)

    program = Sort()
    program.triage.demos = [
        dspy.Example(ticket=ticket, category=category, urgent=urgent)
        for ticket, category, urgent in [
            ("I was charged twice for my order, please pay it back today!", "billing", True),
            ("Where is my parcel? There is no hurry.", "shipping", False),
            ("The screen came with a crack across it.", "damage", False),
            ("I cannot log in, and I have a meeting in an hour!", "account", True),
        ]
    ]
    return program


def worker(arguments):
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")
    import dspy

    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    adapter = {"chat": dspy.ChatAdapter, "json": dspy.JSONAdapter}[arguments.adapter]()
    program = make_program()
    settings = {"temperature": 0.0, "max_tokens": 48}
    if arguments.worker == "llama-server":
        lm = dspy.LM("openai/local", api_base=arguments.url, api_key="none", num_retries=0, **settings)
        dspy.configure(lm=lm, adapter=adapter, disable_history=True)
    else:
        import dspy_cpp

        native = dspy_cpp.LM(f"llama:{arguments.model}?sequences={arguments.threads}&temperature=0&max_tokens=48")
        dspy.configure(lm=dspy_cpp.under_dspy.LM(native, num_retries=0, **settings), adapter=adapter, disable_history=True)
        if arguments.worker == "compiled":
            fast = dspy_cpp.compile(program, lm=native)
    rows = examples(arguments.examples)
    failed = []

    if arguments.worker == "compiled":

        def run():
            made = fast.batch(rows, concurrency=arguments.threads)
            return [None if isinstance(one, Exception) else one.toDict() for one in made]

    else:
        import contextvars
        from concurrent.futures import ThreadPoolExecutor

        def ask(row):
            try:
                made = program(**row)
                return {"category": made.category, "urgent": made.urgent}
            except Exception as error:  # noqa: BLE001: counted
                failed.append(f"{type(error).__name__}: {error}"[:200])
                return None

        def run():
            with ThreadPoolExecutor(arguments.threads) as pool:
                tasks = [pool.submit(contextvars.copy_context().run, ask, row) for row in rows]
                return [task.result() for task in tasks]

    run()
    failed.clear()
    print("ready", flush=True)
    for _ in sys.stdin:
        begin, processor = time.perf_counter(), time.process_time()
        answers = run()
        took = time.perf_counter() - begin
        unread = [one for one in answers if one is None]
        print(json.dumps({"seconds": took, "processor": time.process_time() - processor, "failed": len(unread), "why": failed[:1],
                          "answers": answers}), flush=True)  # fmt: skip
        failed.clear()


SPIN = {"GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "2000")}


def tell(what):
    print(f"{what} ({time.monotonic() - BEGAN:.0f} s)", file=sys.stderr, flush=True)


def line_of(worker, way):
    line = worker.stdout.readline().strip()
    if not line:
        sys.exit(f"{way} ended with code {worker.wait(30)}; what it said is above")
    return line


def start_server(arguments):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["llama-server", "-m", arguments.model, "--host", "127.0.0.1", "--port", str(port), "-np", str(arguments.threads),
               "-c", str(2048 * arguments.threads), "-t", str(os.cpu_count())]  # fmt: skip
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **SPIN})
    for _ in range(600):
        try:
            if urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).status == 200:
                return server, f"http://127.0.0.1:{port}/v1"
        except OSError:
            time.sleep(0.1)
        if server.poll() is not None:
            sys.exit(f"llama-server ended with code {server.returncode}")
    server.terminate()
    sys.exit("llama-server did not get ready in a minute")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--adapter", choices=["chat", "json"], default="chat")
    parser.add_argument("--examples", type=int, default=64)
    parser.add_argument("--threads", type=int, default=8, help="requests at once, for all three")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.model = os.path.abspath(arguments.model)
    if arguments.worker:
        return worker(arguments)
    ways = arguments.ways.split(",")
    server, url = start_server(arguments) if "llama-server" in ways else (None, "")
    workers, results = {}, {way: [] for way in ways}
    try:
        for way in ways:
            command = [sys.executable, __file__, arguments.model, "--worker", way, "--url", url, "--adapter", arguments.adapter,
                       "--examples", str(arguments.examples), "--threads", str(arguments.threads)]  # fmt: skip
            workers[way] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **SPIN})
            line = line_of(workers[way], way)
            if line != "ready":
                sys.exit(f"{way} did not begin: {line}")
            tell(f"{way} is warm")
        for number in range(arguments.rounds):
            for way in ways:
                workers[way].stdin.write("go\n")
                workers[way].stdin.flush()
                results[way].append(json.loads(line_of(workers[way], way)))
                tell(f"round {number + 1} of {arguments.rounds}, {way}: {results[way][-1]['seconds']:.2f} s")
    finally:
        for each in workers.values():
            each.stdin.close()
            each.wait(30)
        if server is not None:
            server.terminate()
            server.wait(30)
    print(f"{'':<16}{'seconds':>9}{'lowest':>9}{'processor':>11}{'unread':>8}{'ratio':>8}")
    medians = {way: statistics.median(one["seconds"] for one in results[way]) for way in ways}
    for way in ways:
        rounds = results[way]
        processor = statistics.median(one["processor"] for one in rounds)
        ratio = f"{medians[ways[0]] / medians[way]:8.1f}" if way != ways[0] else ""
        print(f"{way:<16}{medians[way]:9.2f}{min(one['seconds'] for one in rounds):9.2f}{processor:11.2f}{rounds[-1]['failed']:8}{ratio}")
        if rounds[-1]["why"]:
            print(f"                {rounds[-1]['why'][0]}")
    for way in ways[1:]:
        pairs = zip(results[ways[0]][-1]["answers"], results[way][-1]["answers"])
        same = sum(one is not None and one == other for one, other in pairs)
        print(f"{same} of {arguments.examples} answers of {way} are those of {ways[0]}")


if __name__ == "__main__":
    main()
