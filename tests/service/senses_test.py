#!/usr/bin/env python3
"""Pictures and sounds: ours beside llama-server, over the same models of random weights.

    tests/service/senses_test.py build/release/bin/service_senses_probe            the same likelihoods after a prompt
    tests/service/senses_test.py build/release/bin/service_senses_probe --speed    32 questions about one picture, timed

Needs llama-server (Debian: llama.cpp-tools); exits with 77, which CTest counts as skipped, without.
"""

import base64
import concurrent.futures
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

PROBE = os.path.abspath(sys.argv[1])
SKIPPED = 77
MEDIA = "<__media__>"


def ours(*words) -> str:
    return subprocess.run([PROBE, *map(str, words)], check=True, capture_output=True, text=True, timeout=600).stdout.strip()


class Server:
    """llama-server over a folder's model, on a free port of this machine."""

    def __init__(self, folder: pathlib.Path, *options: str):
        with socket.socket() as place:
            place.bind(("127.0.0.1", 0))
            self.port = place.getsockname()[1]
        command = ["llama-server", "-m", str(folder / "text.gguf"), "--mmproj", str(folder / "mmproj.gguf"), "--host", "127.0.0.1",
                   "--port", str(self.port), "--no-warmup", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        for _ in range(300):
            try:
                self.get("/health")
                return self
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError("llama-server ended before it could be asked")
                time.sleep(0.2)
        raise RuntimeError("llama-server did not start in a minute")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as reply:
            return json.load(reply)

    def complete(self, prompt: str, medium: bytes, **options) -> dict:
        body = {"prompt": {"prompt_string": prompt, "multimodal_data": [base64.b64encode(medium).decode()]}, "temperature": 0,
                "cache_prompt": True, **options}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/completion", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=600) as reply:
            return json.load(reply)


def prompt(before: str, after: str) -> str:
    return f"<|im_start|>user\n{before}{MEDIA}{after}<|im_end|>\n<|im_start|>assistant\n"


def medium(folder: pathlib.Path) -> bytes:
    return next(folder.glob("medium.*")).read_bytes()


def compare(kind: str, folder: pathlib.Path) -> float:
    ours("write", kind, folder)
    mine = [float(word) for word in ours("ask", kind, folder).split()]
    with Server(folder, "-t", "1", "-c", "2048", "-np", "1") as server:
        reply = server.complete(prompt("What is this? ", " Say it."), medium(folder), n_predict=1, n_probs=5)
    theirs = [each["logprob"] for each in reply["completion_probabilities"][0]["top_logprobs"]]
    return max(abs(a - b) for a, b in zip(mine, theirs, strict=True))


def speed(folder: pathlib.Path, count: int, threads: int) -> None:
    ours("write", "large", folder)
    mine = float(ours("burst", "large", folder, count))
    print(f"ours: {mine:.2f} s")
    for options in (["-np", "1"], [], ["-np", "8"]):
        with Server(folder, "-t", str(threads), "-c", "16384", *options) as server:
            began = time.monotonic()
            with concurrent.futures.ThreadPoolExecutor(count) as callers:
                asked = [callers.submit(server.complete, prompt("Look: ", f" Question {i}: what is it?"), medium(folder), n_predict=16,
                                        ignore_eos=True) for i in range(count)]
                for each in asked:
                    each.result()
            took = time.monotonic() - began
        print(f"llama-server {' '.join(options) or '(defaults)'}: {took:.2f} s, {took / mine:.1f} x ours")


def main() -> int:
    if shutil.which("llama-server") is None:
        print("skipped: there is no llama-server")
        return SKIPPED
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if "--speed" in sys.argv:
            speed(folder, 32, len(os.sched_getaffinity(0)))
            return 0
        failed = 0
        for kind in ("plain", "pooled", "grid", "sound"):
            distance = compare(kind, folder)
            for file in folder.iterdir():
                file.unlink()
            good = distance < 0.01
            failed += not good
            print(f"{kind}: the likeliest five tokens differ by {distance:.5f} at most: {'ok' if good else 'FAILED'}")
        return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
