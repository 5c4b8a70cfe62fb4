#!/usr/bin/env python3
"""How many workers one queue server bears: measured costs of its steps, then a simulation to 1,000 workers.

    benchmarks/fleet_simulation.py [--latency 0.02] [--concurrency 32] [--server /usr/bin/valkey-server]

A Valkey or Redis server is started on a free port, and each step that a worker takes (take, look whether a row was answered,
finish, keep) is timed there, one after the other, with the network of this machine in it.  The simulation then has the server do one
step at a time, as it does, and workers that each hold `concurrency` rows for `latency` seconds.  The model is what a scripted LM is;
workers' own processors are not in it.
"""

import argparse
import heapq
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "src/bulk/queue/redis_queue.cpp"


class Server:
    def __init__(self, program):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = tempfile.TemporaryDirectory()
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder.name]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(500):
            try:
                self.line = socket.create_connection(("127.0.0.1", self.port))
                break
            except OSError:
                time.sleep(0.01)
        else:
            sys.exit("the server did not start")
        self.file = self.line.makefile("rb")

    def close(self):
        self.line.close()
        self.process.terminate()
        self.process.wait()

    def ask(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.line.sendall(b"".join([b"*%d\r\n" % len(words)] + [b"$%d\r\n%s\r\n" % (len(w), w) for w in words]))
        return self.answer()

    def answer(self):
        head = self.file.readline()
        kind, rest = head[:1], head[1:].strip()
        if kind == b"-":
            sys.exit(f"the server says: {rest.decode()}")
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.answer() for _ in range(int(rest))]
        return rest


def costs(program, batch):
    """Seconds of each step, for one row."""
    scripts = dict(re.findall(r'string_view (\w+)_script = R"\((.*?)\)"', SOURCE.read_text(), re.S))
    server = Server(program)
    try:
        server.ask("XGROUP", "CREATE", "q", "g", "0", "MKSTREAM")
        rows = 4_000
        for i in range(rows):
            server.ask("XADD", "q", "*", "row", '{"question": "row %d"}' % i)
        spent = dict.fromkeys(("take", "look", "keep", "finish"), 0.0)

        def timed(name, *words):
            begun = time.perf_counter()
            found = server.ask(*words)
            spent[name] += time.perf_counter() - begun
            return found

        done = 0
        while done < rows:
            found = timed("take", "EVAL", scripts["take"], 1, "q", "g", "c", 60_000, batch)
            ids = found[::3]
            timed("keep", "EVAL", scripts["keep"], 1, "q", "g", "c", b" ".join(ids))
            for ident in ids:
                key = "%064d" % done
                timed("look", "HEXISTS", "q:done", key)
                timed("finish", "EVAL", scripts["finish"], 3, "q", "q:out", "q:done", "g", ident, key, '{"outputs": {}}')
                done += 1
        return {name: seconds / rows for name, seconds in spent.items()}
    finally:
        server.close()


def rows_per_second(workers, cost, latency, concurrency, seconds=60.0):
    """One server, one step at a time; each slot of a worker takes a row, looks, asks the model, finishes, and again.

    The first half, in which all begin at once, is not counted."""
    step = cost["take"] + cost["look"], cost["finish"]
    slots = [(i * latency / (workers * concurrency), 0) for i in range(workers * concurrency)]
    heapq.heapify(slots)
    free_at, done = 0.0, 0
    while slots[0][0] < seconds and free_at < seconds:
        at, phase = heapq.heappop(slots)
        free_at = max(free_at, at) + step[phase]
        done += phase if free_at > seconds / 2 else 0
        heapq.heappush(slots, (free_at + latency, 1) if phase == 0 else (free_at, 0))
    return done / (seconds / 2)


def main():
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--latency", type=float, default=0.02, help="seconds of a model's answer")
    flags.add_argument("--concurrency", type=int, default=32, help="rows under way in a worker")
    flags.add_argument("--server", default=shutil.which("valkey-server") or shutil.which("redis-server"))
    given = flags.parse_args()
    if not given.server:
        sys.exit("neither valkey-server nor redis-server was found; install one, or give --server")
    cost = costs(given.server, given.concurrency)
    print("a row's steps, in µs: " + ", ".join(f"{name} {seconds * 1e6:.0f}" for name, seconds in cost.items()))
    bound = 1 / (cost["take"] + cost["look"] + cost["finish"])
    print(f"the server's bound: {bound:,.0f} rows/s")
    print("workers   rows/s   of ideal")
    for workers in (1, 2, 4, 8, 16, 64, 256, 1_000):
        found = rows_per_second(workers, cost, given.latency, given.concurrency)
        ideal = workers * given.concurrency / given.latency
        print(f"{workers:7,} {found:8,.0f}   {100 * found / ideal:6.1f} %")


main()
