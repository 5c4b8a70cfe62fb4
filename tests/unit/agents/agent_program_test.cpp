#include "dspy/agents/agent_program.hpp"

#include "dspy/agents/agent_file.hpp"
#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/programs/program_file.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <filesystem>
#include <memory>
#include <string>

using namespace dspy;

namespace {

constexpr auto travel =
    R"({"format": "dspy.agent", "version": 1, "name": "travel", "signature": "request -> total: float",
  "tools": [{"name": "convert", "description": "Converts money.", "command": ["./convert"], "needs_approval": true}],
  "limits": {"max_iters": 3}, "approve": ["book_*"]})";

}  // namespace

TEST_CASE("an agent is a program file, and comes back from it with its tools and limits") {
  const auto file = parse_agent(travel, "tools");
  auto program = read_program(to_text(program_of(file)));
  CHECK(program.find("react") != nullptr);
  CHECK(program.find("extract.predict") != nullptr);

  program.predictors[0].demos = {{{"request", "a"},
                                  {"trajectory", ""},
                                  {"next_thought", "t"},
                                  {"next_tool_name", "finish"},
                                  {"next_tool_args", JsonObject()}}};
  const auto back = agent_in(program);
  REQUIRE(back);
  CHECK(back->name == "travel");
  CHECK(back->options.limits.max_iters == 3);
  CHECK(back->tools.find("convert")->options().needs_approval);
  CHECK(back->folder == std::filesystem::absolute("tools"));

  const auto lm = std::make_shared<ScriptedLM>(std::deque<std::string>{
      "Next thought: t\nNext tool name: finish\nNext tool args: {}", "Reasoning: r\nTotal: 1.5"});
  const auto agent = agent_of(*back, program, {.lm = lm});
  CHECK(agent({{"request", "b"}}).at("total") == 1.5);
  CHECK(lm->requests().at(0).messages.size() > 2);  // the demonstration is in the prompt
}

TEST_CASE("a command beside the file is never looked for on PATH") {
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(std::filesystem::temp_directory_path());
  const auto tool = R"({"format": "dspy.agent", "version": 1, "name": "t", "signature": "a -> b",
    "tools": [{"name": "list", "description": "Lists.", "command": ["./ls"]}]})";
  const auto outcome = (*parse_agent(tool).tools.find("list"))(JsonObject());
  std::filesystem::current_path(here);
  CHECK(outcome.is_error);
  CHECK(view(outcome.value.as_string()).contains("ls"));
}

TEST_CASE("another program is not an agent, and a damaged one is told") {
  ProgramFile program = to_program_file(Predictor(Signature::parse("question -> answer")));
  CHECK_FALSE(agent_in(program));
  program.own_kept["agent"] = JsonObject{{"format", "dspy.agent"}};
  CHECK_THROWS_AS(agent_in(program), Error);
  // Predictors of another agent do not fit.
  const auto file = parse_agent(travel);
  auto other = program_of(file);
  other.predictors.pop_back();
  CHECK_THROWS_AS(agent_of(file, other), Error);
}
