#include "dspy/flow/flow.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/chain_of_thought.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace dspy;

namespace {

constexpr std::string_view support = R"(
name = "support"
description = "Answers tickets."
inputs = "ticket, limit: int"

[lms]
fast = "llama:dspy-tiny"

[[steps]]
name = "triage"
signature = "ticket -> team: Literal['sales', 'repair']"
instructions = "Sort the ticket."
lm = "fast"

[[steps]]
name = "mood"
signature = "ticket -> mood"

[[steps]]
name = "draft"
module = "ChainOfThought"
signature = "ticket, team, tone, words: int -> answer"
inputs = { tone = "mood", words = "limit" }

[outputs]
answer = "draft.answer"
team = "triage.team"
why = "draft.reasoning"
)";

/// Every output is its name and the inputs' values.
std::shared_ptr<ScriptedLM> echo() {
  return std::make_shared<ScriptedLM>([](const Request& request) -> std::string {
    std::string out;
    for (const auto& field : request.contract.signature->outputs) {
      if (!out.empty()) out += "\n";
      out += field.label + ": " +
             (field.name == "team"   ? "repair"
              : field.name == "mood" ? "angry"
                                     : "the " + field.name);
    }
    return out;
  });
}

std::string refusal(std::string_view text) {
  try {
    parse_flow_plan(text, "f");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::config_error);
    return error.what();
  }
  return "accepted";
}

std::filesystem::path written(const std::string& name, std::string_view text) {
  const auto path = std::filesystem::temp_directory_path() / ("dspy-flow-" + name);
  std::ofstream(path) << text;
  return path;
}

}  // namespace

TEST_CASE("A flow asks its steps with the values that the plan says") {
  const auto lm = echo();
  const auto flow = with_lm(Flow(parse_flow_plan(support)), lm);

  const auto out = flow({{"ticket", "It broke."}, {"limit", 20}});

  CHECK(out.at("answer") == "the answer");
  CHECK(out.at("team") == "repair");
  CHECK(out.at("why") == "the reasoning");
  CHECK(out.usage().requests == 3);
  const auto last = lm->requests().back().messages.back().text();
  CHECK(last.contains("Ticket: It broke."));
  CHECK(last.contains("Team: repair"));
  CHECK(last.contains("Tone: angry"));
  CHECK(last.contains("Words: 20"));
  CHECK_THROWS_AS(flow({{"ticket", "It broke."}}), Error);
}

TEST_CASE("Predictors of a flow have DSPy's paths, and its signature says what it reads and writes") {
  const Flow flow(parse_flow_plan(support));
  std::vector<std::string> paths;
  for_each_predictor(flow, [&](const std::string& path, const Predictor&) { paths.push_back(path); });
  CHECK(paths == std::vector<std::string>{"triage", "mood", "draft.predict"});
  CHECK(to_notation(flow.signature()) ==
        "ticket: str, limit: int -> answer: str, team: Literal['sales', 'repair'], why: str");
  CHECK(flow.signature().instructions == "Answers tickets.");
}

TEST_CASE("Steps that do not wait for each other are asked at once") {
  const auto plan = parse_flow_plan(support);
  const Flow flow(plan);
  // The same in JSON, and as it is written again.
  CHECK(parse_flow_plan(to_text(to_json(plan))) == plan);
  CHECK(flow_plan_from_json(to_json(plan)) == plan);
}

TEST_CASE("A step with samples takes the majority's answer") {
  const auto plan =
      parse_flow_plan(R"({"inputs": "q", "steps": [{"name": "a", "signature": "q -> n: int", "samples": 5}]})");
  const auto lm = std::make_shared<ScriptedLM>(
      [n = 0](const Request&) mutable -> std::string { return ++n % 3 == 0 ? "N: 7" : "N: 4"; });
  const auto out = with_lm(Flow(plan), lm)({{"q", "2+2"}});
  CHECK(out.at("n") == 4);
  CHECK(lm->requests().size() >= 3);
}

TEST_CASE("Each named model is made once, for the steps that name it") {
  Flow flow(parse_flow_plan(support));
  std::vector<std::string> made;
  const auto lm = echo();
  flow.set_lms([&](const std::string& model) {
    made.push_back(model);
    return lm;
  });
  CHECK(made == std::vector<std::string>{"llama:dspy-tiny"});
  for_each_predictor(flow, [&](const std::string& path, const Predictor& predictor) {
    CHECK((predictor.lm() == lm) == (path == "triage"));
  });
}

