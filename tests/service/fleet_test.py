#!/usr/bin/env python3
"""Bulk runs and fleets with workers that are killed: shards, a queue, Ray, Spark and Dask, over a model that counts.

The model is a server in this process.  What is asked of each row is counted, so that a row that is lost, or paid for
twice without need, is seen.  Ray, Spark and Dask are tried where they are installed:

    python3 -m venv build/fleet && build/fleet/bin/pip install 'ray[data]' pyspark pandas pyarrow 'dask[dataframe]'
"""

import atexit
import collections
import http.server
import importlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("DSPY_BINARY", str(ROOT / "build/release/bin/dspy"))
os.environ["DSPY_BINARY"] = BINARY
os.environ["DSPY_TEST_FLEET_KEY"] = "key-of-the-test-0123456789"


def load_fleet():
    """The package's folder `fleet` alone, without the part that is compiled, here and in processes that are started."""
    place = pathlib.Path(tempfile.gettempdir()) / f"dspy-fleet-module-{os.getpid()}"
    if not place.exists():
        place.mkdir()
        (place / "dspy_fleet").symlink_to(ROOT / "bindings/python/dspy_cpp/fleet")
        atexit.register(shutil.rmtree, place)
        sys.path.insert(0, str(place))
        os.environ["PYTHONPATH"] = str(place)
    return importlib.import_module("dspy_fleet")


