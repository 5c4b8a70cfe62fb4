"""dspy keys, traces, runs and list; and dspy serve with keys, traces and resources, as a process."""

import json
import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from serve_test import DSPY, Server, holds_within


class Data(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.environment = dict(os.environ, DSPY_DATA=str(self.folder / "data"), MOCK_KEY="sk-mock",
                                DSPY_CONFIG=str(self.folder / "dspy.toml"))
        for name in ("DSPY_KEYS", "DSPY_TRACES"):
            self.environment.pop(name, None)

    def run_dspy(self, *arguments, code=0):
        done = subprocess.run([DSPY, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def mock(self):
        process = subprocess.Popen([DSPY, "mock", "--port", "0", "--quiet"], stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.terminate)
        url = process.stdout.readline().decode().strip()
        (self.folder / "dspy.toml").write_text(
            f'default = "mock"\n[lm.mock]\nmodel = "openai/m"\nbase_url = "{url}/v1"\nkey = {{env = "MOCK_KEY"}}\n'
            "max_retries = 0\n[cache]\nenable_cache = false\n"
        )

    def test_keys(self):
        made = json.loads(self.run_dspy("keys", "--json", "create", "ci", "--scope", "traces:read", "--expires", "90d",
                                        "--usd-per-day", "2.5", "--model", "small"))
        self.assertRegex(made["secret"], r"^dspy_[0-9a-f]{12}_[0-9a-f]{64}$")
        self.assertEqual(made["budget"], {"usd_per_day": 2.5})
        listed = self.run_dspy("keys", "list")
        self.assertIn("valid", listed)
        self.assertNotIn(made["secret"][18:], listed)
        after = json.loads(self.run_dspy("keys", "--json", "rotate", made["id"], "--overlap", "1h"))
        self.assertNotEqual(after["id"], made["id"])
        self.run_dspy("keys", "revoke", after["id"])
        self.assertIn("revoked", self.run_dspy("keys", "list"))
        self.run_dspy("keys", "revoke", "000000000000", code=2)
        self.run_dspy("keys", "create", "x", "--scope", "a", "--expires", "soon", code=2)
        self.run_dspy("keys", "create", "x", "--scope", "a", "--tenant", "../x", code=2)
        # A file whose name was typed wrong is not made by looking into it.
        for arguments in (["list"], ["rotate", made["id"]], ["revoke", made["id"]]):
            told = self.run_dspy("keys", "--file", "typo.sqlite", *arguments, code=2)
            self.assertIn("the file of keys `typo.sqlite` does not exist", told)
        self.assertFalse((self.folder / "typo.sqlite").exists())
        # The file has no key in it.
        for file in (self.folder / "data").iterdir():
            self.assertNotIn(made["secret"][18:].encode(), file.read_bytes())

    def test_traces_and_runs_without_a_server(self):
        span = {"kind": "program", "id": 1, "parent": 0, "path": "", "started_at": "2026-11-01T10:00:00.000Z",
                "seconds": 0.5, "inputs": {"ticket": "where is my refund?"}, "outputs": {"team": "billing"}}
        (self.folder / "run.jsonl").write_text(json.dumps(span) + "\ncut in the mid")
        self.assertIn("1 traces", self.run_dspy("traces", "import", "run.jsonl", "--program", "triage"))
        listed = self.run_dspy("list", "traces", "-q", "refund", "--where", "program=triage")
        self.assertIn("billing", listed)
        item = json.loads(self.run_dspy("list", "traces", "--json"))
        whole = json.loads(self.run_dspy("list", "traces", item["id"]))
        self.assertEqual(whole["spans"][0]["inputs"], span["inputs"])
        self.assertIn("no traces", self.run_dspy("list", "traces", "-q", "nothing"))
        self.run_dspy("list", "traces", "--sort", "colour", code=2)
        self.run_dspy("list", "unicorns", code=2)
        results = {"metric": "exact_match", "score": 100.0, "mean": 1.0, "seconds": 0.0, "usage": {"requests": 0}, "rows": [{"index": i, "score": 1.0, "example": {"q": "a"}, "inputs": ["q"],
                                                      "usage": {"requests": 0}, "seconds": 0.0} for i in range(2)]}
        (self.folder / "run.json").write_text(json.dumps(results))
        self.run_dspy("runs", "add", "run.json", "--id", "first", "--program", "triage:1")
        self.assertIn("triage:1", self.run_dspy("list", "runs"))
        self.run_dspy("runs", "add", "run.json", "--id", "first", code=2)

    def test_a_server_with_keys_keeps_traces_and_offers_resources(self):
        self.mock()
        keys = str(self.folder / "data" / "keys.sqlite")

        def key(tenant, *scopes, more=()):
            scopes = [part for scope in scopes for part in ("--scope", scope)]
            made = self.run_dspy("keys", "--tenant", tenant, "create", "k", *scopes, *more)
            return {"Authorization": "Bearer " + made.strip()}

        caller, admin, other = key("a", "invoke", "feedback:write"), key("a", "*"), key("b", "*")
        poor = key("a", "invoke", more=("--tokens-per-day", "1"))
        held = key("a", "invoke", more=("--model", "else"))
        server = Server(self.folder, "qa=question -> answer", "--keys", keys, "--jobs", str(self.folder / "jobs.sqlite"),
                        environment=self.environment)
        self.addCleanup(server.end, signal.SIGKILL)
        body = {"inputs": {"question": "What is zebrafinch?"}}
        self.assertEqual(server.ask("POST", "/v1/programs/qa", body)[0], 401)
        self.assertEqual(server.ask("GET", "/healthz")[0], 200)
        status, text = server.ask("POST", "/v1/programs/qa", body, caller)
        self.assertEqual(status, 200, text)
        trace = json.loads(text)["trace_id"]
        self.assertEqual(server.ask("POST", "/v1/programs/qa", body, held)[0], 403)
        self.assertEqual(server.ask("POST", "/v1/programs/qa", body, poor)[0], 429)
        feedback = {"trace_id": trace, "name": "right", "score": 1}
        self.assertEqual(server.ask("POST", "/v1/feedback", feedback, caller)[0], 201)
        self.assertEqual(server.ask("POST", "/v1/feedback", feedback, other)[0], 400)
        self.assertEqual(server.ask("GET", "/api/traces", None, caller)[0], 403)
        self.assertTrue(holds_within(5, lambda: json.loads(server.ask("GET", "/api/traces?q=zebrafinch", None, admin)[1])["items"]))
        whole = json.loads(server.ask("GET", f"/api/traces/{trace}", None, admin)[1])
        self.assertEqual(whole["feedback"][0]["score"], 1)
        self.assertEqual(server.ask("GET", f"/api/traces/{trace}", None, other)[0], 404)
        self.assertEqual(json.loads(server.ask("GET", "/api/traces", None, other)[1])["items"], [])
        status, text = server.ask("POST", f"/api/traces/{trace}/replay", {}, admin)
        self.assertEqual(status, 200, text)
        names = [each["name"] for each in json.loads(server.ask("GET", "/api/resources", None, admin)[1])["resources"]]
        self.assertIn("jobs", names)
        for name in names:
            self.assertEqual(server.ask("GET", f"/api/{name}", None, admin)[0], 200, name)
        self.assertIn("/api/datasets/{id}/rows", server.ask("GET", "/openapi.json", None, admin)[1])
        self.assertEqual(server.ask("GET", "/openapi.json")[0], 401)
        self.run_dspy("keys", "--tenant", "a", "create", "k", "--scope", "nonsense", code=2)
        for name in ("keys.sqlite", "traces.sqlite"):
            self.assertEqual((self.folder / "data" / name).stat().st_mode & 0o777, 0o600, name)
        job = json.loads(server.ask("POST", "/v1/jobs", dict(body, program="qa"), admin)[1])["id"]
        self.assertEqual(json.loads(server.ask("GET", "/v1/jobs", None, caller)[1])["jobs"], [])
        self.assertEqual(server.ask("GET", f"/v1/jobs/{job}", None, caller)[0], 404)
        self.assertEqual([each["id"] for each in json.loads(server.ask("GET", "/v1/jobs", None, admin)[1])["jobs"]], [job])
        # What a key may use holds for all that names a program.
        self.assertEqual(json.loads(server.ask("GET", "/v1/programs", None, held)[1])["programs"], [])
        scoped = key("a", "invoke", "model:else")
        for path in ("qa", "qa:render", "qa:stream", "qa:batch"):
            status, text = server.ask("POST", f"/v1/programs/{path}", dict(body, inputs=[body["inputs"]]) if path == "qa:batch" else body, scoped)
            self.assertEqual(status, 403, text)
        self.assertEqual(server.ask("POST", "/v1/jobs", dict(body, program="qa"), scoped)[0], 403)
        self.assertEqual(server.end(), 0)


if __name__ == "__main__":
    unittest.main()
