"""What `dspy serve` bears: slow readers, clients that send slowly or vanish, 10,000 idle connections, and being killed.

Needs nothing but Python; `dspy mock` is the provider.  Each part has a process of its own, so that what it measures is
its own.  Bounded: about two minutes in all.
"""

import http.client
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

DSPY = os.environ["DSPY_BINARY"]
FAILED = []


def check(holds, what):
    print(("ok    " if holds else "FAILS ") + what, flush=True)
    if not holds:
        FAILED.append(what)


def memory(pid):
    """Resident bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmRSS")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Process:
    """`dspy …` until the block ends."""

    def __init__(self, *arguments, first_line=True, **options):
        self.process = subprocess.Popen([DSPY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options)
        self.line = self.process.stdout.readline().decode() if first_line else ""
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Server(Process):
    def __init__(self, folder, *arguments, toml=""):
        self.folder = Path(folder)
        (self.folder / "dspy.toml").write_text(toml)
        super().__init__("serve", "--json", "--listen", "127.0.0.1:0", "--workspace", str(self.folder / "kept"), *arguments,
                         cwd=folder, env={**os.environ, "OPENAI_API_KEY": "sk-mock-mock-mock-mock"})
        told = json.loads(self.line)
        assert "listening" in told, self.line
        self.url = told["listening"]
        self.port = int(self.url.rsplit(":", 1)[1])

    def get(self, path, timeout=20):
        with urllib.request.urlopen(self.url + path, timeout=timeout) as response:
            return response.status, response.read()

    def post(self, path, body, timeout=30):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, json.loads(response.read())

    def open(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


def mock(*arguments):
    return Process("mock", "--port", "0", *arguments)


def model(provider, name="far"):
    return f'[lm.{name}]\nmodel = "openai/mock"\nbase_url = "{provider.line.strip()}/v1"\n'


def rest(folder):
    """What a server without a model holds once nobody has asked for a while."""
    with Server(folder, toml='[lm.far]\nmodel = "openai/m"\nbase_url = "http://127.0.0.1:9/v1"\n') as server:
        server.get("/healthz")
        time.sleep(7)
        before = memory(server.pid)
        check(before < 25_000_000, f"at rest it has {before / 1e6:.1f} MB")
        begun = time.monotonic()
        server.get("/v1/programs")
        check(time.monotonic() - begun < 0.5, f"and answers after {(time.monotonic() - begun) * 1000:.1f} ms")
        for _ in range(2000):
            server.get("/v1/programs")
        time.sleep(7)
        after = memory(server.pid)
        check(after < before + 4_000_000, f"after 2,000 requests and a rest it has {after / 1e6:.1f} MB")


def slow_reader(folder):
    """A reader of 50 MB holds the provider back: what waits in the server is bounded."""
    size = 50_000_000
    script = Path(folder) / "reply.json"
    script.write_text(json.dumps([{"reply": "0123456789" * (size // 10), "delta-bytes": "16384"}]))
    with mock("--script", str(script)) as provider, Server(folder, toml=model(provider)) as server:
        server.get("/healthz")
        before, provider_before = memory(server.pid), None
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        client.settimeout(30)
        client.connect(("127.0.0.1", server.port))
        body = json.dumps({"model": "far", "stream": True, "messages": [{"role": "user", "content": "?"}]})
        client.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        got, peak, end = 0, 0, time.monotonic() + 6
        while time.monotonic() < end:
            got += len(client.recv(16384))
            peak = max(peak, memory(server.pid) - before)
            time.sleep(0.02)
        check(got < 10_000_000, f"the slow reader has read {got / 1e6:.1f} MB of 50 so far")
        check(peak < 32_000_000, f"meanwhile the server grew by {peak / 1e6:.1f} MB")
        status, _ = server.get("/healthz")
        check(status == 200, "others are answered meanwhile")
        text, tail = 0, b""
        while piece := client.recv(1 << 20):
            got += len(piece)
            tail = (tail + piece)[-64:]
        check(got > size and tail.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"), f"read on at once, it gets all: {got / 1e6:.1f} MB")
        client.close()


def slow_senders(folder):
    """Who sends a head by the byte is not waited for; who opens and says nothing costs little."""
    with Server(folder, "qa=question -> answer", "--model", str(Path("models/dspy-tiny.gguf").resolve())) as server:
        begun = time.monotonic()
        clients = [server.open() for _ in range(200)]
        ended = 0
        while clients and time.monotonic() - begun < 20:
            for client in list(clients):
                try:
                    client.send(b"G" if time.monotonic() - begun < 0.5 else b"E")
                    client.setblocking(False)
                    if client.recv(4096) is not None:
                        ended += 1
                        clients.remove(client)
                        client.close()
                except BlockingIOError:
                    pass
                except OSError:
                    ended += 1
                    clients.remove(client)
            time.sleep(0.25)
        took = time.monotonic() - begun
        check(ended == 200 and took < 16, f"200 heads sent by the byte were ended after {took:.1f} s (the limit is 10)")
        status, _ = server.get("/healthz")
        check(status == 200, "others are answered after it")

        # Half-open: the client's machine is gone in the middle of a body, and nothing says so.
        before = descriptors(server.pid)
        halves = [server.open() for _ in range(100)]
        for client in halves:
            client.sendall(b"POST /v1/programs/qa HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf of it")
        time.sleep(0.5)
        held = descriptors(server.pid) - before
        for client in halves:  # reset, as a machine that comes back does
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        end = time.monotonic() + 10
        while descriptors(server.pid) > before + 5 and time.monotonic() < end:
            time.sleep(0.1)
        check(held >= 95 and descriptors(server.pid) <= before + 5, f"{held} half requests were forgotten with their clients")


def idle(folder, count=10_000):
    """So many connections that are kept alive and say nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(count, hard - 500)
    with Server(folder, "--max-connections", str(count + 100), "qa=question -> answer", "--model",
                str(Path("models/dspy-tiny.gguf").resolve())) as server:
        server.get("/healthz")
        before = memory(server.pid)
        request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        clients, begun = [], time.monotonic()
        for _ in range(count):
            client = server.open()
            client.sendall(request)
            clients.append(client)
        alive = sum(1 for client in clients if client.recv(4096).startswith(b"HTTP/1.1 200"))
        took = time.monotonic() - begun
        each = (memory(server.pid) - before) / count
        check(alive == count, f"{alive} connections were answered and stay open ({took:.1f} s)")
        check(each < 32_000, f"an idle one costs {each / 1000:.1f} KB")
        times = []
        for _ in range(200):
            asked = time.monotonic()
            server.get("/healthz")
            times.append(time.monotonic() - asked)
        times.sort()
        check(times[100] < 0.05, f"a new client beside them is answered in {times[100] * 1000:.1f} ms (median)")
        clients[count // 2].sendall(request)
        check(clients[count // 2].recv(4096).startswith(b"HTTP/1.1 200"), "an idle one is answered when it asks again")
        for client in clients:
            client.close()


def killed(folder):
    """Killed under load: what was acknowledged is there, nothing is half there, and the next process goes on."""
    acknowledged, lock = [], threading.Lock()
    with mock("--wish", "delay=100", "--wish", "reply=Answer: 4") as provider:
        toml = model(provider)
        server = Server(folder, "qa=question -> answer", "--model", "far", "--max-jobs", "8", toml=toml)
        stop = threading.Event()

        def submit():
            while not stop.is_set():
                try:
                    status, body = server.post("/v1/jobs", {"program": "qa", "inputs": {"question": "?"}})
                    if status == 202:
                        with lock:
                            acknowledged.append(body["id"])
                    server.post("/v1/programs/qa", {"inputs": {"question": "?"}})
                except (OSError, http.client.HTTPException, ValueError):
                    return

        threads = [threading.Thread(target=submit) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(3)
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait()
        stop.set()
        for thread in threads:
            thread.join()
        check(len(acknowledged) > 20, f"{len(acknowledged)} jobs were acknowledged before the kill")
        for name in ("jobs", "traces"):
            with sqlite3.connect(Path(folder) / "kept" / f"{name}.sqlite") as database:
                check(database.execute("PRAGMA integrity_check").fetchone() == ("ok",), f"{name}.sqlite is whole")
        with Server(folder, "qa=question -> answer", "--model", "far", toml=toml) as again:
            end = time.monotonic() + 60
            states = {}
            while time.monotonic() < end:
                states = {id: json.loads(again.get(f"/v1/jobs/{id}")[1])["state"] for id in acknowledged}
                if set(states.values()) == {"done"}:
                    break
                time.sleep(0.5)
            check(set(states.values()) == {"done"}, "every one of them is done by the next process")


def main():
    parts = {"rest": rest, "slow_reader": slow_reader, "slow_senders": slow_senders, "idle": idle, "killed": killed}
    for name in sys.argv[1:] or parts:
        print(f"--- {name}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            parts[name](folder)
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
