#include "agents/sandbox/code_text.hpp"
#include "dspy/agents/program_of_thought.hpp"
#include "dspy/agents/rlm.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace {

/// Answers from a script in place of Python.
class FakeInterpreter final : public dspy::Interpreter {
 public:
  struct Log {
    std::deque<dspy::Execution> script;
    std::vector<dspy::ExecuteRequest> requests;
    std::vector<dspy::HostFunction> functions;
  };

  explicit FakeInterpreter(std::shared_ptr<Log> log) : log_(std::move(log)) {}
  dspy::Async<dspy::Execution> execute(dspy::ExecuteRequest request) override {
    return [](std::shared_ptr<Log> log, dspy::ExecuteRequest asked) -> dspy::Async<dspy::Execution> {
      log->requests.push_back(std::move(asked));
      auto out = std::move(log->script.at(0));
      log->script.pop_front();
      co_return out;
    }(log_, std::move(request));
  }
  std::string protection() const override { return "none"; }

 private:
  std::shared_ptr<Log> log_;
};

dspy::CodeOptions fake(const std::shared_ptr<FakeInterpreter::Log>& log) {
  return {.interpreter = [log](std::vector<dspy::HostFunction> functions) {
    log->functions = std::move(functions);
    return std::make_shared<FakeInterpreter>(log);
  }};
}

dspy::Execution raised(std::string kind) {
  return {.end = dspy::Execution::End::raised, .error = dspy::CodeError{.kind = std::move(kind), .message = "no"}};
}

dspy::Execution submitted(dspy::JsonObject values) {
  return {.end = dspy::Execution::End::submitted, .submitted = std::move(values)};
}

int added(int a, int b) {
  return a + b;
}

}  // namespace

TEST_CASE("code is found in a model's text") {
  using dspy::code::extracted;
  CHECK(extracted("```python\nx = 1\n```") == "x = 1");
  CHECK(extracted("Here:\n```py\nx = 1\ny = 2\n```\nDone.") == "x = 1\ny = 2");
  CHECK(extracted("x = 1\n") == "x = 1");
  CHECK(extracted("```\n  x = 1\n```") == "  x = 1");
  CHECK(extracted("```python\nx = 1") == "x = 1");
  CHECK_FALSE(extracted("``` \n```"));
  CHECK_FALSE(extracted("  "));
  CHECK(dspy::code::with_last_value("a = 1\nb = a + 1") == "a = 1\nb = a + 1\nb");
  CHECK(dspy::code::with_last_value("b = 1") == "b = 1\nb");
  CHECK(dspy::code::with_last_value("a == 1") == "a == 1");
  CHECK(dspy::code::with_last_value("if x:\n  b = 1") == "if x:\n  b = 1");
  CHECK(dspy::code::with_last_value("a.b = 1") == "a.b = 1");
  CHECK(dspy::code::cut("abcdefghij", 4) == "ab\n… 6 bytes left out …\nij");
  CHECK(dspy::code::cut("éééé", 3) == "\n… 6 bytes left out …\né");
}

TEST_CASE("ProgramOfThought shows the model its mistake, and tells the outputs from what came out") {
  auto lm = std::make_shared<dspy::ScriptedLM>(std::deque<std::string>{
      "Reasoning: divide\nGenerated code: ```python\n1/0\n```",
      "Reasoning: better\nGenerated code: ```python\nx = 6 * 7\n```", "Reasoning: so\nAnswer: 42"});
  auto log = std::make_shared<FakeInterpreter::Log>();
  log->script = {raised("ZeroDivisionError"), {.value = 42, .repr = "42"}};
  dspy::ProgramOfThought solve("question -> answer: int", {.code = fake(log), .predictor = {.lm = lm}});
  const auto out = solve({{"question", "6*7?"}});
  CHECK(out.at("answer") == dspy::Json(42));
  REQUIRE(log->requests.size() == 2);
  CHECK(log->requests[1].code == "x = 6 * 7\nx");
  CHECK(log->requests[0].submit_fields == std::vector<std::string>{"answer"});
  CHECK(lm->requests()[1].messages.back().text().find("ZeroDivisionError: no") != std::string::npos);
  CHECK(out.at("trajectory").as_object().contains("error_0"));
  CHECK(out.at("trajectory").at("code_output_1") == dspy::Json("42"));
  CHECK(out.lm_usage.requests == 3);
}

TEST_CASE("ProgramOfThought gives up after its last piece of code") {
  auto lm = std::make_shared<dspy::ScriptedLM>(
      [](const dspy::Request&) { return std::string("Reasoning: r\nGenerated code: x"); });
  auto log = std::make_shared<FakeInterpreter::Log>();
  log->script = {raised("NameError"), raised("NameError")};
  dspy::ProgramOfThought solve("question -> answer", {.max_iterations = 2, .code = fake(log), .predictor = {.lm = lm}});
  CHECK_THROWS_AS(solve({{"question", "?"}}), dspy::Error);
  CHECK_THROWS_AS(dspy::ProgramOfThought("a -> b", {.max_iterations = 0}), dspy::Error);
}

