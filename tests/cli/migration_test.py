"""dspy migrate, and a search whose runs a fleet of workers makes, as processes."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

DSPY = os.environ["DSPY_BINARY"]


def dspy(*arguments, code=0, **options):
    done = subprocess.run([DSPY, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False, **options)
    if done.returncode != code:
        raise AssertionError(f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


class Migrate(Folder):
    def test_lines_and_exit_codes(self):
        maps = self.write("maps.py", "import dspy\nask = dspy.Predict('question -> answer')\n")
        self.assertIn("maps.py:2: maps        Predict -> Predict", dspy("migrate", maps).stdout)
        lacks = self.write("lacks.py", "import dspy\n\ndspy.Flex()\ngetattr(dspy, name)\n")
        out = dspy("migrate", lacks, code=1).stdout
        self.assertIn("lacks.py:3: no place    Flex", out)
        self.assertIn("lacks.py:4: no place    getattr(…)", out)
        self.assertIn("nothing of DSPy", dspy("migrate", self.write("none.py", "print('hello')\n")).stdout)
        # All files are told, and the worst decides.
        both = dspy("migrate", maps, self.folder / "gone.py", lacks, code=2)
        self.assertIn("gone.py cannot be read as Python", both.stderr)
        self.assertIn("lacks.py:3", both.stdout)
        self.assertIn("cannot be read as Python", dspy("migrate", self.write("odd.py", "def ("), code=2).stderr)
        self.assertIn("cannot be read as Python", dspy("migrate", self.write("nul.py", "a = '\0'"), code=2).stderr)

    def test_json(self):
        file = self.write("rag.py", "import dspy\ndspy.context(lm=None)\ndspy.RLM('a -> b')\n")
        told = json.loads(dspy("migrate", "--json", file).stdout)
        self.assertEqual(told["counts"], {"same": 1, "differs": 1, "cpp": 0, "none": 0})
        self.assertEqual([(one["line"], one["name"], one["status"]) for one in told["findings"]],
                         [(2, "context", "differs"), (3, "RLM", "same")])

    def test_nothing_of_the_program_is_run(self):
        mark = self.folder / "ran"
        file = self.write("runs.py", f"import dspy\nopen({str(mark)!r}, 'w')\n")
        self.write("dspy.py", f"open({str(mark)!r}, 'w')\n")
        dspy("migrate", file, cwd=self.folder)
        self.assertFalse(mark.exists())

    def test_without_python(self):
        file = self.write("maps.py", "import dspy\n")
        told = dspy("migrate", file, "--python", "/nowhere/python3", code=2).stderr
        self.assertIn("install python3, or name it with --python", told)
        nothing = dict(os.environ, PATH=str(self.folder))
        nothing.pop("DSPY_PYTHON", None)
        self.assertIn("install python3", dspy("migrate", file, code=2, env=nothing).stderr)


@unittest.skipUnless(shutil.which("valkey-server") or shutil.which("redis-server"), "there is no Valkey or Redis server")
class FleetSearch(Folder):
    def setUp(self):
        super().setUp()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = shutil.which("valkey-server") or shutil.which("redis-server")
        self.start([server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)])
        self.url = f"redis://127.0.0.1:{port}/0"
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)

    def start(self, command):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait, 30)
        self.addCleanup(process.terminate)
        return process

    def test_the_same_search_finds_the_same(self):
        program = self.write("item.toml", PROGRAM)
        rows = [{"item": item, "label": label} for item, label in
                [("tiger", "gold"), ("horse", "gold"), ("hammer", "north"), ("saw", "north"), ("wolf", "gold"), ("axe", "north"),
                 ("lion", "gold"), ("drill", "north"), ("sheep", "gold"), ("knife", "north")]]
        data = self.write("items.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        search = ["optimize", program, data, "--optimizer", "random-search", "--candidates", "3", "--max-bootstrapped-demos", "2",
                  "--temperature", "0", "--json"]
        here = json.loads(dspy(*search, "--out", self.folder / "here.json").stdout)
        workers = [self.start([DSPY, "worker", str(program), "--queue", self.url, "--name", "search", "--rollouts", "--temperature", "0",
                               "--patience", "2"]) for _ in range(2)]
        there = ["--fleet", self.url, "--fleet-name", "search", "--out", self.folder / "fleet.json"]
        time.sleep(0.5)
        workers[0].kill()
        fleet = json.loads(dspy(*search, *there).stdout)
        self.assertEqual((self.folder / "fleet.json").read_text(), (self.folder / "here.json").read_text())
        self.assertEqual([one.get("score") for one in fleet["candidates"]], [one.get("score") for one in here["candidates"]])
        self.assertEqual(fleet["rollouts"], here["rollouts"])
        self.assertIn("give the workers a budget", dspy(*search, *there, "--max-requests", "9", code=2).stdout)


PROGRAM = """
name = "item"
inputs = "item"
outputs = {label = "sort.label"}

[[steps]]
name = "sort"
signature = "item -> label: Literal['north', 'gold']"
inputs = {item = "item"}
"""

if __name__ == "__main__":
    unittest.main()
