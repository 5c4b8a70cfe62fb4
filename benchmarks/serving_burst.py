#!/usr/bin/env python3
"""A burst over HTTP: 32 clients at once, whose prompts have 800 tokens in common and 40 of their own, 48 tokens written.

    python3 benchmarks/serving_burst.py [MODEL.gguf] [--rounds 3] [--dspy build/release/bin/dspy]

`dspy serve` and llama-server (with its defaults, and with 16 slots and no cache of its own for each) answer the same requests,
one server at a time, in turns. Cold: nothing of the prompts was seen before; warm: what they have in common was. Each figure is
the median of the rounds by the clock. Both servers' waiting threads spin as briefly (GOMP_SPINCOUNT). Needs llama-server."""

import argparse
import http.client
import json
import os
import pathlib
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

CLIENTS, SHARED, OWN, WRITTEN = 32, 800, 40, 48
WORDS = "order parcel invoice printer account refund delivery password customer ticket screen late broken twice open send".split()
ROOT = pathlib.Path(__file__).resolve().parents[1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, method, path, body=None, timeout=600):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def text_of(port, way, tokens, source):
    """Words whose text has that many tokens, or a few more, as the server counts them."""
    words, count = [], 0
    while count < tokens:
        words += [source.choice(WORDS) for _ in range(max(1, (tokens - count) // 4))]
        text = " ".join(words)
        status, body = ask(port, "POST", "/tokenize", {"model": "m", "prompt": text} if way == "dspy serve" else {"content": text})
        assert status == 200, body
        count = len(json.loads(body)["tokens"])
    return " ".join(words)


def start(command, health, environment):
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    for _ in range(1200):
        try:
            if ask(health, "GET", "/health" if "llama-server" in command[0] else "/readyz", timeout=1)[0] == 200:
                return server
        except OSError:
            pass
        if server.poll() is not None:
            sys.exit(f"{command[0]} ended with code {server.returncode}")
        time.sleep(0.05)
    server.kill()
    sys.exit(f"{command[0]} did not get ready within a minute")


def burst(port, shared, own):
    """Seconds until the last answer, and what was read and written."""
    usages, problems = [None] * CLIENTS, []
    ready = threading.Barrier(CLIENTS + 1)

    def client(at):
        body = {"model": "m", "temperature": 0, "max_tokens": WRITTEN,
                "messages": [{"role": "system", "content": shared}, {"role": "user", "content": own[at]}]}  # fmt: skip
        ready.wait()
        status, text = ask(port, "POST", "/v1/chat/completions", body)
        if status == 200:
            usages[at] = json.loads(text)["usage"]
        else:
            problems.append(text[:200])

    threads = [threading.Thread(target=client, args=(at,)) for at in range(CLIENTS)]
    for thread in threads:
        thread.start()
    ready.wait()
    begin = time.perf_counter()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begin
    assert not problems, problems[0]
    return took, sum(one["prompt_tokens"] for one in usages), sum(one["completion_tokens"] for one in usages)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", default=str(ROOT / "models/dspy-tiny.gguf"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dspy", default=str(ROOT / "build/release/bin/dspy"))
    arguments = parser.parse_args()
    model = os.path.abspath(arguments.model)
    environment = {**os.environ, "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "2000")}
    threads = str(arguments.threads)
    slots = ["-np", "16", "-no-kvu"]
    size = str(16 * 1024)  # by default its slots together have the context of one

    def ways(port, folder):
        llama = ["llama-server", "-m", model, "--host", "127.0.0.1", "--port", str(port), "-c", size, "-t", threads, "-tb", threads]
        return {
            "dspy serve": [arguments.dspy, "serve", "--model", f"m={model}?threads={threads}&sequences=16",
                           "--listen", f"127.0.0.1:{port}", "--workspace", folder],
            "llama-server": llama,
            "llama-server -np 16 -no-kvu": [*llama, *slots],
        }  # fmt: skip

    results = {}
    for number in range(arguments.rounds):
        for way in ways(0, ""):
            with tempfile.TemporaryDirectory() as folder:
                port = free_port()
                server = start(ways(port, folder)[way], port, environment)
                try:
                    source = random.Random(number)
                    shared = text_of(port, way, SHARED, source)
                    own = [[text_of(port, way, OWN, source) for _ in range(CLIENTS)] for _ in range(2)]
                    for kind, questions in zip(("cold", "warm"), own):
                        results.setdefault((way, kind), []).append(burst(port, shared, questions))
                        print(f"round {number + 1}, {way}, {kind}: {results[way, kind][-1][0]:.2f} s", file=sys.stderr, flush=True)
                finally:
                    server.terminate()
                    server.wait(60)
    print(f"{'':<30}{'cold s':>8}{'warm s':>8}{'ratio':>14}{'read':>8}{'written':>9}")
    median = {key: statistics.median(one[0] for one in all_of) for key, all_of in results.items()}
    for way in ways(0, ""):
        ratios = " / ".join(f"{median[way, kind] / median['dspy serve', kind]:.1f}" for kind in ("cold", "warm"))
        read, written = results[way, "cold"][-1][1:]
        print(f"{way:<30}{median[way, 'cold']:8.2f}{median[way, 'warm']:8.2f}{ratios:>14}{read:8}{written:9}")


if __name__ == "__main__":
    main()
