"""Evaluation and optimizers with metrics of Python."""

import json

import pytest

import dspy_cpp as dspy

ROWS = [dspy.Example(question=str(i), answer=str(i % 3)).with_inputs("question") for i in range(30)]


def echo(request):
    """Answers with the question's number modulo 3, but for those above 20."""
    number = int(request["messages"][-1]["content"].split("Question: ")[1].split("\n")[0])
    return f"Answer: {number % 3 if number <= 20 else 'x'}"


def exact(example, prediction, trace=None):
    return example.answer == prediction.answer


def test_evaluate():
    dspy.configure(lm=dspy.ScriptedLM(echo))
    result = dspy.Evaluate(devset=ROWS, metric=exact)(dspy.Predict("question -> answer"))
    assert result.score == 70.0
    assert result.done == 30 and result.failures == 0
    example, prediction, score, error = result.results[3]
    assert (example.question, prediction.answer, score, error) == ("3", "0", 1.0, None)
    assert result.interval[0] < 70 < result.interval[1]
    assert json.loads(json.dumps(result.to_dict()))["score"] == 70.0


def test_a_metric_that_raises_fails_its_row():
    def metric(example, prediction):
        if example.question == "5":
            raise ValueError("no five")
        return (1.0, "fine")

    dspy.configure(lm=dspy.ScriptedLM(echo))
    result = dspy.Evaluate(devset=ROWS, metric=metric)(dspy.Predict("question -> answer"))
    assert result.failures == 1
    assert "no five" in str(result.results[5][3])


def test_a_program_of_python_is_evaluated_in_parallel():
    class Program(dspy.Module):
        def __init__(self):
            self.answer = dspy.Predict("question -> answer")

        def forward(self, question):
            return dspy.Prediction(answer=self.answer(question=question).answer, extra=1)

    dspy.configure(lm=dspy.ScriptedLM(echo))
    assert dspy.Evaluate(devset=ROWS, metric=exact, num_threads=8)(Program()).score == 70.0


def test_a_metric_without_two_arguments_is_refused():
    with pytest.raises(TypeError, match="example and a prediction"):
        dspy.Evaluate(devset=ROWS, metric=lambda example: 1)(dspy.Predict("question -> answer"))


def test_bootstrap_few_shot():
    dspy.configure(lm=dspy.ScriptedLM(echo))
    traces = []

    def metric(example, prediction, trace=None):
        traces.append(trace is not None)
        return exact(example, prediction)

    optimizer = dspy.BootstrapFewShot(metric=metric, max_bootstrapped_demos=2, max_labeled_demos=3)
    student = dspy.Predict("question -> answer")
    better = optimizer.compile(student, trainset=ROWS[:10])
    assert student.demos == []
    assert len(better.demos) == 3
    assert optimizer.report["optimizer"] == "BootstrapFewShot"
    assert any(traces)


def test_an_unknown_option_is_refused_with_those_there_are():
    with pytest.raises(dspy.InvalidParameter, match="`speed`.*max_rounds"):
        dspy.BootstrapFewShot(metric=exact, speed=3).compile(dspy.Predict("question -> answer"), trainset=ROWS)


def test_random_search_of_a_python_program():
    class Program(dspy.Module):
        def __init__(self):
            self.answer = dspy.ChainOfThought("question -> answer")

        def forward(self, question):
            return self.answer(question=question)

    dspy.configure(lm=dspy.ScriptedLM(lambda request: "Reasoning: r\n" + echo(request)))
    optimizer = dspy.BootstrapFewShotWithRandomSearch(metric=exact, num_candidate_programs=2, max_bootstrapped_demos=2, max_labeled_demos=2)
    better = optimizer.compile(Program(), trainset=ROWS[:8], valset=ROWS[:8])
    assert isinstance(better, Program)
    assert better(question="4").answer == "1"
    assert len(optimizer.report["candidates"]) >= 2


def test_gepa_reads_the_feedback():
    instruction = "Answer with the number modulo three."

    def answer(request):
        text = json.dumps(request["messages"])
        if "modulo three" in text.split("Question:")[0] and "feedback" not in text:
            number = int(request["messages"][-1]["content"].split("Question: ")[1].split("\n")[0])
            return f"Answer: {number % 3}"
        if "say it modulo" in text:
            return json.dumps({name["name"]: instruction for name in request["contract"]["outputs"]})
        return "Answer: 9"

    def metric(gold, pred, trace=None, pred_name=None, pred_trace=None):
        right = gold.answer == pred.answer
        return {"score": float(right), "feedback": "" if right else "say it modulo 3"}

    dspy.configure(lm=dspy.ScriptedLM(answer))
    optimizer = dspy.GEPA(metric=metric, max_metric_calls=60, reflection_minibatch_size=3)
    better = optimizer.compile(dspy.Predict("question -> answer"), trainset=ROWS[:10], valset=ROWS[10:20])
    assert optimizer.report["candidates"]
    assert better.instructions == instruction


def test_metrics_of_the_library():
    from dspy_cpp import metrics

    dspy.configure(lm=dspy.ScriptedLM(echo))
    result = dspy.Evaluate(devset=ROWS, metric=metrics.answer_exact_match, keeps_traces=True)(dspy.Predict("question -> answer"))
    assert result.score == 70.0
    path, inputs, prediction = result.traces[4][0]
    assert (path, inputs, prediction.answer) == ("self", {"question": "4"}, "1")
    assert metrics.f1()(dspy.Example(answer="the cat"), dspy.Prediction(answer="a cat")) == 1.0
    assert metrics.normalize_text("The  Cat!") == "cat"
