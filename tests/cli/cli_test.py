"""The command line, driven as a user drives it: every command, contract and bad input."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

DSPY = os.environ["DSPY_BINARY"]
ROOT = Path(__file__).resolve().parents[2]


def dspy(*arguments, text="", timeout=120):
    data = text if isinstance(text, bytes) else text.encode()
    result = subprocess.run(
        [DSPY, *arguments], input=data, capture_output=True, timeout=timeout, cwd=ROOT, check=False
    )
    result.out = result.stdout.decode()
    result.err = result.stderr.decode()
    return result


def lines(result):
    return [json.loads(line) for line in result.out.splitlines()]


def jsonl(*objects):
    return "".join(json.dumps(each) + "\n" for each in objects)


class Eval(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, text):
        path = Path(self.folder.name, name)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def questions(self):
        facts = "Nora lives in Lima. Tom lives in Oslo."
        return self.write(
            "dev.jsonl",
            jsonl(
                {"context": facts, "question": "Where does Nora live?", "answer": "Lima"},
                {"context": facts, "question": "Where does Tom live?", "answer": "Paris"},
            ),
        )

    def evaluate(self, *more):
        return dspy("eval", "context, question -> answer", self.questions(), "--temperature", "0", *more)

    def test_one_object_says_score_and_cost(self):
        result = self.evaluate("--json")
        self.assertEqual(result.returncode, 0, result.err)
        (found,) = lines(result)
        for name in ("score", "n", "failures", "requests", "seconds"):
            self.assertIn(name, found)
        self.assertEqual((found["n"], found["failures"], found["requests"]), (2, 0, 2))
        self.assertEqual(found["metric"], "exact_match")

    def test_results_are_written_and_compared(self):
        folder = self.folder.name
        result = self.evaluate("-o", f"{folder}/a.json", "-o", f"{folder}/a.html", "-o", f"{folder}/a.csv", "--traces")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertIn("2 of 2 examples, 0 failed", result.out)
        page = Path(folder, "a.html").read_text(encoding="utf-8")
        self.assertIn("Where does Nora live?", page)
        self.assertNotIn("http", page)
        self.assertEqual(len(Path(folder, "a.csv").read_text(encoding="utf-8").splitlines()), 3)
        compared = dspy("compare", f"{folder}/a.json", f"{folder}/a.json", "--json")
        (found,) = lines(compared)
        self.assertEqual((found["difference"], found["p_value"], found["better"]), (0, 1, []))

    def test_a_checkpoint_is_gone_on_from(self):
        checkpoint = f"{self.folder.name}/run.jsonl"
        first = self.evaluate("--json", "--checkpoint", checkpoint, "--max-requests", "1", "-j", "1")
        self.assertEqual(first.returncode, 1)
        self.assertEqual(lines(first)[0]["done"], 1)
        second = self.evaluate("--json", "--checkpoint", checkpoint)
        self.assertEqual((lines(second)[0]["done"], lines(second)[0]["requests"]), (2, 1))

    def test_wrong_data_and_metrics_are_named(self):
        data = self.write("bad.jsonl", jsonl({"question": "a", "answer": "b"}, {"question": "a"}))
        result = dspy("eval", "question -> answer", data, "--json")
        self.assertEqual(result.returncode, 2)
        self.assertIn("bad.jsonl:2: the row lacks the column `answer`", lines(result)[0]["error"]["message"])
        result = dspy("eval", "question -> answer", data, "--metric", "exact_mach", "--limit", "1")
        self.assertIn("did you mean `exact_match`?", result.err)
        empty = self.write("empty.jsonl", "")
        self.assertIn("no examples", dspy("eval", "question -> answer", empty).err)


class Decide(unittest.TestCase):
    def test_each_input_gets_value_probabilities_and_method(self):
        with tempfile.TemporaryDirectory() as folder:
            inputs = Path(folder, "in.jsonl")
            labelled = Path(folder, "labelled.jsonl")
            texts = ["I want my money back!", "Take your time.", "Refund me now.", "There is no rush."]
            inputs.write_text(jsonl(*({"ticket": text} for text in texts)), encoding="utf-8")
            labelled.write_text(
                jsonl(*({"ticket": text, "refund": i % 2 == 0} for i, text in enumerate(texts))), encoding="utf-8"
            )
            for more in ([], ["--calibrate", "batch"], ["--calibrate", "content-free"], ["--fit", str(labelled)]):
                result = dspy("decide", "-s", "ticket -> refund: bool", "--inputs", str(inputs), "--json", *more)
                self.assertEqual(result.returncode, 0, result.err)
                for found in lines(result):
                    self.assertIsInstance(found["value"], bool)
                    self.assertAlmostEqual(sum(found["probabilities"].values()), 1, places=5)
                    self.assertEqual(found["method"], "measured")
                    self.assertTrue(0 <= found["confidence"] <= 1)
            result = dspy("decide", "-s", "ticket -> reply", "--inputs", str(inputs), "--json")
            self.assertEqual(result.returncode, 2)
            self.assertIn("no output can be decided", result.out)


class Index(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.index = str(Path(self.folder.name, "docs.index"))

    def write(self, name, text):
        path = Path(self.folder.name, name)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def build(self):
        passages = self.write(
            "passages.jsonl",
            jsonl(
                {"id": "reset", "text": "Hold the button to reset the lamp.", "source": "lamp.md", "begin": 5, "end": 39},
                {"id": "filter", "text": "Change the filter of the kettle.", "metadata": {"year": 2020}},
                {"text": "The lamp is blue.", "year": 2024},
            ),
        )
        result = dspy("index", "build", self.index, passages, "--passages", "--json")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertEqual(json.loads(result.out), {"passages_written": 3, "passages": 3})

    def test_what_is_kept_is_found(self):
        self.build()
        result = dspy("index", "search", self.index, "reset the lamp", "--json", "-k", "2")
        self.assertEqual(result.returncode, 0, result.err)
        found = json.loads(result.out)
        self.assertEqual([hit["id"] for hit in found], ["reset", "passages.jsonl:3"])
        self.assertEqual({key: found[0][key] for key in ("source", "begin", "end")}, {"source": "lamp.md", "begin": 5, "end": 39})
        self.assertGreater(found[0]["score"], found[1]["score"])
        self.assertNotIn("source", found[1])
        filtered = dspy("index", "search", self.index, "the", "--json", "--filter", '{"year": {"$lt": 2022}}')
        self.assertEqual([hit["id"] for hit in json.loads(filtered.out)], ["filter"])
        self.assertIn("lamp.md, bytes 5 to 39", dspy("index", "search", self.index, "reset").out)

    def test_an_index_is_looked_after(self):
        self.build()
        stats = json.loads(dspy("index", "stats", self.index, "--json").out)
        self.assertEqual((stats["passages"], stats["kind"], stats["damages"]), (3, "embedded", []))
        check = dspy("index", "check", self.index, "--json")
        self.assertEqual(check.returncode, 0)
        self.assertEqual(json.loads(check.out), {"passages": 3, "vectors": 0, "problems": [], "affected": []})
        self.assertEqual(dspy("index", "compact", self.index).returncode, 0)
        self.assertEqual(json.loads(dspy("index", "check", self.index, "--json").out)["passages"], 3)

    def test_what_is_wrong_is_named(self):
        missing = dspy("index", "search", self.index, "lamp")
        self.assertNotEqual(missing.returncode, 0)
        self.assertIn("there is no index in", missing.err)
        self.assertFalse(Path(self.index).exists())
        self.build()
        unknown = dspy("index", "search", self.index, "lamp", "--filter", '{"yaer": 2020}')
        self.assertIn("did you mean `year`?", unknown.err)
        self.assertIn("unknown operator `$eqq`", dspy("index", "search", self.index, "lamp", "--filter", '{"a": {"$eqq": 1}}').err)
        bad = self.write("bad.jsonl", '{"text": "fine"}\n{"id": "x"}\n')
        result = dspy("index", "build", self.index, bad, "--passages")
        self.assertEqual(result.returncode, 2)
        self.assertIn("line 2 of", result.err)
        self.assertIn("lacks its `text`", result.err)


FLOW = """
inputs = "context, question"
[[steps]]
name = "short"
signature = "context, question -> answer"
[[steps]]
name = "long"
signature = "context, question -> answer"
instructions = "Answer the question from the context. Answer with a full sentence."
[outputs]
answer = "short.answer"
sentence = "long.answer"
"""


class Flows(unittest.TestCase):
    def test_a_flow_runs_and_its_faults_have_a_place(self):
        with tempfile.TemporaryDirectory() as folder:
            flow = Path(folder, "ask.toml")
            flow.write_text(FLOW, encoding="utf-8")
            inputs = ["--input", "context=Tom works as a nurse.", "--input", "question=What is the job of Tom?"]
            result = dspy("run", str(flow), *inputs, "--temperature", "0", "--json")
            self.assertEqual(result.returncode, 0, result.err)
            self.assertEqual(set(lines(result)[0]["outputs"]), {"answer", "sentence"})
            self.assertEqual(lines(result)[0]["usage"]["requests"], 2)
            flow.write_text(FLOW.replace("long.answer", "long.reply"), encoding="utf-8")
            result = dspy("run", str(flow), *inputs)
            self.assertEqual(result.returncode, 2)
            self.assertIn("ask.toml:12:1: the step `long` has no output `reply`", result.err)


class Label(unittest.TestCase):
    def test_labels_are_kept_and_not_asked_again(self):
        with tempfile.TemporaryDirectory() as folder:
            inputs, out = Path(folder, "in.jsonl"), Path(folder, "out.jsonl")
            inputs.write_text(jsonl(*({"ticket": text} for text in "abc")), encoding="utf-8")
            arguments = ["label", "-s", "ticket -> team: Literal['x', 'y']", "--inputs", str(inputs), "--out", str(out)]
            result = dspy(*arguments, text="2\nz\n:back\nx\n:quit\n")
            self.assertEqual(result.returncode, 0, result.err)
            self.assertEqual(out.read_text(encoding="utf-8"), '{"ticket":"a","team":"x"}\n')
            result = dspy(*arguments, text="y\n:skip\n")
            self.assertIn("2 to label, 1 labelled before", result.out)
            self.assertEqual(out.read_text(encoding="utf-8").splitlines()[1], '{"ticket":"b","team":"y"}')


class Parse(unittest.TestCase):
    def test_a_readable_reply_gives_outputs_and_flags(self):
        result = dspy("parse", "--signature", "question -> answer: float", "--adapter", "field", text="Answer: 4\n")
        self.assertEqual(result.out, '{"outputs":{"answer":4.0},"flags":[]}\n')
        self.assertEqual(result.returncode, 0)

    def test_an_unreadable_reply_names_what_is_missing_and_invalid(self):
        result = dspy("parse", "--signature", "q -> a: float, b, c", text="A: many\nC: here")
        self.assertEqual(result.returncode, 1)
        error = json.loads(result.out)["error"]
        self.assertEqual(list(error)[:5], ["kind", "missing", "invalid", "message", "partial"])
        self.assertEqual(error["kind"], "parse_error")
        self.assertEqual(error["missing"], ["b"])
        self.assertEqual(error["invalid"], ["a"])
        self.assertEqual(error["partial"], {"c": "here"})
        self.assertIn("`many` is not a number", error["message"])

    def test_what_is_wrong_is_told_part_by_part(self):
        result = dspy(
            "parse", "--adapter", "json",
            "-s", "q -> lines: list[Line{price: Annotated[float, Field(ge=0)]}], b",
            text='{"lines": [{"price": 1}, {"price": -2}]}',
        )  # fmt: skip
        self.assertEqual(result.returncode, 1)
        error = json.loads(result.out)["error"]
        self.assertEqual(
            error["violations"],
            [
                {"path": "b", "rule": "missing", "value": None, "message": "is missing"},
                {"path": "lines[1].price", "rule": "ge", "value": -2.0, "message": "is -2, below the minimum 0"},
            ],
        )
        batch = dspy("parse", "--batch", text=jsonl({"signature": "q -> a: int", "completion": "A: x"}))
        self.assertEqual(lines(batch)[0]["error"]["violations"][0]["path"], "a")

    def test_flags_say_which_repair_was_made_to_which_field(self):
        result = dspy("parse", "--signature", "q -> n: int", text="N: 1,234")
        self.assertEqual(lines(result)[0]["outputs"], {"n": 1234})
        self.assertEqual(lines(result)[0]["flags"], [{"field": "n", "repair": "thousands_separator"}])

    def test_bad_arguments_exit_with_2(self):
        for arguments in (["--signature", "q -> a: flaot"], ["--signature", "q a"], ["--adapter", "xlm"]):
            result = dspy("parse", *arguments, text="Answer: x")
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn("error", json.loads(result.out))

    def test_hostile_bytes_are_read_without_harm(self):
        for text in (b"", b"\xff\xfe", b"Answer: a\x00b", b"Answer: \xc3", b"{" * 100000, b"[" * 100000):
            result = dspy("parse", text=text)
            self.assertIn(result.returncode, (0, 1))
            json.loads(result.out)

    def test_batch_prints_one_result_a_line_in_order(self):
        result = dspy(
            "parse", "--batch",
            text=jsonl(
                {"signature": "q -> a", "completion": "A: one"},
                {"signature": "q -> a: int", "completion": "A: x"},
            )
            + "\nnot json\n"
            + jsonl(
                {"signature": "q -> a", "adapter": "fild", "completion": "A: x"},
                {"signature": "q -> a: nonsense", "completion": "A: x"},
                {"signature": "q -> a"},
                {"signature": "q -> a", "instructions": "Do.", "completion": "A: last"},
            ),
        )
        self.assertEqual(result.returncode, 0)
        answers = lines(result)
        self.assertEqual(len(answers), 7)
        self.assertEqual(answers[0]["outputs"], {"a": "one"})
        kinds = [each["error"]["kind"] for each in answers[1:6]]
        self.assertEqual(kinds, ["parse_error", "bad_input", "config_error", "signature_error", "bad_input"])
        self.assertEqual(answers[6]["outputs"], {"a": "last"})

    def test_windows_line_ends_and_long_lines_are_fine(self):
        completion = "A: " + "x" * 2_000_000
        text = json.dumps({"signature": "q -> a", "completion": completion}) + "\r\n"
        self.assertEqual(len(lines(dspy("parse", "--batch", text=text))[0]["outputs"]["a"]), 2_000_000)


class Render(unittest.TestCase):
    def test_batch_prints_the_messages_of_each_line(self):
        result = dspy(
            "render", "--batch",
            text=jsonl(
                {"signature": "question -> answer", "inputs": {"question": "Why?"}},
                {
                    "signature": "question -> answer: float",
                    "instructions": "Be brief.",
                    "adapter": "field",
                    "demos": [{"question": "2+2?", "answer": 4}],
                    "inputs": {"question": "3+3?"},
                },
                {"signature": "question -> answer", "inputs": {}},
                {"signature": "question -> answer", "inputs": {"question": 3}},
            ),
        )
        self.assertEqual(result.returncode, 0)
        answers = lines(result)
        self.assertEqual(answers[0], {"messages": [{"role": "user", "content": "Question: Why?\n\nAnswer:"}]})
        self.assertEqual(
            answers[1]["messages"],
            [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Question: 2+2?\n\nAnswer: (a number)"},
                {"role": "assistant", "content": "Answer: 4"},
                {"role": "user", "content": "Question: 3+3?\n\nAnswer: (a number)"},
            ],
        )
        self.assertEqual(answers[2]["error"]["missing"], ["question"])
        self.assertEqual(answers[3]["error"]["kind"], "bad_input")

    def test_people_see_the_messages_with_their_roles(self):
        result = dspy("render", "-s", "q -> a", "-i", "Do.", "--input", "q=x")
        self.assertEqual(result.out, "--- system\nDo.\n--- user\nQ: x\n\nA:\n")

    def test_inputs_take_the_type_of_their_field(self):
        result = dspy("render", "-s", "n: int, tags: list[str] -> a", "--input", "n=3", "--input", 'tags=["x","y"]', "--json")
        self.assertEqual(lines(result)[0]["messages"][0]["content"], "N: 3\nTags:\n[1] x\n[2] y\n\nA:")
        self.assertEqual(dspy("render", "-s", "n: int -> a", "--input", "n=three").returncode, 2)
        self.assertEqual(dspy("render", "-s", "n -> a", "--input", "n").returncode, 2)
        self.assertEqual(dspy("render", "-s", "n -> a", "--input", "{bad").returncode, 2)

    def test_a_closed_pipe_ends_quietly(self):
        many = jsonl(*[{"signature": "q -> a", "inputs": {"q": "x" * 1000}}] * 2000)
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.write(many)
            file.flush()
            result = subprocess.run(
                f'"{DSPY}" render --batch < "{file.name}" | head -n 1', shell=True, capture_output=True, check=False
            )
        self.assertEqual(result.stderr, b"")
        self.assertEqual(result.stdout.count(b"\n"), 1)


class Run(unittest.TestCase):
    def test_ask_answers_and_counts(self):
        result = dspy("ask", "What is the capital of France?", "--temperature", "0", "--json")
        self.assertEqual(result.returncode, 0, result.err)
        answer = lines(result)[0]
        self.assertEqual(set(answer), {"outputs", "usage", "flags"})
        self.assertGreater(answer["usage"]["prompt_tokens"], 5)
        self.assertGreater(answer["usage"]["completion_tokens"], 0)

    def test_ask_streams_the_same_text(self):
        flags = ["--temperature", "0", "--cot", "-s", "question -> answer"]
        plain = dspy("ask", "What is 3 * 4?", *flags)
        streamed = dspy("ask", "-", "--stream", *flags, text="What is 3 * 4?\n")
        self.assertEqual(plain.out, streamed.out)
        self.assertTrue(plain.out.startswith("Reasoning: "))

    def test_ask_holds_the_reply_to_choices_a_pattern_or_a_grammar(self):
        with tempfile.NamedTemporaryFile("w", suffix=".gbnf") as file:
            file.write('root ::= item (", " item){1,2}\nitem ::= "red" | "blue"\n')
            file.flush()
            for flags, pattern in (
                (["--choices", "yes,no,not at all"], r"yes|no|not at all"),
                (["--regex", "[0-9]{2,4} or so"], r"[0-9]{2,4} or so"),
                (["--grammar", file.name], r"(red|blue)(, (red|blue)){1,2}"),
            ):
                for seed in "12":
                    more = ["--temperature", "3", "--seed", seed]
                    plain = dspy("ask", "Which?", *flags, *more)
                    self.assertRegex(plain.out, f"^({pattern})\n$")
                    self.assertEqual(dspy("ask", "Which?", *flags, *more, "--stream").out, plain.out)
                    whole = lines(dspy("ask", "Which?", *flags, *more, "--json"))[0]
                    self.assertEqual(whole["text"] + "\n", plain.out)
                    self.assertEqual(whole["finish"], "stop")

    def test_ask_refuses_what_cannot_be_held_or_contradicts(self):
        for flags, message in (
            (["--regex", "(?=a)b"], "cannot be held by a mask"),
            (["--regex", "a", "--choices", "b"], "excludes"),
            (["--choices", "b", "-s", "a -> b"], "excludes"),
            (["--grammar", "/no/such/file"], "/no/such/file"),
        ):
            result = dspy("ask", "Which?", *flags)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(message, result.err)

    def test_batch_answers_in_order_and_goes_on_after_an_error(self):
        asked = {"signature": "question -> answer", "inputs": {"question": "What is the capital of Italy?"}}
        result = dspy("run", "--batch", "--temperature", "0", text=jsonl(asked, {"signature": "->"}, asked))
        self.assertEqual(result.returncode, 0, result.err)
        answers = lines(result)
        self.assertEqual([list(each)[0] for each in answers], ["outputs", "error", "outputs"])
        self.assertEqual(answers[0]["outputs"], answers[2]["outputs"])

    def test_several_lines_are_answered_at_once_and_printed_in_order(self):
        asked = [{"signature": "question -> answer", "inputs": {"question": f"What is {i} + {i}?"}} for i in range(12)]
        text = jsonl(*asked[:6], {"signature": "->"}, *asked[6:])
        one = dspy("run", "--batch", "--temperature", "0", text=text)
        several = dspy("run", "--batch", "--temperature", "0", "--jobs", "4", text=text)
        self.assertEqual(several.returncode, 0, several.err)
        self.assertEqual([list(each)[0] for each in lines(several)], ["outputs"] * 6 + ["error"] + ["outputs"] * 6)
        self.assertEqual([each.get("outputs") for each in lines(several)], [each.get("outputs") for each in lines(one)])
        self.assertIn("line 1 is not JSON", dspy("run", "--batch", "-j", "3", text="x").out)
        self.assertEqual(dspy("run", "--batch", "--jobs", "0", text=text).returncode, 2)

    def test_a_saved_program_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "p.json"
            program.write_text(json.dumps({
                "demos": [],
                "signature": {"instructions": "", "fields": []},
                "dspy_cpp": {"version": 1, "signature": "question -> answer"},
            }).replace('"fields": []', '"fields": [{"prefix": "Question:"}, {"prefix": "Answer:"}]'))
            inputs = Path(folder) / "in.jsonl"
            inputs.write_text(jsonl({"question": "What is the capital of Spain?"}, {"wrong": 1}))
            result = dspy("run", str(program), "--input", "question=What is the capital of Spain?", "--temperature", "0")
            self.assertEqual(result.returncode, 0, result.err)
            self.assertTrue(result.out.startswith("Answer: "))
            many = dspy("run", str(program), "--inputs", str(inputs), "--temperature", "0")
            self.assertEqual([list(each)[0] for each in lines(many)], ["outputs", "error"])
            seen = dspy("inspect", str(program), "--json")
            self.assertEqual(lines(seen)[0]["predictors"][0]["signature"], "question: str -> answer: str")
        state = str(ROOT / "tests/cases/dspy/states/predict.json")
        self.assertEqual(dspy("run", state, "--input", "question=x").returncode, 2)
        self.assertEqual(
            dspy("run", state, "-s", "question -> answer", "--input", "question=x0", "--temperature", "0").returncode, 0
        )

    def test_of_a_file_with_several_predictors_one_is_chosen(self):
        state = str(ROOT / "tests/cases/dspy/states/rag.json")
        several = dspy("run", state, "--input", "question=x")
        self.assertEqual(several.returncode, 2)
        self.assertIn("`query` and `answer.predict`; choose one with --predictor", several.err)
        self.assertIn("none named `x`", dspy("run", state, "--predictor", "x").err)
        asked = ["--predictor", "query", "-s", "question -> query", "--input", "question=x0", "--temperature", "0"]
        self.assertEqual(dspy("run", state, *asked).returncode, 0)
        seen = lines(dspy("inspect", state, "--json"))[0]
        self.assertEqual([each["path"] for each in seen["predictors"]], ["query", "answer.predict"])
        self.assertEqual(seen["predictors"][1]["prefixes"][2], "Reasoning:")
        self.assertIn("Tuned instruction 1", dspy("inspect", state).out)

    def test_a_changed_file_runs_only_if_that_is_accepted(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"signature": {"instructions": "", "fields": [{}, {}]}, "demos": [], "lm": None,
                       "dspy_cpp": {"version": 2, "hash": "sha256:0", "predictors": {
                           "self": {"inputs": [{"name": "question"}], "outputs": [{"name": "answer"}]}}}}, file)
            file.flush()
            arguments = ["run", file.name, "--input", "question=x0", "--temperature", "0"]
            refused = dspy(*arguments)
            self.assertEqual(refused.returncode, 2)
            self.assertIn("--accept-changed", refused.err)
            self.assertEqual(dspy(*arguments, "--accept-changed").returncode, 0)
            self.assertEqual(lines(dspy("inspect", file.name, "--json"))[0]["integrity"], "changed")

    # Three tokens are too few for the reply, however often the model is asked; held to its contract, that is an error.
    free = ("-m", "models/dspy-tiny.gguf?constrain=off", "--temperature", "0", "--max-tokens", "3")
    cut_reply = ("ask", "-s", "question -> answer: dict[str, int], b: int", "x?", *free)

    def test_a_contract_is_never_dropped(self):
        for flag in ("--regex", "--grammar", "--choices"):
            result = dspy("ask", "x", flag, "")
            self.assertEqual(result.returncode, 2, flag)
            self.assertIn("is empty", result.err)
        short = dspy("ask", "x", "--regex", "a{1000}", "--max-tokens", "5")
        self.assertNotEqual(short.returncode, 0)
        self.assertIn("max_tokens is 5, but the shortest reply that keeps the contract takes `dspy-tiny` 1000", short.err)
        ended = dspy("ask", "x", "--regex", "[a-z]{3,}", "--max-tokens", "3", "--temperature", "0", "--json")
        self.assertEqual(ended.returncode, 0, ended.err)
        self.assertEqual(lines(ended)[0]["closed_early"], "cut at max_tokens" in ended.err)

    def test_what_cannot_be_held_is_told_and_frees_no_other_output(self):
        signature = "q -> a: int, v: Literal[' x', 'y']"
        result = dspy("ask", "-s", signature, "Hello", "--temperature", "0", "--max-tokens", "60", "--ask-again", "0", "--json")
        self.assertIn("dspy: not constrained to its type: the output `v`", result.err)
        answer = lines(result)[0]
        self.assertTrue((answer.get("error") or answer)["unenforced"][0].startswith("the output `v`: "))
        values = answer["error"]["partial"] if "error" in answer else answer["outputs"]
        self.assertIsInstance(values["a"], int)

    def test_a_reply_that_cannot_be_read_is_asked_for_again_as_often_as_is_said(self):
        for again in (0, 2):
            result = dspy(*self.cut_reply, "--ask-again", str(again), "--finally", "accept", "--json")
            self.assertEqual(result.returncode, 0, result.out)
            answer = lines(result)[0]
            self.assertEqual(answer["usage"]["requests"], again + 1)
            self.assertEqual(len(answer["failures"]), again + 1)
            self.assertIn({"field": "", "repair": "accepted"}, answer["flags"])
            self.assertEqual({"field": "", "repair": "asked_again"} in answer["flags"], again > 0)
            self.assertIn("b", [each["path"] for each in answer["violations"]])
            self.assertEqual(answer["failures"][-1]["violations"], answer["violations"])

    def test_another_adapter_is_tried_only_if_it_is_named(self):
        for flags, adapters in (([], ["field"]), (["--fallback", "json"], ["field", "json"])):
            result = dspy(*self.cut_reply, "--ask-again", "0", "--finally", "accept", "--json", *flags)
            self.assertEqual([each["adapter"] for each in lines(result)[0]["failures"]], adapters)

    def test_a_call_that_fails_at_last_says_what_is_wrong(self):
        result = dspy(*self.cut_reply, "--ask-again", "0", "--json")
        self.assertEqual(result.returncode, 1)
        error = json.loads(result.out)["error"]
        self.assertIn({"path": "b", "rule": "missing", "value": None, "message": "is missing"}, error["violations"])
        told = dspy(*self.cut_reply, "--ask-again", "0", "--finally", "accept")
        self.assertEqual(told.returncode, 0)
        self.assertIn("dspy: accepted although", told.err)
        self.assertIn("`b` is missing", told.err)

    def test_the_policy_holds_for_saved_programs_and_batches(self):
        flags = (*self.free, "--ask-again", "0", "--finally", "accept")
        job = {"signature": "question -> answer: dict[str, int], b: int", "inputs": {"question": "x?"}}
        answer = lines(dspy("run", "--batch", *flags, text=jsonl(job)))[0]
        self.assertIn({"field": "", "repair": "accepted"}, answer["flags"])
        self.assertEqual(answer["usage"]["requests"], 1)

    def test_a_policy_out_of_range_exits_with_2(self):
        for flags in (["--ask-again", "-1"], ["--finally", "maybe"], ["--fallback", "jsno"]):
            result = dspy("ask", "x?", *flags)
            self.assertEqual(result.returncode, 2, flags)
            self.assertTrue(result.err)

    def test_bad_input_gets_a_clear_error_and_a_code(self):
        with tempfile.TemporaryDirectory() as folder:
            not_gguf = Path(folder) / "x.gguf"
            not_gguf.write_bytes(b"this is not a model" * 10)
            cut = Path(folder) / "cut.gguf"
            cut.write_bytes((ROOT / "models/dspy-tiny.gguf").read_bytes()[:200_000])
            cases = [
                (["ask", "x", "-m", str(not_gguf)], 1, "GGUF"),
                (["ask", "x", "-m", str(cut)], 1, "cut.gguf"),
                (["ask", "x", "-m", "absent-model"], 1, "absent-model"),
                (["ask", "x", "-m", "nosuch:thing"], 2, "nosuch"),
                (["ask", "x", "-m", "models/dspy-tiny.gguf?nonsense=1"], 2, "nonsense"),
                (["ask", "x", "--max-tokens", "0"], 2, "max_tokens"),
                (["ask", "x", "--max-tokens", "-1"], 2, "max_tokens"),
                (["ask", "x", "--temperature", "-1"], 2, "temperature"),
                (["ask", "x", "--adapter", "fild"], 2, "did you mean `field`"),
                (["ask", "x", "-s", "q, q -> a"], 2, "q"),
                (["ask", "x", "-s", "q -> a: flaot"], 2, "float"),
                (["ask", "x", "-s", "q a"], 2, "->"),
                (["ask", "-s", "q -> a"], 2, "q"),
                (["ask", "x " * 8000], 1, "tokens"),
                (["ask", b"\xff\xfe"], 2, "UTF-8"),
                (["run", "absent.json"], 1, "absent.json"),
                (["run", "absent.json", "--inputs", "x.jsonl", "--shard", "0/2"], 2, "--shard requires --out"),
                (["run", "absent.json", "--out", "x", "--retry-failed"], 2, "--retry-failed requires --resume"),
                (["index", "search", "x", "q", "-k", "0"], 2, "is not a whole number from 1"),
                (["new", "rebuild_cache"], 2, "choose another"),
                (["new", "x", "--adapter", "json"], 2, "--adapter"),
                (["inspect", "absent.file"], 1, "absent.file"),
                (["models", "info", "absent-model"], 1, "absent-model"),
                (["models", "bench", "absent-model"], 1, "absent-model"),
                (["models", "bench", "dspy-tiny", "--sequences", "0"], 2, "--sequences"),
                (["models", "bench", "dspy-tiny", "--kernels", "mine"], 2, "--kernels"),
                (["models", "quantize", "dspy-tiny", "--type", "q9"], 2, "q9"),
                (["models", "quantize", "dspy-tiny", "absent/out.gguf"], 1, "no folder absent"),
                (["ask", "x", "--nonsense"], 2, "--nonsense"),
                (["frobnicate"], 2, "there is no command `frobnicate`; use `ask`, `run`"),
                (["aks", "x"], 2, "did you mean `ask`?"),
                (["--nonsense"], 2, ""),
                ([], 2, ""),
            ]
            for arguments, code, words in cases:
                with self.subTest(arguments=[str(each)[:60] for each in arguments]):
                    result = dspy(*arguments)
                    self.assertEqual(result.returncode, code, result.err)
                    self.assertIn(words, result.err)
                    self.assertEqual(result.out, "")

    def test_errors_are_json_where_a_program_reads(self):
        result = dspy("ask", "x", "--json", "-m", "absent-model")
        self.assertEqual(lines(result)[0]["error"]["kind"], "model_not_found")
        self.assertEqual(result.returncode, 1)
        long = lines(dspy("ask", "x " * 8000, "--json"))[0]["error"]
        self.assertEqual(long["kind"], "context_too_long")
        self.assertGreater(long["actual"], long["max"])


class Texts(unittest.TestCase):
    """Byte order marks, and a standard input that is none."""

    def test_a_byte_order_mark_is_no_part_of_a_text(self):
        mark = b"\xef\xbb\xbf"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder)
            (path / "s.txt").write_bytes(mark + b"q -> a: int")
            (path / "s.json").write_bytes(mark + b'{"type": "object", "properties": {"n": {"type": "integer"}}}')
            (path / "d.jsonl").write_bytes(mark + b'{"q": "1", "a": 2}\n')
            (path / "d.csv").write_bytes(mark + b"q,a\n1,2\n")
            (path / "p.json").write_bytes(mark + (ROOT / "tests/cases/dspy/states/predict.json").read_bytes())
            self.assertIn("a                    int", dspy("inspect", str(path / "s.txt")).out)
            self.assertIn('"integer"', dspy("schema", str(path / "s.json")).out)
            self.assertIn("of Python DSPy", dspy("inspect", str(path / "p.json")).out)
            demos = dspy("render", "-s", "q -> a: int", "--demos", str(path / "d.jsonl"), "--input", "q=x")
            self.assertIn("A: 2", demos.out, demos.err)
            for data in ("d.jsonl", "d.csv"):
                checked = dspy("check", "q -> a: int", str(path / data))
                self.assertEqual(checked.returncode, 0, checked.out + checked.err)
            (path / "wide.txt").write_bytes("q -> a".encode("utf-16"))
            self.assertIn("is UTF-16; save it as UTF-8", dspy("inspect", str(path / "wide.txt")).err)
        self.assertEqual(dspy("parse", text=mark + b"Answer: 4").out, '{"outputs":{"answer":"4"},"flags":[]}\n')
        line = json.dumps({"signature": "q -> a", "completion": "A: 1"}).encode()
        self.assertEqual(lines(dspy("parse", "--batch", text=mark + line))[0]["outputs"], {"a": "1"})

    def test_a_folder_or_nothing_as_standard_input_is_one_sentence(self):
        for redirect, word in (("< .", "a folder"), ("<&-", "closed")):
            for arguments in ("parse", "parse --batch", "render --batch", "run --batch", "ask -"):
                with self.subTest(arguments=arguments, redirect=redirect):
                    result = subprocess.run(
                        ["sh", "-c", f'"$0" {arguments} {redirect}', DSPY],
                        capture_output=True, timeout=60, cwd=ROOT, check=False,
                    )  # fmt: skip
                    told = (result.stdout + result.stderr).decode()
                    self.assertEqual(result.returncode, 1)
                    self.assertIn(f"standard input is {word}; redirect a file or a pipe to it", told)
                    self.assertNotIn("filebuf", told)


class PythonStates(unittest.TestCase):
    """What Python DSPy saves, and what its types mean."""

    def test_a_description_may_be_a_placeholder(self):
        state = {
            "traces": [], "train": [], "demos": [], "lm": None,
            "signature": {
                "instructions": "Fix it.",
                "fields": [
                    {"prefix": "A:", "description": "${a}"},
                    {"prefix": "B:", "description": "${the corrected text}"},
                ],
            },
        }  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "p.json"
            file.write_text(json.dumps(state), encoding="utf-8")
            result = dspy("run", str(file), "-s", "a -> b", "--input", "a=hello")
            self.assertEqual(result.returncode, 0, result.err)
            self.assertEqual(dspy("check", str(file), "--signature", "a -> b", str(file)).returncode, 0)

    def test_a_picture_in_a_demonstration_is_a_part_of_its_message(self):
        block = json.dumps([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}])
        marked = f"<<CUSTOM-TYPE-START-IDENTIFIER>>{block}<<CUSTOM-TYPE-END-IDENTIFIER>>"
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "d.jsonl"
            file.write_text(json.dumps({"picture": marked, "answer": "cat"}) + "\n", encoding="utf-8")
            shown = dspy(
                "render", "-s", "picture: Image -> answer", "--demos", str(file),
                "--input", 'picture={"url":"https://example.com/b.png"}',
            )  # fmt: skip
            self.assertIn("Picture: [image: https://example.com/a.png]", shown.out)
            self.assertNotIn("CUSTOM-TYPE", shown.out)
            self.assertEqual(dspy("check", "picture: Image -> answer", str(file)).returncode, 0)

    def test_a_conversation_is_turns(self):
        history = json.dumps({"messages": [{"q": "capital?", "answer": "Paris"}]})
        for adapter in ("field", "chat", "json", "xml", "two_step", "chat@dspy-3.3"):
            with self.subTest(adapter=adapter):
                out = dspy(
                    "render", "--adapter", adapter, "-s", "q, h: History -> answer",
                    "--input", "q=hi", "--input", f"h={history}",
                ).out  # fmt: skip
                roles = [line[4:] for line in out.splitlines() if line.startswith("--- ")]
                self.assertEqual(roles[-3:], ["user", "assistant", "user"])
                self.assertIn("Paris", out.split("--- assistant")[1].split("--- user")[0])
                self.assertNotIn("messages", out)


class Schema(unittest.TestCase):
    def test_a_schema_goes_to_standard_output_and_what_it_cannot_say_to_standard_error(self):
        result = dspy("schema", "q -> tags: set[str], n: Annotated[int, Field(gt=0)]", "--dialect", "gemini")
        self.assertEqual(result.returncode, 0, result.err)
        schema = json.loads(result.out)
        self.assertEqual(schema["properties"]["n"], {"type": "integer", "minimum": 1})
        self.assertEqual(result.err, "tags uniqueItems: Gemini has no `uniqueItems`; it is checked when replies are read\n")

    def test_a_schema_that_the_provider_refuses_exits_with_1(self):
        result = dspy("schema", "q -> scores: dict[str, int]", "-d", "openai", "--json")
        self.assertEqual(result.returncode, 1)
        answer = lines(result)[0]
        self.assertFalse(answer["accepted"])
        self.assertEqual(answer["gaps"][0]["path"], "scores")
        self.assertTrue(answer["gaps"][0]["refused"])
        self.assertEqual(dspy("schema", "q -> scores: dict[str, int]").returncode, 0)

    def test_what_a_grammar_of_llama_cpp_does_not_look_at_is_told(self):
        for type_, keyword in (
            ("Annotated[str, Field(pattern='^[a-z]+$', min_length=5)]", "minLength"),
            ("Annotated[str, Field(max_length=5000)]", "maxLength"),
            ("Annotated[list[int], Field(max_length=2000)]", "maxItems"),
            (r"Annotated[str, Field(pattern=r'^\d+$')]", "pattern"),
        ):
            with self.subTest(type=type_):
                seen = lines(dspy("schema", f"q -> c: {type_}", "--dialect", "llama", "--json"))[0]
                self.assertEqual([each["keyword"] for each in seen["gaps"]], [keyword])
                self.assertNotIn(keyword, seen["schema"]["properties"]["c"])

    def test_programs_and_schemas_have_one_too(self):
        rag = "tests/cases/dspy/states/rag.json"
        self.assertEqual(dspy("schema", rag).returncode, 2)
        chosen = dspy("schema", rag, "--predictor", "query", "-s", "question -> query", "--inputs", "--json")
        self.assertEqual(list(lines(chosen)[0]["schema"]["properties"]), ["question"])
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "order.json"
            file.write_text('{"type": "object", "properties": {"n": {"type": "integer", "maxLenght": 3}}}')
            result = dspy("schema", str(file))
            self.assertEqual(result.returncode, 2)
            self.assertIn("`#/properties/n/maxLenght`, byte 72", result.err)
            self.assertIn("did you mean `maxLength`?", result.err)
            file.write_text('{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}')
            self.assertEqual(lines(dspy("schema", str(file), "-d", "anthropic", "--json"))[0]["schema"]["title"], "Order")
        self.assertEqual(dspy("schema", "q -> a", "-d", "open-ai").returncode, 2)


class Check(unittest.TestCase):
    SIGNATURE = "ticket, n: int -> score: Annotated[float, Field(le=1)], tags: Optional[list[str]]"

    def check(self, name, text, *flags):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / name
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
            result = dspy("check", self.SIGNATURE, str(file), *flags)
            result.out = result.out.replace(str(file), name)
            return result

    def test_lines_of_jsonl_are_held_to_types_limits_and_presence(self):
        text = jsonl({"ticket": "a", "n": 1, "score": 0.5}, {"ticket": "a", "n": "x", "score": 7}) + "\nnot json\n" + jsonl(
            {"n": 2, "score": 1, "tags": ["a", 3], "id": 4})
        result = self.check("data.jsonl", text)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.out.splitlines(), [
            "data.jsonl:2: `n` is a string, not an integer",
            "data.jsonl:2: `score` is 7, above the maximum 1",
            "data.jsonl:4: the row is not JSON: syntax error at byte 0",
            "data.jsonl:5: `ticket` is missing",
            "data.jsonl:5: `tags[1]` is an integer, not a string",
            "note: `id` in 1 row is not a field of the signature",
            "4 rows, 5 problems",
        ])

    def test_rows_of_json_have_the_line_on_which_they_begin(self):
        text = '[\n  {"ticket": "]},[",\n   "n": 1, "score": 0},\n  3,\n  {"ticket": "a", "n": 1,\n "score": 2}]'
        answer = lines(self.check("data.json", text, "--json"))[0]
        self.assertEqual(answer["rows"], 3)
        self.assertEqual([(each["line"], each["path"], each["rule"]) for each in answer["problems"]],
                         [(4, "", "row"), (5, "score", "le")])

    def test_cells_of_csv_take_the_type_of_their_field(self):
        text = 'ticket,n,score,tags\r\n"a ""b"",\r\nc",1,0.5,"[""x""]"\r\nd,two,0.5,\r\ne,3\r\n,4,0.25,\r\n"f,4,1,'
        result = self.check("data.csv", b"\xef\xbb\xbf" + text.encode())
        self.assertEqual(result.out.splitlines(), [
            "data.csv:4: `n` is a string, not an integer",
            "data.csv:5: the row has 2 cells, and the header 4",
            "data.csv:7: the row has a quote that is never closed",
            "5 rows, 3 problems",
        ])

    def test_outputs_may_be_left_out_of_data_without_labels(self):
        text = jsonl({"ticket": "a", "n": 1})
        self.assertEqual(self.check("data.jsonl", text).returncode, 1)
        self.assertEqual(self.check("data.jsonl", text, "--inputs-only").returncode, 0)

    def test_many_problems_are_counted_and_cut(self):
        result = self.check("data.jsonl", jsonl(*[{"n": 1, "score": 1}] * 9), "--most", "2")
        self.assertIn("… and 7 more", result.out)
        self.assertIn("9 rows, 9 problems", result.out)

    def test_a_saved_program_is_held_to_a_signature_with_the_lines_of_its_demonstrations(self):
        state = "tests/cases/dspy/states/predict.json"
        self.assertEqual(dspy("check", "question -> answer", state).returncode, 0)
        result = dspy("check", "question -> answer: int, note", state)
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"{state}:5: `answer` is a string, not an integer", result.out)
        self.assertIn("the row differs: the file holds 2 fields", result.out)

    def test_a_name_that_stands_twice_is_a_problem(self):
        result = self.check("data.jsonl", b'{"n": 1, "n": 2}\n')
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"data.jsonl:1: the row is ambiguous", result.stdout)
        self.assertEqual(self.check("data.json", b'[{"n": 1, "n": 2}]').returncode, 2)
        self.assertIn(b"two columns `n`", self.check("data.csv", b"n,n\n1,2\n").stderr)

    def test_functions_that_a_program_was_saved_with_are_noted(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "program.json")
            program = json.loads(Path(ROOT, "tests/codegen/rag.json").read_text(encoding="utf-8"))
            query = program["dspy_cpp"]["predictors"]["query"]
            query["functions"] = {"validators": [{"field": "query", "name": "is_short"}, {"name": "fits"}],
                                  "computed": [{"name": "size", "type": "int"}]}
            file.write_text(json.dumps(program), encoding="utf-8")
            flags = ("--predictor", "query", "--accept-changed")
            result = dspy("check", "question -> query", str(file), *flags)
            self.assertEqual(result.returncode, 0, result.stdout)
            named = b"the validator `is_short` of `query`, the validator `fits` and the computed field `size`"
            self.assertIn(named, result.stdout)
            self.assertIn(named, dspy("inspect", str(file)).stdout)
            header = dspy("codegen", str(file), "--accept-changed").stdout
            self.assertIn(b"// Saved with functions, which are in no file: `is_short of query`, `fits` and `size`.", header)

    def test_bad_arguments_exit_with_2(self):
        self.assertEqual(dspy("check", "question answer", "x.jsonl").returncode, 1)  # no such file
        self.assertEqual(dspy("check", "q -> a: flaot", "x.jsonl").returncode, 2)
        self.assertEqual(dspy("check", "q -> a", "README.md").returncode, 2)
        self.assertEqual(dspy("check", "q -> a", "absent.jsonl").returncode, 1)


class Codegen(unittest.TestCase):
    def test_a_header_is_written_whole_or_not_at_all(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "made.hpp")
            result = dspy("codegen", "q -> a: Node{next: Optional[Node]} | date", "--name", "Made", "-o", str(file))
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"", b""))
            before = file.read_text(encoding="utf-8")
            self.assertIn("std::variant<Node, std::chrono::year_month_day> a;", before)

            for target, message in (("q -> a: {" + ", ".join(f"m{i}: int" for i in range(201)) + "}", b"201 members"),
                                    ("tests/cases/dspy/states/rag.json", b"does not name its fields"),
                                    ("q -> a: unknown", b"unknown")):
                result = dspy("codegen", target, "--name", "Made", "-o", str(file))
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(message, result.stderr)
                self.assertEqual(file.read_text(encoding="utf-8"), before)
            self.assertEqual([each.name for each in Path(folder).iterdir()], ["made.hpp"])
            self.assertEqual(dspy("codegen", "q -> a", "--lang", "rust").returncode, 2)
            self.assertEqual(dspy("codegen", "q -> a", "--name", "new").returncode, 2)

    def test_a_namespace_is_names_between_colons(self):
        self.assertIn("namespace a::b {", dspy("codegen", "q -> a", "--namespace", "a::b").out)
        for namespace in ("a::", "::a", "a::::b", "a:b", "::", "a::new", "a b"):
            with self.subTest(namespace=namespace):
                result = dspy("codegen", "q -> a", "--namespace", namespace)
                self.assertEqual((result.returncode, result.out), (2, ""))


class RemoteModels(unittest.TestCase):
    def setUp(self):
        if dspy("lm", "list").returncode != 0:
            self.skipTest("built without remote models")

    def test_providers_are_listed_with_their_key_variables(self):
        providers = json.loads(dspy("lm", "list", "--json").out)["providers"]
        openai = next(each for each in providers if "openai" in each["names"])
        self.assertEqual(openai["key_variables"], ["OPENAI_API_KEY"])
        self.assertIn("anthropic/…", dspy("lm", "list").out)

    def test_a_missing_key_and_an_unknown_provider_are_named(self):
        missing = dspy("lm", "test", "openai/m?api_key_env=DSPY_NO_SUCH_KEY")
        self.assertEqual(missing.returncode, 1)
        self.assertIn("DSPY_NO_SUCH_KEY", missing.err)
        unknown = dspy("lm", "test", "opnai/m")
        self.assertEqual(unknown.returncode, 2)
        self.assertIn("did you mean `openai`?", unknown.err)

    def test_every_protocol_is_asked_by_changing_one_string(self):
        mock = [DSPY, "mock", "--port", "0", "--quiet", "--wish", "reply=Answer: blue"]
        with subprocess.Popen(mock, stdout=subprocess.PIPE, cwd=ROOT) as server:
            try:
                url = server.stdout.readline().decode().strip()
                for name, path in (
                    ("openai/m", "/v1"), ("openai/responses/m", "/v1"), ("anthropic/m", ""), ("gemini/m", ""),
                    ("ollama/m", ""), ("compatible/m", "/v1"),
                ):  # fmt: skip
                    asked = dspy("ask", "-m", f"{name}?base_url={url}{path}", "Which colour is the sky?")
                    self.assertEqual((asked.out, asked.returncode), ("blue\n", 0), name + asked.err)
                tested = json.loads(dspy("lm", "test", f"openai/m?base_url={url}/v1", "--json").out)
                self.assertEqual((tested["text"], tested["finish"]), ("Answer: blue", "stop"))
            finally:
                server.terminate()


class Trials(unittest.TestCase):
    """What a user meets who tries things: each was once read, scored or lost in silence."""

    @classmethod
    def setUpClass(cls):
        if dspy("lm", "list").returncode != 0:
            raise unittest.SkipTest("built without remote models")
        cls.server = subprocess.Popen([DSPY, "mock", "--port", "0", "--quiet"], stdout=subprocess.PIPE, cwd=ROOT)
        cls.address = cls.server.stdout.readline().decode().split()[-1].removesuffix("/v1")
        os.environ["OPENAI_API_KEY"] = "sk-test"

    @classmethod
    def tearDownClass(cls):
        cls.server.send_signal(signal.SIGTERM)
        cls.server.communicate(timeout=20)
        os.environ.pop("OPENAI_API_KEY", None)

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name)

    def model(self, wish):
        return f"openai/any?base_url={self.address}/mock/{wish}/v1"

    def write(self, name, text):
        (self.path / name).write_text(text, encoding="utf-8")
        return str(self.path / name)

    def test_a_reply_that_breaks_its_contract_is_no_answer(self):
        for flags in (["--choices", "yes,no"], ["--regex", "[A-Z]{3}"]):
            with self.subTest(flags=flags):
                result = dspy("ask", "Is water wet?", *flags, "-m", self.model("reply=maybe"))
                self.assertEqual(result.returncode, 1, result.out)
                self.assertIn("maybe", result.err)
        self.assertEqual(dspy("ask", "?", "--choices", "yes,no", "-m", self.model("reply=no")).out, "no\n")

    def test_a_number_that_was_cut_off_is_no_answer(self):
        flags = ["-s", "q -> answer: int", "--ask-again", "0", "hi"]
        result = dspy("ask", *flags, "-m", self.model("reply=Answer%253A%252012,finish=length"))
        self.assertEqual(result.returncode, 1, result.out)
        self.assertIn("max_tokens", result.err)

    def test_an_evaluation_says_why_examples_failed(self):
        data = self.write("dev.jsonl", jsonl(*({"question": f"q{i}", "answer": "42"} for i in range(5))))
        result = dspy("eval", "question -> answer", data, "-m", self.model("status=401"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("5 failed: ", result.out)
        result = dspy("eval", "question -> answer", data, "-m", self.model("status=401"), "--json")
        self.assertEqual(json.loads(result.out)["errors"][0]["count"], 5)

    def test_an_evaluation_of_numbers_compares_numbers(self):
        data = self.write("dev.jsonl", jsonl({"question": "q", "answer": 42}))
        model = self.model("reply=Answer%253A%252042")
        result = dspy("eval", "question -> answer: int", data, "-m", model, "--json")
        self.assertEqual((json.loads(result.out)["metric"], json.loads(result.out)["score"]), ("equal", 100.0))

    def test_results_that_cannot_be_written_are_known_before_anything_is_paid(self):
        data = self.write("dev.jsonl", jsonl({"question": "q", "answer": "42"}))
        result = dspy("eval", "question -> answer", data, "-m", self.model("reply=x"), "-o", "/nonexist/x.json")
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(result.out, "")
        self.assertIn("/nonexist", result.err)

    def test_a_configuration_names_the_model(self):
        self.write("dspy.toml", f'default = "fast"\n[lm.fast]\nmodel = "openai/any"\nbase_url = "{self.address}/mock/reply=Answer%3A%20blue/v1"\n')
        for flags in ([], ["-m", "fast"]):
            with self.subTest(flags=flags):
                result = subprocess.run([DSPY, "ask", "hi", *flags], capture_output=True, timeout=60, cwd=self.path, check=False)
                self.assertEqual(result.stdout.decode(), "blue\n", result.stderr.decode())

    def test_a_file_that_is_no_registry_stays_as_it_is(self):
        notes = self.write("notes.txt", "my precious notes\n")
        result = dspy("registry", "--file", notes, "list")
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(Path(notes).read_text(encoding="utf-8"), "my precious notes\n")

    def test_an_experiment_names_its_control(self):
        data = self.write("ab.csv", "arm,value\na,1\nb,0\na,1\nb,1\na,0\nb,0\n")
        result = json.loads(dspy("experiment", "analyze", data, "--control", "b").out)
        self.assertEqual((result["control"], result["comparisons"][0]["arm"]), ("b", "a"))
        self.assertEqual(dspy("experiment", "analyze", data, "--weights", "3").returncode, 2)


class Look(unittest.TestCase):
    def test_inspect_shows_signatures_and_models(self):
        seen = lines(dspy("inspect", "a: int -> b: Optional[str]", "--json"))[0]
        self.assertEqual(seen["outputs"][0]["type"], "Optional[str]")
        self.assertFalse(seen["outputs"][0]["required"])
        model = lines(dspy("inspect", "models/dspy-tiny.gguf", "--json"))[0]
        self.assertEqual((model["kind"], model["architecture"]), ("model", "qwen3"))
        self.assertIn("parameters", dspy("inspect", "models/dspy-tiny.gguf").out)

    def test_a_chat_template_that_cannot_be_run_is_told(self):
        model = bytearray((ROOT / "models/dspy-tiny.gguf").read_bytes())
        at = model.find(b"tokenizer.chat_template") + len(b"tokenizer.chat_template") + 4
        size = int.from_bytes(model[at : at + 8], "little")
        template = slice(at + 8, at + 8 + size)
        model[template] = model[template].replace(b"im_start", b"im_novel").replace(b"endfor", b"endnow")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "novel.gguf"
            file.write_bytes(model)
            self.assertIn("of no known family; prompts are written as `chatml`", dspy("inspect", str(file)).out)
            seen = lines(dspy("inspect", str(file), "--json"))[0]
            self.assertEqual((seen["knows_chat_template"], seen["chat_format"]), (False, "chatml"))
            asked = dspy("ask", "What is the capital of France?", "-m", str(file))
            self.assertEqual(asked.out, "Paris\n")
            self.assertIn("cannot be run, so its prompts are written as `chatml`", asked.err)
            self.assertIn("there is no statement `endnow`", asked.err)
            findings = lines(dspy("doctor", "-m", str(file), "--json"))[0]["findings"]
            self.assertTrue(any(each["level"] == "warn" and "cannot be run" in each["text"] for each in findings))
        known = dspy("ask", "What is the capital of France?")
        self.assertEqual((known.out, known.err), ("Paris\n", ""))
        self.assertIn("chat template yes, of the family `chatml`", dspy("inspect", "models/dspy-tiny.gguf").out)

    def test_models_lists_and_shows(self):
        names = [each["name"] for each in lines(dspy("models", "--json"))[0]["models"]]
        self.assertIn("dspy-tiny", names)
        self.assertIn("llama:dspy-tiny ", dspy("models", "list").out)
        self.assertIn("MB", dspy("models", "list").out)
        self.assertIn("qwen3", dspy("models", "info", "dspy-tiny").out)

    def test_models_are_listed_under_the_names_that_are_asked(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "small").mkdir()
            shutil.copy(ROOT / "models/dspy-tiny.gguf", Path(folder) / "small/tiny-Q8_0.gguf")
            (Path(folder) / "small/mmproj-tiny.gguf").write_bytes(b"GGUF")
            listed = lines(dspy("models", "list", "--directory", folder, "--json"))[0]["models"]
            mine = [each for each in listed if each["path"].startswith(folder)]
            self.assertEqual([each["model"] for each in mine], ["llama:small"])
            self.assertEqual(mine[0]["bytes"], (ROOT / "models/dspy-tiny.gguf").stat().st_size)
            env = dict(os.environ, DSPY_MODELS=folder)
            asked = subprocess.run([DSPY, "ask", "hi", "--max-tokens", "2", "-m", mine[0]["model"]], capture_output=True, timeout=60, env=env, check=False)
            self.assertNotIn(b"no model", asked.stderr)

    def test_models_bench_measures_reading_and_writing(self):
        seen = lines(dspy("models", "bench", "dspy-tiny", "--sequences", "2", "--json"))[0]
        self.assertGreater(seen["prefill_tokens_per_second"], 0)
        self.assertEqual(list(seen["decode_tokens_per_second"]), ["1", "2"])
        self.assertIn("tokens/s", dspy("models", "bench", "dspy-tiny", "--sequences", "1").out)
        self.assertIn("tokens/s", dspy("models", "bench", "dspy-tiny", "--sequences", "1", "--kernels", "library").out)

    def test_models_quantize_writes_a_smaller_model_that_answers(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "small.gguf"
            seen = lines(dspy("models", "quantize", "dspy-tiny", str(file), "--type", "q4_0", "--json"))[0]
            self.assertEqual(seen["bytes"], file.stat().st_size)
            self.assertLess(seen["bytes"], seen["bytes_before"])
            self.assertIn("Q4_0", dspy("models", "info", str(file)).out)
            self.assertEqual(dspy("ask", "How many?", "-m", str(file), "--signature", "q -> n: int").returncode, 0)
            self.assertEqual([each.name for each in file.parent.iterdir()], ["small.gguf"])

    def test_doctor_finds_the_installation_healthy(self):
        result = dspy("doctor", "--json")
        self.assertTrue(lines(result)[0]["healthy"], result.out)
        self.assertEqual(dspy("doctor", "--model", "absent-model").returncode, 1)

    def test_bench_prints_figures(self):
        figures = lines(dspy("bench", "--json"))[0]["figures"]
        self.assertGreater(len(figures), 5)
        self.assertTrue(all(each["value"] > 0 for each in figures))

    def test_help_and_version(self):
        for command in ([], ["ask"], ["run"], ["render"], ["parse"], ["inspect"], ["models"], ["doctor"], ["bench"], ["mock"]):
            result = dspy(*command, "--help")
            self.assertEqual(result.returncode, 0)
            self.assertIn("dspy", result.out)
        self.assertRegex(dspy("--version").out, r"^dspy \d+\.\d+\.\d+\n$")


class Production(unittest.TestCase):
    def span(self, kind, number, parent, **members):
        return {"kind": kind, "id": number, "parent": parent, "path": "triage", "started_at": "2026-11-29T12:00:00.000Z",
                "seconds": 0.25, **members}  # fmt: skip

    def test_a_trace_is_explained(self):
        usage = {"requests": 2, "prompt_tokens": 812, "completion_tokens": 57, "cost_nanodollars": 1_500_000}
        handling = {
            "source": "model",
            "attempts": [
                {"lm": "fast", "waited_ns": 0, "time_ns": 1_000_000, "error": "unavailable", "message": "it is down"},
                {"lm": "slow", "waited_ns": 5_000_000, "time_ns": 2_000_000_000},
            ],
        }
        reply = {"usage": usage, "handling": handling}
        error = {"kind": "timeout", "message": "no answer in time", "retry_after_ms": 5000}
        text = jsonl(
            self.span("attempt", 2, 1, lm="fast", attempt=1, reply=reply),
            self.span("call", 1, 0, usage=usage),
            self.span("attempt", 4, 3, lm="fast", attempt=1, error=error),
            self.span("call", 3, 0, error=error),
        )

        shown = dspy("trace", "show", "-", text=text)
        self.assertEqual(shown.returncode, 0, shown.err)
        self.assertIn("2026-11-29T12:00:00.000Z  call triage, 250.0 ms, 812 + 57 tokens in 2 requests, $0.001500", shown.out)
        self.assertIn("    attempt 1: fast, 1.0 ms, unavailable: it is down", shown.out)
        self.assertIn("    attempt 2: slow, 2.00 s after waiting 5.0 ms, taken", shown.out)
        self.assertIn("  ! timeout: no answer in time", shown.out)
        self.assertTrue(shown.out.endswith("2 calls, 1 failed\n"))
        failed = dspy("trace", "show", "-", "--failed", text=text)
        self.assertNotIn("812", failed.out)
        self.assertIn("timeout", failed.out)

    def test_a_file_that_is_no_trace_is_named_by_its_line(self):
        result = dspy("trace", "show", "-", text='{"kind": "call", "id": 1, "parent": 0, "seconds": 1}\n{"a"')
        self.assertEqual(result.returncode, 0)
        self.assertIn("1 line left out: line 2 of the trace is not a JSON object", result.out)
        nothing = dspy("trace", "show", "-", text="some text")
        self.assertEqual(nothing.returncode, 2)
        self.assertIn("line 1 of the trace is not a JSON object", nothing.err)
        self.assertEqual(dspy("trace", "show", "no-such-file").returncode, 1)

    def test_the_models_of_a_configuration(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "dspy.toml"
            path.write_text('default = "a"\n[lm.a]\nmodel = "llama:x"\nfallbacks = ["b"]\nusd_per_day = 2.5\n[lm.b]\nmodel = "llama:y"\n')
            os.environ["DSPY_CONFIG"] = str(path)
            try:
                shown = dspy("lm", "show")
                self.assertEqual(shown.returncode, 0, shown.err)
                self.assertIn("a (default)\n  model      llama:x\n", shown.out)
                self.assertIn("2.5 dollars a day", shown.out)
                self.assertEqual(lines(dspy("lm", "show", "b", "--json"))[0]["lms"][0]["model"], "llama:y")
                self.assertIn("there is `a` and `b`", dspy("lm", "show", "bb").err)
                path.write_text("[lm.a]\nmodel = 5\n")
                self.assertIn("dspy.toml:2:9: `model` must be a text", dspy("lm", "show").err)
            finally:
                del os.environ["DSPY_CONFIG"]

    def test_prices_have_a_date(self):
        result = dspy("lm", "prices", "gpt-5.4-mini")
        self.assertRegex(result.out, r"as of \d{4}-\d\d-\d\d")
        self.assertRegex(result.out, r"gpt-5.4-mini +0.75 +0.075 +4.5\n")

    def test_a_cache_that_is_not_there_is_not_made(self):
        with tempfile.TemporaryDirectory() as folder:
            result = dspy("cache", "stats", "--directory", folder)
            self.assertEqual(result.returncode, 1)
            self.assertIn("does not contain a cache", result.err)
            self.assertEqual(list(Path(folder).iterdir()), [])
            self.assertEqual(dspy("cache", "clear", "--directory", folder).returncode, 2)


class Mock(unittest.TestCase):
    def ask(self, address, path, body):
        request = urllib.request.Request(address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=30) as response:
            return json.load(response)

    def test_a_provider_on_this_machine_until_it_is_interrupted(self):
        with subprocess.Popen(
            [DSPY, "mock", "--port", "0", "--wish", "reasoning=hm"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
        ) as process:
            try:
                address = process.stdout.readline().decode().strip()
                self.assertRegex(address, r"^http://127\.0\.0\.1:\d+$")
                question = {"messages": [{"role": "user", "content": "Hello"}]}
                message = self.ask(address, "/v1/chat/completions", question)["choices"][0]["message"]
                self.assertEqual((message["content"], message["reasoning_content"]), ("Hello", "hm"))
                with self.assertRaises(urllib.error.HTTPError) as caught:
                    self.ask(address, "/mock/status=429,retry-after=2/v1/messages", question)
                self.assertEqual((caught.exception.code, caught.exception.headers["Retry-After"]), (429, "2"))
                self.assertEqual(json.load(caught.exception)["error"]["type"], "rate_limit_error")
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(timeout=30), 0)
                self.assertIn("POST /v1/chat/completions 200", process.stderr.read().decode())
            finally:
                process.kill()

    def test_mistakes_are_told(self):
        result = dspy("mock", "--port", "0", "--wish", "statu=429")
        self.assertEqual(result.returncode, 2)
        self.assertIn("did you mean 'status'?", result.err)


class Documents(unittest.TestCase):
    def test_no_section_stands_twice(self):
        for page in ROOT.glob("docs/**/*.md"):
            with self.subTest(page=page.name):
                fenced = False
                headings = []
                for line in page.read_text(encoding="utf-8").splitlines():
                    fenced ^= line.startswith("```")
                    if not fenced and line.startswith("## "):
                        headings.append(line)
                self.assertEqual(len(headings), len(set(headings)))


class Optimize(unittest.TestCase):
    ANIMALS = "tiger horse rabbit eagle shark whale monkey zebra".split()
    TOOLS = "hammer saw drill wrench ladder shovel axe rake".split()

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name)
        rows = []
        for animal, tool in zip(self.ANIMALS, self.TOOLS, strict=True):
            rows += [{"item": animal, "label": "gold"}, {"item": tool, "label": "north"}]
        (self.path / "words.jsonl").write_text(jsonl(*rows))
        fields = [{"prefix": "Item:", "description": "${item}"}, {"prefix": "Label:", "description": "${label}"}]
        program = {"self": {"traces": [], "train": [], "demos": [],
                            "signature": {"instructions": "", "fields": fields}, "lm": None}}  # fmt: skip
        (self.path / "sorter.json").write_text(json.dumps(program))

    def optimize(self, *more):
        return dspy(
            "optimize", str(self.path / "sorter.json"), str(self.path / "words.jsonl"),
            "--signature", "item -> label: Literal['north', 'gold']", "--temperature", "0",
            "--out", str(self.path / "better.json"), *more,
        )  # fmt: skip

    def test_demonstrations_raise_the_score_and_the_program_runs(self):
        result = self.optimize("--candidates", "3", "--json", "--report", str(self.path / "report.html"))
        self.assertEqual(result.returncode, 0, result.err)
        report = json.loads(result.out)
        self.assertEqual(report["optimizer"], "BootstrapFewShotWithRandomSearch")
        self.assertGreaterEqual(report["score"], report["candidates"][0]["score"])
        self.assertGreater(report["usage"]["requests"], 10)
        self.assertIn("<svg", (self.path / "report.html").read_text())
        self.assertFalse((self.path / "better.json.checkpoint.jsonl").exists())
        ran = dspy("run", str(self.path / "better.json"), "--input", "item=wolf", "--temperature", "0", "--json")
        self.assertEqual(ran.returncode, 0, ran.err)
        self.assertIn(json.loads(ran.out)["outputs"]["label"], ["north", "gold"])

    def test_a_limit_ends_it_and_it_is_resumed(self):
        first = self.optimize("--max-requests", "20", "--json")
        self.assertEqual(first.returncode, 0, first.err)
        self.assertIn("the budget of 20 requests is used", json.loads(first.out)["stopped"])
        again = self.optimize("--json")
        self.assertEqual(again.returncode, 2)
        self.assertIn("--resume", json.loads(again.out)["error"]["message"])
        resumed = self.optimize("--resume", "--json")
        self.assertEqual(resumed.returncode, 0, resumed.err)
        self.assertGreaterEqual(json.loads(resumed.out)["replayed_requests"], 1)

    def test_what_is_not_there_is_named(self):
        for more, said in [
            (["--optimizer", "magic"], "unknown optimizer `magic`"),
            (["--metric", "taste"], "unknown metric `taste`"),
            (["--field", "color"], "no field `color`"),
            (["--option", "race"], "--option takes NAME=VALUE"),
            (["--option", "speed=3"], "random-search has no option `speed`; it has"),
            (["--option", "race=fast"], "the option `race` is a number, not `fast`"),
            (["--option", "max_rounds=-1"], "the option `max_rounds` is 0 or more"),
            (["--optimizer", "gepa", "--option", "frontier_type=up"], "one of instance, objective, hybrid, cartesian"),
            (["--optimizer", "labeled -> magic"], "unknown optimizer `magic`"),
        ]:
            result = self.optimize(*more)
            self.assertEqual(result.returncode, 2)
            self.assertIn(said, result.err)

    def test_any_option_is_set_by_its_name(self):
        result = self.optimize(
            "--option", "num_candidate_programs=1", "--option", "race=0.05", "--option", "max_errors=none", "--json"
        )  # fmt: skip
        self.assertEqual(result.returncode, 0, result.err)
        options = json.loads(result.out)["options"]
        self.assertEqual((options["num_candidate_programs"], options["race"]), (1, 0.05))

    def test_several_optimizers_one_after_the_other(self):
        result = self.optimize(
            "--optimizer", "labeled -> bootstrap", "--option", "labeled.k=2", "--option", "seed=3", "--json"
        )  # fmt: skip
        self.assertEqual(result.returncode, 0, result.err)
        report = json.loads(result.out)
        self.assertEqual(report["optimizer"], "BetterTogether")
        self.assertEqual(report["options"]["strategy"], "labeled -> bootstrap")

    def test_weights_are_trained_by_a_command(self):
        result = self.optimize(
            "--optimizer", "finetune", "--option", "folder=" + str(self.path / "lora"), "--max-runs", "500",
            "--option", 'trainer=["cp", "{data}", "{output}"]', "--option", "output_extension=.txt",
        )  # fmt: skip
        self.assertEqual(result.returncode, 0, result.err)
        self.assertIn("Weights, for --model:", result.out)
        self.assertTrue((self.path / "lora" / "all.txt").exists())


class Registry(unittest.TestCase):
    def test_versions_aliases_and_history(self):
        with tempfile.TemporaryDirectory() as folder:
            file = ["--file", folder + "/registry.sqlite"]
            examples = ROOT / "tests/cases/dspy/3.4.1/states"
            self.assertTrue(examples.exists())
            empty = dspy("registry", *file, "list", "qa")
            self.assertEqual((empty.returncode, empty.out), (0, ""))
            missing = dspy("registry", *file, "get", "qa", "--out", folder + "/out.json")
            self.assertEqual(missing.returncode, 2)
            self.assertIn("the registry has no program `qa`; it has none", missing.err)


class Experiment(unittest.TestCase):
    def test_units_keep_their_arms(self):
        first = lines(dspy("experiment", "assign", "test", "ada", "bob", "--weights", "1,1"))
        self.assertEqual(first, lines(dspy("experiment", "assign", "test", "ada", "bob", "--weights", "1,1")))

    def test_arms_are_compared(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "seen.jsonl"
            rows = [{"arm": "a", "value": int(i < 45)} for i in range(100)]
            rows += [{"arm": "b", "value": int(i < 60)} for i in range(100)]
            path.write_text(jsonl(*rows))
            report = json.loads(dspy("experiment", "analyze", str(path)).out)
            self.assertTrue(report["ratio_is_fine"])
            self.assertAlmostEqual(report["comparisons"][0]["p_value"], 0.033672068856345855)
            path.write_text(jsonl({"arm": "a"}))
            broken = dspy("experiment", "analyze", str(path))
            self.assertEqual(broken.returncode, 2)
            self.assertIn("line 1 of", broken.err)


class Rag(unittest.TestCase):
    """From documents to an index, to measured answers with places."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.docs = Path(self.folder.name) / "docs"
        self.docs.mkdir()
        (self.docs / "people.md").write_text("# People\n\n## Nora\n\nNora lives in Lima.\n\n## Paul\n\nPaul works as a baker.\n")
        (self.docs / "broken.txt").write_bytes(b"a\0b")
        self.index = str(Path(self.folder.name) / "docs.index")
        self.questions = Path(self.folder.name) / "questions.jsonl"
        self.questions.write_text(jsonl({"question": "Where does Nora live?", "source": "people.md", "quote": "Nora lives"},
                                        {"question": "What does Paul work as?", "quote": "Paul works as a baker"},
                                        {"question": "Who works?", "quote": "Paul works"}))  # fmt: skip

    def test_an_answer_names_the_lines_that_say_so(self):
        self.assertIn(dspy("index", "build", self.index, str(self.docs)).returncode, (0, 1))
        found = json.loads(dspy("ask", "Where does Nora live?", "--index", self.index, "-k", "1", "--json").out)
        self.assertEqual(found["passages"][0]["metadata"]["line"], 1)
        self.assertEqual({"answer", "is_supported", "citations", "unsupported", "passages", "usage"}, set(found))
        shown = dspy("ask", "Where does Nora live?", "--index", self.index, "-k", "1").out
        self.assertIn("people.md:1-5", shown)
        refused = dspy("ask", "q", "--index", self.index, "--stream")
        self.assertEqual(refused.returncode, 2)

    def test_documents_are_cut_as_asked(self):
        dspy("index", "build", self.index, str(self.docs), "--method", "sentences", "--tokens", "8", "--overlap", "0")
        found = json.loads(dspy("index", "search", self.index, "baker", "--json").out)
        self.assertIn("Paul works as a baker.", found[0]["text"])
        self.assertNotIn("Nora", found[0]["text"])
        wrong = dspy("index", "build", self.index, str(self.docs), "--method", "magic")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("unknown method `magic`", wrong.err)
        blind = dspy("index", "search", self.index, "baker", "--diversity", "0.5")
        self.assertEqual(blind.returncode, 2)
        self.assertIn("embedder", blind.err)

    def test_a_search_is_measured_and_tuned(self):
        dspy("index", "build", self.index, str(self.docs))
        measured = json.loads(dspy("rag", "eval", self.index, str(self.questions), "-k", "1", "--json").out)
        self.assertEqual(measured["questions"], 3)
        self.assertEqual(measured["unanswerable"], 0)
        self.assertGreater(measured["recall"]["mean"], 0.6)
        page, setting = Path(self.folder.name) / "report.html", Path(self.folder.name) / "rag.json"
        tuned = dspy("rag", "tune", str(self.docs), str(self.questions), "--grid", "chunk,k", "-k", "1,2", "--held-out", "0",
                     "--html", str(page), "--out", str(setting), "--json")  # fmt: skip
        self.assertEqual(tuned.returncode, 0, tuned.err)
        self.assertEqual(len(json.loads(tuned.out)["trials"]), 6)
        self.assertIn("All settings", page.read_text())
        again = json.loads(dspy("rag", "eval", str(setting), str(self.questions), "--json").out)
        self.assertGreater(again["mrr"]["mean"], 0.6)

    def test_answers_are_measured_and_their_prompts_tuned(self):
        dspy("index", "build", self.index, str(self.docs))
        missing = dspy("rag", "eval", self.index, str(self.questions), "--answers")
        self.assertEqual(missing.returncode, 2)
        self.assertIn("question 1 has no `answer`", missing.err)
        self.questions.write_text(jsonl({"question": "Where does Nora live?", "quote": "Nora lives", "answer": "Lima"},
                                        {"question": "What does Paul work as?", "quote": "Paul works", "answer": "a baker"}))  # fmt: skip
        measured = json.loads(dspy("rag", "eval", self.index, str(self.questions), "-k", "1", "--answers", "--temperature", "0", "--json").out)
        self.assertLessEqual({"recall", "mrr", "precision", "answer", "grounded"}, set(measured))
        self.assertTrue(all(0 <= measured[aim]["mean"] <= 1 for aim in ("answer", "grounded")), measured)
        self.assertGreater(measured["recall"]["mean"], 0.9)
        setting = Path(self.folder.name) / "rag.json"
        tuned = dspy("rag", "tune", str(self.docs), str(self.questions), "--grid", "k", "-k", "1", "--aim", "answer", "--held-out", "0",
                     "--temperature", "0", "--prompt", "Answer in a word.", "--out", str(setting), "--json")  # fmt: skip
        self.assertEqual(tuned.returncode, 0, tuned.err)
        self.assertEqual(len(json.loads(tuned.out)["trials"]), 6)
        useless = dspy("rag", "tune", str(self.docs), str(self.questions), "--prompt", "x")
        self.assertIn("aim at `answer` or `grounded`", useless.err)

    def test_mistakes_are_named(self):
        wrong = dspy("rag", "tune", str(self.docs), str(self.questions), "--grid", "size")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("there is no dimension `size`", wrong.err)
        self.questions.write_text(jsonl({"question": "q"}))
        self.assertIn("line 1: there is neither `source` nor `quote`", dspy("rag", "eval", self.index, str(self.questions)).err)


