"""Modules, programs made of them, and their files."""

import copy
import json
import pickle
import subprocess
import sys

import pytest

import dspy_cpp as dspy


class Rag(dspy.Module):
    def __init__(self):
        self.query = dspy.Predict("question -> search_query")
        self.answers = [dspy.ChainOfThought("question, passage -> answer")]

    def forward(self, question):
        passage = self.query(question=question).search_query
        return self.answers[0](question=question, passage=passage)


def test_predict(scripted):
    lm = scripted("Answer: 4")
    made = dspy.Predict("question -> answer: int")(question="2+2?")
    assert made.answer == 4
    assert made.toDict() == {"answer": 4}
    assert made["answer"] == 4 and "answer" in made and len(made) == 1
    assert made.get_lm_usage()["requests"] == 1
    assert "2+2?" in json.dumps(dspy._core._scripted_requests(lm))
    with pytest.raises(AttributeError, match="no output `other`.*`answer`"):
        made.other  # noqa: B018


def test_inputs_are_checked(scripted):
    scripted()
    with pytest.raises(dspy.BadInput, match="question") as caught:
        dspy.Predict("question -> answer")(text="?")
    assert caught.value.kind == "bad_input" and isinstance(caught.value, ValueError)


def test_without_an_lm_the_error_says_what_to_do():
    predict = dspy.Predict("question -> answer", lm=dspy.ScriptedLM([]))
    with pytest.raises(dspy.InferenceFailed):
        predict(question="?")


def test_an_unreadable_reply_keeps_what_could_be_read(scripted):
    scripted("Answer: x\nCount: many", "Answer: x\nCount: many")
    with pytest.raises(dspy.ParseError) as caught:
        dspy.Predict("question -> answer, count: int")(question="?")
    assert caught.value.facts["partial"] == {"answer": "x"}


def test_settings_of_one_call(scripted):
    scripted("Answer: a")
    other = dspy.ScriptedLM(["Answer: b"])
    predict = dspy.Predict("question -> answer", temperature=0.5)
    assert predict(question="?", lm=other, config={"temperature": 0, "max_tokens": 9}).answer == "b"
    assert dspy._core._scripted_requests(other)[0]["sampling"] == {"max_tokens": 9, "temperature": 0.0}
    with pytest.raises(dspy.InvalidParameter, match="warmth.*temperature"):
        predict(question="?", config={"warmth": 1})


def test_demos(scripted):
    lm = scripted("Answer: c")
    predict = dspy.Predict("question -> answer")
    predict.demos = [dspy.Example(question="a?", answer="a")]
    assert predict(question="b?").answer == "c"
    assert "a?" in json.dumps(dspy._core._scripted_requests(lm)[0])
    assert predict.demos[0].answer == "a"


def test_chain_of_thought(scripted):
    scripted("Reasoning: think\nAnswer: 4")
    made = dspy.ChainOfThought("question -> answer")(question="2+2?")
    assert (made.reasoning, made.answer) == ("think", "4")


def test_a_program_of_python(scripted):
    scripted("Search query: cats", "Reasoning: r\nAnswer: meow")
    rag = Rag()
    assert [path for path, _ in rag.named_predictors()] == ["query", "answers[0].predict"]
    assert rag(question="What do they say?").answer == "meow"


def test_a_copy_is_independent():
    rag = Rag()
    other = copy.deepcopy(rag)
    other.query.instructions = "Changed."
    assert rag.query.instructions != "Changed."


def test_files(tmp_path, scripted):
    rag = Rag()
    rag.query.instructions = "Search well."
    rag.answers[0].demos = [dspy.Example(question="q", passage="p", answer="a")]
    rag.save(tmp_path / "rag.json")
    written = json.loads((tmp_path / "rag.json").read_text())
    assert written["query"]["signature"]["instructions"] == "Search well."
    fresh = Rag()
    fresh.load(tmp_path / "rag.json")
    assert fresh.query.instructions == "Search well."
    assert fresh.answers[0].demos[0].toDict() == {"question": "q", "passage": "p", "answer": "a"}
    (tmp_path / "rag.json").write_text("{")
    with pytest.raises(dspy.ConfigError, match="rag|program"):
        fresh.load(tmp_path / "rag.json")


