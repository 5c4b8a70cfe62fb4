"""`dspy serve` under steady mixed load for an hour (DSPY_SOAK_MINUTES sets how long): memory, descriptors and threads stay flat.

Needs nothing but Python; `dspy mock` is the provider.
"""

import http.client
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from server_load_test import FAILED, Server, check, descriptors, memory, mock, model  # noqa: E402

MINUTES = float(os.environ.get("DSPY_SOAK_MINUTES", "60"))
CHAT = {"messages": [{"role": "user", "content": "What is 2 + 2?"}]}


def threads_of(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def requests():
    """What clients do, and some do wrong; each with the status that it gets."""
    question = {"question": "What is 2 + 2?"}
    return [
        ("POST", "/v1/programs/qa", {"inputs": question}, 200),
        ("POST", "/v1/programs/qa:stream", {"inputs": question}, 200),
        ("POST", "/v1/programs/qa:batch", {"inputs": [question] * 5}, 200),
        ("POST", "/v1/programs/qa", {"inputs": {"other": 1}}, 400),
        ("POST", "/v1/chat/completions", {"model": "far", **CHAT}, 200),
        ("POST", "/v1/chat/completions", {"model": "qa", "stream": True, **CHAT}, 200),
        ("POST", "/v1/messages", {"model": "far", "max_tokens": 50, **CHAT}, 200),
        ("POST", "/api/chat", {"model": "qa", **CHAT}, 200),
        ("POST", "/v1/jobs", {"program": "qa", "inputs": question}, 202),
        ("GET", "/api/traces?q=2&limit=20", None, 200),
        ("GET", "/v1/jobs?limit=20", None, 200),
        ("GET", "/metrics", None, 200),
        ("GET", "/nothing", None, 404),
    ]


def client(server, stop, counts):
    each, connection = 0, None
    while not stop.is_set():
        method, path, body, expected = requests()[each % len(requests())]
        each += 1
        try:
            connection = connection or http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
            if each % 50 == 0:
                connection.close()  # gone before the answer
                connection = None
                continue
            response = connection.getresponse()
            response.read()
            counts["right" if response.status == expected else "wrong"] += 1
            if response.status != expected:
                counts.setdefault("which", set()).add((method, path, response.status))
        except (OSError, http.client.HTTPException) as error:
            counts["wrong"] += 1
            counts.setdefault("which", set()).add((method, path, repr(error)))
            connection = None
        time.sleep(0.01)


def main():
    with tempfile.TemporaryDirectory() as folder, mock("--wish", "reply=Answer: 4") as provider:
        # Few traces are kept, so that the file is soon as large as it gets.
        with Server(folder, "qa=question -> answer", "--model", "far", "--trace-days", "0.01", toml=model(provider)) as server:
            stop, counts = threading.Event(), {"right": 0, "wrong": 0}
            threads = [threading.Thread(target=client, args=(server, stop, counts)) for _ in range(8)]
            for thread in threads:
                thread.start()
            samples, end = [], time.monotonic() + MINUTES * 60
            while time.monotonic() < end:
                time.sleep(max(1.0, MINUTES * 60 / 200))
                samples.append((memory(server.pid), descriptors(server.pid), threads_of(server.pid)))
            stop.set()
            for thread in threads:
                thread.join()
            quarter = len(samples) // 4
            mean = lambda part, at: sum(each[at] for each in part) / len(part)  # noqa: E731
            early, late = samples[quarter:2 * quarter], samples[-quarter:]
            check(counts["wrong"] == 0, f"{counts['right']} answers as expected, {counts['wrong']} not {counts.get('which', '')}")
            grown = mean(late, 0) - mean(early, 0)
            check(grown < 0.1 * mean(early, 0) + 4e6, f"memory {mean(early, 0) / 1e6:.1f} MB, then {mean(late, 0) / 1e6:.1f} MB")
            check(mean(late, 1) < mean(early, 1) + 8, f"descriptors {mean(early, 1):.0f}, then {mean(late, 1):.0f}")
            check(mean(late, 2) < mean(early, 2) + 2, f"threads {mean(early, 2):.0f}, then {mean(late, 2):.0f}")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
