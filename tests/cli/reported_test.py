"""Commands of public reports that once lost a contract, a meaning or a place, and what they must give now.

The replies of those reports are in tests/cases/*/replies/reported.jsonl."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

DSPY = os.environ["DSPY_BINARY"]
ROOT = Path(__file__).resolve().parents[2]


def dspy(*arguments, text=b"", folder=ROOT, **more):
    if "stdin" not in more:
        more["input"] = text
    result = subprocess.run([DSPY, *arguments], capture_output=True, timeout=120, cwd=folder, check=False, **more)
    result.out = result.stdout.decode()
    result.err = result.stderr.decode()
    return result


def outputs_of(result):
    return json.loads(result.out)["outputs"]


class Schema(unittest.TestCase):
    """What llama.cpp's converter drops or cannot hold is told as a gap."""

    def gaps(self, signature):
        found = json.loads(dspy("schema", signature, "--dialect", "llama", "--json").out)
        return json.dumps(found["gaps"]) if found["accepted"] else "refused"

    def test_a_length_beside_a_pattern(self):
        self.assertRegex(self.gaps("q -> c: Annotated[str, Field(pattern='^[a-z]+$', min_length=5)]"), "minLength|refused")

    def test_a_long_bounded_repetition(self):
        self.assertRegex(self.gaps("q -> a: Annotated[str, Field(max_length=5000)]"), "maxLength|refused")


class Contracts(unittest.TestCase):
    """A contract given on the command line is held, or the command fails."""

    def test_an_empty_regex_or_grammar_is_refused(self):
        for flag in ("--regex", "--grammar"):
            result = dspy("ask", "Say something", flag, "", "--temperature", "0")
            self.assertEqual(result.returncode, 2, result.out)
            self.assertIn(flag, result.err)

    def test_a_reply_cut_before_it_matches_is_an_error(self):
        result = dspy("ask", "x", "--regex", "a{1000}", "--max-tokens", "5")
        self.assertNotEqual(result.returncode, 0, result.out)
        self.assertNotEqual(result.err, "")

    def test_what_a_mask_allows_is_read(self):
        base = ("Hello", "--ask-again", "0", "--json")
        for adapter in ("field", "chat", "json", "xml"):
            with self.subTest(adapter=adapter):
                none = dspy("ask", "-s", "q -> v: None", *base, "--temperature", "0", "--adapter", adapter)
                self.assertEqual(outputs_of(none), {"v": None}, none.out + none.err)
                some = dspy("ask", "-s", "q -> v: bytes", *base, "--temperature", "0", "--adapter", adapter)
                self.assertEqual(list(outputs_of(some)), ["v"], some.out + some.err)

    def test_a_choice_that_cannot_be_held_frees_nothing_else(self):
        for seed in ("1", "2", "3"):
            result = dspy("ask", "-s", "q -> a: int, v: Literal['', 'x']", "Hello", "--temperature", "1", "--seed", seed,
                          "--max-tokens", "60", "--ask-again", "0", "--json")  # fmt: skip
            found = outputs_of(result)
            self.assertIsInstance(found["a"], int, result.out + result.err)
            self.assertIn(found["v"], ("", "x"))


class Python(unittest.TestCase):
    """What Python DSPy saves keeps its meaning."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, text):
        Path(self.folder.name, name).write_text(text, encoding="utf-8")
        return str(Path(self.folder.name, name))

    def test_descriptions_in_braces_are_descriptions(self):
        fields = [
            {"prefix": "A:", "description": "${a}"},
            {"prefix": "B:", "description": "${the corrected text}"},
        ]
        state = {
            "traces": [],
            "train": [],
            "demos": [],
            "signature": {"instructions": "Fix it.", "fields": fields},
            "lm": None,
            "metadata": {"dependency_versions": {"python": "3.11", "dspy": "3.3.1", "cloudpickle": "3.1"}},
        }
        program = self.write("p.json", json.dumps(state))
        result = dspy("run", program, "-s", "a -> b", "--input", "a=hello", "--max-tokens", "40")
        self.assertEqual(result.returncode, 0, result.err)

    def test_a_demonstration_with_an_image(self):
        part = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
        marked = f"<<CUSTOM-TYPE-START-IDENTIFIER>>{json.dumps(part)}<<CUSTOM-TYPE-END-IDENTIFIER>>"
        demos = self.write("d.jsonl", json.dumps({"picture": marked, "answer": "cat"}) + "\n")
        result = dspy("render", "-s", "picture: Image -> answer", "--demos", demos,
                      "--input", 'picture={"url":"https://example.com/b.png"}')  # fmt: skip
        self.assertEqual(result.returncode, 0, result.err)
        self.assertIn("https://example.com/a.png", result.out)
        self.assertNotIn("CUSTOM-TYPE", result.out)

    def test_a_history_is_turns(self):
        history = {"messages": [{"q": "capital?", "answer": "Paris"}]}
        result = dspy("render", "--adapter", "chat", "-s", "q, h: History -> answer", "--input", "q=hi",
                      "--input", "h=" + json.dumps(history))  # fmt: skip
        self.assertEqual(result.returncode, 0, result.err)
        heads = [line for line in result.out.splitlines() if line.startswith("--- ")]
        self.assertEqual(heads, ["--- system", "--- user", "--- assistant", "--- user"])
        self.assertLess(result.out.index("capital?"), result.out.index("Paris"))


class Notation(unittest.TestCase):
    def test_parentheses_in_a_union(self):
        result = dspy("inspect", "x: str | (int | float) | None -> y")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertRegex(result.out, r"Optional\[Union\[str, int, float\]\]|str \| int \| float \| None")

    def test_names_of_other_letters(self):
        result = dspy("inspect", "问题 -> 答案")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertIn("答案", result.out)

    def test_a_namespace_that_does_not_compile_is_refused(self):
        for wrong in ("a::", "::a", "a::::b"):
            result = dspy("codegen", "q -> a", "--name", "X", "--namespace", wrong)
            self.assertEqual((result.returncode, result.out), (2, ""))
            self.assertIn(wrong, result.err)


class CommandLine(unittest.TestCase):
    def test_a_folder_as_standard_input(self):
        folder = os.open(ROOT, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        result = dspy("parse", stdin=folder)
        self.assertNotEqual(result.returncode, 0)
        error = json.loads(result.out)["error"]
        self.assertEqual(error["kind"], "io_error")
        self.assertNotIn("filebuf", error["message"])

    def test_an_unknown_command_is_named(self):
        result = dspy("frobnicate")
        self.assertEqual(result.returncode, 2)
        self.assertIn("frobnicate", result.err)

    def test_no_section_of_the_guide_is_there_twice(self):
        for page in sorted(Path(ROOT, "docs").rglob("*.md")):
            heads = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("## ")]
            self.assertEqual(len(heads), len(set(heads)), f"{page.name}: {heads}")


if __name__ == "__main__":
    unittest.main()
