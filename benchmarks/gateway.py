"""What `dspy serve` and LiteLLM's proxy add to a request to the same provider, one after the other in one run.

Needs LiteLLM's proxy, for instance:
    python3 -m venv build/litellm && build/litellm/bin/pip install 'litellm[proxy]'
Then:
    python3 benchmarks/gateway.py        # bin/dspy and bin/bench-gateway of build/release
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

BIN = Path(os.environ.get("DSPY_BIN", "build/release/bin")).resolve()
LITELLM = Path("build/litellm/bin/litellm").resolve()


def free_port():
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return each.getsockname()[1]


def wait_for(port, path, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2)
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"nothing answers at port {port}")


def memory(pid):
    total = 0
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            total = int(line.split()[1])
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        total += memory(int(child))
    return total


def main():
    started, places, costs = [], [], {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            provider = subprocess.Popen([BIN / "dspy", "mock", "--port", "0", "--wish", "reply=Fine."], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            started.append(provider)
            url = provider.stdout.readline().decode().strip()
            places.append(("provider", int(url.rsplit(":", 1)[1])))

            (Path(folder) / "dspy.toml").write_text(f'[lm.mock]\nmodel = "openai/mock"\nbase_url = "{url}/v1"\n')
            begun = time.monotonic()
            ours = subprocess.Popen([BIN / "dspy", "serve", "--json", "--listen", "127.0.0.1:0", "--workspace", "off"],
                                    stdout=subprocess.PIPE, cwd=folder, env={**os.environ, "OPENAI_API_KEY": "sk-bench-bench-bench"})
            started.append(ours)
            port = int(json.loads(ours.stdout.readline())["listening"].rsplit(":", 1)[1])
            wait_for(port, "/healthz", 20)
            costs["dspy"] = (time.monotonic() - begun, memory(ours.pid))
            places.append(("dspy", port))

            if LITELLM.exists():
                (Path(folder) / "litellm.yaml").write_text(json.dumps({
                    "model_list": [{"model_name": "mock", "litellm_params": {"model": "openai/mock", "api_base": url + "/v1", "api_key": "sk-bench"}}]}))
                port = free_port()
                # Without a key, as ours is: what keys cost is another question.
                open_to_all = {**os.environ, "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
                begun = time.monotonic()
                theirs = subprocess.Popen([LITELLM, "--config", Path(folder) / "litellm.yaml", "--host", "127.0.0.1", "--port", str(port), "--num_workers", "2"],
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, env=open_to_all)
                started.append(theirs)
                wait_for(port, "/health/liveliness", 120)
                costs["litellm"] = (time.monotonic() - begun, memory(theirs.pid))
                places.append(("litellm", port))
            else:
                print("LiteLLM is not installed; see the head of this file")
            for name, (seconds, kilobytes) in costs.items():
                print(f"{name}: {seconds:.2f} s until it answered, {kilobytes / 1024:.1f} MB at rest")
            subprocess.run([BIN / "bench-gateway"], check=True,
                           env={**os.environ, "DSPY_BENCH_GATEWAYS": ",".join(f"{name}={port}" for name, port in places)})
        finally:
            for each in started:
                each.terminate()
            for each in started:
                try:
                    each.wait(20)
                except subprocess.TimeoutExpired:
                    each.kill()


if __name__ == "__main__":
    sys.exit(main())