class Model(http.server.ThreadingHTTPServer):
    """Speaks as OpenAI does; says the row's number with a mark behind it, and counts."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, delay=0.0):
        self.delay = delay
        self.counts = collections.Counter()
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def name(self):
        return (
            f"openai/test?base_url=http://127.0.0.1:{self.server_address[1]}/v1&api_key_env=DSPY_TEST_FLEET_KEY"
        )

    def handle_error(self, *_):
        pass  # a client that was killed

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        row = re.findall(r"row \d+", body["messages"][-1]["content"])[-1]
        with self.server.lock:
            self.server.counts[row] += 1
        time.sleep(self.server.delay)
        is_json = body.get("response_format", {}).get("type") == "json_schema"
        said = json.dumps({"answer": row + "!"}) if is_json else f"Answer: {row}!"
        reply = json.dumps(
            {
                "id": "x",
                "model": "test",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class FleetTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="dspy-fleet-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.program = str(self.folder / "shout.toml")
        pathlib.Path(self.program).write_text(
            'name = "shout"\ninputs = "question"\n\n[[steps]]\nname = "say"\nsignature = "question -> answer"\n'
        )
        self.model = Model(delay=0.002)
        self.addCleanup(self.model.close)

    def write_rows(self, count):
        path = self.folder / "in.jsonl"
        path.write_text("".join(json.dumps({"question": f"row {i}"}) + "\n" for i in range(count)))
        return str(path)

    def check_counts(self, rows, spare):
        """Each row was asked; at most `spare` answers were paid for a second time."""
        self.assertEqual(set(self.model.counts), {f"row {i}" for i in range(rows)})
        twice = sum(self.model.counts.values()) - rows
        self.assertLessEqual(twice, spare)
        print(f"  {self.id().split('.')[-1]}: {rows} rows, {twice} of them asked again", flush=True)

    def test_shards_that_are_killed_lose_no_row(self):
        rows, shards, concurrency = int(os.environ.get("DSPY_FLEET_ROWS", "10000")), 8, 8
        inputs, out = self.write_rows(rows), str(self.folder / "out")
        chance = random.Random(20261129)
        kills = 0
        waiting = list(range(shards))
        while waiting:
            running = {}
            for shard in waiting[:2]:
                command = [BINARY, "run", self.program, "--inputs", inputs, "--out", out, "--resume", "--model"]
                command += [self.model.name, "--shard", f"{shard}/{shards}", "--jobs", str(concurrency)]
                running[shard] = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            for shard, process in running.items():
                try:
                    said = process.communicate(timeout=chance.uniform(0.3, 1.2) if kills < 24 else 300)[1]
                    self.assertEqual(process.returncode, 0, said)
                    waiting.remove(shard)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
                    kills += 1
        merged = self.folder / "all.jsonl"
        subprocess.run([BINARY, "bulk", "merge", out, "--to", str(merged), "--with-inputs"], check=True)
        lines = [json.loads(line) for line in merged.read_text().splitlines()]
        self.assertEqual([line["outputs"]["answer"] for line in lines], [f"row {i}!" for i in range(rows)])
        self.assertEqual([line["inputs"]["question"] for line in lines], [f"row {i}" for i in range(rows)])
        self.assertGreater(kills, 0)
        # What was under way when a process was killed is asked again, and nothing else.
        self.check_counts(rows, kills * concurrency)

    def test_a_slurm_array_and_its_task_that_runs_out_of_time(self):
        rows, tasks, out = 300, 3, str(self.folder / "out")
        inputs = self.write_rows(rows)
        (self.folder / "bin").mkdir()
        (self.folder / "bin/dspy").symlink_to(BINARY)
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"

        def start(task):
            command = ["bash", str(ROOT / "deploy/slurm/bulk_array.sh"), self.program, inputs, out]
            variables = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_MAX": str(tasks - 1), "PATH": path}
            return subprocess.Popen(
                [*command, "--model", self.model.name], env={**os.environ, **variables}, stderr=subprocess.DEVNULL
            )

        self.model.delay = 0.3
        first = start(0)
        while not self.model.counts:
            time.sleep(0.01)
        first.send_signal(signal.SIGINT)  # as Slurm does a minute before the end
        self.assertEqual(first.wait(timeout=60), 1)
        self.model.delay = 0
        for task in range(tasks):
            self.assertEqual(start(task).wait(timeout=60), 0)
        status = subprocess.run([BINARY, "bulk", "status", out], check=True, capture_output=True, text=True).stdout
        self.assertIn("3 shards: 3 complete\n300 rows: 300 answered, 0 failed", status)
        self.check_counts(rows, 1)

    def test_a_queue_outlives_its_workers_and_its_server(self):
        server = shutil.which("valkey-server") or shutil.which("redis-server")
        if not server:
            self.skipTest("neither valkey-server nor redis-server is installed")
        rows, port = 3_000, free_port()
        url = f"redis://127.0.0.1:{port}/0"
        data = self.folder / "server"
        data.mkdir()

        def start():
            command = [server, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(data), "--save", ""]
            command += ["--appendonly", "yes", "--appendfsync", "always"]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            for _ in range(500):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        return process
                time.sleep(0.01)
            self.fail("the server did not start")

        store = start()
        self.addCleanup(lambda: store.kill())
        subprocess.run([BINARY, "worker", "--queue", url, "--put", self.write_rows(rows)], check=True)

        def worker():
            command = [BINARY, "worker", self.program, "--queue", url, "--model", self.model.name, "--until-empty"]
            return subprocess.Popen([*command, "-j", "8", "--patience", "2"], stderr=subprocess.DEVNULL)

        workers = [worker(), worker()]
        kills = 0
        for i in range(3):
            time.sleep(0.7)
            if workers[i % 2].poll() is None:
                workers[i % 2].kill()
                workers[i % 2].wait()
                kills += 1
                workers[i % 2] = worker()
        store.kill()
        store.wait()
        time.sleep(1)
        store = start()
        for process in workers:
            self.assertEqual(process.wait(timeout=300), 0)

        def ask(*words):
            with socket.create_connection(("127.0.0.1", port)) as line:
                line.sendall(b"".join([b"*%d\r\n" % len(words)] + [b"$%d\r\n%s\r\n" % (len(w), w) for w in words]))
                return line.makefile("rb").readline().strip()

        self.assertEqual(ask(b"XLEN", b"dspy"), b":0")
        self.assertEqual(ask(b"XLEN", b"dspy:out"), b":%d" % rows)
        self.assertEqual(ask(b"HLEN", b"dspy:done"), b":%d" % rows)
        self.assertEqual(ask(b"XLEN", b"dspy:dead"), b":0")
        self.check_counts(rows, (kills + 2) * 2 * 8)

    def test_a_runner_starts_its_program_again_when_that_died(self):
        import pickle

        fleet = load_fleet()
        # Where the engine is installed, a flow needs no other program.
        self.addCleanup(setattr, fleet.ProgramRunner, "_in_process", fleet.ProgramRunner._in_process)
        fleet.ProgramRunner._in_process = lambda self: None
        runner = fleet.ProgramRunner(self.program, self.model.name, concurrency=4)
        self.assertEqual(runner.fields(), (["question"], ["answer"]))
        asked = [{"question": f"row {i}"} for i in range(20)]
        self.assertEqual(runner.run(asked)[7]["outputs"], {"answer": "row 7!"})
        runner._process.kill()
        runner._process.wait()
        self.assertEqual(runner.run(asked)[19]["outputs"], {"answer": "row 19!"})
        copy = pickle.loads(pickle.dumps(runner))
        self.assertEqual(copy.run(asked[:1])[0]["outputs"], {"answer": "row 0!"})
        self.assertIn("error", runner.run([{"wrong": 1}])[0])
        copy.close()
        runner.close()
        with self.assertRaises(sys.modules["dspy_fleet"].RunnerError):
            load_fleet().ProgramRunner(str(self.folder / "none.toml"), self.model.name).fields()

    def test_a_flow_runs_in_process_where_the_engine_is_installed(self):
        try:
            import dspy_cpp  # noqa: F401
        except ImportError:
            self.skipTest("the package dspy_cpp is not installed")
        runner = load_fleet().ProgramRunner(self.program, self.model.name, concurrency=4)
        answers = runner.run([{"question": f"row {i}"} for i in range(20)] + [{"wrong": 1}])
        self.assertIsNone(runner._process)
        self.assertEqual([each["outputs"]["answer"] for each in answers[:-1]], [f"row {i}!" for i in range(20)])
        self.assertEqual(answers[-1]["error"]["kind"], "bad_input")

    def test_ray_with_a_worker_killed(self):
        try:
            import ray
            import ray.data
        except ImportError:
            self.skipTest("Ray is not installed")
        fleet = load_fleet()
        rows, marker = 2_000, str(self.folder / "killed")

        class Killed(fleet.RayProgram):
            """Its first process is killed after it has answered a batch, before that is handed on."""

            def __call__(self, batch):
                import os
                import signal

                answer = super().__call__(batch)
                try:
                    os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
                except FileExistsError:
                    return answer
                os.kill(os.getpid(), signal.SIGKILL)

        ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
        try:
            data = ray.data.from_items([{"question": f"row {i}"} for i in range(rows)])
            answered = data.map_batches(
                Killed,
                fn_constructor_kwargs={"program": self.program, "model": self.model.name},
                batch_size=100,
                concurrency=2,
            ).take_all()
        finally:
            ray.shutdown()
        self.assertTrue(os.path.exists(marker))
        found = {row["question"]: (row["answer"], row["error"]) for row in answered}
        self.assertEqual(len(answered), rows)
        self.assertEqual(found, {f"row {i}": (f"row {i}!", None) for i in range(rows)})
        self.check_counts(rows, rows)  # a batch, or as much as a block, is asked again

    def test_spark_with_a_worker_killed(self):
        try:
            import pandas  # noqa: F401
            import pyarrow  # noqa: F401
            from pyspark.sql import SparkSession
        except ImportError:
            self.skipTest("Spark, pandas and Arrow are not all installed")
        if not shutil.which("java"):
            self.skipTest("Java is not installed")
        fleet = load_fleet()
        rows, marker = 400, str(self.folder / "killed")
        os.environ["PYSPARK_PYTHON"] = sys.executable
        spark = (
            SparkSession.builder.master("local[2,4]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.execution.arrow.maxRecordsPerBatch", "50")
            .getOrCreate()
        )
        self.addCleanup(spark.stop)
        spark.sparkContext.setLogLevel("OFF")
        frame = spark.createDataFrame([(i, f"row {i}") for i in range(rows)], "id int, question string").repartition(4)
        schema = fleet.spark_schema(self.program, frame.schema)
        answer = fleet.map_in_pandas(self.program, self.model.name)

        def killed(frames):
            import os
            import signal

            for part in answer(frames):
                yield part
                try:
                    os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
                except FileExistsError:
                    continue
                os.kill(os.getpid(), signal.SIGKILL)

        wanted = {i: (f"row {i}", f"row {i}!", None) for i in range(rows)}
        found = frame.mapInPandas(killed, schema=schema).collect()
        self.assertTrue(os.path.exists(marker))
        self.assertEqual({row["id"]: (row["question"], row["answer"], row["error"]) for row in found}, wanted)
        self.assertEqual(len(found), rows)
        found = frame.mapInArrow(fleet.map_in_arrow(self.program, self.model.name), schema=schema).collect()
        self.assertEqual({row["id"]: (row["question"], row["answer"], row["error"]) for row in found}, wanted)

    def test_dask(self):
        try:
            import dask.dataframe
            import pandas
        except ImportError:
            self.skipTest("Dask is not installed")
        fleet = load_fleet()
        frame = dask.dataframe.from_pandas(
            pandas.DataFrame({"id": range(100), "question": [f"row {i}" for i in range(100)]}), npartitions=4
        )
        found = fleet.dask_map_partitions(frame, self.program, self.model.name).compute(scheduler="threads")
        self.assertEqual(list(found["answer"]), [f"row {i}!" for i in range(100)])
        self.assertTrue(found["error"].isna().all())
        self.check_counts(100, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
