#include "dspy/agents/agent_program.hpp"

#include "dspy/agents/agent_file.hpp"
#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/programs/program_file.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <string_view>

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

namespace {

std::string with_server(std::string_view members) {
  return std::format(R"({{"format": "dspy.agent", "version": 1, "name": "t", "signature": "a -> b", "mcp": [{}]}})",
                     members);
}

std::string why_refused(std::string_view members) {
  try {
    parse_agent(with_server(members));
  } catch (const Error& error) {
    return error.what();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE("an agent's file names MCP servers, whose tools the agent has") {
  const auto text = with_server(
      R"({"name": "calc", "command": ["python3", "tests/support/mcp_server.py", "modern"], "tools": ["add"],
          "needs_approval": true})");
  auto file = parse_agent(text);
  CHECK(file.tools.empty());  // nothing is started by reading
  REQUIRE(file.servers.size() == 1);
  file.connect();
  REQUIRE(file.tools.names() == std::vector<std::string>{"calc.add"});
  CHECK((*file.tools.find("calc.add"))({{"a", 2}, {"b", 3}}).value == Json(JsonObject{{"sum", 5}}));
  CHECK(file.options.approval.tools == std::vector<std::string>{"calc.*"});
  file.connect();  // once is enough
  CHECK(file.tools.size() == 1);
  CHECK(parse_agent(text).agent().tools().find("calc.add") != nullptr);

  const auto lost = with_server(R"({"name": "gone", "command": ["/no/such/program"]})");
  CHECK_THROWS_WITH_AS(parse_agent(lost).connect(), doctest::Contains("the agent's MCP server `gone`: "), Error);
  const auto misspelt = with_server(
      R"({"name": "calc", "command": ["python3", "tests/support/mcp_server.py", "modern"], "tools": ["subtract"]})");
  CHECK_THROWS_WITH_AS(parse_agent(misspelt).connect(), doctest::Contains("no tool is called `subtract`"), Error);
}

TEST_CASE("a server in an agent's file is a command or a URL, and gets its secrets from variables") {
  CHECK(why_refused(R"({"name": "x"})").contains("needs either `command`"));
  CHECK(why_refused(R"({"name": "x", "url": "http://h/", "command": ["y"]})").contains("needs either `command`"));
  CHECK(why_refused(R"({"name": "x", "url": "file:///etc"})").contains("must begin with http"));
  CHECK(why_refused(R"({"name": "x", "command": ["y"], "token_from": "T"})").contains("is for servers with a `url`"));
  CHECK(why_refused(R"({"name": "x", "command": ["y"]}, {"name": "x", "command": ["z"]})").contains("mcp[1].name"));
  CHECK(why_refused(R"({"name": "x", "comand": ["y"]})").contains("comand"));
  ::unsetenv("DSPY_TEST_MISSING");
  CHECK_THROWS_WITH_AS(
      parse_agent(with_server(R"({"name": "x", "command": ["y"], "environment": ["DSPY_TEST_MISSING"]})")).connect(),
      "the agent's MCP server `x` needs the environment variable DSPY_TEST_MISSING; set it", Error);
  // Words survive as they are.
  const auto file = parse_agent(with_server(R"({"name": "x", "command": ["a b", "it's", "$HOME"]})"));
  CHECK(file.servers[0].target == R"('a b' 'it'\''s' '$HOME')");
}
