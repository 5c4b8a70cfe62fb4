"""The command line in production: keys from files and commands, doctor, metrics, with canary keys that must be nowhere."""

import json
import os
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

DSPY = os.environ["DSPY_BINARY"]


class Production(unittest.TestCase):
    """Keys, doctor, metrics: with canary keys that must be nowhere."""

    CANARY = "sk-canary-7f3a9b1c5d"

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.home = Path(self.folder.name)
        (self.home / "key").write_text(self.CANARY + "\n")
        (self.home / "key").chmod(0o600)
        self.toml = self.home / "dspy.toml"
        self.environment = dict(os.environ, DSPY_CONFIG=str(self.toml), HOME=self.folder.name)
        for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "DSPY_PROFILE"):
            self.environment.pop(name, None)

    def run_with(self, *arguments, text="", **more):
        result = subprocess.run(
            [DSPY, *arguments], input=text.encode(), capture_output=True, timeout=120, cwd=self.folder.name,
            env=dict(self.environment, **more), check=False,
        )
        result.out, result.err = result.stdout.decode(), result.stderr.decode()
        self.assertNotIn(self.CANARY, result.out + result.err)
        return result

    def mock(self, *wishes, key=CANARY):
        command = [DSPY, "mock", "--port", "0", "--quiet", "--key", key]
        for wish in wishes:
            command += ["--wish", wish]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=self.folder.name)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait, 10)
        self.addCleanup(server.terminate)
        return server.stdout.readline().decode().strip()

    def test_a_model_is_added_and_found_again(self):
        self.toml.write_text("# mine\n[lm.first]\nmodel = \"llama:x.gguf\"\n")
        added = self.run_with("lm", "add", "fast", "--model", "openai/m", "--key-file", str(self.home / "key"), "--default")
        self.assertEqual(added.returncode, 0, added.err)
        text = self.toml.read_text()
        self.assertIn("# mine\n", text)
        self.assertTrue(text.startswith('default = "fast"\n'))
        shown = self.run_with("lm", "show", "--json")
        self.assertEqual([each["name"] for each in json.loads(shown.out)["lms"]], ["fast", "first"])
        again = self.run_with("lm", "add", "fast", "--model", "openai/m")
        self.assertEqual(again.returncode, 2)
        self.assertIn("already", again.err)
        self.assertEqual(self.toml.read_text(), text)
        for bad in ("a b", "", "a.b"):
            self.assertEqual(self.run_with("lm", "add", bad, "--model", "openai/m").returncode, 2)

    def test_doctor_looks_at_key_endpoint_model_cache_and_proxy(self):
        url = self.mock()
        self.toml.write_text(
            f'[lm.a]\nmodel = "openai/no-such-model"\nbase_url = "{url}/v1"\nkey = {{file = "{self.home}/key"}}\n'
            f'[lm.b]\nmodel = "openai/m"\nbase_url = "{url}/v1"\nkey = {{command = "echo sk-wrong"}}\n'
            '[lm.c]\nmodel = "openai/m"\nbase_url = "http://127.0.0.1:9/v1"\nkey = {env = "NO_SUCH_KEY"}\n'
            f'[cache]\ndirectory = "{self.home}/key/below"\n'
        )
        found = json.loads(self.run_with("doctor", "--json", HTTPS_PROXY="http://me:secret-word@proxy.example:3128").out)
        self.assertFalse(found["healthy"])
        about = {}
        for each in found["findings"]:
            about.setdefault(each["subject"], []).append((each["level"], each["text"]))
        self.assertIn("not in its list", about["a"][-1][1])
        self.assertEqual(about["b"][-1][0], "FAIL")
        self.assertIn("does not accept the key", about["b"][-1][1])
        self.assertIn("NO_SUCH_KEY", about["c"][0][1])
        self.assertEqual(about["cache"][0][0], "FAIL")
        self.assertIn("proxy.example:3128", about["proxy"][0][1])
        self.assertNotIn("secret-word", json.dumps(found))

    def test_a_canary_key_is_in_no_error_log_trace_or_cache(self):
        wrong = self.mock(key="sk-another")
        right = self.mock("reply=Answer: blue")
        entry = 'model = "openai/m"\nkey = {{file = "{home}/key"}}\nbase_url = "{url}/v1"\nmax_retries = 1\n'
        self.toml.write_text(
            'default = "right"\n'
            "[lm.right]\n" + entry.format(home=self.home, url=right)
            + "[lm.wrong]\n" + entry.format(home=self.home, url=wrong)
            + f'[cache]\ndirectory = "{self.home}/cache"\n'
        )
        for model in (f"openai/m?base_url={wrong}/v1", f"openai/m?base_url={right}/v1", "openai/m?base_url=http://127.0.0.1:9/v1"):
            self.run_with("ask", "-m", model, "Which colour?", OPENAI_API_KEY=self.CANARY)
            self.run_with("ask", "-m", model, "--json", "Which colour?", OPENAI_API_KEY=self.CANARY)
            self.run_with("lm", "test", model, OPENAI_API_KEY=self.CANARY)
        self.run_with("lm", "show")
        self.run_with("doctor")
        self.run_with("lm", "test", f"openai/m?api_key={self.CANARY[:6]}")
        for path in self.home.rglob("*"):
            if path.is_file() and path.name != "key":
                self.assertNotIn(self.CANARY.encode(), path.read_bytes(), path)

    def test_the_log_goes_where_the_file_says_unless_a_flag_does(self):
        url = self.mock("reply=Answer: blue")
        (self.home / "key").chmod(0o644)
        log = self.home / "logs" / "a.log"
        self.toml.write_text(
            f'default = "a"\n[lm.a]\nmodel = "openai/m"\nbase_url = "{url}/v1"\nkey = {{file = "{self.home}/key"}}\n'
            f'[log]\nfile = "{log}"\nform = "json"\n'
        )
        asked = self.run_with("ask", "Which colour?")
        self.assertEqual(asked.returncode, 0, asked.err)
        self.assertNotIn("chmod", asked.err)
        line = json.loads(log.read_text())
        self.assertEqual((line["level"], line["component"], line["lm"]), ("warning", "config", "a"))
        self.assertEqual(line["file"], f"{self.home}/key")
        self.toml.write_text(self.toml.read_text().replace('form = "json"', 'form = "xml"'))
        wrong = self.run_with("ask", "Which colour?")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("dspy.toml:8:8: `form` must be plain or json", wrong.err)
        self.assertIn("--log", self.run_with("worker", "--help").out)

    def test_a_cache_is_warmed_from_a_trace(self):
        url = self.mock("status=500")
        self.toml.write_text(
            f'[lm.a]\nmodel = "openai/m"\nbase_url = "{url}/v1"\nkey = {{file = "{self.home}/key"}}\nmax_retries = 0\n'
            f'[cache]\ndirectory = "{self.home}/cache"\ncache_ttl_secs = 0\n'
        )
        trace = self.home / "run.jsonl"
        span = {"kind": "attempt", "lm": "m",
                "request": {"messages": [{"role": "user", "content": "Which colour?"}]},
                "reply": {"completions": [{"text": "blue"}], "model": "m"}}
        trace.write_text(json.dumps(span) + "\n" + json.dumps({**span, "lm": "other"}) + "\n")
        first = self.run_with("cache", "warm", str(trace), "-m", "a", "--json")
        self.assertEqual(first.returncode, 0, first.err)
        self.assertEqual(json.loads(first.out), {"kept": 1, "known": 0, "left_out": 1})
        again = self.run_with("cache", "warm", str(trace), "-m", "a", "--json")
        self.assertEqual(json.loads(again.out), {"kept": 0, "known": 1, "left_out": 1})
        asked = self.run_with("lm", "test", "a", "Which colour?")  # the provider itself fails
        self.assertEqual(asked.returncode, 0, asked.err)
        self.assertIn("blue", asked.out)
        missing = self.run_with("cache", "warm", str(self.home / "none"), "-m", "a")
        self.assertIn("check the path", missing.err)

    def test_metrics_of_a_trace_are_offered_and_followed(self):
        span = {"kind": "attempt", "id": 1, "parent": 0, "path": "answer", "started_at": "2026-11-29T10:00:00.000Z", "seconds": 0.03,
                "attempt": 1, "lm": "m", "error": {"kind": "timeout", "message": "late"}}
        trace = self.home / "run.jsonl"
        trace.write_text(json.dumps(span) + "\n")
        once = self.run_with("metrics", str(trace))
        self.assertIn('dspy_lm_requests_total{model="m",outcome="timeout"} 1\n', once.out)
        with subprocess.Popen([DSPY, "metrics", str(trace), "--port", "0"], stdout=subprocess.PIPE) as server:
            try:
                url = server.stdout.readline().decode().strip()
                with trace.open("a") as file:
                    file.write(json.dumps(span) + "\n" + json.dumps(span)[:20])
                with urllib.request.urlopen(url, timeout=10) as reply:
                    self.assertIn('outcome="timeout"} 2\n', reply.read().decode())
                    self.assertEqual(reply.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
            finally:
                server.terminate()
        self.assertEqual(self.run_with("metrics", str(self.home / "none")).returncode, 1)


if __name__ == "__main__":
    unittest.main()