def test_pickles(scripted):
    scripted("Answer: 5")
    predict = dspy.Predict("question -> answer: int")
    predict.demos = [dspy.Example(question="1?", answer=1)]
    again = pickle.loads(pickle.dumps(predict))
    assert again(question="?").answer == 5
    assert again.demos[0].answer == 1
    example = pickle.loads(pickle.dumps(dspy.Example(a=1, b=2).with_inputs("a")))
    assert (example.inputs().toDict(), example.labels().toDict()) == ({"a": 1}, {"b": 2})


def test_best_of_n(scripted):
    scripted("Answer: a", "Answer: bbb", "Answer: cc")
    best = dspy.BestOfN(dspy.Predict("question -> answer"), N=3, reward_fn=lambda inputs, made: len(made.answer), threshold=9)
    assert best(question="?").answer == "bbb"


def test_best_of_n_of_a_program_draws_differently(scripted):
    temperatures = []

    def answer(request):
        temperatures.append(request.get("sampling", {}).get("temperature"))
        return "Search query: q" if "search_query" in str(request["contract"]) else "Reasoning: r\nAnswer: a"

    dspy.configure(lm=dspy.ScriptedLM(answer))
    dspy.BestOfN(Rag(), N=2, reward_fn=lambda inputs, made: 0.0)(question="?")
    assert temperatures == [None, None, 1.0, 1.0]


def test_a_reward_that_raises_reaches_the_caller(scripted):
    scripted("Answer: a")

    def reward(inputs, made):
        raise KeyError("gone")

    with pytest.raises((dspy.Error, KeyError), match="gone"):
        dspy.BestOfN(dspy.Predict("question -> answer"), N=1, reward_fn=reward)(question="?")


def test_refine_shows_its_advice(scripted):
    lm = scripted("Answer: long answer", '{"discussion": "d", "advice": {"self": "Be brief."}}', "Answer: ok")
    refine = dspy.Refine(
        dspy.Predict("question -> answer"),
        N=2,
        reward_fn=lambda inputs, made: (1.0, "") if len(made.answer) < 4 else (0.0, "too long"),
    )
    assert refine(question="?").answer == "ok"
    assert "too long" in json.dumps(dspy._core._scripted_requests(lm)[1])


def test_react_calls_python(scripted):
    scripted(
        "Next thought: convert\nNext tool name: convert\nNext tool args: {\"amount\": 2, \"to\": \"EUR\"}",
        "Next thought: done\nNext tool name: finish\nNext tool args: {}",
        "Reasoning: r\nAnswer: 4 EUR",
    )
    seen = []

    def convert(amount: float, to: str = "USD") -> str:
        """Converts money."""
        seen.append((amount, to))
        return f"{amount * 2:g} {to}"

    made = dspy.ReAct("question -> answer", [convert], max_iters=3)(question="2 in EUR?")
    assert made.answer == "4 EUR"
    assert seen == [(2.0, "EUR")]
    assert made.trajectory["observation_0"] == "4 EUR"


def test_a_tool_that_raises_is_an_observation(scripted):
    scripted(
        "Next thought: t\nNext tool name: fail\nNext tool args: {}",
        "Next thought: done\nNext tool name: finish\nNext tool args: {}",
        "Reasoning: r\nAnswer: no",
    )

    def fail() -> str:
        """Fails."""
        raise ZeroDivisionError("by nothing")

    made = dspy.ReAct("question -> answer", [fail])(question="?")
    assert "by nothing" in made.trajectory["observation_0"]


def test_flow(scripted):
    scripted("Search query: teapots", "Answer: Stoke")
    flow = dspy.Flow(
        {
            "inputs": "question",
            "steps": [
                {"name": "query", "signature": "question -> search_query"},
                {"name": "answer", "signature": "search_query, question -> answer"},
            ],
            "outputs": {"answer": "answer.answer"},
        }
    )
    assert flow(question="Where?").answer == "Stoke"


def test_batches(scripted):
    dspy.configure(lm=dspy.ScriptedLM(lambda request: "Answer: " + request["messages"][-1]["content"].split(": ")[1].split("\n")[0]))
    rows = dspy.Predict("question -> answer").batch([{"question": str(i)} for i in range(20)] + [{"text": "?"}])
    assert [row.answer for row in rows[:20]] == [str(i) for i in range(20)]
    assert isinstance(rows[20], dspy.BadInput)


def test_streams(scripted):
    scripted("Answer: one two three")
    pieces = list(dspy.Predict("question -> answer").stream(question="?"))
    assert "".join(piece.text for piece in pieces[:-1]) == "one two three"
    assert pieces[-1].answer == "one two three"


