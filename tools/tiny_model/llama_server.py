"""Ask llama.cpp's server (a cross-check that shares no code with dspy-cpp's engine)."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from corpus.base import Item, Value, prompt


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _post(url: str, body: dict) -> dict:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=300) as reply:
        return json.load(reply)


def parse(item: Item, text: str) -> dict[str, Value]:
    """The ``Label: value`` lines of an answer, by field name."""
    lines = dict(line.split(":", 1) for line in text.split("\n") if ":" in line)
    out: dict[str, Value] = {}
    for f in item.outputs:
        if f.label in lines:
            value = lines[f.label].strip()
            out[f.name] = (
                value == "true" if f.kind == "bool" and value in ("true", "false") else value
            )
    return out


def answer_with_server(items: list[Item], program: str, model: str) -> list[dict[str, Value]]:
    """Greedy answers of the server, which is started for this and ended afterwards."""
    base = f"http://127.0.0.1:{(port := _free_port())}"
    command = [program, "-m", model, "--host", "127.0.0.1", "--port", str(port)]
    command += ["-c", "8192", "-np", "4", "-t", "1", "-tb", "1", "--no-warmup"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{base}/health", timeout=5):
                    break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)

        def ask(item: Item) -> dict[str, Value]:
            body = {"prompt": prompt(item), "n_predict": 160, "temperature": 0, "top_k": 1}
            return parse(item, _post(f"{base}/completion", body)["content"])

        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(ask, items))
    finally:
        server.terminate()
        server.wait()