TEST_CASE("What is wrong with a plan is said with its place") {
  struct Case {
    std::string_view text, message;
  };
  for (const auto& [text, message] : std::vector<Case>{
           {"name = 3", "f:1:1: must be a text, not 3"},
           {"nam = 'x'", "f:1:1: there is no `nam` in a program; did you mean `name`?"},
           {"inputs = 'q'", "f:1:1: the program has no steps; add one with a name and a signature"},
           {"inputs = 'q: strr'\n", "f:1:1: "},
           {"inputs = 'q'\n[[steps]]\nname = 'a'\nsignature = 'x -> y'",
            "f:2:1: the step `a` needs `x`, which is neither"},
           {"inputs = 'q'\n[[steps]]\nname = 'a'\nsignature = 'q -> y'\nmodul = 'Predict'",
            "f:5:1: there is no `modul` in a step; did you mean `module`?"},
           {"inputs = 'q'\n[[steps]]\nname = 'a'\nsignature = 'q -> y'\nmodule = 'ReAct'",
            "f:5:1: there is no module `ReAct`"},
           {"inputs = 'q'\n[[steps]]\nname = 'a'\nsignature = 'x -> y'\ninputs = {x = 'b.z'}\n[[steps]]\nname = "
            "'b'\nsignature = 'q -> z'",
            "f:5:11: `b.z` comes from a step that runs later"},
           {"inputs = 'q'\n[[steps]]\nname = 'a'\nsignature = 'q -> y'\n[outputs]\nz = 'a.yy'",
            "f:6:1: the step `a` has no output `yy`; there is `y`"},
           {"inputs = 'q'\n[[steps]]\nname = 'a'\nsignature = 'q: int -> y'",
            "f:2:1: `q` is a str, and the input a int"},
           {"inputs = 'q'\n[[steps]]\nname = 'a'\nsignature = 'q -> y'\n[[steps]]\nname = 'a'\nsignature = 'q -> y'",
            "f:6:1: there is a step `a` before"},
           {"inputs = 'q'\n[[steps]]\nname = 'a'\nsignature = 'q -> y'\nsamples = 0",
            "f:5:1: must be a whole number from 1 to 1000"},
           {"inputs = ", "f:1:"},
           {"{\n  \"inputs\": \"q\",\n  \"steps\": [{\"name\": \"a\",\n    \"signature\": \"q -> \"}]}", "f:4:18: "},
           {"{\"inputs\": \"q\", \"inputs\": \"q\"}", "f:1:"},
       }) {
    CAPTURE(text);
    const auto said = refusal(text);
    CAPTURE(said);
    CHECK(said.starts_with(message));
  }
}

TEST_CASE("A flow is saved with the state of its predictors, and loaded again") {
  auto flow = Flow(parse_flow_plan(support));
  flow.for_each_predictor([](const std::string& path, Predictor& predictor) {
    if (path != "mood") return;
    predictor.set_demos({Example({{"ticket", "Thanks!"}, {"mood", "glad"}}, predictor.signature())});
    predictor.set_signature(predictor.signature().with_instructions("Name the mood in a word."));
  });
  const auto path = written("saved.json", "");
  save_flow(flow, path, {.scores = {{.metric = "exact_match", .value = 0.5}}});

  const auto [loaded, file] = load_flow(path);

  CHECK(loaded.plan() == flow.plan());
  CHECK(file.scores.size() == 1);
  for_each_predictor(loaded, [](const std::string& name, const Predictor& predictor) {
    if (name != "mood") return;
    REQUIRE(predictor.demos().size() == 1);
    CHECK(predictor.signature().instructions == "Name the mood in a word.");
  });
  CHECK(is_flow(R"({"steps": []})"));
  CHECK(is_flow(support));
  CHECK_FALSE(is_flow("question -> answer"));
  CHECK_FALSE(is_flow(R"({"type": "object"})"));
  CHECK(load_flow(written("plan.toml", support)).flow.plan() == flow.plan());
  std::filesystem::remove(path);
}

namespace {

struct Support {
  Predict<> triage{"ticket -> team"};
  ChainOfThought<> draft{"ticket, team -> answer"};
  bool shouts = false;

  Async<Prediction> run(JsonObject inputs, Run how) const {
    const auto sorted = co_await triage.run({{"ticket", inputs.at("ticket")}}, how);
    auto team = sorted.at("team");
    if (shouts) team = std::string(view(team.as_string())) + "!";
    auto out = co_await draft.run({{"ticket", inputs.at("ticket")}, {"team", team}}, how);
    co_return Prediction{.data = {{"answer", out.at("answer")}, {"team", sorted.at("team")}}};
  }
};

}  // namespace

TEST_CASE("The plan of a program in C++ is found by running it, unless its own code makes a value") {
  Support program;
  program.triage.set_demos({Example({{"ticket", "It broke."}, {"team", "repair"}}, program.triage.signature())});

  const auto flow = flow_of(program, {make_field("ticket")});

  CHECK(to_json(flow.plan()) == parse_json(R"({"inputs": "ticket: str", "steps": [
    {"name": "triage", "module": "Predict", "signature": "ticket: str -> team: str", "inputs": {"ticket": "ticket"}},
    {"name": "draft", "module": "ChainOfThought", "signature": "ticket: str, team: str -> answer: str",
     "inputs": {"team": "triage.team", "ticket": "ticket"}}],
    "outputs": {"answer": "draft.answer", "team": "triage.team"}})")
                                    ->as_object());
  const auto lm = echo();
  CHECK(with_lm(flow, lm)({{"ticket", "Help."}}).at("team") == "repair");
  CHECK(lm->requests().front().messages.size() == 3);  // the demonstration came along

  program.shouts = true;
  CHECK_THROWS_WITH_AS(flow_of(program, {make_field("ticket")}),
                       doctest::Contains("the input `team` of `draft` is made by the program's own code"), Error);
  CHECK_THROWS_AS(flow_of(Predict("a: bool -> b"), {make_field("a", Type::boolean())}), Error);
  CHECK(flow_of(Predict("a -> b"), {make_field("a")}).plan().steps.front().name == "answer");
}