TEST_CASE("CodeAct goes on until the model has finished, with its tools as functions") {
  auto lm = std::make_shared<dspy::ScriptedLM>(
      std::deque<std::string>{"Generated code: ```python\nprint(add(1, 2))\n```\nFinished: false",
                              "Generated code: ```python\n```\nFinished: false",
                              "Generated code: ```python\nboom()\n```\nFinished: true", "Reasoning: r\nAnswer: three"});
  auto log = std::make_shared<FakeInterpreter::Log>();
  log->script = {{.output = "3\n"}, raised("NameError")};
  const dspy::Tools tools{{"add", "Adds.", added, dspy::args("a", "b")}};
  dspy::CodeAct agent("question -> answer", tools, {.code = fake(log), .predictor = {.lm = lm}});
  const auto out = agent({{"question", "1+2?"}});
  CHECK(out.at("answer") == dspy::Json("three"));
  const auto& trajectory = out.at("trajectory").as_object();
  CHECK(trajectory.at("generated_code_0") == dspy::Json("print(add(1, 2))"));
  CHECK(trajectory.at("code_output_0") == dspy::Json("3\n"));
  CHECK(trajectory.contains("observation_1"));
  CHECK(trajectory.contains("observation_2"));
  REQUIRE(log->functions.size() == 1);
  CHECK(log->functions[0].parameters == std::vector<std::string>{"a", "b"});
  CHECK(lm->requests()[0].messages[0].text().find("`add(a, b)`: Adds.") != std::string::npos);
}

TEST_CASE("RLM has outputs checked, asks within its budget, and tells what it found when its turns are over") {
  auto lm = std::make_shared<dspy::ScriptedLM>(std::deque<std::string>{
      "Reasoning: look\nCode: ```python\nprint(text[:3])\n```", "Reasoning: wrong\nCode: ```python\nSUBMIT('x')\n```",
      "Reasoning: right\nCode: ```python\nSUBMIT(3)\n```"});
  auto log = std::make_shared<FakeInterpreter::Log>();
  log->script = {{.output = "abc\n"}, submitted({{"count", "x"}}), submitted({{"count", 3}})};
  dspy::RLM explore("text -> count: int", {.preview = 10, .code = fake(log), .predictor = {.lm = lm}});
  const auto out = explore({{"text", std::string(1'000, 'a')}});
  CHECK(out.at("count") == dspy::Json(3));
  CHECK(out.at("final_reasoning") == dspy::Json("right"));
  CHECK(out.at("trajectory").as_array().size() == 3);
  CHECK(log->requests[0].variables.contains("text"));
  CHECK(log->requests[1].variables.empty());
  const auto first = lm->requests()[0].messages.back().text();
  CHECK(first.find("1000 bytes") != std::string::npos);
  CHECK(first.find(std::string(20, 'a')) == std::string::npos);
  CHECK(lm->requests()[2].messages.back().text().find("SUBMIT: `count`") != std::string::npos);
}

TEST_CASE("RLM's last resort, and names that are taken") {
  auto lm = std::make_shared<dspy::ScriptedLM>(
      std::deque<std::string>{"Reasoning: r\nCode: ```python\npass\n```", "Answer: late"});
  auto log = std::make_shared<FakeInterpreter::Log>();
  log->script = {dspy::Execution{}};
  dspy::RLM explore("text -> answer", {.max_iterations = 1, .code = fake(log), .predictor = {.lm = lm}});
  CHECK(explore({{"text", "t"}}).at("answer") == dspy::Json("late"));
  CHECK_THROWS_AS(dspy::RLM("llm_query -> answer"), dspy::Error);
  CHECK_THROWS_AS(dspy::RLM("_dspy_x -> answer"), dspy::Error);
}

TEST_CASE("RLM's code asks a model about parts of its inputs, in the sandbox") {
  if (const auto problem = dspy::sandbox_problem()) {
    MESSAGE("skipped: " << *problem);
    return;
  }
  auto lm = std::make_shared<dspy::ScriptedLM>([](const dspy::Request& request) -> std::string {
    const auto text = request.messages.back().text();
    if (text.starts_with("double ")) return std::to_string(2 * std::stoi(text.substr(7)));
    if (text.find("Iteration: 1/") != std::string::npos)
      return "Reasoning: r\nCode: ```python\nparts = llm_query_batched([f'double {n}' for n in "
             "numbers])\nprint(parts)\n```";
    return "Reasoning: r\nCode: ```python\ntry:\n    llm_query('double 9')\nexcept Exception as error:\n    "
           "print(error)\nSUBMIT(sum(int(p) for p in parts))\n```";
  });
  dspy::RLM explore("numbers: list[int] -> total: int", {.max_llm_calls = 3, .predictor = {.lm = lm}});
  const auto out = explore({{"numbers", dspy::Json({1, 2, 3})}});
  CHECK(out.at("total") == dspy::Json(12));
  CHECK(out.at("trajectory").at(0).at("output") == dspy::Json("['2', '4', '6']\n"));
}
