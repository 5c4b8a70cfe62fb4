"""Measuring, deciding and promoting by the command line, from one step to the next as a user goes."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

DSPY = os.environ["DSPY_BINARY"]
ROOT = Path(__file__).resolve().parents[2]
SORTING = "ticket -> desk: Literal['maple', 'cedar']"


def dspy(*arguments):
    return subprocess.run([DSPY, *arguments], capture_output=True, text=True, timeout=300, cwd=ROOT, check=False)


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


class Measuring(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return str(Path(self.folder.name, name))

    def optimized(self):
        out = self.path("sorting.json")
        result = dspy("optimize", SORTING, "examples/tutorial/tickets.jsonl", "--out", out,
                      "-m", "llama:models/dspy-tiny.gguf?temperature=0&reproducible=true")  # fmt: skip
        self.assertEqual(result.returncode, 0, result.stderr)
        return out

    def measured(self, program, name):
        out = self.path(name)
        result = dspy("eval", program, "examples/tutorial/held_out.jsonl", "-o", out,
                      "-m", "llama:models/dspy-tiny.gguf?temperature=0&reproducible=true")  # fmt: skip
        self.assertEqual(result.returncode, 0, result.stderr)
        return out

    def test_a_better_version_is_promoted_and_taken_back(self):
        registry = ["registry", "--file", self.path("programs.sqlite")]
        better = self.optimized()
        first = json.loads(Path(better).read_text(encoding="utf-8"))
        # The same program without its demonstrations.
        plain = self.path("plain.json")
        first["demos"] = []
        Path(plain).write_text(json.dumps(first), encoding="utf-8")
        for program in (plain, better):
            added = dspy(*registry, "add", program, "--name", "sorting", "--accept-changed")
            self.assertEqual(added.returncode, 0, added.stderr)
        moved = dspy(*registry, "move", "sorting", "production", "1")
        self.assertEqual(moved.returncode, 0, moved.stderr)

        before, after = self.measured(SORTING, "before.json"), self.measured(better, "after.json")
        # Leaves room for how the processor's kernels round.
        promote = [*registry, "--json", "promote", "sorting", "production", "2", "--accept-breaking", "--min-gain", "-0.1"]
        refused = dspy(*promote, "--champion", after, "--challenger", before)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertFalse(lines(refused)[0]["passed"])
        promoted = dspy(*promote, "--champion", before, "--challenger", after)
        self.assertEqual(promoted.returncode, 0, promoted.stdout + promoted.stderr)
        (now,) = lines(dspy(*registry, "--json", "get", "sorting@production", "--out", self.path("now.json")))
        self.assertEqual(now["number"], 2)
        ran = dspy("run", self.path("now.json"), "--input", "ticket=Where is my kettle?", "--json")
        self.assertIn(json.loads(ran.stdout)["outputs"]["desk"], ["maple", "cedar"])

        back = dspy(*registry, "rollback", "sorting", "production")
        self.assertEqual(back.returncode, 0, back.stderr)
        history = lines(dspy(*registry, "history", "sorting"))
        self.assertEqual([each.get("to") for each in history if "alias" in each], [1, 2, 1])
        self.assertTrue(history[-2]["reason"].startswith("promoted: the gain is"))

    def test_decisions_that_are_not_sure_are_left_or_handed_on(self):
        inputs = Path(self.path("tickets.jsonl"))
        rows = ["My lamp is lost.", "I was charged twice.", "Where is my tent?"]
        inputs.write_text("".join(json.dumps({"ticket": text}) + "\n" for text in rows), encoding="utf-8")
        decide = ["decide", "-s", SORTING, "--inputs", str(inputs), "--json"]
        plain = lines(dspy(*decide))
        sure = sorted(each["confidence"] for each in plain)
        between = (sure[0] + sure[1]) / 2
        abstained = lines(dspy(*decide, "--least-confidence", str(between)))
        self.assertEqual([each.get("abstained", False) for each in abstained],
                         [each["confidence"] < between for each in plain])  # fmt: skip
        self.assertIsNone(next(each for each in abstained if each.get("abstained"))["value"])
        routed = dspy(*decide, "--least-confidence", "1", "--otherwise", "models/dspy-tiny.gguf")
        self.assertTrue(all(each["routed"] for each in lines(routed)), routed.stdout)
        wrong = dspy(*decide, "--otherwise", "models/dspy-tiny.gguf")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("--least-confidence", wrong.stdout)
        wrong = dspy(*decide, "--written", "--calibrate", "content-free")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("use --calibrate batch", wrong.stdout)

    def test_what_a_metric_or_a_strategy_lacks_is_said(self):
        data = "examples/tutorial/tickets.jsonl"
        for more, said in [
            (["--metric", "judge"], "needs --rubric"),
            (["--metric", "exact_mach"], "did you mean `exact_match`?"),
            (["--optimizer", "bootstrap -> "], "has an empty part"),
        ]:
            result = dspy("optimize", SORTING, data, "--out", self.path("out.json"), *more)
            self.assertEqual(result.returncode, 2)
            self.assertIn(said, result.stderr)
        Path(self.path("bad.jsonl")).write_text('{"ticket": "a", "desk": "Maple"}\n{"ticket": "b", "desk": "oak"}\n')
        for command in (["eval", SORTING, self.path("bad.jsonl")],
                        ["optimize", SORTING, data, "--val", self.path("bad.jsonl"), "--out", self.path("out.json")]):
            result = dspy(*command)
            self.assertEqual(result.returncode, 2)
            self.assertIn('has "oak" as `desk`, which is not one of the answers declared', result.stderr)
        result = dspy("eval", SORTING, data, "--max-dollars", "0")
        self.assertEqual(result.returncode, 2)
        self.assertIn("--max-dollars must be more than 0", result.stderr)


if __name__ == "__main__":
    unittest.main()
