"""The library under Python DSPy, where that is installed: engines, adapters, compiled programs, files both ways."""

import json
import os
from typing import Literal

import pytest

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")
dspy = pytest.importorskip("dspy")

import dspy_cpp  # noqa: E402
from dspy_cpp import under_dspy  # noqa: E402

HAS_ENGINES = under_dspy.Engine is not None


@pytest.fixture(autouse=True)
def no_cache():
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)


def configured(*replies, **settings):
    native = dspy_cpp.ScriptedLM(list(replies))
    dspy.configure(lm=under_dspy.LM(native), adapter=None, **settings)
    return native


class Rag(dspy.Module):
    def __init__(self):
        super().__init__()
        self.query = dspy.Predict("question -> search_query")
        self.answer = dspy.ChainOfThought("question, search_query -> answer")

    def forward(self, question):
        search_query = self.query(question=question).search_query
        return self.answer(question=question, search_query=search_query)


class Loop(Rag):
    def forward(self, question):
        for _ in range(2):
            question = self.query(question=question).search_query
        return self.answer(question=question, search_query=question)


def chat(**fields):
    return "".join(f"[[ ## {name} ## ]]\n{value}\n\n" for name, value in fields.items()) + "[[ ## completed ## ]]"


def test_a_program_of_dspy_runs_on_our_model():
    native = configured(chat(answer="4"))
    assert dspy.Predict("question -> answer: int")(question="2+2?").answer == 4
    request = dspy_cpp._core._scripted_requests(native)[0]
    assert [message["role"] for message in request["messages"]] == ["system", "user"]


def test_settings_and_usage_cross():
    native = configured(chat(answer="4"), track_usage=True)
    made = dspy.Predict("question -> answer")(question="?", config={"temperature": 0.5, "max_tokens": 7})
    assert dspy_cpp._core._scripted_requests(native)[0]["sampling"] == {"max_tokens": 7, "temperature": 0.5}
    usage = next(iter(made.get_lm_usage().values()))
    assert usage["completion_tokens"] == 11  # words, of a scripted model


def test_async():
    import asyncio

    configured(chat(answer="4"))
    assert asyncio.run(dspy.Predict("question -> answer").acall(question="?")).answer == "4"


@pytest.mark.skipif(not HAS_ENGINES, reason="DSPy 3.3 has no engines")
def test_errors_are_classified():
    dspy.configure(lm=under_dspy.LM(dspy_cpp.ScriptedLM([]), num_retries=0))
    with pytest.raises(dspy.LMServerError, match="script"):
        dspy.Predict("question -> answer")(question="?")


@pytest.mark.skipif(not HAS_ENGINES, reason="DSPy 3.3 has no engines")
def test_streams():
    configured(chat(answer="one two three"))
    stream = dspy.streamify(
        dspy.Predict("question -> answer"), stream_listeners=[dspy.streaming.StreamListener("answer")], async_streaming=False
    )
    said = [piece for piece in stream(question="?")]
    assert "".join(piece.chunk for piece in said if hasattr(piece, "chunk")).strip() == "one two three"


@pytest.mark.skipif(not HAS_ENGINES, reason="DSPy 3.3 has no engines")
def test_an_engine_says_what_it_can():
    from dspy import lm15

    engine = under_dspy.Engine(dspy_cpp.ScriptedLM(["hello"]))
    response = engine.complete(lm15.Request(model="m", messages=(lm15.Message.user("hi"),)))
    assert response.message.text == "hello"
    assert response.usage.output_tokens == 1 and response.usage.reasoning_tokens is None


def test_our_adapter_under_dspy():
    native = configured("Answer: 4\nMood: good")
    dspy.configure(adapter=under_dspy.Adapter("field"))
    signature = dspy.Signature("question -> answer: int, mood: Literal['good', 'bad']", custom_types={"Literal": Literal})
    made = dspy.Predict(signature)(question="2+2?")
    assert (made.answer, made.mood) == (4, "good")
    assert "[[ ##" not in json.dumps(dspy_cpp._core._scripted_requests(native)[0]["messages"])


