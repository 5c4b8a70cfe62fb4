"""dspy serve as a process: requests, reload under load, drain, kill -9 with jobs, keys of the port; and dspy new."""

import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

DSPY = os.environ["DSPY_BINARY"]
MODEL = str(Path("models/dspy-tiny.gguf").resolve())


class Server:
    """A `dspy serve` on a free port, until it is ended."""

    def __init__(self, folder, *arguments, port=0, environment=None, command="serve", **more):
        self.process = subprocess.Popen(
            [DSPY, command, "--json", "--listen", f"127.0.0.1:{port}", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, env=environment, **more,
        )
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.process.communicate(timeout=10)[1].decode())
        self.told = json.loads(line)
        if "listening" not in self.told:
            self.end()
            raise RuntimeError(line.decode())
        self.port = int(self.told["listening"].rsplit(":", 1)[1])

    def ask(self, method, path, body=None, headers=None, timeout=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def end(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(30)
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.returncode


class WebSocket:
    """As much of RFC 6455 as a test needs: short text messages, unfragmented."""

    def __init__(self, port, path, **headers):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.bytes = self.socket.makefile("rb")
        self.status = int(self.bytes.readline().split()[1])
        while self.bytes.readline().strip():
            pass

    def send(self, text):
        data, mask = text.encode(), b"\1\2\3\4"
        head = bytes([0x81, 0x80 | len(data)]) if len(data) < 126 else bytes([0x81, 0xFE]) + len(data).to_bytes(2, "big")
        self.socket.sendall(head + mask + bytes(each ^ mask[i % 4] for i, each in enumerate(data)))

    def read(self):
        """The next text; nothing when the server closes."""
        while True:
            head = self.bytes.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                return None
            size = head[1] & 127
            if size == 126:
                size = int.from_bytes(self.bytes.read(2), "big")
            data = self.bytes.read(size)
            if head[0] & 15 == 1:
                return data.decode()

    def close(self):
        self.bytes.close()
        self.socket.close()


def holds_within(seconds, condition):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


class Serve(unittest.TestCase):
    """Against the mock provider, whose answers take as long as they are told to."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.environment = dict(os.environ, DSPY_DATA=str(self.folder / "data"))

    def mock(self, *wishes):
        command = [DSPY, "mock", "--port", "0", "--quiet"]
        for wish in wishes:
            command += ["--wish", wish]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.terminate)
        url = process.stdout.readline().decode().strip()
        (self.folder / "dspy.toml").write_text(
            f'default = "mock"\n[lm.mock]\nmodel = "openai/m"\nbase_url = "{url}/v1"\nkey = {{env = "MOCK_KEY"}}\n'
            "max_retries = 0\n[cache]\nenable_cache = false\n"
        )
        return dict(self.environment, MOCK_KEY="sk-mock", DSPY_CONFIG=str(self.folder / "dspy.toml"))

    def serve(self, *arguments, **more):
        server = Server(self.folder, *arguments, **{"environment": self.environment, **more})
        self.addCleanup(server.end, signal.SIGKILL)
        return server

    def program(self, name, instructions):
        made = subprocess.run(
            [DSPY, "generate", "program", name, "-s", "question -> answer", "-i", instructions, "--overwrite"],
            cwd=self.folder, capture_output=True, check=False,
        )
        self.assertEqual(made.returncode, 0, made.stderr.decode())
        return self.folder / "programs" / f"{name}.json"

    def test_the_embedded_model_answers(self):
        begun = time.monotonic()
        server = self.serve("qa=question -> answer", "--model", MODEL)
        status, body = server.ask("POST", "/v1/programs/qa", {"inputs": {"question": "What is 2 + 2?"}})
        self.assertEqual(status, 200, body)
        self.assertIn("answer", json.loads(body)["outputs"])
        print(f"start to first answer: {time.monotonic() - begun:.3f} s")
        status, body = server.ask("POST", "/v1/programs/qa:stream", {"inputs": {"question": "What is 2 + 2?"}})
        self.assertEqual(status, 200)
        self.assertIn("event: field\n", body)
        self.assertIn("event: done\n", body)
        self.assertIn("dspy_lm_requests_total", server.ask("GET", "/metrics")[1])
        self.assertEqual(server.ask("GET", "/readyz")[0], 200)
        self.assertEqual(json.loads(server.ask("GET", "/openapi.json")[1])["openapi"], "3.1.0")
        self.assertEqual(server.end(), 0)

    def test_the_log_goes_to_a_file_as_json_lines_that_nobody_else_can_read(self):
        self.mock("reply=Answer: 4")
        key = self.folder / "key.txt"
        key.write_text("sk-mock-canary-canary\n")
        key.chmod(0o644)  # a warning comes of it
        config = (self.folder / "dspy.toml").read_text().replace('{env = "MOCK_KEY"}', f'{{file = "{key}"}}')
        (self.folder / "dspy.toml").write_text(config)
        log = self.folder / "logs" / "server.log"
        try:
            server = self.serve("qa=question -> answer", "--log", str(log), "--log-form", "json", "--log-level", "debug",
                                environment=dict(self.environment, DSPY_CONFIG=str(self.folder / "dspy.toml")))
        except RuntimeError as error:
            if "built without spdlog" in str(error):
                self.skipTest("dspy was built without spdlog")
            raise
        self.assertEqual(server.ask("POST", "/v1/programs/qa", {"inputs": {"question": "2+2?"}})[0], 200)
        self.assertTrue(holds_within(5, lambda: "other users" in log.read_text()))
        self.assertEqual(server.end(), 0)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        warnings = [line for line in lines if line["level"] == "warning" and line["component"] == "config"]
        self.assertIn("chmod 600", warnings[0]["message"])
        self.assertLessEqual({"time", "level", "component", "message"}, set(lines[0]))
        self.assertNotIn("canary", log.read_text())
        self.assertEqual(log.stat().st_mode & 0o777, 0o600)

    def test_a_log_that_cannot_be_written_is_an_error_at_once(self):
        (self.folder / "plain").write_text("a file")
        with self.assertRaisesRegex(RuntimeError, "plain/server.log` cannot be written|built without spdlog"):
            self.serve("qa=question -> answer", "--log", str(self.folder / "plain" / "server.log"))

    def test_a_program_is_loaded_anew_under_load_without_a_failed_request(self):
        environment = self.mock()
        path = self.program("qa", "First.")
        server = self.serve(str(path), "--reload", environment=environment)
        before = json.loads(server.ask("GET", "/v1/programs/qa")[1])["version"]
        failures, done, stop = [], [0], threading.Event()

        def load():
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            while not stop.is_set():
                connection.request("POST", "/v1/programs/qa", json.dumps({"inputs": {"question": "?"}}))
                response = connection.getresponse()
                body = response.read()
                done[0] += 1
                if response.status != 200:
                    failures.append(body)
            connection.close()

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        for i in range(4):
            self.program("qa", f"Number {i}.")
            time.sleep(0.4)
        path.write_text("{ broken")
        broken = holds_within(5, lambda: "was not loaded anew" in server.ask("GET", "/readyz")[1])
        still = server.ask("POST", "/v1/programs/qa", {"inputs": {"question": "?"}})[0]
        ready = server.ask("GET", "/readyz")[0]
        self.program("qa", "Last.")
        mended = holds_within(5, lambda: json.loads(server.ask("GET", "/readyz")[1])["problems"] == [])
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(done[0], 20)
        self.assertTrue(broken)
        self.assertEqual((still, ready), (200, 200))
        self.assertTrue(mended)
        shown = json.loads(server.ask("GET", "/v1/programs/qa")[1])
        self.assertNotEqual(shown["version"], before)
        self.assertEqual(shown["instructions"], "Last.")

    def test_an_alias_that_moves_is_followed(self):
        environment = self.mock()
        registry = self.folder / "registry.db"
        for instructions in ("First.", "Second."):
            added = subprocess.run(
                [DSPY, "registry", "add", str(self.program("triage", instructions)), "--file", str(registry)],
                capture_output=True, check=False, cwd=self.folder,
            )
            self.assertEqual(added.returncode, 0, added.stderr.decode())
        self.alias(registry, 1)
        server = self.serve("triage@production", "--registry", str(registry), environment=environment)
        self.assertEqual(json.loads(server.ask("GET", "/v1/programs/triage")[1])["version"], "triage:1")
        self.alias(registry, 2)
        self.assertTrue(holds_within(
            5, lambda: json.loads(server.ask("GET", "/v1/programs/triage")[1])["version"] == "triage:2"))

    def alias(self, registry, number):
        command = [DSPY, "registry", "move", "triage", "production", str(number), "--file", str(registry)]
        moved = subprocess.run(
            command + (["--from", str(number - 1)] if number > 1 else []),
            capture_output=True, check=False, cwd=self.folder,
        )
        self.assertEqual(moved.returncode, 0, moved.stderr.decode())

    def test_sigterm_answers_what_was_asked(self):
        environment = self.mock("delay=1000")
        server = self.serve("qa=question -> answer", environment=environment)
        result = []
        asking = threading.Thread(
            target=lambda: result.append(server.ask("POST", "/v1/programs/qa", {"inputs": {"question": "?"}})))
        asking.start()
        time.sleep(0.4)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", server.port), timeout=2)
        asking.join()
        self.assertEqual(result[0][0], 200, result)
        server.process.wait(30)  # a second signal would end it at once
        self.assertEqual(server.end(), 0)

    def test_calls_over_a_web_socket(self):
        environment = self.mock("reply=Answer: 4")
        server = self.serve("qa=question -> answer", environment=environment)
        talk = WebSocket(server.port, "/v1/programs")
        self.assertEqual(talk.status, 101)
        for number in (1, 2):
            talk.send(json.dumps({"program": "qa", "inputs": {"question": "2+2?"}, "id": number}))
            messages = []
            while not messages or messages[-1]["event"] == "field":
                messages.append(json.loads(talk.read()))
            self.assertEqual(messages[-1]["event"], "done", messages)
            self.assertEqual(messages[-1]["outputs"], {"answer": "4"})
            self.assertEqual({each["id"] for each in messages}, {number})
        talk.send("not json")
        self.assertEqual(json.loads(talk.read())["event"], "error")
        talk.close()
        foreign = WebSocket(server.port, "/v1/programs", Origin="https://elsewhere.example")
        self.assertEqual(foreign.status, 403)
        foreign.close()
        nowhere = WebSocket(server.port, "/nowhere")
        self.assertEqual(nowhere.status, 404)
        nowhere.close()
        changes = WebSocket(server.port, "/api/events")
        time.sleep(0.2)
        server.ask("POST", "/v1/jobs", {"program": "qa", "inputs": {"question": "2+2?"}})
        seen = set()
        while "jobs" not in seen:  # among what else happens, such as traces
            seen.add(json.loads(changes.read())["event"])
        changes.close()
        self.assertEqual(server.end(), 0)

    def test_kill_9_loses_no_job(self):
        environment = self.mock("delay=300")
        jobs = str(self.folder / "jobs.db")
        server = self.serve("qa=question -> answer", "--jobs", jobs, "--max-jobs", "2", environment=environment)
        known = []
        for i in range(20):
            status, body = server.ask("POST", "/v1/jobs", {"program": "qa", "inputs": {"question": str(i)}})
            self.assertEqual(status, 202, body)
            known.append(json.loads(body)["id"])
        time.sleep(0.7)
        server.end(signal.SIGKILL)
        server = self.serve("qa=question -> answer", "--jobs", jobs, "--max-jobs", "20", environment=environment)

        def states():
            return [json.loads(server.ask("GET", f"/v1/jobs/{each}")[1])["state"] for each in known]

        self.assertTrue(holds_within(30, lambda: all(state == "done" for state in states())), states())

    def test_a_saved_program_that_was_edited_is_served_if_that_is_asked_for(self):
        environment = self.mock("reply=Answer: 4")
        path = self.program("qa", "First.")
        program = json.loads(path.read_text())
        self.assertNotIn("hash", program["dspy_cpp"])
        program["dspy_cpp"]["hash"] = "sha256:" + "0" * 64  # that of a file which is edited later
        saved = self.folder / "saved.json"
        saved.write_text(json.dumps(program))
        with self.assertRaisesRegex(RuntimeError, "--accept-changed"):
            self.serve(str(saved), environment=environment)
        server = self.serve(str(saved), "--accept-changed", environment=environment)
        self.assertEqual(json.loads(server.ask("GET", "/v1/programs/saved")[1])["instructions"], "First.")
        self.assertEqual(server.end(), 0)

    def test_the_page_alone_over_what_is_stored(self):
        server = self.serve(command="ui")
        status, page = server.ask("GET", "/")
        self.assertTrue(status == 200 or "built without the page" in page, page)
        rows = json.dumps({"question": "2+2?", "answer": "4"})
        self.assertLess(server.ask("POST", "/api/datasets/import", {"name": "rows", "text": rows})[0], 300)
        for name in ("traces", "runs", "datasets", "programs"):
            self.assertEqual(server.ask("GET", f"/api/{name}")[0], 200, name)
        self.assertEqual(json.loads(server.ask("GET", "/v1/programs")[1])["programs"], [])
        self.assertEqual(server.end(), 0)
        kept = self.serve(command="ui")
        self.assertEqual([each["id"] for each in json.loads(kept.ask("GET", "/api/datasets")[1])["items"]], ["rows"])
        self.assertEqual(kept.end(), 0)

    def test_a_port_that_is_taken_is_told(self):
        environment = self.mock()
        server = self.serve("qa=question -> answer", environment=environment)
        second = subprocess.run([DSPY, "serve", "qa=question -> answer", "--listen", f"127.0.0.1:{server.port}"],
                                capture_output=True, timeout=60, check=False, cwd=self.folder, env=environment)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"cannot listen at 127.0.0.1 port {server.port}", second.stderr.decode())
        self.assertIn("choose another port", second.stderr.decode())
        self.assertEqual(server.ask("POST", "/v1/programs/qa", {"inputs": {"question": "?"}})[0], 200)

    def test_an_address_for_administration_has_what_the_public_one_lacks(self):
        environment = self.mock("reply=Answer: 4")
        server = self.serve("qa=question -> answer", "--admin", "127.0.0.1:0", environment=environment)
        admin = int(server.told["admin"].rsplit(":", 1)[1])
        for path in ("/metrics", "/api/traces", "/api/resources", "/api/system", "/"):
            self.assertEqual(server.ask("GET", path)[0], 404, path)
        public, server.port = server.port, admin
        for path in ("/metrics", "/api/traces", "/api/resources", "/api/system", "/", "/v1/programs"):
            self.assertEqual(server.ask("GET", path)[0], 200, path)
        server.port = public
        for path in ("/healthz", "/readyz", "/v1/programs"):
            self.assertEqual(server.ask("GET", path)[0], 200, path)
        self.assertEqual(server.ask("POST", "/v1/programs/qa", {"inputs": {"question": "?"}})[0], 200)
        self.assertEqual(server.end(), 0)

    def test_a_full_disk_costs_traces_and_no_request(self):
        environment = self.mock("reply=Answer: 4")

        def small_files():  # a file may grow to 400 KB, as on a disk that is full
            resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

        server = self.serve("qa=question -> answer", environment=environment, preexec_fn=small_files)
        for number in range(150):
            status, body = server.ask("POST", "/v1/programs/qa", {"inputs": {"question": f"{number} " * 2000}})
            self.assertEqual(status, 200, body)
        self.assertTrue(holds_within(10, lambda: json.loads(server.ask("GET", "/api/system")[1])["dropped_traces"] > 0))
        self.assertEqual(server.ask("GET", "/readyz")[0], 200)
        self.assertEqual(server.end(), 0)

    def test_an_optimizer_that_runs_a_command_is_not_for_clients(self):
        environment = self.mock("reply=Answer: 4")
        server = self.serve("qa=question -> answer", environment=environment)
        rows = "\n".join(json.dumps({"question": f"{n}", "answer": "4"}) for n in range(4))
        status, body = server.ask("POST", "/api/datasets/import", {"name": "rows", "text": rows})
        self.assertLess(status, 300, body)
        wanted = {"name": "first", "program": "qa", "dataset": "rows"}
        for optimizer in ("finetune", "bootstrap -> finetune"):
            status, body = server.ask("POST", "/api/optimizations/start", dict(wanted, optimizer=optimizer))
            self.assertEqual(status, 400, body)
            self.assertIn("cannot be named over HTTP", json.loads(body)["error"]["message"])
        self.assertEqual(json.loads(server.ask("GET", "/api/optimizations")[1])["items"], [])
        self.assertEqual(server.end(), 0)

    def test_what_cannot_be_served_is_told(self):
        for arguments, said in (
            (["none.json"], "no file `none.json`"),
            (["qa=question -> answer", "--listen", "0.0.0.0:0"], "--insecure"),
            (["qa=question -> answer", "qa=a -> b"], "two programs"),
            (["triage@production"], "--registry"),
            (["qa=question -> answer", "--tls-cert", "c.pem"], "--tls-key"),
            (["qa=question -> answer", "--split", "qa=a:1"], "the program `a` is not served"),
        ):
            with self.subTest(arguments=arguments):
                result = subprocess.run(
                    [DSPY, "serve", "--model", MODEL, *([] if "--listen" in arguments else ["--listen", "127.0.0.1:0"]), *arguments],
                    capture_output=True, timeout=60, check=False, cwd=self.folder, env=self.environment,
                )
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(said, result.stderr.decode())

    def test_tls(self):
        key, certificate = self.folder / "key.pem", self.folder / "cert.pem"
        made = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
            capture_output=True, check=False,
        )
        if made.returncode != 0:
            self.skipTest("openssl is not installed")
        import ssl

        environment = self.mock()
        server = self.serve("qa=question -> answer", "--tls-cert", str(certificate), "--tls-key", str(key),
                            environment=environment)
        self.assertTrue(server.told["listening"].startswith("https://"))
        context = ssl.create_default_context(cafile=str(certificate))
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=30)
        for _ in range(2):
            connection.request("POST", "/v1/programs/qa", json.dumps({"inputs": {"question": "?"}}))
            response = connection.getresponse()
            self.assertEqual(response.status, 200, response.read())
            response.read()
        connection.close()
        self.assertEqual(server.end(), 0)


class New(unittest.TestCase):
    def test_a_project_is_written_and_served(self):
        with tempfile.TemporaryDirectory() as folder:
            made = subprocess.run(
                [DSPY, "new", "my-shop", "-s", "ticket -> category: Literal['billing', 'bug'], urgent: bool"],
                cwd=folder, capture_output=True, check=False,
            )
            self.assertEqual(made.returncode, 0, made.stderr.decode())
            shop = Path(folder) / "my-shop"
            rows = [json.loads(line) for line in (shop / "data/dev.jsonl").read_text().splitlines()]
            self.assertEqual({row["category"] for row in rows}, {"billing", "bug"})
            for path in shop.rglob("*"):
                if path.is_file():
                    self.assertNotIn("@NAME@", path.read_text(), path)
            again = subprocess.run([DSPY, "new", "my-shop"], cwd=folder, capture_output=True, check=False)
            self.assertEqual(again.returncode, 2)
            for kind in ("metric", "tool", "signature", "program"):
                made = subprocess.run([DSPY, "generate", kind, "more"], cwd=shop, capture_output=True, check=False)
                self.assertEqual(made.returncode, 0, made.stderr.decode())
            wrong = subprocess.run([DSPY, "new", "../a b"], cwd=folder, capture_output=True, check=False)
            self.assertEqual(wrong.returncode, 2)
            server = Server(shop, "programs/my-shop.json", "--model", MODEL, "--reload",
                            environment=dict(os.environ, DSPY_DATA=folder + "/data"))
            try:
                shown = json.loads(server.ask("GET", "/v1/programs/my-shop")[1])
                self.assertEqual([field["name"] for field in shown["outputs"]], ["category", "urgent"])
                # Its file is there to be edited.
                path = shop / "programs" / "my-shop.json"
                program = json.loads(path.read_text())
                program["signature"]["instructions"] = "Sort it by hand."
                path.write_text(json.dumps(program))
                edited = lambda: json.loads(server.ask("GET", "/v1/programs/my-shop")[1])["instructions"]  # noqa: E731
                self.assertTrue(holds_within(5, lambda: edited() == "Sort it by hand."), server.ask("GET", "/readyz"))
            finally:
                server.end()


if __name__ == "__main__":
    unittest.main(verbosity=2)
