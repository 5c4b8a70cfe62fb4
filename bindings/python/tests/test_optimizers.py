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

    def by_aims(example, prediction, trace=None):
        right = float(exact(example, prediction))
        return {"score": right, "feedback": "", "objective_scores": {"right": right, "brief": 1.0}}

    dspy.configure(lm=dspy.ScriptedLM(told))
    optimizer = dspy.GEPA(
        metric=by_aims,
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
    assert set(optimizer.report["details"]["front_per_objective"]) == {"right", "brief"}


def test_a_frontier_of_aims_needs_a_metric_that_gives_some():
    dspy.configure(lm=dspy.ScriptedLM(told))
    optimizer = dspy.GEPA(metric=exact, max_metric_calls=40, frontier_type="objective")
    with pytest.raises(dspy.ConfigError, match="frontier `objective`.*`objective_scores`"):
        optimizer.compile(student(), trainset=ROWS[:6], valset=ROWS[6:12])


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


def counted(request):
    """Answers as `echo` does, and says how many tokens it took."""
    return {"completions": [{"text": echo(request)}], "usage": {"prompt_tokens": 30, "completion_tokens": 5}}


def test_a_run_may_have_a_price():
    dspy.configure(lm=dspy.ScriptedLM(counted))
    optimizer = dspy.LabeledFewShot(k=2, metric=exact)
    price = {"token_price": 0.01, "attempts": 2, "retry_delay": 0.01}
    optimizer.compile(student(), trainset=ROWS[:6], valset=ROWS[6:12], **price)
    measured = [each for each in optimizer.report["candidates"] if each.get("score") is not None]
    assert measured and all(each["value"] < each["score"] for each in measured)

    dspy.configure(lm=dspy.ScriptedLM(echo))  # which does not count its tokens
    with pytest.raises(dspy.Unsupported, match="price of tokens"):
        optimizer.compile(student(), trainset=ROWS[:6], valset=ROWS[6:12], **price)


def test_a_search_has_limits():
    dspy.configure(lm=dspy.ScriptedLM(echo))
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


def test_better_together_trains_between_searches_of_prompts(tmp_path):
    dspy.configure(lm=dspy.ScriptedLM(echo))
    weights = dspy.BootstrapFinetune(
        exact,
        folder=tmp_path,
        trainer=TRAINER,
        output_extension=".bin",
        open=lambda name, weights: dspy.ScriptedLM(lambda request: f"Answer: {number_of(request) % 3}"),
    )
    optimizer = dspy.BetterTogether(exact, strategy="p -> w", p=dspy.LabeledFewShot(k=2), w=weights)
    trained = optimizer.compile(student(), trainset=ROWS[:12], valset=ROWS[15:])
    assert trained(question="25").answer == "1"
    assert optimizer.report["score"] == 1
    assert [each["score"] for each in optimizer.report["candidates"]] == [0.4, 0.4, 1.0]


@pytest.mark.parametrize(
    ("strategy", "said"),
    [(each, "the strategy names the optimizer .*; there are `p`") for each in ("p -> x", "p - p")]
    + [(each, "has an empty part; write an optimizer on each side of `->`") for each in ("p ->", "p -> -> p", "")],
)
def test_a_strategy_that_names_no_optimizer_is_refused(strategy, said):
    optimizer = dspy.BetterTogether(exact, strategy=strategy, p=dspy.LabeledFewShot(k=2))
    with pytest.raises(dspy.InvalidParameter, match=said):
        optimizer.compile(student(), trainset=ROWS[:12], valset=ROWS[15:])


def writer(request):
    """Answers as `echo` does, and proposes instructions where it is asked for other things."""
    if "Question: " in request["messages"][-1]["content"]:
        return echo(request)
    return json.dumps({name["name"]: RULE for name in request["contract"]["outputs"]})


WRITER = dspy.ScriptedLM(writer)
DEMOS = {"metric": exact, "max_bootstrapped_demos": 1, "max_labeled_demos": 1}
BOOTSTRAP = {**DEMOS, "metric_threshold": 0.5, "teacher_lm": WRITER, "max_rounds": 1}
ALL_OPTIONS = [
    (dspy.LabeledFewShot, {"metric": exact, "k": 2, "sample": False}),
    (dspy.BootstrapFewShot, {**BOOTSTRAP, "max_errors": 3}),
    (dspy.BootstrapFewShotWithRandomSearch, {**BOOTSTRAP, "max_errors": 3, "num_candidate_programs": 2, "restrict": [-3, 0],
     "stop_at_score": 0.99, "labeled_sample": False, "screen_to": 2, "race": 0.05}),
    (dspy.BootstrapFewShotWithOptuna, {**BOOTSTRAP, "num_candidate_programs": 3, "max_demos": 2, "seed": 4}),
    (dspy.MIPROv2, {**DEMOS, "auto": None, "num_candidates": 2, "num_trials": 2, "prompt_model": WRITER, "teacher_lm": WRITER,
     "max_errors": 3, "metric_threshold": 0.5, "seed": 3, "init_temperature": 0.75, "minibatch": True, "minibatch_size": 4,
     "minibatch_full_eval_steps": 2, "program_aware_proposer": False, "data_aware_proposer": True,
     "tip_aware_proposer": False, "fewshot_aware_proposer": False, "view_data_batch_size": 5}),
    (dspy.GEPA, {"metric": exact, "max_full_evals": 2, "reflection_minibatch_size": 2, "candidate_selection_strategy": "pareto",
     "frontier_type": "instance", "reflection_lm": WRITER, "skip_perfect_score": False, "perfect_score": 1.0,
     "add_format_failure_as_feedback": True, "component_selector": "round_robin", "use_merge": False,
     "max_merge_invocations": 1, "seed": 2}),
    (dspy.COPRO, {"metric": exact, "prompt_model": WRITER, "breadth": 2, "depth": 1, "init_temperature": 1.125, "screen_to": 2,
     "race": 0.05}),
    (dspy.SIMBA, {"metric": exact, "bsize": 4, "num_candidates": 2, "max_steps": 1, "max_demos": 1, "prompt_model": WRITER,
     "demo_input_field_maxlen": 100, "temperature_for_sampling": 0.25, "temperature_for_candidates": 0.5, "seed": 1}),
    (dspy.InferRules, {**DEMOS, "num_candidates": 2, "num_rules": 2, "prompt_model": WRITER, "teacher_lm": WRITER,
     "max_rounds": 1, "screen_to": 2, "race": 0.05}),
]  # fmt: skip


@pytest.mark.parametrize(("optimizer", "options"), ALL_OPTIONS, ids=lambda value: getattr(value, "__name__", ""))
def test_every_option_is_taken(optimizer, options):
    dspy.configure(lm=WRITER)
    made = optimizer(**options)
    made.compile(student(), trainset=ROWS[:8], valset=ROWS[8:16])
    told = {name: value for name, value in made.report["options"].items() if name in options}
    assert told == {name: options[name] for name in told}
    assert told, "the report names no option"
    with pytest.raises(dspy.InvalidParameter, match=f"{optimizer.__name__} has no option `nosuch`; it has ") as refused:
        optimizer(exact, nosuch=1).compile(student(), trainset=ROWS)
    assert set(options) <= set(str(refused.value).split("it has ")[1].split(" (")[0].split(", "))


def test_a_trainer_that_fails_is_an_error(tmp_path):
    dspy.configure(lm=dspy.ScriptedLM(echo))
    trainer = [sys.executable, "-c", "import sys; sys.exit('no card')", "{data}", "{output}"]
    with pytest.raises(dspy.Error, match="no card"):
        dspy.BootstrapFinetune(exact, folder=tmp_path, trainer=trainer).compile(student(), trainset=ROWS[:6])