def test_a_predictor_compiles():
    program = dspy.ChainOfThought("question -> answer: int")
    program.predict.demos = [dspy.Example(question="1+1?", reasoning="r", answer=2)]
    program.predict.signature = program.predict.signature.with_instructions("Count.")
    fast = dspy_cpp.compile(program, lm=dspy_cpp.ScriptedLM(["Reasoning: r\nAnswer: 4"]))
    assert fast(question="2+2?").answer == 4
    assert fast.instructions == "Count."
    assert fast.demos[0].answer == 2


def test_a_program_compiles():
    program = Rag()
    program.query.signature = program.query.signature.with_instructions("Search well.")
    program.answer.predict.demos = [dspy.Example(question="q", search_query="s", reasoning="r", answer="a")]
    native = dspy_cpp.ScriptedLM(["Search query: teapots", "Reasoning: r\nAnswer: Stoke"])
    fast = dspy_cpp.compile(program, lm=native)
    assert fast(question="Where?").answer == "Stoke"
    requests = dspy_cpp._core._scripted_requests(native)
    assert "Search well." in json.dumps(requests[0])
    assert "teapots" in requests[1]["messages"][-1]["content"]
    assert "Answer: a" in json.dumps(requests[1])
    assert all(node.native for node in fast.explanation)


def test_what_does_not_compile_says_why():
    with pytest.raises(dspy_cpp.Unsupported, match="for _ in range") as caught:
        dspy_cpp.compile(Loop())
    reasons = {node.path: node.reason for node in caught.value.explanation}
    assert reasons["query"] == "" and "more than a call" in reasons[""]
    half = dspy_cpp.compile(
        Loop(), lm=dspy_cpp.ScriptedLM(["Search query: a", "Search query: b", "Reasoning: r\nAnswer: c"]), strict=False
    )
    assert half(question="?").answer == "c"


def test_a_tool_user_stays_in_python():
    class Agent(dspy.Module):
        def __init__(self):
            super().__init__()
            self.act = dspy.ReAct("question -> answer", tools=[])

        def forward(self, question):
            return self.act(question=question)

    explanation = dspy_cpp.compile.__globals__["explain"](Agent())
    assert "ReAct" in str(explanation) and not all(node.native for node in explanation)


def test_files_both_ways(tmp_path):
    theirs = Rag()
    theirs.query.signature = theirs.query.signature.with_instructions("Search well.")
    theirs.query.demos = [dspy.Example(question="q", search_query="s")]
    theirs.save(str(tmp_path / "theirs.json"))

    class Ours(dspy_cpp.Module):
        def __init__(self):
            self.query = dspy_cpp.Predict("question -> search_query")
            self.answer = dspy_cpp.ChainOfThought("question, search_query -> answer")

    ours = Ours()
    ours.load(tmp_path / "theirs.json")
    assert ours.query.instructions == "Search well."
    assert ours.query.demos[0].search_query == "s"
    ours.answer.instructions = "Answer well."
    ours.save(tmp_path / "ours.json")
    again = Rag()
    again.load(str(tmp_path / "ours.json"))
    assert again.answer.predict.signature.instructions == "Answer well."
    assert dict(again.query.demos[0])["search_query"] == "s"


def test_dspys_programs_and_examples_are_evaluated_by_dspys_metric():
    rows = [dspy.Example(question=str(i), answer=str(i)).with_inputs("question") for i in range(4)]
    dspy_cpp.configure(lm=dspy_cpp.ScriptedLM("Answer: 2"))
    result = dspy_cpp.Evaluate(devset=rows, metric=dspy.evaluate.answer_exact_match)(dspy_cpp.Predict("question -> answer"))
    assert result.score == 25.0