class Agents(unittest.TestCase):
    """`dspy agent` and `dspy tools`, on the embedded model: what it says does not matter, but that a run survives."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        tool = self.folder / "double.py"
        tool.write_text("import json, sys\nprint(json.dumps(json.load(sys.stdin)['amount'] * 2))\n")
        parameters = {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}
        self.agent = self.write(
            "agent.json",
            json.dumps(
                {
                    "format": "dspy.agent",
                    "version": 1,
                    "name": "doubler",
                    "signature": "request -> answer",
                    "tools": [
                        {
                            "name": "double",
                            "description": "Doubles an amount.",
                            "parameters": parameters,
                            "command": ["python3", str(tool)],
                            "idempotent": True,
                            "timeout": 20,
                        }
                    ],
                    "limits": {"max_iters": 2},
                    "protocol": "text",
                }
            ),
        )

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def test_tools_are_listed_checked_and_called(self):
        self.assertIn("double: Doubles an amount.", dspy("tools", "list", self.agent).out)
        result = dspy("tools", "call", self.agent, "double", "{'amount': '4',}")
        self.assertEqual((result.returncode, result.out), (0, "8.0\n"), result.err)
        result = dspy("tools", "check", self.agent, "double", '{"amont": 4}')
        self.assertEqual(result.returncode, 2)
        self.assertIn("`amont` is not an argument; is `amount` meant?", result.err + result.out)
        self.assertIn("no tool `triple`", dspy("tools", "call", self.agent, "triple").err)

    def test_a_run_is_kept_shown_cut_and_gone_on_with(self):
        journal = self.folder / "run.jsonl"
        result = dspy("agent", "run", self.agent, "--input", "request=Double 4.", "--journal", str(journal), "--json")
        self.assertEqual(result.returncode, 0, result.err)
        outputs = json.loads(result.out)["outputs"]
        self.assertIn("termination_reason", outputs)
        shown = dspy("agent", "show", str(journal))
        self.assertIn("doubler, begun", shown.out)
        self.assertIn("Turn 1", shown.out)
        atif = json.loads(dspy("agent", "show", str(journal), "--atif").out)
        self.assertEqual(atif["schema_version"], "ATIF-v1.7")
        whole = journal.read_bytes()
        journal.write_bytes(whole[: len(whole) * 2 // 3])
        result = dspy("agent", "resume", self.agent, str(journal), "--json")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertEqual(json.loads(result.out)["outputs"]["trajectory"], outputs["trajectory"])
        result = dspy("agent", "run", self.agent, "--input", "request=x", "--journal", str(journal))
        self.assertEqual(result.returncode, 2)
        self.assertIn("holds a run already", result.err)
        self.assertEqual(dspy("agent", "replay", self.agent, str(journal), "--json").returncode, 0)

    def test_wrong_files_are_named(self):
        text = Path(self.agent).read_text()
        wrong = self.write("wrong.json", text.replace('"limits"', '"limit"'))
        self.assertIn("is `limits` meant?", dspy("tools", "list", wrong).err)
        self.assertIn("is not a journal of an agent", dspy("agent", "show", self.agent).err)


if __name__ == "__main__":
    unittest.main()
