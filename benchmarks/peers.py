"""Ours beside a peer in one run: a call through LiteLLM, and a hit in DSPy's cache on disk; and a hit on a Valkey server.

Needs LiteLLM and diskcache, and valkey-server or redis-server for the last:
    python3 -m venv build/litellm && build/litellm/bin/pip install litellm diskcache orjson
Then:
    python3 benchmarks/peers.py        # bin/dspy, bin/bench-http and bin/bench-middleware of build/release
"""

import hashlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(os.environ.get("DSPY_BIN", "build/release/bin")).resolve()
PYTHON = Path("build/litellm/bin/python")
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


def shares(times):
    """Median and 99th percentile, in microseconds."""
    times = sorted(times)
    return times[len(times) // 2] * 1e6, times[len(times) * 99 // 100] * 1e6


def timed(ask, rounds):
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        ask()
        times.append(time.perf_counter() - begun)
    return shares(times)


def ask_litellm(url):
    """Runs in the environment that has LiteLLM.  The connection stays open between calls, as with ours."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no look at the network
    import litellm

    def ask():
        reply = litellm.completion(model="openai/m", messages=QUESTION, api_base=url + "/v1", api_key="sk-bench", max_retries=0)
        if "capital" not in reply.choices[0].message.content:
            raise SystemExit("LiteLLM got another reply")

    for _ in range(50):
        ask()
    return timed(ask, 500)


def ask_diskcache():
    """A hit as DSPy's cache makes one: SHA-256 over the request as sorted JSON, then its diskcache of 16 shards."""
    import diskcache
    import orjson

    request = {"model": "openai/m", "messages": [{"role": "system", "content": "i" * 1800}, {"role": "user", "content": "q" * 200}], "temperature": 0.0}
    reply = {"id": "r", "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Answer: Rome"}, "finish_reason": "stop"}],
             "usage": {"prompt_tokens": 500, "completion_tokens": 3}}

    def key():
        return hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()

    with tempfile.TemporaryDirectory() as folder, diskcache.FanoutCache(folder, shards=16, timeout=10) as cache:
        cache[key()] = reply

        def ask():
            if cache[key()] != reply:
                raise SystemExit("diskcache gave another reply")

        for _ in range(100):
            ask()
        return timed(ask, 5000)


def peer(*arguments):
    done = subprocess.run([PYTHON, __file__, *arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def ours(program, names, environment):
    """p50 and p99 of each benchmark: the median of three runs."""
    command = [BIN / program, f"--benchmark_filter=^({'|'.join(names)})(/real_time)?$", "--benchmark_format=json", "--benchmark_repetitions=3"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **environment})
    runs = [run for run in json.loads(done.stdout)["benchmarks"] if run["run_type"] == "iteration"]
    if failed := [run for run in runs if run.get("error_occurred")]:
        raise SystemExit(f"{failed[0]['name']}: {failed[0]['error_message']}")
    return {
        name: tuple(statistics.median(run[share] for run in runs if run["name"].split("/")[0] == name) for share in ("p50_us", "p99_us"))
        for name in names
    }


def show(name, times, note=""):
    print(f"{name:<48} {times[0]:10.1f} {times[1]:10.1f} us (p50, p99)  {note}")


def calls():
    mock = subprocess.Popen([BIN / "dspy", "mock", "--port", "0", "--quiet"], stdout=subprocess.PIPE, text=True)
    try:
        url = mock.stdout.readline().strip()
        found = ours("bench-http", ["bare_libcurl", "provider_lm"], {"DSPY_BENCH_PROVIDER": url})
        bare, added = found["bare_libcurl"], [0, 0]
        show("bare libcurl", bare)
        for i in range(2):
            added[i] = found["provider_lm"][i] - bare[i]
        show("added by ours", added)
        if PYTHON.exists():
            theirs = [whole - without for whole, without in zip(peer("litellm", url), bare, strict=True)]
            show("added by litellm.completion", theirs, f"{theirs[0] / added[0]:.0f} and {theirs[1] / added[1]:.0f} times ours")
    finally:
        mock.terminate()
        mock.wait(10)


def disk_hits():
    found = ours("bench-middleware", ["hit_on_disk"], {})["hit_on_disk"]
    show("a hit in ours on disk", found)
    if PYTHON.exists():
        theirs = peer("diskcache")
        show("a hit in diskcache, as DSPy uses it", theirs, f"{theirs[0] / found[0]:.1f} and {theirs[1] / found[1]:.1f} times ours")


def server_hits():
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        print("a hit on a server was not measured: neither valkey-server nor redis-server is installed")
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen([program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", folder],
                                  stdout=subprocess.DEVNULL)
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            show("a hit on a server of this machine", ours("bench-middleware", ["hit_on_a_server"], {"DSPY_BENCH_REDIS": f"redis://127.0.0.1:{port}"})["hit_on_a_server"])
        finally:
            server.terminate()
            server.wait(10)


def main():
    if len(sys.argv) > 1:
        print(json.dumps(ask_litellm(sys.argv[2]) if sys.argv[1] == "litellm" else ask_diskcache()))
        return
    if not PYTHON.exists():
        print("LiteLLM and diskcache are not installed; see the head of this file")
    calls()
    disk_hits()
    server_hits()


if __name__ == "__main__":
    main()