def test_adapters():
    adapter = dspy.Adapter("chat")
    messages = adapter.render("question -> answer", {"question": "2+2?"})
    assert [one["role"] for one in messages] == ["system", "user"]
    assert "[[ ## question ## ]]" in messages[-1]["content"]
    assert adapter.parse("question -> answer: int", "[[ ## answer ## ]]\n4\n[[ ## completed ## ]]").answer == 4
    with pytest.raises(dspy.ParseError):
        adapter.parse("question -> answer: int", "[[ ## answer ## ]]\nmany")


def test_calls_of_all_modules_take_an_lm():
    first, other = dspy.ScriptedLM("Answer: first"), dspy.ScriptedLM("Answer: other")
    best = dspy.BestOfN(dspy.Predict("question -> answer", lm=first), 1, lambda inputs, made: 1.0)
    assert best(question="?", lm=other).answer == "other"
    assert best(question="?").answer == "first"
    refine = dspy.Refine(dspy.Predict("question -> answer", lm=first), 1, lambda inputs, made: 1.0)
    assert refine(question="?", lm=other).answer == "other"
    acting = dspy.ScriptedLM(["Next thought: done\nNext tool name: finish\nNext tool args: {}", "Reasoning: so\n\nAnswer: native"])
    agent = dspy.ReAct("question -> answer", tools=[], lm=first, protocol="text")
    assert agent(question="?", lm=acting).answer == "native"
    # An input of that name is an input.
    assert dspy.Predict("lm -> answer", lm=first)(lm="a name").answer == "first"


def test_without_a_model_the_message_is_for_every_language():
    code = "import dspy_cpp as d\ntry:\n    d.Predict('a -> b')(a='1')\nexcept d.ConfigError as e:\n    print(e)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "no language model to ask" in done.stdout and "::" not in done.stdout


def test_a_recursive_language_model():
    pytest.importorskip("dspy_cpp")
    acting = dspy.ScriptedLM(["Reasoning: count\n\nCode: SUBMIT(answer=len(text))"])
    explore = dspy.RLM("text -> answer: int", lm=acting, max_iterations=2)
    try:
        made = explore(text="x" * 5000)
    except dspy.Unsupported as error:
        pytest.skip(str(error))
    assert made.answer == 5000


def test_k_nearest_neighbours_become_demonstrations():
    pytest.importorskip("numpy")
    trainset = [
        dspy.Example(question=q, answer=a).with_inputs("question")
        for q, a in [("aaa", "A"), ("aa", "A"), ("bbb", "B"), ("bb", "B")]
    ]
    seen = []

    def reply(request):
        text = "\n".join(str(message["content"]) for message in request["messages"])
        seen.append(text)
        return "Answer: A" if request["messages"][-1]["content"].count("a") > 3 else "Answer: B"

    student = dspy.Predict("question -> answer", lm=dspy.ScriptedLM(reply))
    embed = dspy.Embedder(lambda texts: [[float(t.count("a")), float(t.count("b"))] for t in texts], dimensions=2)
    made = dspy.KNNFewShot(2, trainset, embed, max_bootstrapped_demos=0, max_labeled_demos=2).compile(student)
    seen.clear()
    made(question="bbbb")
    assert "bbb" in seen[-1] and "aaa" not in seen[-1]


def test_optimizers_one_after_the_other():
    trainset = [dspy.Example(question=str(i), answer="yes").with_inputs("question") for i in range(8)]
    student = dspy.Predict("question -> answer", lm=dspy.ScriptedLM("Answer: yes"))
    metric = lambda example, made, trace=None: made.answer == example.answer  # noqa: E731
    both = dspy.BetterTogether(
        metric, strategy="a -> b", a=dspy.LabeledFewShot(k=2), b=dspy.BootstrapFewShot(max_labeled_demos=1)
    )
    made = both.compile(student, trainset=trainset, valset=trainset)
    assert made(question="1").answer == "yes" and both.report
    with pytest.raises(TypeError, match="not an optimizer"):
        dspy.BetterTogether(metric, strategy="a", a=3)
    with pytest.raises(dspy.InvalidParameter, match="b"):
        dspy.BetterTogether(metric, strategy="a -> b", a=dspy.LabeledFewShot(k=2)).compile(student, trainset=trainset)
