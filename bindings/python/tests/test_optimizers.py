"""What optimizers can be told from Python, beyond DSPy's own options."""

import json
import sys

import pytest

import dspy_cpp as dspy

ROWS = [dspy.Example(question=str(i), answer=str(i % 3)).with_inputs("question") for i in range(30)]
RULE = "Answer with the number modulo three."


def number_of(request):
    return int(request["messages"][-1]["content"].split("Question: ")[1].split("\n")[0])


def echo(request):
    """Answers with the question's number modulo 3, but for those above 20."""
    number = number_of(request)
    return f"Answer: {number % 3 if number <= 20 else 'x'}"


def told(request):
    """Answers right only under the rule."""
    has_rule = RULE in json.dumps(request["messages"][:-1])
    return f"Answer: {number_of(request) % 3 if has_rule else 'x'}"


def exact(example, prediction, trace=None):
    return example.answer == prediction.answer


def student():
    return dspy.Predict("question -> answer")


def test_gepa_takes_dspys_instruction_proposer():
    asked = []

    def propose(candidate, reflective_dataset, components_to_update):
        asked.append((candidate, reflective_dataset))
        return {name: RULE for name in components_to_update}

    dspy.configure(lm=dspy.ScriptedLM(told))
    optimizer = dspy.GEPA(
        metric=exact,
        max_metric_calls=40,
        instruction_proposer=propose,
        frontier_type="hybrid",
        component_selector="all",
        candidate_selection_strategy="current_best",
    )
    better = optimizer.compile(student(), trainset=ROWS[:6], valset=ROWS[6:12])
    assert better.instructions == RULE
    candidate, dataset = asked[0]
    assert list(candidate) == ["self"]
    assert set(dataset["self"][0]) == {"Inputs", "Generated Outputs", "Feedback"}
    assert "question" in dataset["self"][0]["Inputs"]


def test_gepa_tells_the_model_that_writes_what_is_wanted():
    seen = []

    def model(request):
        text = json.dumps(request["messages"])
        if "Give numbers only" not in text:
            return told(request)
        seen.append(text)
        return json.dumps({name["name"]: RULE for name in request["contract"]["outputs"]})

    dspy.configure(lm=dspy.ScriptedLM(model))
    proposer = dspy.InstructionProposer(skills=["Give numbers only."], additional_instructions="Be short.", max_chars=200)
    optimizer = dspy.GEPA(metric=exact, max_metric_calls=40, instruction_proposer=proposer)
    assert optimizer.compile(student(), trainset=ROWS[:6], valset=ROWS[6:12]).instructions == RULE
    assert "Be short." in seen[0]


def test_a_value_that_there_is_not_is_refused_with_those_there_are():
    with pytest.raises(dspy.InvalidParameter, match="`sideways`.*`frontier_type`.*instance, objective, hybrid, cartesian"):
        dspy.GEPA(metric=exact, max_full_evals=1, frontier_type="sideways").compile(student(), trainset=ROWS)
    with pytest.raises(dspy.InvalidParameter, match="field_temperatures"):
        dspy.MIPROv2(metric=exact, samplings=[{"warmth": 1}]).compile(student(), trainset=ROWS)
    with pytest.raises(dspy.InvalidParameter, match="`speed`.*token_price"):
        dspy.LabeledFewShot().compile(student(), trainset=ROWS, speed=3)


def test_random_search_screens_and_races():
    dspy.configure(lm=dspy.ScriptedLM(echo))
    optimizer = dspy.BootstrapFewShotWithRandomSearch(
        metric=exact, num_candidate_programs=3, max_bootstrapped_demos=1, max_labeled_demos=1, screen_to=2, race=0.05
    )
    optimizer.compile(student(), trainset=ROWS[:12], valset=ROWS[12:])
    assert optimizer.report["options"]["race"] == 0.05
    # A scripted model has no likelihoods, and the report says so.
    assert any("not screened" in note for note in optimizer.report["notes"])


def test_only_some_seeds_of_a_random_search():
    dspy.configure(lm=dspy.ScriptedLM(echo))
    optimizer = dspy.BootstrapFewShotWithRandomSearch(metric=exact, restrict=[-3, -2], max_labeled_demos=1)
    optimizer.compile(student(), trainset=ROWS[:6], valset=ROWS[6:12])
    assert len(optimizer.report["candidates"]) == 2


def test_mipro_searches_ways_to_decode():
    def model(request):
        if "Question: " in request["messages"][-1]["content"]:
            return echo(request)
        return json.dumps({name["name"]: "Answer." for name in request["contract"]["outputs"]})

    dspy.configure(lm=dspy.ScriptedLM(model))
    optimizer = dspy.MIPROv2(
        metric=exact, auto=None, num_candidates=2, num_trials=3, max_bootstrapped_demos=0, max_labeled_demos=0,
        minibatch=False, samplings=[{"temperature": 0.0}, {"temperature": 0.5}],
    )  # fmt: skip
    optimizer.compile(student(), trainset=ROWS[:8], valset=ROWS[8:16])
    assert len(optimizer.report["options"]["samplings"]) == 2


def test_a_run_may_have_a_price_and_a_search_its_limits():
    dspy.configure(lm=dspy.ScriptedLM(echo))
    optimizer = dspy.LabeledFewShot(k=2, metric=exact)
    optimizer.compile(student(), trainset=ROWS[:6], valset=ROWS[6:12], token_price=0.01, attempts=2, retry_delay=0.01)
    measured = [each for each in optimizer.report["candidates"] if each.get("score") is not None]
    assert measured and all(each["value"] < each["score"] for each in measured)

    optimizer = dspy.BootstrapFewShotWithRandomSearch(metric=exact, num_candidate_programs=4)
    optimizer.compile(student(), trainset=ROWS[:6], valset=ROWS[6:12], max_rollouts=10, failure_score=0.0, time_limit=60)
    assert optimizer.report["rollouts"] <= 10
    assert optimizer.report["stopped"]


TRAINER = [sys.executable, "-c", "import sys; open(sys.argv[2], 'w').write('weights')", "{data}", "{output}"]


def test_bootstrap_finetune_returns_a_program_that_asks_the_trained_model(tmp_path):
    opened = []

    def open_weights(name, weights):
        opened.append((name, weights))
        return dspy.ScriptedLM(lambda request: f"Answer: {number_of(request) % 3}")

    dspy.configure(lm=dspy.ScriptedLM(echo))
    optimizer = dspy.BootstrapFinetune(
        exact, folder=tmp_path, trainer=TRAINER, output_extension=".bin", open=open_weights, time_limit=60
    )
    before = student()
    trained = optimizer.compile(before, trainset=ROWS[:12], valset=ROWS[15:])
    assert trained(question="25").answer == "1"
    assert before(question="25").answer == "x"
    assert [name for name, _ in opened] == ["all"]
    assert optimizer.report["details"]["weights"]


def test_a_trainer_that_fails_is_an_error(tmp_path):
    dspy.configure(lm=dspy.ScriptedLM(echo))
    trainer = [sys.executable, "-c", "import sys; sys.exit('no card')", "{data}", "{output}"]
    with pytest.raises(dspy.Error, match="no card"):
        dspy.BootstrapFinetune(exact, folder=tmp_path, trainer=trainer).compile(student(), trainset=ROWS[:6])
